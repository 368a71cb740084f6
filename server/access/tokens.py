"""Tokens: bearer tokens of a server, stored as keyed hashes in a file that is read again when it changes.

A token is `w2s_ID_SECRET`; the secret has 256 random bits, so guessing is hopeless and a fast keyed hash is enough. The
key is in a file of its own: a copy of the list alone does not allow testing a token that was found elsewhere.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from predictor.errors import ConflictError, InputError, LimitError, NotFoundError, UnavailableError, W2SError
from predictor.folders import fsync_folder
from server.access.caller import LOCAL, SCOPES, Scope

MAX_CHARACTERS = 256
"""A longer credential is not one of our tokens and is refused unread."""

_TOKEN = re.compile(r"^w2s_(?P<id>[0-9a-f]{16})_(?P<secret>[A-Za-z0-9_-]{43})$")
_TENANT = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}$")
_KEY_BYTES = 32


@dataclass(frozen=True)
class TokenRecord:
    """The record of a token.

    Attributes:
        id: public name, 16 hexadecimal digits.
        tenant: whose jobs and features the holder sees.
        scopes: what the holder may do.
        expires: seconds since 1970.
        digest: HMAC-SHA256 of the whole token, hexadecimal.
    """

    id: str
    tenant: str
    scopes: tuple[Scope, ...]
    expires: float
    digest: str

    def expired(self, now: float) -> bool:
        """Whether it has ended at `now`, in seconds since 1970."""
        return now >= self.expires


class TokenFile:
    """The list of tokens in one file, and their key beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._key_path = path.with_name(path.name + ".key")

    def read(self) -> dict[str, TokenRecord]:
        """Every record by id.

        Raises:
            UnavailableError: the file is missing or damaged.
        """
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
            records = [_record(json.loads(line)) for line in lines if line.strip()]
        except (OSError, ValueError, KeyError, TypeError, InputError) as error:
            raise UnavailableError(
                f"token file {str(self.path)!r} cannot be read as one ({type(error).__name__}); make tokens with "
                "`python -m server.token add`.",
                reason="TOKENS_UNREADABLE",
            ) from error
        return {record.id: record for record in records}

    def key(self) -> bytes:
        """The key of the digests.

        Raises:
            UnavailableError: it is missing or of another length.
        """
        try:
            key = self._key_path.read_bytes()
        except OSError:
            key = b""
        if len(key) != _KEY_BYTES:
            raise UnavailableError(
                f"token file {str(self.path)!r} has no sound key beside it; make tokens with `python -m server.token "
                "add`, or restore the key from the backup.",
                reason="TOKENS_UNREADABLE",
            )
        return key

    def add(self, tenant: str, scopes: Iterable[str], seconds: float) -> str:
        """Make a token and store its record; the token itself is stored nowhere.

        Raises:
            InputError: a tenant or a scope that cannot be.
            ConflictError: the list is there and its key is not.
            LimitError, UnavailableError: the disk does not take it.
        """
        name = secrets.token_hex(8)
        token = f"w2s_{name}_{secrets.token_urlsafe(32)}"
        with _alone(self.path.parent):
            records = self.read() if self.path.exists() else {}
            if records and not self._key_path.exists():
                raise ConflictError(
                    f"token file {str(self.path)!r} has lost its key, so none of its tokens can be checked; restore "
                    "the key or remove the file.",
                    reason="TOKENS_UNREADABLE",
                )
            if not self._key_path.exists():
                _replace(self._key_path, secrets.token_bytes(_KEY_BYTES))
            record = TokenRecord(
                name, check_tenant(tenant), _scopes(scopes), time.time() + seconds, digest_of(token, self.key())
            )
            self._write([*records.values(), record])
        return token

    def revoke(self, name: str) -> None:
        """Drop a record; servers refuse its token within a second.

        Raises:
            NotFoundError: no such token.
        """
        with _alone(self.path.parent):
            records = self.read()
            if name not in records:
                raise NotFoundError(f"there is no token {name!r}; list them to see which there are.", reason="NO_TOKEN")
            self._write([record for record in records.values() if record.id != name])

    def _write(self, records: Iterable[TokenRecord]) -> None:
        lines = [json.dumps(dataclasses.asdict(record) | {"expires": _text(record.expires)}) for record in records]
        _replace(self.path, "".join(line + "\n" for line in lines).encode())


def match(token: str) -> str | None:
    """The id in a token, or None where it is not one of ours."""
    found = _TOKEN.match(token) if len(token) <= MAX_CHARACTERS else None
    return None if found is None else found["id"]


def digest_of(token: str, key: bytes) -> str:
    """The keyed hash that is stored in place of a token."""
    return hmac.new(key, token.encode(), hashlib.sha256).hexdigest()


def check_tenant(name: str) -> str:
    """The name, once it is one.

    Raises:
        InputError: it is not.
    """
    if not _TENANT.match(name):
        raise InputError(
            f"tenant {name[:64]!r} is no name; it needs 1 to 128 of letters, digits and ._:/@+-, a letter or digit "
            "first.",
            reason="BAD_TENANT",
            field="tenant",
        )
    if name == LOCAL:
        raise InputError(
            f"tenant {LOCAL!r} is reserved for callers of a server without credentials; choose another name.",
            reason="BAD_TENANT",
            field="tenant",
        )
    return name


def _scopes(names: Iterable[str]) -> tuple[Scope, ...]:
    wanted = set(names)
    unknown = next(iter(sorted(wanted - set(SCOPES))), None)
    if unknown is not None or not wanted:
        raise InputError(
            f"scope {unknown!r} does not exist; give some of {', '.join(SCOPES)}.", reason="BAD_SCOPE", field="scope"
        )
    return tuple(scope for scope in SCOPES if scope in wanted)


def _record(line: dict[str, object]) -> TokenRecord:
    name, digest = str(line["id"]), str(line["digest"])
    if not re.fullmatch("[0-9a-f]{16}", name) or not re.fullmatch("[0-9a-f]{64}", digest):
        raise ValueError("no record of a token")
    expires = datetime.fromisoformat(str(line["expires"]))
    if expires.tzinfo is None:
        raise ValueError("an expiry without a time zone")
    scopes = _scopes(cast("list[str]", line["scopes"]))
    return TokenRecord(name, check_tenant(str(line["tenant"])), scopes, expires.timestamp(), digest)


def _text(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other writers of the folder's lists waiting.

    Raises:
        LimitError, UnavailableError: the folder cannot be made or opened.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise _refused(folder, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _replace(path: Path, content: bytes) -> None:
    """Write a private file whole or not at all.

    Raises:
        LimitError, UnavailableError: the disk does not take it.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as out:
            if os.geteuid() == 0:  # the server that is to read it runs as the owner of the folder
                owner = path.parent.stat()
                os.fchown(out.fileno(), owner.st_uid, owner.st_gid)
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(path)
        fsync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):  # the first error is the one to report
            fresh.unlink(missing_ok=True)
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> W2SError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return (LimitError if full else UnavailableError)(
        f"{str(path)!r} cannot be written ({error.strerror}); see to its disk, and look at the list of tokens "
        "before you try again.",
        reason="STORAGE_FULL" if full else "STORAGE_UNWRITABLE",
    )
