"""Errors that a caller can fix. Any other exception is a bug and should look like one."""

from __future__ import annotations

from typing import ClassVar


class W2SError(Exception):
    """Base of every error that this project raises on purpose.

    Attributes:
        code: canonical gRPC status name, so that one interceptor can map every error.
        reason: UPPER_SNAKE, stable, for programs.
        message: what was wrong, the allowed range, the value received, the next step; for people.
        field: the request field or file that is wrong, or None.
    """

    code: ClassVar[str] = "INTERNAL"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, reason: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.field = field

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.reason, self.field))


def _rebuild(kind: type[W2SError], message: str, reason: str, field: str | None) -> W2SError:
    return kind(message, reason=reason, field=field)


class InputError(W2SError):
    """The request itself is wrong: a missing column, a NaN, an unknown name."""

    code = "INVALID_ARGUMENT"
    exit_code = 2


class NotFoundError(W2SError):
    """A file, model, feature set or job that does not exist (or is not the caller's)."""

    code = "NOT_FOUND"
    exit_code = 2


class RefusedError(W2SError):
    """It exists and is refused as it is: a pickle, unknown code, an unreadable architecture."""

    code = "FAILED_PRECONDITION"
    exit_code = 2


class LimitError(W2SError):
    """Too large or too much for the stated limit."""

    code = "RESOURCE_EXHAUSTED"


class UnavailableError(W2SError):
    """Something needed is not reachable now: a server, a registry."""

    code = "UNAVAILABLE"


class CancelledError(W2SError):
    """The caller asked for the work to stop, and it stopped."""

    code = "CANCELLED"
    exit_code = 130


class DeadlineError(W2SError):
    """The caller's own deadline passed first."""

    code = "DEADLINE_EXCEEDED"


class ConflictError(W2SError):
    """The name is taken: a request id that another request has."""

    code = "ALREADY_EXISTS"
    exit_code = 2


class UnauthenticatedError(W2SError):
    """The server does not know who asks: no token, or none that is valid now."""

    code = "UNAUTHENTICATED"


class ForbiddenError(W2SError):
    """The server knows who asks, and that they may not do this."""

    code = "PERMISSION_DENIED"
