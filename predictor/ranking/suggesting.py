"""Suggesting: rows to label next, and the value of labels, for one order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from predictor.decision.draws import OutcomeDraws
from predictor.decision.label_stake import ChosenRows, LabelStake
from predictor.decision.label_value import expected_regret, regret_shares
from predictor.errors import InputError
from predictor.estimators.label_stakes import label_stake
from predictor.estimators.problem import Case
from predictor.query.query import RankingQuery
from predictor.query.settings import RankBy
from predictor.ranking.ordering import Ordering
from predictor.results.suggestion import LabelValue, SuggestedLabel
from predictor.statistics.arrays import Array

CURVE = (10, 50, 200)
"""Numbers of labels whose value is reported, beside the number asked for."""

RANDOM_ORDERS = 4
"""Of rows, whose mean is what random rows are expected to do."""

UNITS: dict[RankBy, str] = {"accuracy": "share of rows", "w2s_error": "label variance", "gain": "label variance"}


@dataclass(frozen=True)
class Suggestions:
    """Rows to label next, and the value of labels."""

    rows: tuple[SuggestedLabel, ...] = ()
    values: tuple[LabelValue, ...] = ()


NONE = Suggestions()


def suggestions_for(query: RankingQuery, case: Case, ordering: Ordering) -> Suggestions:
    """What the query asks for; nothing of a single candidate.

    Raises:
        InputError: rows are asked for and the ranking estimator predicts no outcome.
    """
    count = query.settings.suggest_labels
    if count is None or len(case.weak) < 2:
        return NONE
    if ordering.draws is None or ordering.rank_by is None:
        raise InputError(
            f"labels are suggested by what they tell of predicted outcomes, and {ordering.estimator.name} predicts "
            "none; leave --estimator out, or --suggest-labels.",
            reason="BAD_SETTING",
            field="suggest_labels",
        )
    return suggestions(case, ordering.draws, ordering.rank_by, count, query.pool.ids)


def suggestions(case: Case, draws: OutcomeDraws, rank_by: RankBy, count: int, ids: Sequence[str]) -> Suggestions:
    """Rows without a gold label, in the order in which they were chosen, and the curve of the expected regret.

    Args:
        draws: joint outcomes of the candidates of the case.
        rank_by: the outcome that makes the order.
        count: rows wanted; fewer come back where fewer are left.
        ids: of all rows.
    """
    outcomes = losses(draws, rank_by)
    lead, shares = regret_shares(outcomes)
    rows, stake = label_stake(case, accuracy=rank_by == "accuracy")
    known = np.zeros(case.rows, dtype=bool) if case.labels is None else case.labels.known
    free = ~known[rows]
    counts = sorted({0, count, *CURVE} & set(range(int(free.sum()) + 1)))
    rng = case.rng("suggestions")
    chosen = stake.choose(lead, shares, max(count, counts[-1]), free, rng)
    orders = (rng.permutation(np.flatnonzero(free))[: counts[-1]] for _ in range(RANDOM_ORDERS))
    others = [stake.left(lead, shares, one) for one in orders]
    by_rule, by_chance = (
        expected_regret(outcomes, left[counts], case.rng("value of labels"))
        for left in (chosen.left, np.mean(others, axis=0))
    )
    unit = UNITS[rank_by]
    values = tuple(
        LabelValue(number, float(one), float(other), unit)
        for number, one, other in zip(counts, by_rule, by_chance, strict=True)
    )
    reasons = _reasons(stake, lead, draws.names, chosen)
    found = tuple(SuggestedLabel(ids[rows[row]], why) for row, why in zip(chosen.rows[:count], reasons, strict=False))
    return Suggestions(found, values)


def losses(draws: OutcomeDraws, rank_by: RankBy) -> Array:
    """(R, m) outcomes of which less is better."""
    if rank_by == "gain":
        return -draws.gain
    if rank_by == "accuracy" and draws.w2s_accuracy is not None:
        return 1.0 - draws.w2s_accuracy
    return draws.w2s_error


def _reasons(stake: LabelStake, lead: int, names: Sequence[str], chosen: ChosenRows) -> list[str]:
    """A phrase per chosen row: students differ on it, or on rows like it."""
    apart = np.mean(np.sum(np.abs(stake.slopes - stake.slopes[:, [lead]]), axis=3), axis=0)
    differ = apart > np.quantile(apart, 0.75, axis=1, keepdims=True)
    found = []
    for row, other in zip(chosen.rows, chosen.against, strict=True):
        pair = f"students of {names[lead]} and {names[other]}"
        where = f"{pair} differ here" if differ[other, row] else f"resembles rows on which {pair} differ"
        found.append(where if other != lead else "any row tells as much")
    return found
