"""Tokens: made, listed, revoked, kept as hashes, and read again when the file changes."""

import asyncio
import errno
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from predictor.errors import (
    ConflictError,
    InputError,
    LimitError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
)
from server import token as command
from server.access.authentication import Authenticator
from server.access.tokens import TokenFile
from tests.service.running import arrays, until

HOUR = 3600.0


@pytest.fixture
def file(tmp_path):
    return TokenFile(tmp_path / "tokens")


def test_a_token_is_stored_as_a_keyed_hash_in_private_files(file):
    token = file.add("alice", ["read", "submit"], HOUR)
    assert token.startswith("w2s_")
    for path in file.path.parent.iterdir():
        assert token.split("_", 2)[2].encode() not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0
    (record,) = file.read().values()
    assert (record.tenant, record.scopes) == ("alice", ("read", "submit"))
    assert token.split("_")[1] == record.id


@pytest.mark.parametrize(
    ("code", "reason"), [(errno.ENOSPC, "STORAGE_FULL"), (errno.EROFS, "STORAGE_UNWRITABLE")], ids=["full", "read-only"]
)
def test_a_disk_that_refuses_a_token_is_reported_and_the_list_stays(file, tmp_path, monkeypatch, capsys, code, reason):
    file.add("alice", ["read"], HOUR)
    before = sorted(path.name for path in tmp_path.iterdir())

    def refuse(handle):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("server.access.tokens.os.fsync", refuse)
    with pytest.raises((LimitError, UnavailableError), match="cannot be written") as caught:
        file.add("bob", ["read"], HOUR)
    assert caught.value.reason == reason
    assert command.main(["--file", str(file.path), "add", "bob", "--scope", "read"]) == caught.value.exit_code
    assert "cannot be written" in capsys.readouterr().err
    assert [record.tenant for record in file.read().values()] == ["alice"]
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_tokens_that_are_made_at_once_are_all_stored(file):
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda number: file.add(f"t{number}", ["read"], 60), range(24)))
    assert {token.split("_")[1] for token in made} == set(file.read())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_root_writes_can_be_read_by_the_server_that_owns_the_folder(tmp_path):
    os.chown(tmp_path, 65534, 65534)
    TokenFile(tmp_path / "tokens").add("alice", ["read"], 60)
    found = [(tmp_path / name).stat() for name in ("tokens", "tokens.key")]
    assert [(one.st_uid, one.st_gid, one.st_mode & 0o777) for one in found] == [(65534, 65534, 0o600)] * 2


def test_the_command_makes_lists_and_revokes(tmp_path):
    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "server.token", "--file", str(tmp_path / "t"), *arguments],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    token = run("add", "alice", "--scope", "read", "--days", "2").stdout.strip()
    listed = run("ls").stdout
    assert "alice  read  " in listed
    assert token not in listed
    name = listed.split()[0]
    assert run("revoke", name).returncode == 0
    assert run("ls").stdout == ""
    again = run("revoke", name)
    assert again.returncode == 2
    assert "there is no token" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [(["add", "a b"], "tenant 'a b' is no name"), (["add", "a", "--days", "0"], "--days is 0"), (["ls"], "cannot be")],
)
def test_what_cannot_be_made_is_named(tmp_path, capsys, arguments, text):
    assert command.main(["--file", str(tmp_path / "t"), *arguments]) in (1, 2)
    assert text in capsys.readouterr().err


def test_a_list_without_its_key_takes_no_more_tokens(file):
    file.add("a", ["read"], HOUR)
    file.path.with_name("tokens.key").unlink()
    with pytest.raises(ConflictError, match="has lost its key"):
        file.add("b", ["read"], HOUR)
    with pytest.raises(UnavailableError, match="no sound key"):
        file.key()


@pytest.mark.parametrize(
    "line", ["{", "[]", "{}", '{"id": "x", "tenant": "a", "scopes": ["read"], "expires": "2999-01-01", "digest": "x"}']
)
def test_a_damaged_list_is_refused_whole(file, line):
    file.add("a", ["read"], HOUR)
    with file.path.open("a") as out:
        out.write(line + "\n")
    with pytest.raises(UnavailableError, match="cannot be read as one"):
        file.read()


def test_scopes_and_names_that_do_not_exist_are_refused(file):
    with pytest.raises(InputError, match="scope 'write' does not exist"):
        file.add("a", ["write"], HOUR)
    with pytest.raises(InputError, match="scope None"):
        file.add("a", [], HOUR)
    file.add("a", ["read"], HOUR)
    with pytest.raises(NotFoundError):
        file.revoke("0" * 16)


def test_a_running_server_follows_its_file(start, file):
    first = file.add("alice", ["read", "submit"], HOUR)
    running = start("--tokens", str(file.path))
    with running.client(token=first) as client:
        assert client.wait(client.submit(arrays())).state == "SUCCEEDED"
        second = file.add("bob", ["read"], HOUR)
        with running.client(token=second) as bob:
            until(lambda: len(running.events("tokens_read")) == 2)
            assert list(bob.jobs()) == []
        file.revoke(first.split("_")[1])
        until(lambda: len(running.events("tokens_read")) == 3)
        with pytest.raises(UnauthenticatedError, match="carries no token that is valid here and now"):
            list(client.jobs())
    with running.client(token=second) as bob:
        file.path.write_text("damaged")
        until(lambda: running.events("tokens_unreadable"))
        with pytest.raises(UnauthenticatedError):
            list(bob.jobs())
    assert first not in running.log_text()


def test_an_expired_token_ends_an_open_call(file):
    """The clock is the test's own: a call that is open when its token expires ends, and no other begins."""
    token, now = file.add("alice", ["read"], HOUR), [0.0]
    metadata = (("authorization", f"Bearer {token}"),)

    async def call():
        authenticator = Authenticator(file, certificates=False, clock=lambda: now[0])
        record = authenticator.bearer(metadata)
        watching = asyncio.create_task(authenticator.watch())

        async def stay():
            async with authenticator.known(record):
                now[0] = record.expires
                await asyncio.Event().wait()

        with pytest.raises(UnauthenticatedError):
            await stay()
        with pytest.raises(UnauthenticatedError):
            authenticator.bearer(metadata)
        watching.cancel()

    asyncio.run(asyncio.wait_for(call(), 60))


def test_the_audit_names_who_did_what_without_saying_secrets(start, file, tmp_path):
    token = file.add("alice", ["read", "submit"], HOUR)
    reader = file.add("alice", ["read"], HOUR)
    running = start("--tokens", str(file.path), "--audit-log", str(tmp_path / "audit"))
    with running.client(token=token) as client, running.client() as nobody, running.client(token=reader) as other:
        name = client.submit(arrays(), "my-secret-request")
        client.wait(name)
        client.delete(name)
        for refused in (nobody, other):
            with pytest.raises(Exception, match=r"token|scope"):
                refused.submit(arrays())
    assert running.terminate() == 0
    text = (tmp_path / "audit").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    calls = [(line["method"].rpartition("/")[2], line["code"], line["credential"]) for line in lines if "code" in line]
    id_, reader_id = token.split("_")[1], reader.split("_")[1]
    assert calls == [
        ("CreateRankingJob", "OK", f"token:{id_}"),
        ("DeleteRankingJob", "OK", f"token:{id_}"),
        ("CreateRankingJob", "UNAUTHENTICATED", None),
        ("CreateRankingJob", "PERMISSION_DENIED", f"token:{reader_id}"),
    ]
    assert [line["job"] for line in lines if line.get("code") == "OK"] == [name, name]
    assert [line["event"] for line in lines if "code" not in line] == ["started", "stopping"]
    assert (tmp_path / "audit").stat().st_mode & 0o077 == 0
    for secret in (token, reader, "my-secret-request", "near", str(tmp_path)):
        assert secret not in text


def test_the_command_line_shows_the_token_of_the_environment(start, file):
    token = file.add("alice", ["read"], HOUR)
    running = start("--tokens", str(file.path))

    def ls(**more):
        return subprocess.run(
            [sys.executable, "-m", "client.cli", "jobs", "ls", "--json", "--server", running.address],
            capture_output=True, text=True, timeout=120, check=False, env=os.environ | more,
        )  # fmt: skip

    assert ls(W2S_TOKEN=token).returncode == 0
    refused = ls()
    assert refused.returncode == 1
    assert "carries no token that is valid here and now" in refused.stderr
