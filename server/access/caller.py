"""Caller: the author of a call, known to everything below the interceptors."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

Scope = Literal["read", "submit", "upload", "admin"]

SCOPES = cast("tuple[Scope, ...]", get_args(Scope))

LOCAL = "local"
"""Tenant of every caller of a server without credentials; no token and no certificate may name it."""


@dataclass
class Caller:
    """One call's author.

    Attributes:
        tenant: owner of every row and file that the call makes or sees.
        scopes: what the author may do; `admin` may do everything within the tenant.
        credential: what proved it, without its secret: `token:ID`, `certificate`, or `none`.
        job: id of the job that the call made or changed, for the audit log; None for none.
    """

    tenant: str = LOCAL
    scopes: frozenset[Scope] = field(default_factory=lambda: frozenset(SCOPES))
    credential: str = "none"
    job: str | None = None

    def may(self, scope: Scope) -> bool:
        """Whether the caller has the scope, or all of them."""
        return scope in self.scopes or "admin" in self.scopes


_CALLER: ContextVar[Caller | None] = ContextVar("w2s_caller", default=None)


def known_caller() -> Caller | None:
    """The author of this call; None where it was refused before that was known."""
    return _CALLER.get()


def current_caller() -> Caller:
    """The author of the call that is being served.

    Raises:
        LookupError: no caller was set; the call must not be served then.
    """
    found = _CALLER.get()
    if found is None:
        raise LookupError("no caller is known here; the authentication interceptor comes first")
    return found


def current_tenant() -> str:
    """The tenant of the call that is being served."""
    return current_caller().tenant


def set_caller(caller: Caller) -> None:
    """Set the caller, for the rest of this call."""
    _CALLER.set(caller)
