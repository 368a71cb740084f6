"""Requests that are meant to do harm, on the wire."""

import contextlib
import hashlib
import http.client
import json
import socket
import threading
from urllib.parse import urlsplit

import pytest

from tests.http.web import job_request, serve, web
from tests.service.running import limited, until

POST = b"POST /v1/predict HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"


def connected(one):
    address = urlsplit(one.url)
    return socket.create_connection((address.hostname, address.port), timeout=120)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/features/..%2f..%2fetc%2fpasswd",
        "/v1/features/%2e%2e/%2e%2e/secret",
        "/v1/jobs/..%2f..%2fjobs.sqlite",
        "/static/..%2f..%2fapp.py",
        "/static/../../app.py",
        "//etc/passwd",
        "/v1/features/%00",
        "/v1/features/a%0d%0aset-cookie:b",
    ],
)
def test_no_path_leads_out(open_web, path):
    reply = open_web.get(path)
    assert reply.status in (400, 404)
    assert "set-cookie" not in reply.headers
    assert json.loads(reply.body)["code"] in (3, 5)


def test_a_body_over_the_limit_is_refused_unread(open_web):
    with connected(open_web) as connection:
        connection.sendall(POST + b"content-length: 99999999\r\n\r\n{")
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_a_chunked_body_over_the_limit_is_refused(open_web):
    def pieces():
        for _ in range(40):
            yield b" " * (1 << 18)

    connection = open_web.connection()
    try:
        connection.request("POST", "/v1/predict", pieces(), {"content-type": "application/json"}, encode_chunked=True)
        assert connection.getresponse().status == 413
    except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
        pass  # refused before all of it was sent
    finally:
        connection.close()


def test_a_message_over_the_limit_of_grpc_is_refused(open_web):
    """The JSON may be larger than the message; the message may not be larger than gRPC would take."""
    reply = open_web.post("/v1/validate", {"query": {"pool": {"texts": ["x" * (5 << 20)]}}})
    assert (reply.status, reply.reason) == (413, "OVER_LIMIT")


@pytest.fixture(scope="module")
def strict_web(tmp_path_factory):
    """A server that waits for little and has one place for waits; its worker is stopped."""
    limits = limited(max_handshake_seconds=1, upload_idle_seconds=3, max_predict_waiting=1, max_open_watches=1)
    with serve(tmp_path_factory.mktemp("strict"), *limits) as running:
        running.freeze_job_worker()
        yield web(running)


def test_a_head_that_never_ends_is_closed(strict_web):
    with connected(strict_web) as silent:
        silent.sendall(b"GET /v1/jobs HTTP/1.1\r\nhost: ")
        assert silent.recv(1) == b""


def test_a_body_that_drips_is_answered_and_gives_its_place_back(strict_web):
    """It is never silent for long, and has a time as a whole all the same."""
    answered = threading.Event()
    with connected(strict_web) as slow:
        slow.sendall(POST + b"content-length: 9000\r\n\r\n{")

        def drip():
            with contextlib.suppress(OSError):
                while not answered.wait(0.1):
                    slow.send(b" ")

        dripping = threading.Thread(target=drip)
        dripping.start()
        assert slow.recv(12) == b"HTTP/1.1 504"
        answered.set()
        dripping.join()
    assert strict_web.post("/v1/predict").reason != "PREDICT_BUSY"


def test_an_upload_that_falls_silent_is_ended(strict_web):
    with connected(strict_web) as silent:
        path = f"/v1/parts/{'0' * 64}?size_bytes=9"
        silent.sendall(f"PUT {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9\r\n\r\nx".encode())
        assert silent.recv(12) == b"HTTP/1.1 504"


def test_a_caller_that_leaves_gives_its_place_back(strict_web):
    job = strict_web.post("/v1/jobs", job_request()).json["job"]["id"]

    def status():
        return strict_web.get(f"/v1/jobs/{job}/wait?timeout=0s").status

    with connected(strict_web) as connection:
        head = f"GET /v1/jobs/{job}/wait HTTP/1.1\r\nhost: 127.0.0.1\r\nx-request-id: leaves\r\n\r\n"
        connection.sendall(head.encode())
        until(lambda: status() == 429)
    until(lambda: status() == 200)
    ended = next(one for one in strict_web.running.events("call") if one["request_id"] == "leaves")
    assert ended["code"] == "CANCELLED"
    assert strict_web.running.events("library") == []


def test_an_upload_that_breaks_off_is_cancelled_and_goes_on_from_its_bytes(strict_web):
    """The bytes received are stored; the rest is sent from there."""
    data = bytes(3 << 20)
    digest = hashlib.sha256(data).hexdigest()
    path = f"/v1/parts/{digest}?size_bytes={len(data)}"
    with connected(strict_web) as connection:
        head = f"PUT {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(data)}\r\nx-request-id: breaks\r\n\r\n"
        connection.sendall(head.encode() + data[: 2 << 20])
        until(lambda: received(strict_web, digest, len(data)) >= 1 << 20)
    until(lambda: [one for one in strict_web.running.events("call") if one["request_id"] == "breaks"])
    ended = next(one for one in strict_web.running.events("call") if one["request_id"] == "breaks")
    assert ended["code"] == "CANCELLED"
    offset = received(strict_web, digest, len(data))
    assert strict_web.ask("PUT", f"{path}&offset={offset}", data[offset:]).status == 200
    assert strict_web.running.events("library") == []


def received(one, digest, size):
    answer = one.post("/v1/parts/query", {"manifest": {"sha256": digest, "sizeBytes": str(size)}})
    return int(answer.json["receivedBytes"])


@pytest.mark.parametrize(
    "text",
    [
        b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nhost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"content-length: 5\r\ncontent-length: 6\r\n\r\n",
        POST + b"content-length: -5\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
    ],
)
def test_bytes_that_are_no_request_of_ours_are_refused(open_web, text):
    with connected(open_web) as connection:
        connection.sendall(text)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(16)
    assert answer == b"" or answer.split(b" ")[1] in (b"400", b"403", b"404", b"411")
    assert open_web.get("/healthz").status == 200


def test_a_request_id_with_line_breaks_goes_nowhere(open_web):
    """Names of calls come back in answers and in the log, so only plain ones are taken."""
    reply = open_web.get("/v1/jobs/none", x_request_id="a b<script>")
    assert reply.detail("RequestInfo")["requestId"] != "a b<script>"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"origin": "http://evil.example"}, "OTHER_ORIGIN"),
        ({"origin": "null"}, "OTHER_ORIGIN"),
        ({"sec_fetch_site": "cross-site"}, "OTHER_ORIGIN"),
        ({"sec_fetch_site": "same-site"}, "OTHER_ORIGIN"),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, "OTHER_ORIGIN"),
        ({"host": "evil.example"}, "OTHER_HOST"),
        ({"host": "evil.example:80@127.0.0.1"}, "OTHER_HOST"),
        ({"host": "127.0.0.1.evil.example"}, "OTHER_HOST"),
        ({"host": "[::1"}, "OTHER_HOST"),
    ],
)
def test_a_page_of_another_origin_can_do_nothing(open_web, headers, reason):
    """Also by a name that it has pointed at this machine (DNS rebinding)."""
    reply = open_web.post("/v1/jobs", **headers)
    assert (reply.status, reply.reason) == (403, reason)
    assert "access-control-allow-origin" not in reply.headers


def test_a_form_of_another_page_is_no_json(open_web):
    reply = open_web.ask("POST", "/v1/jobs", b"{}", content_type="text/plain")
    assert (reply.status, reply.reason) == (415, "NOT_JSON")


def test_every_answer_has_the_headers_that_bind_browsers(open_web):
    for path in ("/healthz", "/v1/jobs", "/v1/nothing", "/v1/openapi.json"):
        headers = open_web.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin", "no-referrer would make the origin of our own forms null"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "server" not in headers
