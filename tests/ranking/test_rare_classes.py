"""Rare classes: rows drawn at random may miss the only positive ones, and no ranking breaks on it."""

from __future__ import annotations

import numpy as np
import pytest

import predictor
from predictor.errors import InputError
from predictor.estimators.problem import Case, Representation
from predictor.estimators.protocol import Forecaster
from predictor.estimators.registry import ESTIMATORS
from predictor.query.evidence import Evidence
from predictor.query.labels import Labels
from predictor.ranking.point_values import some_rows

ROWS, GOLD = 90, 30
LABELLED = [
    name
    for name, one in ESTIMATORS.items()
    if one.evidence == Evidence.few_labels and not isinstance(one, Forecaster) and name != "over_optimization"
]


@pytest.fixture(scope="module")
def models():
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((ROWS, 4))
    strong = np.hstack([shared, 0.3 * rng.standard_normal((ROWS, 4))])
    return {
        "strong": strong,
        "weak": {f"w{i}": shared[:, i:] + 0.5 * rng.standard_normal((ROWS, 4 - i)) for i in (0, 1, 2)},
    }


def labels(positives: int) -> np.ndarray:
    found = np.full(ROWS, np.nan)
    found[:GOLD] = 0.0
    found[:positives] = 1.0
    return found


@pytest.mark.parametrize("name", ["misfit", *LABELLED])
def test_every_estimator_that_makes_the_order_bears_one_positive_row(models, name):
    found = predictor.predict(**models, labels=labels(1), estimators=[name])
    assert [c.status for c in found.candidates] == ["ok"] * 3
    assert found.to_json()


def test_random_rows_are_drawn_again_until_their_labels_differ(models):
    case = Case(Representation("s", models["strong"]), (), Labels.of(labels(1)))
    rng = np.random.default_rng(0)
    drawn = [some_rows(case, ROWS // 2, rng) for _ in range(20)]
    assert all(case.take(rows).labels.trainable for rows in drawn)
    free = Case(Representation("s", models["strong"]), ())
    np.testing.assert_array_equal(
        some_rows(free, 9, np.random.default_rng(4)), np.random.default_rng(4).permutation(ROWS)[:9]
    )


def test_labels_teach_where_they_differ_and_leave_rows_to_predict():
    assert Labels.of(labels(1)).trainable
    assert not Labels.of(labels(1)).take(np.arange(1, ROWS)).trainable
    assert not Labels.of(labels(1)).take(np.arange(GOLD + 7)).trainable
    assert Labels.of(labels(1)).take(np.arange(GOLD + 8)).trainable
    assert not Labels.of(labels(1)).take(np.r_[:3, GOLD:ROWS]).trainable
    assert Labels.of(labels(1)).take(np.r_[:4, GOLD:ROWS]).trainable


def test_rows_drawn_with_one_class_alone_are_refused(models):
    with pytest.raises(InputError, match=r"gold labels of the 40 rows drawn are all the same.*Raise --max-rows"):
        predictor.predict(**models, labels=labels(1), max_rows=40, seed=1, estimators=["logme"])


def test_a_budget_that_shows_one_class_alone_is_refused(models):
    strong = np.tile(models["strong"], (4, 1))
    gold = np.concatenate([labels(1), labels(0), labels(0), labels(0)])
    weak = {name: np.tile(one, (4, 1)) for name, one in models["weak"].items()}
    with pytest.raises(InputError, match=r"the 150 rows that may be read carry \d+ gold labels.*raise --budget"):
        predictor.rank(strong=strong, weak=weak, labels=gold, budget=0.2, seed=0, estimators=["logme"])
