"""The floor of a shrinking student's error against every projection of the teacher and random shrinkages."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from predictor.estimators.medvedev2025 import FOLDS, ErrorFloor, quadratic_floor, shrinkage_floor
from predictor.estimators.supervision import cross_fitted
from predictor.query.labels import Labels
from predictor.training.runs import train_w2s
from tests.estimators.cases import case_with, task

ESTIMATOR = ErrorFloor()


@pytest.mark.parametrize(("energy", "alignment"), [(0.5, 0.5), (0.3, 0.4), (1.2, 0.5), (0.6, 0.0), (0.8, -0.3)])
def test_the_floor_is_the_best_over_all_projections_in_the_plane(energy, alignment):
    """y = (1, 0), f with ⟨f, y⟩ and ‖f‖² as given; S = v vᵀ over all v, which trace the sphere with diameter [0, f]."""
    teacher = np.array([alignment, np.sqrt(energy - alignment**2)])
    angles = np.linspace(0, np.pi, 20001)
    v = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    students = v * (v @ teacher)[:, None]
    best = np.min(np.sum((students - [1.0, 0.0]) ** 2, axis=1))
    assert shrinkage_floor(energy, alignment) == pytest.approx(best, abs=1e-6)


def test_no_random_shrinkage_goes_below():
    rng = np.random.default_rng(0)
    for _ in range(300):
        truth = rng.standard_normal(5)
        truth /= np.linalg.norm(truth)
        teacher = rng.standard_normal(5)
        basis = np.linalg.qr(rng.standard_normal((5, 5)))[0]
        student = basis @ (rng.uniform(size=5) * (basis.T @ teacher))
        floor = shrinkage_floor(float(teacher @ teacher), float(teacher @ truth))
        assert np.sum((student - truth) ** 2) >= floor - 1e-12


def test_a_teacher_that_holds_the_truth_inside_its_ball_sets_no_floor():
    assert shrinkage_floor(4.0, 2.0) == 0.0


def test_the_quadratic_floor_by_hand():
    # L = ½: (1.5 − √1.25)/2 = .190983. L = ⅔: (5/3 − √(3 · 1/3))/2 = ⅓ = ¾ L². L = 0 and 1: no loss, all lost.
    assert [quadratic_floor(x) for x in (0.0, 0.5, 2 / 3, 1.0, 1.4)] == pytest.approx(
        [0, 0.190983, 1 / 3, 1, 1], abs=1e-6
    )


@pytest.mark.parametrize("weak_error", [0.05, 0.3, 2 / 3, 0.9])
def test_the_quadratic_floor_is_the_least_over_energies_and_above_three_quarters_of_the_square(weak_error):
    energies = np.linspace(0, 1 - weak_error, 5001)
    least = min(shrinkage_floor(b, (1 + b - weak_error) / 2) for b in energies)
    assert quadratic_floor(weak_error) == pytest.approx(least, abs=1e-9)
    assert quadratic_floor(weak_error) >= 0.75 * weak_error**2 - 1e-12


@pytest.mark.parametrize("kind", ["regression", "multiclass"])
def test_the_estimate_takes_the_weak_heads_held_out_moments_on_the_gold_rows(kind):
    case = case_with("few_labels", kind=kind)
    known = case.labels.known
    gold = case.labels.targets[known]
    for model, found in zip(case.weak, ESTIMATOR.estimate(case), strict=True):
        guessed = cross_fitted(model.features[known], gold, FOLDS, case.rng("error_floor"))
        y, f = gold - gold.mean(axis=0), guessed - guessed.mean(axis=0)
        unit = np.sum(y**2)
        assert found.value == pytest.approx(shrinkage_floor(np.sum(f * f) / unit, np.sum(f * y) / unit))
        assert found.details["weak_error"] == pytest.approx(np.sum((f - y) ** 2) / unit)
        expected = quadratic_floor(found.details["weak_error"]) if np.sum(f * f) <= np.sum(f * y) else None
        assert found.details.get("quadratic_floor") == pytest.approx(expected)


def test_the_quadratic_floor_is_left_out_for_heads_that_claim_more_than_they_know():
    calibrated, overconfident = ESTIMATOR.estimate(case_with("few_labels", noises=(1.2, 30.0), rows=360, seed=4))
    assert "quadratic_floor" in calibrated.details
    assert "quadratic_floor" not in overconfident.details
    assert calibrated.value >= calibrated.details["quadratic_floor"]


def test_measured_students_stay_above_it_and_better_teachers_have_lower_floors():
    case = case_with("few_labels", noises=(0.1, 0.8, 4.0), rows=360)
    measured = train_w2s(case.strong.features, [w.features for w in case.weak], Labels.of(task(case.strong)), splits=4)
    floors = np.array([e.value for e in ESTIMATOR.estimate(case)])
    assert np.all(np.diff(floors) > 0)
    assert np.all(measured.w2s.mean(axis=1) > floors)


def test_it_reports_what_it_lacks():
    assert "--labels FILE" in ESTIMATOR.estimate(case_with("weak_labels"))[0].note
    case = dataclasses.replace(case_with("few_labels", noises=(0.1,)), weak_labels={"t0": np.ones((120, 1))})
    assert "may know the gold rows" in ESTIMATOR.estimate(case)[0].note
