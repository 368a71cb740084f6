"""Credentials over HTTP: tokens, certificates, tenants, and addresses that are refused."""

import json
import ssl

import pytest

from predictor.errors import UnavailableError, W2SError
from server.access.tokens import TokenFile
from server.config import Config
from server.http import service
from server.http.service import check_http
from tests.http.web import Web, job_request, serve, web
from tests.service.certificates import Authority, needs_openssl
from tests.service.running import start_in_vain

HOUR = 3600.0


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    file = TokenFile(tmp_path_factory.mktemp("tokens") / "tokens")
    found = {name: file.add(name.partition("-")[0], scopes, HOUR) for name, scopes in GRANTED.items()}
    return file, found


GRANTED = {"alice": ["admin"], "alice-reader": ["read"], "bob": ["admin"]}


@pytest.fixture(scope="module")
def guarded(tokens, tmp_path_factory):
    """A server with tokens, asked by each of their holders."""
    file, found = tokens
    with serve(tmp_path_factory.mktemp("guarded"), "--tokens", str(file.path)) as running:
        one = web(running)
        holders = {name: Web(running, one.url, {"authorization": f"Bearer {token}"}) for name, token in found.items()}
        yield one, holders


@pytest.mark.parametrize("given", [None, "Bearer w2s_wrong", "Basic YTpi", "Bearer ", "Bearer " + "x" * 9000])
def test_who_is_not_known_gets_nothing(guarded, given):
    one, _ = guarded
    reply = one.get("/v1/jobs", **({} if given is None else {"authorization": given}))
    assert (reply.status, reply.reason) == (401, "UNAUTHENTICATED")
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert one.running.events("call")[-1]["code"] == "UNAUTHENTICATED"


def test_who_is_not_known_has_no_body_read(guarded):
    one, _ = guarded
    assert one.ask("PUT", "/v1/parts/" + "0" * 64 + "?size_bytes=9", b"x").status == 401
    assert one.ask("POST", "/v1/jobs", b"no json").status == 401


def test_health_and_the_description_are_open(guarded):
    one, _ = guarded
    assert one.get("/healthz").status == 200
    assert one.get("/v1/openapi.json").json["security"] == [{"token": []}]


def test_another_tenants_job_reads_as_no_job(guarded):
    _, holders = guarded
    job = holders["alice"].post("/v1/jobs", job_request()).json["job"]["id"]
    assert holders["alice"].get(f"/v1/jobs/{job}").status == 200
    for verb, path in (("GET", ""), ("GET", "/watch"), ("GET", "/wait"), ("POST", "/cancel"), ("DELETE", "")):
        reply = holders["bob"].ask(verb, f"/v1/jobs/{job}{path}", {} if verb == "POST" else None)
        assert (reply.status, reply.reason) == (404, "JOB_NOT_FOUND"), (verb, path)
    assert holders["bob"].get("/v1/jobs").json["jobs"] == []


def test_who_may_only_read_changes_nothing(guarded):
    _, holders = guarded
    reply = holders["alice-reader"].post("/v1/jobs", job_request())
    assert (reply.status, reply.reason) == (403, "SCOPE_MISSING")


def test_a_refusal_is_audited_with_its_peer(guarded, tokens):
    one, holders = guarded
    holders["alice-reader"].post("/v1/jobs", job_request())
    lines = (one.running.folder / "state" / "audit.jsonl").read_text().splitlines()
    last = json.loads(lines[-1])
    assert (last["method"], last["tenant"], last["peer"]) == (
        "/w2s.v1.RankingService/CreateRankingJob",
        "alice",
        "ipv4:127.0.0.1",
    )


def test_with_credentials_any_name_of_the_server_is_answered(guarded):
    """A balancer or a proxy may pass on the name that callers use."""
    _, holders = guarded
    assert holders["alice"].get("/v1/jobs", host="w2s.example").status == 200


@needs_openssl
def test_certificates_are_those_of_grpc(tmp_path, tokens):
    """TLS for the server, and the name in a client certificate is the tenant."""
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
        assert replies["nobody"].get("/v1/jobs").status == 401
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
    return Config.read({}, endpoints={"http": address})


def test_a_taken_address_is_refused_at_the_start(open_web, tmp_path):
    taken = open_web.url.removeprefix("http://")
    ended = start_in_vain(tmp_path, "--address", "127.0.0.1:0", "--http", taken)
    assert (ended.returncode, f"cannot listen on {taken} for HTTP" in ended.stderr) == (1, True)
    assert "Traceback" not in ended.stderr


def test_without_the_extra_the_command_to_install_it_is_named(monkeypatch):
    monkeypatch.setattr(service, "_PACKAGES", ("no_such_package",))
    with pytest.raises(UnavailableError, match=r"pip install 'w2s-predictor\[http\]'"):
        check_http(configured("127.0.0.1:0"))
