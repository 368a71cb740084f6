"""Jobs: the list with live progress, one job with its answer, and what can be done to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from predictor.errors import InputError, NotFoundError
from predictor.report.page import POLICY as REPORT_POLICY
from predictor.report.page import html
from predictor.results.job import Job
from predictor.results.order import Order, order_of
from protos import convert
from protos.w2s.v1 import ranking_service_pb2 as pb
from server.http.calls import CallError
from server.http.page.comparison import Side, sides_of
from server.http.page.render import doing, render
from server.http.page.visitor import Visitor

SERVICE = "RankingService"
PAGE_JOBS = 50
MAX_WATCHED = 20
"""Jobs of one page whose progress is live; those behind them show it when the page is loaded again."""

_FORM_BYTES = 64 << 10
_AGAIN = frozenset({"FAILED", "CANCELLED", "PARTIAL"})


@dataclass(frozen=True)
class JobsView:
    """The list.

    Attributes:
        jobs: of this page.
        watched: those of them that are not finished.
        next_token: of the next page; "" on the last.
        filter: as given.
        problem: why the filter was refused, or "".
    """

    jobs: Sequence[Job]
    watched: Sequence[Job]
    next_token: str
    filter: str
    problem: str = ""


@dataclass(frozen=True)
class JobView:
    """One job.

    Attributes:
        job: with its ranking.
        again: whether it can be run again.
        order: what its candidates are ranked by; None without a ranking.
        sides: its candidates by name, in rank order.
    """

    job: Job
    again: bool
    order: Order | None
    sides: tuple[tuple[str, Side], ...]


async def jobs(visitor: Visitor) -> Response:
    """The list, newest first."""
    asked = visitor.request.query_params
    chosen, token = asked.get("filter", ""), asked.get("page_token", "")
    request = pb.ListRankingJobsRequest(page_size=PAGE_JOBS, page_token=token, filter=chosen)
    problem, status = "", 200
    try:
        answer = await visitor.ask(SERVICE, "ListRankingJobs", request)
    except CallError as error:
        if not chosen or convert.error_from_status(error.status).reason not in ("BAD_FILTER", "BAD_PAGE"):
            raise
        answer, problem, status = pb.ListRankingJobsResponse(), error.status.message, 400
    found = [convert.job_from_proto(one) for one in answer.jobs]
    watched = [job for job in found if not job.finished][:MAX_WATCHED]
    return render(
        visitor, "jobs.html", JobsView(found, watched, answer.next_page_token, chosen, problem), status=status
    )


async def job(visitor: Visitor) -> Response:
    """One job."""
    found = await get_job(visitor, visitor.request.path_params["id"])
    order = None if found.ranking is None else order_of(found.ranking)
    sides = {} if found.ranking is None else sides_of(found.ranking)
    return render(visitor, "job.html", JobView(found, found.state in _AGAIN, order, tuple(sides.items())))


async def report(visitor: Visitor) -> Response:
    """The report of a job's ranking, which runs no script and loads nothing."""
    found = await get_job(visitor, visitor.request.path_params["id"])
    if found.ranking is None:
        raise NotFoundError(f"job {found.id} has no ranking; it is {found.state}.", reason="NO_RANKING")
    policy = f"{REPORT_POLICY}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    return HTMLResponse(html(found.ranking), headers={"content-security-policy": policy})


async def act(visitor: Visitor) -> Response:
    """Cancel, delete or repeat a job, by a form."""
    form = await visitor.form(_FORM_BYTES)
    name, action = visitor.request.path_params["id"], form.get("action")
    if action == "cancel":
        await visitor.ask(SERVICE, "CancelRankingJob", pb.CancelRankingJobRequest(id=name))
        return RedirectResponse(f"/jobs/{name}", 303)
    if action == "delete":
        await visitor.ask(SERVICE, "DeleteRankingJob", pb.DeleteRankingJobRequest(id=name))
        return RedirectResponse("/", 303)
    if action == "repeat":
        request = pb.CreateRankingJobRequest(request_id=str(form.get("once")), repeat_of=name)
        answer = await visitor.ask(SERVICE, "CreateRankingJob", request)
        return RedirectResponse(f"/jobs/{answer.job.id}", 303)
    raise InputError("the form names no action; load the page again.", reason="BAD_VALUE", field="action")


async def get_job(visitor: Visitor, name: str) -> Job:
    """The job of an id.

    Raises:
        CallError: there is none of this tenant.
    """
    answer = await visitor.ask(SERVICE, "GetRankingJob", pb.GetRankingJobRequest(id=name))
    return convert.job_from_proto(answer.job)


async def events(visitor: Visitor) -> Response:
    """Changes of several jobs as server-sent events, until all are finished."""
    names = visitor.request.query_params.getlist("job")[:MAX_WATCHED]
    for name in names:  # here, so that an unknown one is a status of HTTP
        await get_job(visitor, name)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_changes(visitor, names), 200, headers, media_type="text/event-stream")


async def _changes(visitor: Visitor, names: Sequence[str]) -> AsyncIterator[bytes]:
    seen: asyncio.Queue[bytes | None] = asyncio.Queue(1)

    async def watch(name: str) -> None:
        async def read() -> Message:
            return pb.WatchRankingJobRequest(id=name)

        try:
            async for answer in visitor.calls.several(f"/w2s.v1.{SERVICE}/WatchRankingJob", read, visitor.peer):
                await seen.put(_event(convert.job_from_proto(answer.job)) if answer.HasField("job") else b":\n\n")
        except CallError:
            pass  # deleted, or the server stops: the browser asks again
        finally:
            await seen.put(None)

    watches = [asyncio.create_task(watch(name)) for name in names]
    try:
        missing = len(watches)
        while missing:
            event = await seen.get()
            missing -= event is None
            if event is not None:
                yield event
        yield b"event: end\ndata: {}\n\n"
    finally:
        for one in watches:
            one.cancel()


def _event(job: Job) -> bytes:
    step = job.progress
    shown = {
        "id": job.id,
        "state": job.state,
        "finished": job.finished,
        "text": doing(job),
        "done": 0 if step is None else step.done,
        "total": 0 if step is None else step.total,
    }
    return f"data: {json.dumps(shown)}\n\n".encode()
