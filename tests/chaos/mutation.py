"""Mutation: one guard to take out, and the test that misses it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """A guard, and the test that misses it.

    Attributes:
        guard: what is taken out.
        file: where.
        old, new: text there, and what replaces its first occurrence.
        test: that must turn red.
    """

    guard: str
    file: str
    old: str
    new: str
    test: str
