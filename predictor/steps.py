"""Steps: long work as a generator that yields its progress and returns its result; closing it cancels the work."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

T = TypeVar("T")
S = TypeVar("S")
R = TypeVar("R")


@dataclass(frozen=True)
class Progress:
    """One step of a running job, for bars and streams.

    Attributes:
        candidate: name of the model that is being run, or "" where the step concerns all models.
        phase: `load`, `extract`, `label`, `estimate`, `train`, `done` or `failed`.
        done, total: work units of this phase, in rows for `extract`.
    """

    candidate: str
    phase: str
    done: int
    total: int


Steps: TypeAlias = Generator[Progress, None, T]
"""Work that yields `Progress` and returns a T."""


def drain(steps: Generator[S, None, T], each: Callable[[S], object] | None = None) -> T:
    """Run the work to its end and return its result.

    Args:
        steps: the work.
        each: called with every step; None ignores them.
    """
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        if each is not None:
            each(step)


def relay(steps: Generator[S, None, T], convert: Callable[[S], R]) -> Generator[R, None, T]:
    """The same work with every step converted; closing it closes `steps`."""
    try:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                result: T = end.value
                return result
            yield convert(step)
    finally:
        steps.close()
