"""Callbacks: a job's end is reported to a host that the operator allows, signed, across failures and kills."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from predictor.errors import ForbiddenError, InputError, UnavailableError
from server.access.caller import LOCAL
from server.callbacks.hosts import CallbackHosts
from server.callbacks.sender import post
from server.callbacks.signature import read_key
from server.config import Limits
from server.durable.callbacks import settle_callback, take_callback
from server.durable.jobs import JobTable
from server.durable.rows import Declared
from tests.service.running import RunningServer, arrays, limited, until


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A web server on loopback that answers with one status after the other, the last one for ever."""

    port: int = 0
    statuses: list[int] = field(default_factory=lambda: [200])
    received: list[Received] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?team=vision"


@contextmanager
def receiving(*statuses: int) -> Iterator[Receiver]:
    receiver = Receiver(statuses=list(statuses))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.received.append(Received(self.path, dict(self.headers), body))
            status = receiver.statuses[0] if len(receiver.statuses) == 1 else receiver.statuses.pop(0)
            self.send_response(status)
            self.send_header("location", f"http://127.0.0.1:{receiver.port}/elsewhere")
            self.end_headers()

        do_GET = do_POST  # noqa: N815  # the name that http.server looks for

        def log_message(self, format: str, *arguments: object) -> None:
            return

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = web.server_port
    threading.Thread(target=web.serve_forever, daemon=True).start()
    try:
        yield receiver
    finally:
        web.shutdown()
        web.server_close()


def secret(folder: Path) -> bytes:
    """As an operator gets it."""
    command = [sys.executable, "-m", "server.callbacks.signature", LOCAL, "--state-dir", str(folder / "state")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return base64.b64decode(printed.removeprefix("whsec_"))


def signed(one: Received, key: bytes) -> bool:
    """As standardwebhooks.com has receivers check it."""
    text = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
    right = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    fresh = abs(time.time() - int(one.headers["webhook-timestamp"])) < 300
    return fresh and hmac.compare_digest(one.headers["webhook-signature"], right)


def test_a_callback_is_delivered_across_errors_redirects_and_a_kill(
    start: Callable[..., RunningServer], tmp_path: Path
):
    """The receiver refuses, redirects, and is asked again by the server that follows the killed one; then never."""
    flags = ("--callback-to", "127.0.0.0/8", *limited(callback_retry_seconds=0.2, callback_attempts=30))
    with receiving(500) as receiver:
        first = start(*flags)
        with first.client() as client:
            assert client.server_info()
            name = client.submit(arrays(), labels={"team": "vision"}, callback_url=receiver.url)
            assert client.wait(name).state == "SUCCEEDED"
        until(lambda: receiver.received)
        first.kill()
        before = len(receiver.received)
        receiver.statuses = [302, 307, 200]
        second = start(*flags)
        until(lambda: [one for one in second.events("callback") if one["result"] == "delivered"])
        after = len(receiver.received)
        assert after >= before + 3
        assert {one.path for one in receiver.received} == {"/hook?team=vision"}
        time.sleep(1.0)
        assert len(receiver.received) == after
        key = secret(tmp_path)
        assert all(signed(one, key) for one in receiver.received)
        assert not signed(Received("", receiver.received[0].headers, b"{}"), key)
        assert {one.headers["webhook-id"] for one in receiver.received} == {name}
        body = json.loads(receiver.received[-1].body)
        assert (body["id"], body["state"], body["labels"], body["error"]) == (
            name, "SUCCEEDED", {"team": "vision"}, None
        )  # fmt: skip


def test_a_callback_is_given_up_after_its_attempts(start: Callable[..., RunningServer]):
    with receiving(503) as receiver:
        running = start("--callback-to", "127.0.0.1", *limited(callback_retry_seconds=0.1, callback_attempts=3))
        with running.client() as client:
            client.wait(client.submit(arrays(), callback_url=receiver.url))
        until(lambda: [one for one in running.events("callback") if one["result"] == "given_up"])
        time.sleep(1.5)
        assert len(receiver.received) == 3


def test_no_host_is_called_unless_the_operator_names_it(start: Callable[..., RunningServer]):
    running = start()
    with running.client() as client:
        with pytest.raises(ForbiddenError, match=r"this server calls no host\. Ask its operator") as caught:
            client.submit(arrays(), callback_url="https://hooks.example.org/w2s")
        assert (caught.value.reason, caught.value.field) == ("CALLBACK_FORBIDDEN", "callback_url")


ALLOWED = CallbackHosts.parse(["hooks.example.org", "ci.example.org:8443", "localhost:80", "10.1.0.0/16"])


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.org",
        "https://HOOKS.example.org/x?y=1",
        "https://ci.example.org:8443/",
        "http://10.1.2.3:99/x",
        "http://hooks.example.org:443/",  # refused once it resolves, unless to 10.1.0.0/16
    ],
)
def test_named_hosts_pass(url: str):
    ALLOWED.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/", "https://evil.hooks.example.org/", "https://hooks.example.org:444/",
        "https://hooks.example.org.evil.org/", "https://10.2.0.1/", "https://127.0.0.1/", "https://[::1]/",
        "https://169.254.169.254/latest/meta-data", "https://[::ffff:10.1.2.3]/",
    ],
)  # fmt: skip
def test_other_hosts_are_refused(url: str):
    with pytest.raises(ForbiddenError, match="callbacks may not go to"):
        ALLOWED.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "gopher://hooks.example.org/", "//hooks.example.org/", "hooks.example.org", "https://",
        "https://user:word@hooks.example.org/", "https://hooks.example.org/#x", "https://hooks.example.org:0/",
        "https://hooks.example.org:99999/", "https://hooks.example.org/\r\nhost: evil", "https://hooks .example.org/",
        "https://hooks.example.org/" + "x" * 2048, "https://0x7f000001/", "https://2130706433/", "https://127.1/",
        "https://hooks.example.org\\@evil.org/", "https://hooks.example.org%00.evil.org/", "https://höoks.example.org/",
    ],
)  # fmt: skip
def test_malformed_urls_are_refused(url: str):
    with pytest.raises((InputError, ForbiddenError)) as caught:
        ALLOWED.check(url)
    assert caught.value.field == "callback_url"


@pytest.mark.parametrize(
    ("found", "passes"),
    [
        (["93.184.215.14"], True),
        (["10.1.9.9"], True),
        (["10.2.9.9"], False),
        (["127.0.0.1"], False),
        (["93.184.215.14", "192.168.0.1"], False),
        (["169.254.169.254"], False),
        (["224.0.0.1"], False),
        (["::1"], False),
        (["fe80::1%eth0"], False),
        (["::ffff:10.2.0.1"], False),
        (["64:ff9b::a02:1"], False),
        (["2002:a02:1::1"], False),
        (["2606:2800:21f:cb07:6820:80da:af6b:8b2c"], True),
    ],
)
def test_private_addresses_behind_a_named_host_are_refused(
    found: Sequence[str], passes: bool, monkeypatch: pytest.MonkeyPatch
):
    async def resolve(loop: object, host: str, port: int, **options: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", (one, port)) for one in found]

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", resolve)
    asking = ALLOWED.addresses("https://hooks.example.org/x")
    if passes:
        assert asyncio.run(asking) == found
    else:
        with pytest.raises(UnavailableError, match="may not be called"):
            asyncio.run(asking)


def test_an_answer_that_never_ends_costs_its_time_only():
    """A host that sends a byte now and then, one that sends no line end, and one that closes at once."""

    async def run(answer: bytes, pause: float) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for number in range(10_000):
                writer.write(answer[number % len(answer) : number % len(answer) + 1] if answer else b"")
                if not answer:
                    break
                await asyncio.sleep(pause)
            writer.close()

        web = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = web.sockets[0].getsockname()[1]
        hosts = CallbackHosts.parse(["127.0.0.1"])
        with pytest.raises(UnavailableError, match="did not answer as HTTP does"):
            await post(hosts, f"http://127.0.0.1:{port}/", {}, b"{}", 0.5)
        web.close()

    for answer, pause in ((b"H", 0.05), (b"H", 0), (b"", 0)):
        asyncio.run(run(answer, pause))


def test_a_callback_is_stored_with_the_end_of_its_job_and_taken_by_one_server_at_a_time(table: JobTable):
    store = table.store
    for name in ("a", "b"):
        table.create("alice", name, b"q", Declared(callback="https://hooks.example.org/"))
    assert take_callback(store, 5, ()) is None
    attempt = table.claim()
    assert attempt is not None
    table.finish(attempt, "SUCCEEDED", None, b"r")
    assert take_callback(store, 5, ("alice",)) is None
    taken = take_callback(store, 5, ("bob",))
    assert taken is not None
    assert (taken.job, taken.tenant, taken.attempts) == (attempt.row.job.id, "alice", 1)
    assert take_callback(store, 5, ()) is None
    with store.transaction() as session:
        session.execute("UPDATE callbacks SET due = 0")
    again = take_callback(store, 0, ())
    assert again is not None
    assert again.attempts == 2
    settle_callback(store, again)
    other = table.claim()
    assert other is not None
    table.finish(other, "SUCCEEDED", None, b"r")
    table.delete("alice", other.row.job.id)
    assert take_callback(store, 0, ()) is None


def test_servers_that_start_at_once_share_one_key(tmp_path: Path):
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: read_key(tmp_path), range(8)))
    assert len(keys) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["callbacks.key"]
    assert (tmp_path / "callbacks.key").stat().st_mode & 0o077 == 0


def test_limits_of_callbacks_are_declared():
    assert {"callback_seconds", "callback_attempts", "callback_retry_seconds"} <= set(vars(Limits()))
