"""Pages: tokens of lists, which tell their holder nothing and work for nobody else, before and after a restart."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from predictor.errors import InputError, UnavailableError

_KEY_BYTES = 32
_SEAL_BYTES = 16
_MAX_CHARACTERS = 1024


class PageTokens:
    """Seals the place where a page ends.

    A token is a synthetic nonce, the HMAC-SHA256 over tenant, list and place, and the place under a keystream of that
    nonce: deterministic authenticated encryption (Rogaway and Shrimpton 2006, SIV) of HMACs alone.

    Args:
        key: 32 bytes that nobody else knows.
    """

    def __init__(self, key: bytes) -> None:
        self._sealing = hmac.digest(key, b"seal", hashlib.sha256)
        self._hiding = hmac.digest(key, b"hide", hashlib.sha256)

    def give(self, listing: str, tenant: str, place: str) -> str:
        """The token of a place, in a list of a tenant."""
        raw = place.encode()
        seal = self._seal(listing, tenant, raw)
        return base64.urlsafe_b64encode(seal + self._hidden(seal, raw)).decode()

    def take(self, listing: str, tenant: str, token: str) -> str | None:
        """The place of a token; None for the empty one, which is that of the first page.

        Raises:
            InputError: it was not given to this tenant for this list.
        """
        if not token:
            return None
        try:
            raw = base64.b64decode(token[:_MAX_CHARACTERS].encode(), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        seal, hidden = raw[:_SEAL_BYTES], raw[_SEAL_BYTES:]
        place = self._hidden(seal, hidden)
        if not hidden or not hmac.compare_digest(seal, self._seal(listing, tenant, place)):
            raise InputError(
                "page_token was not given out by this server, to you and for this list; leave it empty for the first "
                "page.",
                reason="BAD_PAGE",
                field="page_token",
            )
        return place.decode()

    def _seal(self, listing: str, tenant: str, place: bytes) -> bytes:
        parts = (listing.encode(), tenant.encode(), place)
        told = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._sealing, told, hashlib.sha256)[:_SEAL_BYTES]

    def _hidden(self, seal: bytes, text: bytes) -> bytes:
        blocks = range(-(-len(text) // hashlib.sha256().digest_size))
        stream = b"".join(hmac.digest(self._hiding, seal + bytes([block]), hashlib.sha256) for block in blocks)
        return bytes(letter ^ pad for letter, pad in zip(text, stream, strict=False))


def page_tokens(path: Path) -> PageTokens:
    """Tokens by the key in a private file, which is made where there is none.

    Raises:
        UnavailableError: it cannot be read or written.
    """
    try:
        if not path.exists():
            fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as out:
                out.write(secrets.token_bytes(_KEY_BYTES))
                out.flush()
                os.fsync(out.fileno())
            fresh.replace(path)
        key = path.read_bytes()
    except OSError as error:
        raise UnavailableError(
            f"key file {str(path)!r} cannot be read or written ({error.strerror}); see to its folder.",
            reason="STORAGE_UNWRITABLE",
        ) from error
    if len(key) != _KEY_BYTES:
        raise UnavailableError(
            f"key file {str(path)!r} has {len(key)} bytes, not {_KEY_BYTES}; remove it, and a fresh one is made. "
            "Lists that are being paged through then start anew.",
            reason="STORAGE_DAMAGED",
        )
    return PageTokens(key)
