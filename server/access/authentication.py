"""Authentication: callers proved by a token, a client certificate or both, for as long as the call lasts."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from predictor.errors import InputError, UnauthenticatedError, W2SError
from server.access.caller import LOCAL, Caller
from server.access.tokens import TokenFile, TokenRecord, check_tenant, digest_of, match
from server.telemetry.logs import log

POLL_SECONDS = 0.25
"""Pause between two looks at the token file, and at the expiry of tokens with open calls."""

_BEARER = "bearer "
_NOBODY = "0" * 64


class Authenticator:
    """Authenticates callers, and ends the calls of those whose tokens become invalid.

    Args:
        tokens: the token file, or None where callers need no token.
        certificates: whether every connection has shown a client certificate.
        clock: the time now, in seconds since 1970.
    """

    def __init__(self, tokens: TokenFile | None, *, certificates: bool, clock: Callable[[], float] = time.time) -> None:
        self._file = tokens
        self._certificates = certificates
        self._clock = clock
        self._records: dict[str, TokenRecord] = {}
        self._key = secrets.token_bytes(32)
        self._stamps: object = None
        self._open: dict[TokenRecord, set[asyncio.Timeout]] = {}
        if tokens is not None:
            self._read(tokens)

    def bearer(self, metadata: Any) -> TokenRecord | None:
        """The record of the token in a call's metadata; None where no tokens are asked for.

        Raises:
            UnauthenticatedError: there is no valid one. The text never shows what is wrong with it.
        """
        if self._file is None:
            return None
        given = [value for key, value in metadata or () if key == "authorization"]
        text = given[0] if len(given) == 1 and isinstance(given[0], str) else ""
        token = text[len(_BEARER) :] if text[: len(_BEARER)].lower() == _BEARER else ""
        record = self._records.get(match(token) or "")
        expected = _NOBODY if record is None else record.digest
        same = hmac.compare_digest(digest_of(token[:256], self._key), expected)
        if record is None or not same or record.expired(self._clock()):
            raise _unknown()
        return record

    def caller(self, record: TokenRecord | None, context: Any) -> Caller:
        """The caller, from the token's record and the connection.

        Raises:
            UnauthenticatedError: the certificate names no tenant, or another one than the token.
        """
        if not self._certificates:
            return Caller() if record is None else _bearer_of(record)
        tenant = _tenant_of(context.auth_context())
        if record is None:
            return Caller(tenant, frozenset(("read", "submit", "upload")), "certificate")
        if record.tenant != tenant:
            raise UnauthenticatedError(
                "the token belongs to another tenant than the client certificate; use the two of one tenant.",
                reason="UNAUTHENTICATED",
            )
        return _bearer_of(record)

    @asynccontextmanager
    async def known(self, record: TokenRecord | None) -> AsyncIterator[None]:
        """Run the block for as long as the record is valid.

        Raises:
            UnauthenticatedError: the token was revoked or expired meanwhile.
        """
        if record is None:
            yield
            return
        if not self._is_valid(record):
            raise _unknown()
        try:
            async with asyncio.timeout(None) as limit:
                with self._watched(record, limit):
                    yield
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise _unknown() from error

    async def watch(self) -> None:
        """Read the file again when it changes, and end calls whose token became invalid. Runs until cancelled."""
        if self._file is None:
            return
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if _stamp(self._file) != self._stamps:
                await asyncio.to_thread(self._read, self._file)
            self._end_revoked()

    def _end_revoked(self) -> None:
        now = asyncio.get_running_loop().time()
        for record, limits in self._open.items():
            if not self._is_valid(record):
                for limit in limits:
                    if limit.when() is None:
                        limit.reschedule(now)

    def _is_valid(self, record: TokenRecord) -> bool:
        return self._records.get(record.id) == record and not record.expired(self._clock())

    def _read(self, file: TokenFile) -> None:
        """Load the file. Where it cannot be read no token is valid: the change may have been a revocation."""
        stamps = _stamp(file)
        try:
            self._key, self._records = file.key(), file.read()
            log("tokens_read", tokens=len(self._records))
        except W2SError as error:
            self._records = {}
            log("tokens_unreadable", reason=error.reason)
        self._stamps = stamps

    @contextmanager
    def _watched(self, record: TokenRecord, limit: asyncio.Timeout) -> Iterator[None]:
        limits = self._open.setdefault(record, set())
        limits.add(limit)
        try:
            yield
        finally:
            limits.discard(limit)
            if not limits:
                self._open.pop(record, None)


def _bearer_of(record: TokenRecord) -> Caller:
    return Caller(record.tenant, frozenset(record.scopes), f"token:{record.id}")


def _tenant_of(connection: dict[str, list[bytes]]) -> str:
    names = connection.get("x509_subject_alternative_name", [])
    with contextlib.suppress(InputError, UnicodeDecodeError):
        if len(names) == 1:
            return check_tenant(names[0].decode())
    raise UnauthenticatedError(
        f"the client certificate has {len(names)} subject alternative names; it needs exactly one, which names the "
        f"tenant in letters, digits and ._:/@+- and is not {LOCAL!r}.",
        reason="UNAUTHENTICATED",
    )


def _unknown() -> UnauthenticatedError:
    return UnauthenticatedError(
        "this call carries no token that is valid here and now; send `authorization: Bearer TOKEN` (w2s does, given "
        "--token-file FILE), and ask the operator for a fresh one where it expired or was revoked.",
        reason="UNAUTHENTICATED",
    )


def _stamp(file: TokenFile) -> object:
    """What changes with the file."""
    try:
        found = file.path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
