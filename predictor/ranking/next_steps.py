"""Next steps: what would make a decision surer or better, the most useful two."""

from __future__ import annotations

from dataclasses import replace

from predictor.query.query import RankingQuery
from predictor.results.advice import amount
from predictor.results.decision import Decision

LABELS = 50
"""Gold labels that are proposed where there are none."""

FEW_ROWS = 400
"""Rows below which reading more is proposed."""


def next_steps(decision: Decision, query: RankingQuery, evidence: str) -> Decision:
    """The decision with at most two next steps; none where its expected regret is below the tolerance."""
    sure = decision.expected_regret is not None and decision.expected_regret < decision.tolerance
    found = [] if sure else [*_labels(query, evidence), *_launch(decision), *_rows(query)]
    return replace(decision, next_steps=tuple(found[:2]))


def _labels(query: RankingQuery, evidence: str) -> list[str]:
    known = 0 if query.labels is None else int(query.labels.known.sum())
    if query.settings.suggest_labels is not None and known * 2 < len(query.pool):
        step = "label the rows that are suggested here, and give them with --labels"
        if known or query.settings.training.weak_rows is not None:
            return [step]
        rows, _ = query.settings.training.sizes(len(query.pool))
        return [
            f"{step} and --weak-rows {rows}: teachers trained on {rows} rows, as here, not on the labelled ones alone"
        ]
    if known == 0:
        return [f"label the {LABELS} rows that --suggest-labels {LABELS} names, and give them with --labels"]
    if known * 2 < len(query.pool):
        return [f"label more rows than these {known}; --suggest-labels {LABELS} names the most useful"]
    return []


def _launch(decision: Decision) -> list[str]:
    more = decision.one_more
    if more is None or decision.expected_regret is None or more.saves < decision.tolerance:
        return []
    names = " and ".join((*decision.launch, more.name)) if len(decision.launch) == 1 else f"{more.name} as well"
    lost, left = (
        amount(loss, decision.unit) for loss in (decision.expected_regret, decision.expected_regret - more.saves)
    )
    return [f"launch {names} (--launch {len(decision.launch) + 1}): the expected loss falls from {lost} to {left}"]


def _rows(query: RankingQuery) -> list[str]:
    rows = len(query.pool)
    return [f"read more rows: {rows} leave wide intervals"] if rows < FEW_ROWS else []
