"""Service: HTTP beside gRPC, in one server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from importlib.util import find_spec

from google.protobuf.descriptor import ServiceDescriptor

from predictor.errors import InputError, UnavailableError
from server.access.address import check_address
from server.config import Config
from server.http.calls import Calls

_PACKAGES = ("starlette", "uvicorn", "jinja2", "python_multipart")


def check_http(config: Config) -> None:
    """Let a configuration pass with which HTTP can be served, or without HTTP.

    Raises:
        InputError: the address is none.
        RefusedError: it is open to other machines, and calls are not encrypted and authenticated.
        UnavailableError: the extra is not installed.
    """
    address = config.endpoints.http
    if address is None:
        return
    if address.startswith("unix:"):
        raise InputError(f"--http is {address!r}; give HOST:PORT.", reason="BAD_ADDRESS", field="http")
    check_address(address, guarded=config.endpoints.guarded, field="http")
    if any(find_spec(name) is None for name in _PACKAGES):
        raise UnavailableError(
            "HTTP needs packages that are not installed here: pip install 'w2s-predictor[http]'.",
            reason="MISSING_PACKAGE",
            field="http",
        )


@contextlib.asynccontextmanager
async def serve_http(
    config: Config,
    calls: Calls,
    services: Sequence[ServiceDescriptor],
    alive: Callable[[], bool],
    missing: Callable[[], frozenset[str]],
) -> AsyncIterator[str | None]:
    """Answer over HTTP during the block, and give its address; None, where the configuration has none.

    Raises:
        UnavailableError: the address is taken.
    """
    endpoints = config.endpoints
    if endpoints.http is None:
        yield None
        return
    from server.http.app import application
    from server.http.listener import bind, listening

    listener = bind(endpoints.http)
    scheme = "http" if endpoints.tls is None else "https"
    address = f"{scheme}://{endpoints.http.rpartition(':')[0]}:{listener.getsockname()[1]}"
    made = application(calls, services, config, alive, missing)
    async with listening(made, listener, endpoints.tls, config.limits.max_handshake_seconds):
        yield address
