"""The unit of labels, from weak labels of all rows and gold labels of some that may have been chosen."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.estimators.cross_fitted_students import by_ridge
from predictor.estimators.problem import Case, Representation
from predictor.estimators.truth import TruthForecast
from predictor.estimators.weak_voters import PRIOR_GOLD, weak_voters
from predictor.query.labels import Labels
from predictor.query.training_plan import Training
from predictor.statistics.arrays import Array


def models(rows: int, count: int = 3) -> tuple[Representation, tuple[Representation, ...]]:
    rng = np.random.default_rng(0)
    features = [rng.standard_normal((rows, 5)) for _ in range(count + 1)]
    return Representation("s", features[0]), tuple(Representation(f"w{i}", f) for i, f in enumerate(features[1:]))


def test_unit_of_classes_by_hand() -> None:
    """Votes of .5 and .25 with gold labels 1 and 0 on two rows that say .5: nothing to correct, share 5/16."""
    strong, (weak, *_) = models(16)
    table = np.r_[0.5, 0.5, 0.5, 0.5, np.full(12, 0.25)][:, None]
    gold = Labels(np.r_[1.0, 0.0, 1.0, 0.0, np.full(12, np.nan)][:, None], "binary", ("0", "1"))
    _, coding = weak_voters(Case(strong, (weak,), gold, {"w0": table}), np.arange(4))
    assert coding.centre == pytest.approx([0.3125])
    assert coding.scale == pytest.approx((0.3125 * 0.6875) ** 0.5)
    wrong = Labels(np.r_[1.0, 1.0, 1.0, 0.0, np.full(12, np.nan)][:, None], "binary", ("0", "1"))
    _, moved = weak_voters(Case(strong, (weak,), wrong, {"w0": table}), np.arange(4))
    assert moved.centre == pytest.approx([0.3125 + 0.25 * 4 / (4 + PRIOR_GOLD)])


def test_unit_of_numbers_by_hand() -> None:
    """Votes ±1 with labels twice as far on two rows: variance 1 of the votes, 3 missed, 2 of the prior."""
    strong, (weak, *_) = models(16)
    table = np.array([1.0, -1.0] * 8)[:, None]
    gold = Labels(np.r_[2.0, -2.0, np.full(14, np.nan)][:, None], "regression")
    _, coding = weak_voters(Case(strong, (weak,), gold, {"w0": table}), np.arange(2))
    trust = 2 / (2 + PRIOR_GOLD)
    assert coding.centre == pytest.approx([0.0])
    assert coding.scale**2 == pytest.approx(trust * 4.0 + (1.0 - trust) * 2.0)


def test_chosen_rows_do_not_move_the_unit() -> None:
    """Gold rows chosen among those of one class leave the share where random ones put it."""
    rng, rows = np.random.default_rng(1), 600
    strong, weak = models(rows)
    chance = 1.0 / (1.0 + np.exp(-3.0 * strong.features[:, 0]))
    labels: Array = (rng.random(rows) < chance) * 1.0
    given = {one.name: np.clip(chance + 0.1 * rng.standard_normal(rows), 0.0, 1.0)[:, None] for one in weak}
    for chosen in (rng.permutation(rows)[:60], rng.permutation(np.flatnonzero(chance > 0.6))[:60]):
        gold = np.full((rows, 1), np.nan)
        gold[chosen, 0] = labels[chosen]
        case = Case(strong, weak, Labels(gold, "binary", ("0", "1")), given)
        _, coding = weak_voters(case, np.flatnonzero(case.labels.known if case.labels else []))
        assert coding.centre == pytest.approx([labels.mean()], abs=0.07)


def test_errors_are_measured_on_gold_rows_too() -> None:
    """With gold labels of nearly all rows, errors are those of students against these labels, chosen rows or not."""
    rng, rows = np.random.default_rng(2), 300
    strong, weak = models(rows)
    chance = 1.0 / (1.0 + np.exp(-3.0 * strong.features[:, 0]))
    labels: Array = (rng.random(rows) < chance) * 1.0
    given = {one.name: (chance + (0.1 + 0.1 * i) * rng.standard_normal(rows))[:, None] for i, one in enumerate(weak)}
    gold = labels.copy()[:, None]
    gold[np.argsort(np.abs(strong.features[:, 0]))[:12]] = np.nan
    case = Case(strong, weak, Labels(gold, "binary", ("0", "1")), given)
    found = TruthForecast(halvings=2, draws=8, shuffles=2).forecast(case)
    student = by_ridge(strong.features, Training(), rng)
    learned = np.mean([student(np.stack(list(given.values()))) for _ in range(4)], axis=0)[:, :, 0]
    measured = np.mean((learned - labels) ** 2, axis=1) / np.var(labels)
    assert found.error == pytest.approx(measured, abs=0.05)
