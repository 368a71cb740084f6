"""Application: every route of a server's HTTP address."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from google.protobuf.descriptor import ServiceDescriptor
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match
from starlette.routing import Route as Endpoint

from predictor.errors import InputError, NotFoundError
from server.config import Config
from server.http.api import API
from server.http.calls import Calls
from server.http.guard import Application, Guard
from server.http.openapi import PATH, openapi
from server.http.page.routes import pages
from server.http.routes import routes
from server.http.statuses import JSON, error_response


def application(
    calls: Calls,
    services: Sequence[ServiceDescriptor],
    config: Config,
    alive: Callable[[], bool],
    missing: Callable[[], frozenset[str]],
) -> Application:
    """What answers over HTTP.

    Args:
        calls: the services' methods.
        services: their declarations.
        config: of the server.
        alive: whether calls are answered.
        missing: what is missing to take jobs.
    """

    def healthz(request: Request) -> Response:
        return _say(alive(), "serving" if alive() else "not serving")

    def readyz(request: Request) -> Response:
        lacks = " ".join(sorted(missing()))
        return _say(alive() and not lacks, f"not ready: {lacks}" if lacks else "ready" * alive())

    document = json.dumps(openapi(services, authenticated=config.endpoints.authenticated))

    def described(request: Request) -> Response:
        return Response(document, media_type=JSON)

    api = API(calls, config.limits)
    own = [Endpoint("/healthz", healthz), Endpoint("/readyz", readyz), Endpoint(PATH, described)]
    endpoints = [*own, *(api.endpoint(route) for route in routes(services)), *pages(calls, config)]
    handlers = {HTTPException: _refused}
    inner = Starlette(routes=endpoints, exception_handlers=handlers)  # type: ignore[arg-type]  # its types are narrower
    inner.router.redirect_slashes = False
    return Guard(inner, local=not config.endpoints.authenticated, encrypted=config.endpoints.tls is not None)


def _say(good: bool, text: str) -> Response:
    return PlainTextResponse(f"{text or 'not ready: the server stops or hangs'}\n", 200 if good else 503)


async def _refused(request: Request, error: HTTPException) -> Response:
    """Starlette's own refusals, as every other one."""
    if error.status_code == 405:
        partly = (one for one in request.app.routes if one.matches(request.scope)[0] is Match.PARTIAL)
        allowed = ", ".join(sorted({verb for one in partly for verb in one.methods}))
        told = InputError(f"this path takes {allowed} only; see /v1/openapi.json.", reason="METHOD_NOT_ALLOWED")
        return error_response(told, {"allow": allowed})
    return error_response(NotFoundError("there is no such path; see /v1/openapi.json.", reason="NO_SUCH_PATH"))
