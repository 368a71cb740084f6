"""Scrape: `/metrics` and `/healthz` over HTTP, on an address of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client.exposition import CONTENT_TYPE_LATEST, ThreadingWSGIServer, generate_latest

from predictor.errors import InputError, UnavailableError
from server.telemetry.metrics import Metrics

_CLIENT_TIMEOUT_SECONDS = 5.0


class _Quiet(WSGIRequestHandler):
    """Logs nothing, since request lines are text of unauthenticated peers, and closes silent connections."""

    timeout = _CLIENT_TIMEOUT_SECONDS

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing."""


class Scrape:
    """Answers in threads of its own; nothing here reaches the jobs.

    Args:
        address: `HOST:PORT`.
        metrics: what to serve.
        serving: whether calls are taken.

    Raises:
        InputError: no host.
        UnavailableError: the address is taken or does not exist.
    """

    def __init__(self, address: str, metrics: Metrics, serving: Callable[[], bool]) -> None:
        host, _, port = address.rpartition(":")
        if not host:
            raise InputError(
                f"metrics address {address!r} names no host, and would be open to every machine; give HOST:PORT, as in "
                "127.0.0.1:9464.",
                reason="BAD_ADDRESS",
                field="metrics",
            )

        def answer(environment: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            path, reading = environment.get("PATH_INFO"), environment.get("REQUEST_METHOD") == "GET"
            if reading and path == "/metrics":
                start("200 OK", [("Content-Type", CONTENT_TYPE_LATEST)])
                return [generate_latest(metrics.registry)]
            if reading and path == "/healthz":
                start("200 OK" if serving() else "503 Service Unavailable", [("Content-Type", "text/plain")])
                return [b"serving\n" if serving() else b"not serving\n"]
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"there are /metrics and /healthz\n"]

        try:
            self._server = make_server(host.strip("[]"), int(port), answer, ThreadingWSGIServer, _Quiet)
        except (OSError, ValueError, OverflowError) as error:
            raise UnavailableError(
                f"cannot listen on {address!r} for metrics; give a free HOST:PORT.",
                reason="ADDRESS_TAKEN",
                field="metrics",
            ) from error
        self.address = f"{host}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="w2s-metrics", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and free the address."""
        self._server.shutdown()
        self._server.server_close()
