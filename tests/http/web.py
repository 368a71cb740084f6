"""Web: a server with an HTTP address, asked with the standard library."""

from __future__ import annotations

import http.client
import json
import secrets
import ssl
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from predictor.query.query import RankingQuery
from protos import convert
from protos.w2s.v1 import ranking_service_pb2 as pb
from server.access.tokens import TokenFile
from server.http.json_messages import write_json
from tests.service.running import RunningServer, arrays, until


@dataclass
class Reply:
    """An answer; `json` reads its body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        """`reason` of the ErrorInfo of a status."""
        return str(self.detail("ErrorInfo")["reason"])

    @property
    def field(self) -> str:
        """Path of the wrong field of a status."""
        return str(self.detail("BadRequest")["fieldViolations"][0]["field"])

    def detail(self, kind: str) -> dict[str, Any]:
        found: dict[str, Any] = next(
            one for one in self.json["details"] if one["@type"] == f"type.googleapis.com/google.rpc.{kind}"
        )
        return found


@dataclass
class Web:
    """Asks one server; `headers` go with every request."""

    running: RunningServer
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None

    def connection(self) -> http.client.HTTPConnection:
        netloc = urlsplit(self.url).netloc
        if self.tls is not None:
            return http.client.HTTPSConnection(netloc, timeout=120, context=self.tls)
        return http.client.HTTPConnection(netloc, timeout=120)

    def ask(self, verb: str, path: str, body: Any = None, **headers: str) -> Reply:
        """One request; a body that is not bytes is sent as JSON."""
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None and not isinstance(body, bytes):
            body, sent = json.dumps(body).encode(), {"content-type": "application/json", **sent}
        connection = self.connection()
        try:
            connection.request(verb, path, body, sent)
            answer = connection.getresponse()
            read = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, read, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Reply:
        return self.ask("POST", path, {} if body is None else body, **headers)


@dataclass
class Guarded:
    """A server with tokens, by holder; `web` sends none."""

    web: Web
    tokens: dict[str, str]
    file: TokenFile

    def of(self, holder: str) -> Web:
        return replace(self.web, headers={"authorization": f"Bearer {self.tokens[holder]}"})


def serve(folder: Path, *arguments: str) -> RunningServer:
    """A server with an HTTP address."""
    return RunningServer(folder, "--http", "127.0.0.1:0", *arguments)


def web(running: RunningServer, **options: Any) -> Web:
    """For a server of `serve`."""
    return Web(running, until(lambda: running.events("http_served"))[0]["address"], **options)


def job_request(query: RankingQuery | None = None, **fields: Any) -> Any:
    """JSON that asks for a job of small arrays."""
    message = convert.query_to_proto(query or arrays())
    return json.loads(write_json(pb.CreateRankingJobRequest(request_id=secrets.token_hex(8), query=message, **fields)))
