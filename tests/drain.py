"""Running a generator of steps to its end."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

T = TypeVar("T")


def drain(steps: Generator[Any, None, T]) -> T:
    """The generator's value; its steps are dropped."""
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            value: T = finished.value
            return value
