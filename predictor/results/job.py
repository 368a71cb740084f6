"""Job: a ranking that outlives the call that asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, cast, get_args

from predictor.errors import W2SError
from predictor.results.ranking import Ranking
from predictor.steps import Progress

JobState = Literal["QUEUED", "RUNNING", "CANCELLING", "SUCCEEDED", "PARTIAL", "FAILED", "CANCELLED"]

STATES = cast("tuple[JobState, ...]", get_args(JobState))
TERMINAL: frozenset[JobState] = frozenset({"SUCCEEDED", "PARTIAL", "FAILED", "CANCELLED"})
"""States that never change."""


@dataclass(frozen=True, eq=False)
class Job:
    """The state of a ranking.

    Attributes:
        id: name given by the server.
        state: one of `STATES`.
        created, updated: when it was stored, and when its state last changed; UTC.
        revision: grows with every change; 1 or more.
        attempts: how often a worker started on it.
        request_id: name given by the creator.
        error: why it FAILED, or None.
        progress: the last step of a RUNNING job, or None.
        ranking: the answer; None until there is one, and in listings.
        repeat_of: id of the job whose request this one runs again, or None.
        started: when its last attempt began, or None; UTC, as all times.
        ended: when it reached its terminal state, or None.
        deadline: time by which it has to end, or None.
        queue_place: place among the waiting jobs by creation, from 1; None unless it waits and was got alone.
        labels: names and values to find it by.
    """

    id: str
    state: JobState
    created: datetime
    updated: datetime
    revision: int
    attempts: int
    request_id: str = ""
    error: W2SError | None = None
    progress: Progress | None = None
    ranking: Ranking | None = None
    repeat_of: str | None = None
    started: datetime | None = None
    ended: datetime | None = None
    deadline: datetime | None = None
    queue_place: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """True in a terminal state."""
        return self.state in TERMINAL

    def to_dict(self) -> dict[str, Any]:
        """The JSON object; absent values are None."""
        error, step = self.error, self.progress
        return {
            "id": self.id,
            "state": self.state,
            "created": _text(self.created),
            "updated": _text(self.updated),
            "started": _text(self.started),
            "ended": _text(self.ended),
            "deadline": _text(self.deadline),
            "queue_place": self.queue_place,
            "labels": dict(self.labels),
            "revision": self.revision,
            "attempts": self.attempts,
            "request_id": self.request_id,
            "repeat_of": self.repeat_of,
            "error": None
            if error is None
            else {"code": error.code, "reason": error.reason, "message": error.message, "field": error.field},
            "progress": None
            if step is None
            else {"candidate": step.candidate, "phase": step.phase, "done": step.done, "total": step.total},
            "ranking": None if self.ranking is None else self.ranking.to_dict(),
        }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds")
