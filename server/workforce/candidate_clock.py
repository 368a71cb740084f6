"""CandidateClock: which candidate an attempt is at, and how long it has been at each."""

from __future__ import annotations

from dataclasses import dataclass

from predictor.errors import DeadlineError, RefusedError, W2SError
from predictor.steps import Progress
from server.durable.rows import Exclusion

_WORK = frozenset(("load", "extract", "label", "estimate"))


class CandidateClock:
    """Sums the time of one attempt by model.

    Args:
        max_seconds: time that one model may take, in all its phases; 0 for no limit.
        now: seconds of a clock that only grows.
    """

    def __init__(self, max_seconds: float, now: float) -> None:
        self.current = ""
        self._max_seconds = max_seconds
        self._since = now
        self._spent: dict[str, float] = {}

    def step(self, progress: Progress, now: float) -> float | None:
        """Account for a step; returns when the time of the model that is being worked on is over, or None."""
        self._spent[self.current] = self._spent.get(self.current, 0.0) + now - self._since
        # One model read at several layers has one name each in the estimates.
        self.current = progress.candidate.partition("#layer=")[0] if progress.phase in _WORK else ""
        self._since = now
        if not self.current or not self._max_seconds:
            return None
        return now + max(0.0, self._max_seconds - self._spent.get(self.current, 0.0))


@dataclass(frozen=True)
class Loss:
    """An attempt without an answer.

    Attributes:
        candidate: the model that the worker was at, or "".
        reason: `CANDIDATE_LOST` where the worker ended, `CANDIDATE_TIMEOUT` where the model's time was over.
    """

    candidate: str
    reason: str

    def exclusion(self, losses: int) -> Exclusion | None:
        """The candidate to leave out of the next attempt, or None.

        A worker may end by an accident, or over a model that was being loaded ahead. So the first loss of a job leaves
        nothing out, and later attempts load nothing ahead.

        Args:
            losses: attempts that the job lost before.
        """
        if not self.candidate or (self.reason == "CANDIDATE_LOST" and not losses):
            return None
        return Exclusion(self.candidate, self.reason)


@dataclass(frozen=True)
class History:
    """What a worker is told of the earlier attempts at a job.

    Attributes:
        retried: whether one of them was lost.
        excluded: candidates to leave out.
        max_seconds: time that one model may take.
    """

    retried: bool = False
    excluded: tuple[Exclusion, ...] = ()
    max_seconds: float = 0.0

    @property
    def prefetch(self) -> bool | None:
        """Whether the next model may be loaded while one runs: not where it must be known which one ends the worker."""
        return False if self.retried else None

    def errors(self) -> dict[str, W2SError]:
        """The errors of the candidates to leave out, by name."""
        return {one.candidate: exclusion_error(one, self.max_seconds) for one in self.excluded}

    def write(self) -> bytes:
        """For the pipe; nothing where there is nothing to tell."""
        if not self.retried:
            return b""
        return f"{self.max_seconds} {Exclusion.write(self.excluded)}".encode()

    @staticmethod
    def read(raw: bytes) -> History:
        """What `write` wrote."""
        seconds, _, excluded = raw.decode().partition(" ")
        return History(True, Exclusion.read(excluded), float(seconds))


def exclusion_error(exclusion: Exclusion, max_seconds: float) -> W2SError:
    """The error of a candidate that is left out."""
    if exclusion.reason == "CANDIDATE_TIMEOUT":
        return DeadlineError(
            f"{exclusion.candidate!r} took longer than the {max_seconds:g} s that this server gives one model; ask for "
            "fewer rows or a smaller model.",
            reason="CANDIDATE_TIMEOUT",
        )
    return RefusedError(
        f"a worker ended over {exclusion.candidate!r}, most likely for want of memory or at its tokenizer; ask for "
        "fewer rows or a smaller model, or run `w2s models check` on it.",
        reason="CANDIDATE_LOST",
    )
