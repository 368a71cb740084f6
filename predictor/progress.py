"""Progress: one step of a running job."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One step of a running job, for bars and streams.

    Attributes:
        candidate: name of the model at work, or "" where the step concerns all.
        phase: `load`, `extract`, `label`, `estimate`, `done` or `failed`.
        done, total: work units of this phase, in rows for `extract`.
    """

    candidate: str
    phase: str
    done: int
    total: int
