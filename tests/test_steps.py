"""Long work as generators: running it to the end, and converting its steps."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from predictor.steps import drain, relay


def work(closed: list[bool]) -> Generator[int, None, str]:
    try:
        yield 1
        yield 2
    finally:
        closed.append(True)
    return "result"


def test_drain_returns_the_result() -> None:
    """`drain` shows every step in order and returns what the generator returns."""
    seen: list[int] = []
    assert drain(work([]), seen.append) == "result"
    assert seen == [1, 2]
    assert drain(work([])) == "result"


def test_relay_converts_steps() -> None:
    """`relay` converts every step and keeps the result."""
    seen: list[str] = []
    assert drain(relay(work([]), str), seen.append) == "result"
    assert seen == ["1", "2"]


def test_closing_a_relay_closes_the_work() -> None:
    """Work that is closed half-way, or whose conversion fails, is cleaned up."""
    closed: list[bool] = []
    relayed = relay(work(closed), str)
    next(relayed)
    relayed.close()
    assert closed == [True]
    with pytest.raises(ZeroDivisionError):
        drain(relay(work(closed), lambda step: 1 // (step - 1)))
    assert closed == [True, True]
