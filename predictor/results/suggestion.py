"""Suggestions: the rows whose gold labels would tell most about the choice, and what labels are expected to change."""

from __future__ import annotations

from dataclasses import dataclass

LITTLE = 0.9
"""Share of the regret after as many random rows, from which suggested rows save next to nothing more."""


@dataclass(frozen=True)
class SuggestedLabel:
    """One row to label.

    Attributes:
        id: of the row in the pool.
        reason: what its label tells, in one phrase.
    """

    id: str
    reason: str


@dataclass(frozen=True)
class LabelValue:
    """What a number of further gold labels is expected to bring.

    Attributes:
        labels: beside those given; 0 is today.
        expected_regret: of the choice made after labelling that many suggested rows: how much worse the candidate taken
            is expected to be than the best one.
        random_regret: the same after as many random rows.
        unit: of both, that of the order.
    """

    labels: int
    expected_regret: float
    random_regret: float
    unit: str


def in_words(values: tuple[LabelValue, ...]) -> str:
    """One or two sentences on what labels are expected to change; empty without a curve."""
    if not values:
        return ""
    today, *later = values
    if today.expected_regret <= 0.0 or not later:
        return "Labels would change nothing: no other candidate is expected to be better."
    steps = ", ".join(f"{one.expected_regret:.2g} after {one.labels}" for one in later)
    text = f"Expected regret of the choice ({today.unit}): {today.expected_regret:.2g} today, {steps} suggested labels."
    last = later[-1]
    if all(one.expected_regret > LITTLE * one.random_regret for one in later):
        return f"{text} Random rows are expected to do as well here."
    return f"{text} {last.labels} random labels: {last.random_regret:.2g}."
