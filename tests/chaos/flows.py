"""Flows: what a server writes, step by step, with what must be found of it whenever it is cut short."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tests.chaos import file_flows, job_flows, set_flows


class Flow(Protocol):
    """One thing that a server does.

    Attributes:
        steps: what it does in order; each raises W2SError where the disk refuses, and can then be done again.
        also: reasons that a full disk may be given too.
    """

    steps: list[Callable[[], object]]
    also: frozenset[str]

    def read(self, done: int) -> list[str]:
        """What cannot be read, with `done` steps done, while the disk refuses writes."""
        ...

    def found(self, folder: Path, done: int) -> list[str]:
        """What is wrong in a copy of the folder, taken with `done` steps done and perhaps the next one half."""
        ...

    def close(self) -> None:
        """Let go of every file."""
        ...


FLOWS: dict[str, Callable[[Path], Flow]] = {
    "jobs": job_flows.Jobs,
    "job ends": job_flows.JobEnds,
    "opening": job_flows.Opening,
    "begin": set_flows.Begin,
    "upload": set_flows.Upload,
    "put": set_flows.Put,
    "push": set_flows.Push,
    "part": file_flows.Part,
    "outcomes": file_flows.Outcomes,
    "calibrations": file_flows.Calibrations,
    "tokens": file_flows.Tokens,
    "audit": file_flows.Audit,
    "notes": file_flows.Notes,
}
