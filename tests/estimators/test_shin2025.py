"""Overlap density against brute force over cuts and pairs, and on rows whose patterns are planted."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from predictor.estimators import shin2025
from predictor.estimators.problem import Case, Representation
from predictor.estimators.shin2025 import OverlapDensity, Patterns, alignment, below_change
from tests.estimators.cases import case_with
from tests.reference import dense

ESTIMATOR = OverlapDensity()


def cut(values):
    """The cut of the sorted values with least squared error of both runs, by trying each."""
    ordered = sorted(values)
    costs = {}
    for place in range(1, len(ordered)):
        runs = (ordered[:place], ordered[place:])
        costs[place] = sum(sum((x - sum(run) / len(run)) ** 2 for x in run) for run in runs)
    return ordered[min(costs, key=costs.get)]


def planted(rng, count=60):
    """Weak probabilities and strong features of easy, hard and overlapping rows, a third each, off centre."""
    kinds = np.repeat([0, 1, 2], count)
    easy, hard = np.eye(2)[[0, 1]] * 3.0
    features = np.zeros((3 * count, 6))
    features[:, 2:] = 0.1 * rng.standard_normal((3 * count, 4))
    signs = rng.choice([-1.0, 1.0], 3 * count)
    features[:, :2] += signs[:, None] * np.select(
        [kinds[:, None] == 0, kinds[:, None] == 1], [easy, hard], easy / 3 + hard
    )
    confident = np.where(kinds == 1, rng.uniform(0.0, 0.1, 3 * count), rng.uniform(0.7, 0.9, 3 * count))
    return kinds, features + 5.0, 0.5 + signs * confident / 2.0


@pytest.mark.parametrize("seed", range(5))
def test_the_change_point_is_the_best_of_all_cuts(seed):
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(0, 1, 20 + seed), rng.normal(2, 0.5, 13)])
    np.testing.assert_array_equal(below_change(values), values < cut(values))


def test_the_change_point_by_hand():
    assert below_change(np.array([9.0, 1.0, 2.0, 10.0, 1.5])).tolist() == [False, True, True, False, True]


@pytest.mark.parametrize("values", [np.ones(9), np.array([1.0, 2.0, 3.0])])
def test_values_without_spread_or_too_few_have_no_change_point(values):
    assert below_change(values) is None


def test_alignment_is_the_largest_absolute_cosine_also_over_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    rows, hard = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in rng.standard_normal((2, 11, 4)))
    hard = hard[:5]
    slow = [max(abs(sum(a * b for a, b in zip(row, other, strict=True))) for other in hard) for row in rows]
    np.testing.assert_allclose(alignment(rows, hard), slow, atol=1e-12)
    monkeypatch.setattr(shin2025, "BLOCK", 3)
    np.testing.assert_allclose(alignment(rows, hard), slow, atol=1e-12)


def test_planted_patterns_are_found():
    kinds, features, weak = planted(np.random.default_rng(1))
    found = Patterns.of(np.abs(2 * weak - 1), features)
    assert np.mean(found.easy == (kinds == 0)) > 0.95
    np.testing.assert_array_equal(found.hard, kinds == 1)
    assert np.mean(found.overlap == (kinds == 2)) > 0.95


def test_every_row_carries_exactly_one_pattern():
    rng = np.random.default_rng(2)
    found = Patterns.of(rng.uniform(size=50), rng.standard_normal((50, 4)))
    np.testing.assert_array_equal(found.hard.astype(int) + found.easy + found.overlap, 1)


@pytest.mark.parametrize("columns", [1, 3])
def test_the_estimate_is_that_of_the_published_steps_written_out(columns):
    rng = np.random.default_rng(3)
    features = rng.standard_normal((70, 5)) + 2.0
    weak = rng.dirichlet(np.ones(3), 70) if columns == 3 else rng.uniform(size=(70, 1))
    case = Case(Representation("s", features), (Representation("a", features),), weak_labels={"a": weak})
    ordered = np.sort(weak, axis=1)
    confidence = ordered[:, -1] - ordered[:, -2] if columns == 3 else 2 * np.abs(weak[:, 0] - 0.5)
    hard = confidence < cut(confidence)
    unit = dense.standardise(features)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    scores = np.abs(unit[~hard] @ unit[hard].T).max(axis=1)
    (found,) = ESTIMATOR.estimate(case)
    assert found.value == pytest.approx(np.sum(scores >= cut(scores)) / 70)
    assert found.details["hard_only"] == pytest.approx(hard.mean())
    assert sum(found.details.values()) == pytest.approx(1.0)


def test_more_overlap_rows_give_more_density():
    kinds, features, weak = planted(np.random.default_rng(4))
    densities = []
    for dropped in (40, 0):
        kept = np.flatnonzero((kinds != 2) | (np.cumsum(kinds == 2) > dropped))
        one = Representation("a", features[kept])
        densities.append(ESTIMATOR.estimate(Case(one, (one,), weak_labels={"a": weak[kept, None]}))[0].value)
    assert densities[0] < densities[1]


def test_numbers_to_regress_on_have_no_confidence():
    for evidence in ("weak_labels", "few_labels"):
        for one in ESTIMATOR.estimate(case_with(evidence)):
            assert (one.value, one.note) == (None, "needs classes: a number to regress on has no confidence")


def test_hard_votes_without_spread_in_confidence_are_absent_with_the_reason():
    case = case_with("representations", noises=(0.1,))
    case = dataclasses.replace(case, weak_labels={"t0": (np.arange(120) % 2)[:, None] * 1.0})
    assert "do not vary" in ESTIMATOR.estimate(case)[0].note


def test_a_missing_change_point_library_is_named(monkeypatch):
    monkeypatch.setattr(shin2025, "find_spec", lambda name: None)
    (one,) = ESTIMATOR.estimate(case_with("few_labels", noises=(0.1,), kind="binary"))
    assert (one.value, one.note) == (None, "needs the package ruptures: pip install 'w2s-predictor[evidence]'")
