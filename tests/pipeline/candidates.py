"""Candidates of an answer, to be asked for by name."""

from __future__ import annotations


def by_name(ranking):
    """Every candidate, failed ones too, under its name."""
    return {c.name: c for c in ranking.candidates}
