"""TLS and client certificates: who gets in, as whom, and what happens when certificates change."""

import shutil
import socket
import ssl

import pytest

from client import PredictorClient
from client.credentials import Credentials
from predictor.errors import InputError, NotFoundError, RefusedError, UnauthenticatedError, UnavailableError
from server.access.tokens import TokenFile
from tests.service.certificates import Authority, needs_openssl
from tests.service.running import RunningServer, arrays, start_in_vain, until

pytestmark = needs_openssl

HOUR = 3600.0


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def own(authority):
    return authority.issue("server", "DNS:localhost", "IP:127.0.0.1")


def tls(own, *more):
    return ("--tls-cert", str(own[0]), "--tls-key", str(own[1]), *more)


@pytest.fixture(scope="module")
def strict(tmp_path_factory, authority, own):
    """A server open to other machines that asks for client certificates."""
    with RunningServer(
        tmp_path_factory.mktemp("strict"), *tls(own, "--client-ca", str(authority.pem)), address="0.0.0.0:0"
    ) as running:
        running.address = running.address.replace("0.0.0.0", "localhost")
        yield running


def as_(running, authority, name, *names, **options):
    certificate, key = authority.issue(name, *names)
    return running.client(root_certificates=authority.pem, certificate=certificate, key=key, **options)


def test_the_name_in_a_client_certificate_is_the_tenant(strict, authority):
    with as_(strict, authority, "a", "URI:spiffe://lab/alice") as alice, as_(strict, authority, "b", "DNS:bob") as bob:
        job = alice.submit(arrays())
        assert alice.wait(job).state == "SUCCEEDED"
        assert [one.id for one in alice.jobs()] == [job]
        assert list(bob.jobs()) == []
        with pytest.raises(NotFoundError) as unknown:
            bob.job(job)
        with pytest.raises(NotFoundError) as absent:
            bob.job("0" * 16)
    assert unknown.value.message.replace(job, "0" * 16) == absent.value.message


@pytest.mark.parametrize("names", [(), ("DNS:a", "DNS:b"), ("DNS:*.example",)])
def test_a_certificate_that_names_nobody_or_several_is_refused(strict, authority, names):
    with as_(strict, authority, "odd", *names) as client, pytest.raises(UnauthenticatedError, match="exactly one"):
        client.server_info()


def test_unknown_callers_do_not_pass_the_handshake(strict, authority, tmp_path):
    other = Authority(tmp_path, "other")
    certificate, key = other.issue("eve", "DNS:alice")
    for shown in ({}, {"certificate": certificate, "key": key}):
        client = strict.client(root_certificates=authority.pem, timeout=120, **shown)
        with client, pytest.raises(UnavailableError):
            client.server_info()
    with strict.client(timeout=120) as plain, pytest.raises(UnavailableError):
        plain.server_info()


def test_a_server_of_another_authority_is_not_used(strict, authority, tmp_path):
    with (
        as_(strict, authority, "a2", "DNS:alice", timeout=120) as client,
        PredictorClient(strict.address, root_certificates=Authority(tmp_path).pem, timeout=120) as fooled,
    ):
        assert client.server_info().versions
        with pytest.raises(UnavailableError):
            fooled.server_info()


def test_token_and_certificate_must_name_one_tenant(start, authority, own, tmp_path):
    file = TokenFile(tmp_path / "tokens")
    alice, bob = (file.add(name, ["read"], HOUR) for name in ("alice", "bob"))
    running = start(*tls(own, "--client-ca", str(authority.pem), "--tokens", str(file.path)))
    with as_(running, authority, "both", "DNS:alice", token=alice) as client:
        assert client.server_info().versions
    client = as_(running, authority, "both", "DNS:alice", token=bob)
    with client, pytest.raises(UnauthenticatedError, match="another tenant than the client certificate"):
        client.server_info()
    with as_(running, authority, "both", "DNS:alice") as client, pytest.raises(UnauthenticatedError):
        client.server_info()


def test_new_certificates_serve_new_connections_and_broken_ones_do_not_end_the_old(start, authority, tmp_path):
    first, second = (authority.issue(name, "DNS:localhost", "IP:127.0.0.1") for name in ("first", "second"))
    used = (tmp_path / "used.pem", tmp_path / "used.key")

    def put(pair):
        for source, target in zip(pair, used, strict=True):
            shutil.copy(source, target)

    put(first)
    running = start(*tls(used))

    def serial():
        host, _, port = running.address.rpartition(":")
        context = ssl.create_default_context(cafile=authority.pem)
        raw = socket.create_connection((host, int(port)), 5)
        with context.wrap_socket(raw, server_hostname="localhost") as shown:
            return shown.getpeercert()["serialNumber"]

    before = serial()
    with running.client(root_certificates=authority.pem) as client:
        client.server_info()
        put(second)
        after = serial()
        assert after != before
        used[0].write_text("no certificate")
        assert serial() == after
        assert running.events("certificate_unusable")
        client.server_info()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--tls-cert", "{cert}"), "TLS needs --tls-cert and --tls-key together"),
        (("--client-ca", "{ca}"), "--client-ca needs both"),
        (("--tls-cert", "{cert}", "--tls-key", "{other}"), "do not fit together"),
        (("--tls-cert", "{cert}", "--tls-key", "/absent.key"), "cannot be read"),
        (("--tls-cert", "{cert}", "--tls-key", "{key}", "--address", "0.0.0.0:0"), "which is refused without TLS"),
        (("--tokens", "{cert}", "--address", "0.0.0.0:0"), "which is refused without TLS and authentication"),
    ],
)
def test_half_open_endpoints_are_refused_at_the_start(authority, own, tmp_path, arguments, text):
    other = authority.issue("other", "DNS:x")[1]
    named = [part.format(cert=own[0], key=own[1], other=other, ca=authority.pem) for part in arguments]
    if "--address" not in named:
        named += ["--address", "127.0.0.1:0"]
    done = start_in_vain(tmp_path, *named)
    assert done.returncode == 2
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_a_token_never_leaves_this_machine_in_plaintext():
    with pytest.raises(RefusedError, match="the token would travel in plaintext"):
        PredictorClient("example.com:1", token="t", tls=False)
    assert Credentials(token="t").uses_tls(loopback=False)
    assert not Credentials(token="t").uses_tls(loopback=True)
    assert not Credentials().uses_tls(loopback=False)
    assert "secret" not in repr(Credentials(token="secret", key=b"secret", certificate=b"c"))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"certificate": b"x"}, "needs its key"),
        ({"root_certificates": b"x", "tls": False}, "certificates need TLS"),
        ({"root_certificates": "/absent.pem"}, "cannot be read"),
        ({"token": "two words"}, "blanks or other characters"),
        ({"token": "line\n"}, "blanks or other characters"),
    ],
)
def test_credentials_that_cannot_be_are_refused(options, text):
    with pytest.raises(InputError, match=text):
        PredictorClient("localhost:1", **options)


def test_a_refused_start_leaves_no_lock(tmp_path):
    done = start_in_vain(tmp_path, "--tls-cert", "/absent", "--tls-key", "/absent", "--address", "127.0.0.1:0")
    assert done.returncode == 2
    with RunningServer(tmp_path) as running:
        assert until(lambda: running.events("started"))
