"""How a client shows who it is, and what it says where it is not let in."""

import argparse
import json
import os
import subprocess
import sys

import pytest

from client import PredictorClient
from client.credentials import shown, shown_by
from predictor.errors import InputError, UnauthenticatedError, UnavailableError
from server.access.tokens import TokenFile
from tests.service.certificates import Authority, needs_openssl
from tests.service.running import RunningServer, arrays

HOUR = 3600.0


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A server with TLS and tokens, and another that asks for certificates."""
    folder = tmp_path_factory.mktemp("endpoints")
    authority = Authority(folder / "authority")
    own = authority.issue("server", "DNS:localhost", "IP:127.0.0.1")
    tls = ("--tls-cert", str(own[0]), "--tls-key", str(own[1]))
    (folder / "token").write_text(TokenFile(folder / "tokens").add("alice", ["read", "submit", "upload"], HOUR) + "\n")
    with (
        RunningServer(folder / "a", *tls, "--tokens", str(folder / "tokens")) as tokened,
        RunningServer(folder / "b", *tls, "--client-ca", str(authority.pem)) as strict,
    ):
        yield folder, authority, tokened, strict


def w2s(*words, **variables):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("W2S_")} | variables
    command = [sys.executable, "-m", "client.cli", *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


@needs_openssl
def test_the_command_line_takes_tokens_and_certificates_as_flags_and_as_variables(place):
    folder, authority, tokened, strict = place
    certificate, key = authority.issue("alice", "DNS:alice")
    token = (folder / "token").read_text().strip()
    asked = ("jobs", "ls", "--json", "--server", tokened.address)
    for words, variables in (
        (("--ca", authority.pem, "--token-file", folder / "token"), {}),
        (("--ca", authority.pem, "--token", token), {"W2S_TOKEN": "w2s_wrong"}),
        (("--ca", authority.pem, "--token-file", folder / "token"), {"W2S_TOKEN": "w2s_wrong"}),
        ((), {"W2S_CA": str(authority.pem), "W2S_TOKEN_FILE": str(folder / "token")}),
        ((), {"W2S_ROOT_CERTIFICATES": str(authority.pem), "W2S_TOKEN": token}),
    ):
        done = w2s(*asked, *words, **variables)
        assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
        assert token not in done.stderr
    shown_ = ("--ca", authority.pem, "--cert", certificate, "--key", key)
    done = w2s("features", "ls", "--json", "--server", strict.address, *shown_)
    assert json.loads(done.stdout) == [], done.stderr


@needs_openssl
def test_who_is_not_let_in_is_reported_why_in_one_line(place):
    _, authority, tokened, strict = place
    listing = ("jobs", "ls", "--server")
    for words, reported in (
        ((tokened.address, "--ca", authority.pem), "carries no token that is valid here and now"),
        ((tokened.address, "--token", "wrong", "--ca", authority.pem), "carries no token that is valid here and now"),
        ((tokened.address,), "it closed the connection. Give --ca where it serves TLS"),
        ((strict.address, "--ca", authority.pem), "--cert and --key where it asks for certificates"),
    ):
        done = w2s(*listing, *words)
        assert (done.returncode, done.stdout) == (1, "")
        assert reported in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


@needs_openssl
def test_a_handshake_that_fails_reports_what_is_wrong_and_is_not_tried_for_a_minute(place, tmp_path, start):
    _, authority, tokened, _ = place
    other = Authority(tmp_path / "other")
    wrong = authority.issue("wrong", "DNS:elsewhere")
    certificate, _ = authority.issue("alice2", "DNS:alice")
    misnamed = start("--tls-cert", str(wrong[0]), "--tls-key", str(wrong[1]))
    plain = RunningServer(tmp_path / "plain")
    cases = (
        (tokened.address, {"root_certificates": other.pem}, "comes from no authority that is trusted here"),
        (misnamed.address, {"root_certificates": authority.pem}, "its certificate is for another name"),
        (plain.address, {"root_certificates": authority.pem}, "it speaks no TLS; leave --ca, --cert and --key out"),
        (tokened.address, {"root_certificates": b"junk"}, "the certificates given here cannot be used"),
        (
            tokened.address,
            {"root_certificates": authority.pem, "certificate": certificate, "key": wrong[1]},
            "the certificates given here cannot be used",
        ),
    )
    with plain:
        for address, options, reported in cases:
            with PredictorClient(address, timeout=120, **options) as client:
                with pytest.raises(UnavailableError, match=reported) as caught:
                    list(client.watch("any"))
                assert caught.value.reason == "TLS_HANDSHAKE"


@needs_openssl
def test_a_token_that_is_missing_or_wrong_is_an_error_of_its_own(place):
    _, authority, tokened, _ = place
    for token in (None, "w2s_0000000000000000_" + "A" * 43):
        with (
            PredictorClient(tokened.address, root_certificates=authority.pem, token=token) as client,
            pytest.raises(UnauthenticatedError, match="ask the operator for a fresh one"),
        ):
            client.server_info()


def test_the_environment_and_the_flags_say_the_same(tmp_path):
    (tmp_path / "t").write_text(" abc \n")
    paths = {"root_certificates": "ca.pem", "certificate": "c.pem", "key": "k.pem"}
    by_flag = shown(token_file=str(tmp_path / "t"), ca="ca.pem", cert="c.pem", key="k.pem")
    by_variable = shown_by(
        {
            "W2S_TOKEN": "abc",
            "W2S_ROOT_CERTIFICATES": "ca.pem",
            "W2S_CERTIFICATE": " c.pem ",
            "W2S_KEY": "k.pem",
        }
    )
    assert by_flag == by_variable
    assert {name: str(value) for name, value in by_flag.items()} == {"token": "abc", **paths}
    assert shown() == shown(token=" ", ca="") == {}


@pytest.mark.parametrize(
    ("flags", "variables", "found"),
    [
        ({"token": "a"}, {}, "a"),
        ({"token": "a"}, {"W2S_TOKEN": "b"}, "a"),
        ({"token": "a", "token_file": "FILE"}, {"W2S_TOKEN_FILE": "FILE"}, "a"),
        ({"token": "b", "token_file": "FILE"}, {"W2S_TOKEN": "b"}, "filed"),
        ({"token": "b"}, {"W2S_TOKEN": "b"}, "b"),
        ({"token_file": "FILE"}, {"W2S_TOKEN_FILE": "FILE"}, "filed"),
        ({}, {}, None),
    ],
)
def test_the_command_line_wins_over_the_environment(tmp_path, monkeypatch, flags, variables, found):
    from client.cli.connection import credentials_of

    path = tmp_path / "t"
    path.write_text("filed\n")
    for name in ("W2S_TOKEN", "W2S_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.replace("FILE", str(path)))
    given = dict.fromkeys(("token", "token_file", "ca", "cert", "key"))
    given |= {name: value.replace("FILE", str(path)) for name, value in flags.items()}
    assert credentials_of(argparse.Namespace(**given)).get("token") == found


def test_a_token_given_twice_or_in_no_sound_file_is_refused(tmp_path):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "odd").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="a token and a token file are given; give one"):
        shown(token="a", token_file="b")
    for name, reported in (("absent", "cannot be read"), ("odd", "cannot be read"), ("empty", "is empty")):
        with pytest.raises(InputError, match=reported):
            shown(token_file=str(tmp_path / name))


def test_a_request_is_checked_by_the_server_without_running_it(client):
    before = [job.id for job in client.jobs()]
    checked = client.validate(arrays(rows=70))
    assert (checked.rows, checked.candidates, checked.values, checked.predict_allowed) == (70, 2, 70 * 15, True)
    assert checked.warnings == ()
    assert [job.id for job in client.jobs()] == before
