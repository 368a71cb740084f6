"""Routes of the page: what answers under `/`, and how errors look to people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route as Endpoint

from predictor.errors import InputError, W2SError
from predictor.report.style import CSS
from predictor.results.job import Job
from protos import convert
from protos.w2s.v1 import predictor_service_pb2
from protos.w2s.v1 import ranking_service_pb2 as pb
from server.config import Config
from server.http.calls import CallError, Calls
from server.http.page import jobs, measured, submission
from server.http.page.comparison import compare
from server.http.page.render import FOLDER, render
from server.http.page.visitor import Visitor
from server.http.statuses import number_of

View = Callable[[Visitor], Awaitable[Response]]

_SIGN_IN = "/sign-in"
_SIGN_IN_BYTES = 8 << 10


@dataclass(frozen=True)
class ErrorView:
    """What went wrong."""

    code: str
    message: str


@dataclass(frozen=True)
class ChoiceView:
    """Jobs with rankings, and the ids of the two that are chosen at first."""

    jobs: Sequence[Job]
    chosen: tuple[str, ...]


@dataclass(frozen=True)
class SignInView:
    """The form for a token, and what was wrong with the one given."""

    problem: str = ""


def pages(calls: Calls, config: Config) -> Sequence[Endpoint]:
    """Every address of the page."""
    tokens = config.endpoints.tokens is not None

    def page(path: str, view: View, *verbs: str) -> Endpoint:
        async def respond(request: Request) -> Response:
            visitor = Visitor(request, calls)
            try:
                return await view(visitor)
            except CallError as error:
                reported = convert.error_from_status(error.status)
                if reported.code == "UNAUTHENTICATED" and tokens:
                    return RedirectResponse(_SIGN_IN, 303)
            except W2SError as error:
                reported = error
            return render(visitor, "error.html", ErrorView(reported.code, reported.message), status=number_of(reported))

        return Endpoint(path, respond, methods=list(verbs) or ["GET"])

    found = [
        page("/", jobs.jobs),
        page("/jobs/events", jobs.events),
        page("/jobs/{id}", jobs.job),
        page("/jobs/{id}", jobs.act, "POST"),
        page("/jobs/{id}/report", jobs.report),
        page("/compare", _compare),
        page("/outcomes", measured.outcomes),
        page("/calibrations", measured.calibrations),
        page("/submit", partial(submission.show, config=config)),
        page("/submit", partial(submission.submit, config=config), "POST"),
        Endpoint("/static/page.css", _css),
        Endpoint("/static/page.js", _script),
    ]
    if tokens:
        found += [page(_SIGN_IN, _sign_in), page(_SIGN_IN, _signed_in, "POST"), page("/sign-out", _sign_out, "POST")]
    return found


async def _compare(visitor: Visitor) -> Response:
    """Two rankings; a choice of two where not two are named."""
    names = list(dict.fromkeys(visitor.request.query_params.getlist("job")))
    if len(names) != 2:
        answer = await visitor.ask(jobs.SERVICE, "ListRankingJobs", pb.ListRankingJobsRequest())
        listed = [convert.job_from_proto(one) for one in answer.jobs]
        ranked = [job for job in listed if job.state in ("SUCCEEDED", "PARTIAL")]
        others = (job.id for job in ranked if job.id not in names)
        return render(visitor, "choose.html", ChoiceView(ranked, tuple(islice((*names, *others), 2))))
    first, second = [await jobs.get_job(visitor, name) for name in names]
    if first.ranking is None or second.ranking is None:
        name = first.id if first.ranking is None else second.id
        raise InputError(f"job {name} has no ranking; choose two that have.", reason="NO_RANKING", field="job")
    return render(visitor, "compare.html", compare(first, first.ranking, second, second.ranking))


async def _sign_in(visitor: Visitor) -> Response:
    return render(visitor, "sign_in.html", SignInView())


async def _signed_in(visitor: Visitor) -> Response:
    """Store the token, once the server has taken it."""
    form = await visitor.form(_SIGN_IN_BYTES)
    given = form.get("token")
    token = given.strip() if isinstance(given, str) else ""
    if not token.isascii() or not token.isprintable():
        token = ""
    try:
        await visitor.with_token(token).ask(
            "PredictorService", "GetServerInfo", predictor_service_pb2.GetServerInfoRequest()
        )
    except CallError as error:
        reported = convert.error_from_status(error.status)
        problem = "This token is not valid here; ask the operator for a fresh one."
        view = SignInView(problem if reported.code == "UNAUTHENTICATED" else reported.message)
        return render(visitor, "sign_in.html", view, status=number_of(reported))
    response = RedirectResponse("/", 303)
    visitor.keep(response, "token", token)
    return response


async def _sign_out(visitor: Visitor) -> Response:
    await visitor.form(_SIGN_IN_BYTES)
    response = RedirectResponse(_SIGN_IN, 303)
    visitor.forget(response, "token")
    return response


def _css(request: Request) -> Response:
    """The style of reports, and what pages have beside it."""
    own = (FOLDER / "static" / "page.css").read_text(encoding="utf-8")
    return PlainTextResponse(CSS + own, headers={"cache-control": "max-age=300"}, media_type="text/css")


def _script(request: Request) -> Response:
    headers = {"cache-control": "max-age=300"}
    return FileResponse(FOLDER / "static" / "page.js", media_type="text/javascript", headers=headers)
