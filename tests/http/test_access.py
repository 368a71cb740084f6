"""Credentials over HTTP: tokens, certificates, tenants, and addresses that are refused."""

import json
import ssl
import threading

import pytest

from predictor.errors import UnavailableError, W2SError
from server.config import Config
from server.http import service
from server.http.listener import bind
from server.http.service import check_http
from tests.http.web import job_request, serve, web
from tests.service.certificates import Authority, needs_openssl
from tests.service.running import limited, until

HOUR = 3600.0


@pytest.mark.parametrize("given", [None, "Bearer w2s_wrong", "Basic YTpi", "Bearer ", "Bearer " + "x" * 9000])
def test_who_is_not_known_gets_nothing(guarded, given):
    one = guarded.web
    reply = one.get("/v1/jobs", **({} if given is None else {"authorization": given}))
    assert (reply.status, reply.reason) == (401, "UNAUTHENTICATED")
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert one.running.events("call")[-1]["code"] == "UNAUTHENTICATED"


def test_who_is_not_known_has_no_body_read(guarded):
    one = guarded.web
    assert one.ask("PUT", "/v1/parts/" + "0" * 64 + "?size_bytes=9", b"x").status == 401
    assert one.ask("PUT", "/v1/parts/none?unknown=1", b"x").status == 401
    assert one.ask("POST", "/v1/jobs", b"no json").status == 401
    assert one.get("/v1/jobs?unknown=1").status == 401


def test_health_and_the_description_are_open(guarded):
    one = guarded.web
    assert one.get("/healthz").status == 200
    assert one.get("/v1/openapi.json").json["security"] == [{"token": []}]


def test_another_tenants_job_reads_as_no_job(guarded):
    job = guarded.of("alice").post("/v1/jobs", job_request()).json["job"]["id"]
    assert guarded.of("alice").get(f"/v1/jobs/{job}").status == 200
    for verb, path in (("GET", ""), ("GET", "/watch"), ("GET", "/wait"), ("POST", "/cancel"), ("DELETE", "")):
        reply = guarded.of("bob").ask(verb, f"/v1/jobs/{job}{path}", {} if verb == "POST" else None)
        assert (reply.status, reply.reason) == (404, "JOB_NOT_FOUND"), (verb, path)
    assert guarded.of("bob").get("/v1/jobs").json["jobs"] == []


def test_an_open_watch_ends_when_its_token_is_revoked(guarded):
    """With an event that has the status, since the answer has begun."""
    token = guarded.file.add("alice", ["read"], HOUR)
    job = guarded.of("alice").post("/v1/jobs", job_request()).json["job"]["id"]
    leaving = threading.Timer(1.0, guarded.file.revoke, [token.split("_")[1]])
    until(lambda: guarded.web.get("/v1/jobs", authorization=f"Bearer {token}").status == 200)
    leaving.start()
    *_, last = guarded.web.get(f"/v1/jobs/{job}/watch", authorization=f"Bearer {token}").body.strip().split(b"\n\n")
    name, data = last.split(b"\n")
    assert name == b"event: error"
    assert json.loads(data.removeprefix(b"data: "))["code"] == 16


def test_who_may_only_read_changes_nothing(guarded):
    reply = guarded.of("reader").post("/v1/jobs", job_request())
    assert (reply.status, reply.reason) == (403, "SCOPE_MISSING")


def test_a_refusal_is_audited_with_its_peer(guarded):
    one = guarded.web
    guarded.of("reader").post("/v1/jobs", job_request())
    lines = (one.running.folder / "state" / "audit.jsonl").read_text().splitlines()
    last = json.loads(lines[-1])
    assert (last["method"], last["tenant"], last["peer"]) == (
        "/w2s.v1.RankingService/CreateRankingJob",
        "alice",
        "ipv4:127.0.0.1",
    )


def test_with_credentials_any_name_of_the_server_is_answered(guarded):
    """A balancer or a proxy may pass on the name that callers use."""
    assert guarded.of("alice").get("/v1/jobs", host="w2s.example").status == 200


def serial(one):
    """Serial number of the certificate that a new connection is shown."""
    connection = one.connection()
    connection.connect()
    try:
        return connection.sock.getpeercert()["serialNumber"]
    finally:
        connection.close()


@needs_openssl
def test_certificates_are_those_of_grpc(tmp_path):
    """TLS for the server, the name in a client certificate is the tenant, and a replaced certificate is taken up."""
    authority = Authority(tmp_path / "ca")
    certificate, key = authority.issue("server", "DNS:localhost", "IP:127.0.0.1")
    flags = ["--tls-cert", str(certificate), "--tls-key", str(key), "--client-ca", str(authority.pem)]
    with serve(tmp_path / "server", *flags) as running:
        replies = {}
        for tenant, names in {"alice": ["URI:spiffe://lab/alice"], "nobody": []}.items():
            tls = ssl.create_default_context(cafile=authority.pem)
            tls.load_cert_chain(*authority.issue(tenant, *names))
            replies[tenant] = web(running, tls=tls)
        assert replies["alice"].url.startswith("https://")
        answered = replies["alice"].get("/v1/jobs")
        assert (answered.status, "strict-transport-security" in answered.headers) == (200, True)
        assert running.events("call")[-1]["tenant"] == "spiffe://lab/alice"
        page = replies["alice"].get("/")
        assert page.status == 200
        assert page.headers["set-cookie"].startswith("__Host-w2s-form=")
        assert "Secure" in page.headers["set-cookie"]
        assert replies["nobody"].get("/v1/jobs").status == 401
        before = serial(replies["alice"])
        for old, fresh in zip(
            (certificate, key), authority.issue("fresh", "DNS:localhost", "IP:127.0.0.1"), strict=True
        ):
            fresh.replace(old)
        until(lambda: serial(replies["alice"]) != before)
        with pytest.raises(OSError, match=r"certificate required|alert|reset|closed"):
            web(running, tls=ssl.create_default_context(cafile=authority.pem)).get("/v1/jobs")


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("0.0.0.0:0", "open to other machines"),
        ("unix:/run/x", "give HOST:PORT"),
        ("8080", "neither HOST:PORT"),
    ],
)
def test_an_address_that_cannot_be_is_refused(address, text):
    with pytest.raises(W2SError, match=text) as caught:
        check_http(configured(address))
    assert (caught.value.field, caught.value.exit_code) == ("http", 2)


def configured(address):
    return Config.read({"W2S_HTTP": address})


def test_a_taken_address_is_refused_at_the_start(open_web):
    taken = open_web.url.removeprefix("http://")
    with pytest.raises(UnavailableError, match=f"cannot listen on {taken} for HTTP; it is most likely taken"):
        bind(taken)


def test_without_the_extra_the_command_to_install_it_is_named(monkeypatch):
    monkeypatch.setattr(service, "_PACKAGES", ("no_such_package",))
    with pytest.raises(UnavailableError, match=r"pip install 'w2s-predictor\[http\]'"):
        check_http(configured("127.0.0.1:0"))


def test_a_server_that_stops_ends_open_watches_with_a_status_and_exits(tmp_path):
    """Browsers and scripts watch again elsewhere, or later."""
    with serve(tmp_path, *limited(drain_seconds=0.1)) as running:
        running.freeze_job_worker()
        one = web(running)
        job = one.post("/v1/jobs", job_request()).json["job"]["id"]
        until(lambda: one.get(f"/v1/jobs/{job}").json["job"]["state"] == "JOB_STATE_RUNNING")
        connection = one.connection()
        connection.request("GET", f"/v1/jobs/{job}/watch")
        stream = connection.getresponse()
        assert stream.readline().startswith(b"id: ")
        assert running.terminate() == 0
        *_, last = stream.read().strip().split(b"\n\n")
        assert last.startswith(b"event: error\n")
        assert json.loads(last.partition(b"data: ")[2])["code"] == 14
        connection.close()
