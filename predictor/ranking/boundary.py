"""The boundary around a model: any error inside becomes the failure of its candidate, or ends the request clearly.

Libraries that load and run models raise what they like (RuntimeError, OSError, MemoryError, KeyError, …). One model
must not end the ranking of the others, so this is the one place that catches every class of error.
"""

from __future__ import annotations

import concurrent.futures
from types import TracebackType

from predictor.errors import W2SError
from predictor.query.model_spec import ModelSpec
from predictor.results.candidate import Failure

MAX_TEXT = 300
"""Characters of a foreign error that are shown."""


class CandidateBoundary:
    """Context in which work on one candidate is done; afterwards `failure` is its failure, or None.

    A cancellation passes through, and so does what is no `Exception`: KeyboardInterrupt, SystemExit, GeneratorExit.
    """

    def __init__(self, spec: ModelSpec) -> None:
        self.failure: Failure | None = None
        self._spec = spec

    def __enter__(self) -> CandidateBoundary:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, W2SError) and error.code != "CANCELLED":
            self.failure = Failure.of(error)
        elif _foreign(error):
            self.failure = Failure("INTERNAL", "CANDIDATE_FAILED", _message(error, self._spec))
        return self.failure is not None


class StrongBoundary:
    """Context in which work on the strong model is done. A foreign error becomes a W2SError, which ends the request.

    A MemoryError passes through: a worker reports it as its own limit.
    """

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if _foreign(error) and not isinstance(error, MemoryError):
            text = f"the strong model cannot be used: {_message(error, self._spec)}"
            raise W2SError(text, reason="STRONG_MODEL_FAILED", field="strong") from error


def _foreign(error: BaseException | None) -> bool:
    """Whether the error is none that this project raises on purpose, and no cancellation."""
    return isinstance(error, Exception) and not isinstance(error, W2SError | concurrent.futures.CancelledError)


def _message(error: BaseException | None, spec: ModelSpec) -> str:
    text = " ".join(str(error).split())
    shown = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
    step = f"run `w2s models check {spec.reference}`" if spec.needs_rows else "check its array"
    return f"{spec.name!r} raised {type(error).__name__}{f': {shown}' if shown else ''}; {step}, or leave it out."
