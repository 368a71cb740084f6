"""Render: templates into answers, under a policy that allows no other source than this server."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from predictor.results.job import Job
from predictor.results.names import visible
from server.http.page.visitor import Visitor

FOLDER = Path(__file__).parent
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def moment(time: datetime | None) -> str:
    """A time in UTC."""
    return "" if time is None else time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float | None) -> str:
    """A time span in its largest two units."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


_DRAWN = re.compile(r"(page-)?[0-9a-f]{16}([0-9a-f]{16})?")
"""Request ids that clients and this page draw where nobody names one."""


def heading(job: Job) -> str:
    """What a job is called: its label `name`, its request id where a caller chose one, else its id."""
    chosen = job.id if _DRAWN.fullmatch(job.request_id) else job.request_id
    return job.labels.get("name") or chosen


def doing(job: Job) -> str:
    """What a job does now, in a few words; "" once it is finished."""
    if job.finished or job.state == "CANCELLING":
        return ""
    if job.state == "QUEUED":
        return "waits for a worker" + (f", place {job.queue_place}" if job.queue_place else "")
    step = job.progress
    if step is None:
        return "starts"
    return f"{step.candidate or 'all candidates'}: {step.phase} {step.done:,} of {step.total:,}"


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    made.filters |= {"moment": moment, "duration": duration, "doing": doing, "heading": heading}
    return made


_ENVIRONMENT = _environment()


def render(visitor: Visitor, template: str, view: Any, *, status: int = 200) -> Response:
    """A page; `view` is what its template shows."""
    form = visitor.form_token()
    once = f"page-{secrets.token_hex(8)}"  # the request id of a job made by this page, however often it is sent
    path = visitor.request.url.path
    text = _ENVIRONMENT.get_template(template).render(view=view, visitor=visitor, form=form, once=once, path=path)
    response = HTMLResponse(text, status, {"content-security-policy": POLICY})
    visitor.keep(response, "form", form)
    return response
