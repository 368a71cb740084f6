"""Scrape: `/metrics`, `/healthz` (alive) and `/readyz` (takes jobs) over HTTP, on an address of their own."""

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
        alive: whether calls are answered; a server that is not is restarted.
        missing: what is missing to take jobs; a server that misses anything gets no callers for a while.

    Raises:
        InputError: no host.
        UnavailableError: the address is taken or does not exist.
    """

    def __init__(
        self, address: str, metrics: Metrics, alive: Callable[[], bool], missing: Callable[[], frozenset[str]]
    ) -> None:
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
                return _say(start, alive(), "serving" if alive() else "not serving")
            if reading and path == "/readyz":
                lacks = " ".join(sorted(missing()))
                return _say(start, alive() and not lacks, f"not ready: {lacks}" if lacks else "ready" * alive())
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"there are /metrics, /healthz and /readyz\n"]

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


def _say(start: Callable[..., Any], good: bool, text: str) -> Iterable[bytes]:
    start("200 OK" if good else "503 Service Unavailable", [("Content-Type", "text/plain")])
    return [f"{text or 'not ready: the server stops or hangs'}\n".encode()]
