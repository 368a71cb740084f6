"""Refinement: relabelling against sums over rows, the naive limit against a search, and which way the score points."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from predictor.estimators.problem import Case, Representation
from predictor.estimators.somerstep2024 import (
    LinearRefiner,
    Refinement,
    Refiner,
    disjoint_contexts,
    distance,
    em_step,
    route_gains,
)
from predictor.heads.ridge import FactoredRidge
from predictor.truth.posterior import truth_posterior
from tests.estimators.cases import case_with
from tests.reference import dense
from tests.reference.heads import ridge_predictions
from tests.reference.models import correlated

ESTIMATOR = Refinement()


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    strong = correlated(30, 6, 0.6, rng)
    return strong, strong @ rng.standard_normal((6, 2)) + rng.standard_normal((30, 2)) + 3.0


def test_each_row_is_the_posterior_mean_given_its_own_context(rows):
    strong, weak = rows
    first, _ = disjoint_contexts(30, 5, np.random.default_rng(1))
    refiner = LinearRefiner.of(strong, weak)
    kernel = dense.standardise(strong) @ dense.standardise(strong).T
    ridge = FactoredRidge.of(strong, strong).loo_ridge(weak)
    expected = np.empty_like(weak)
    for i, context in enumerate(first):
        for k in range(2):
            inside = np.linalg.inv(kernel[np.ix_(context, context)] + 30 * ridge[k] * np.eye(5))
            mean = weak[:, k].mean()
            expected[i, k] = mean + kernel[i, context] @ inside @ (weak[context, k] - mean)
    np.testing.assert_allclose(refiner.relabel(weak, first), expected, atol=1e-9)
    assert isinstance(refiner, Refiner)


def test_with_every_row_in_context_it_is_one_em_step(rows):
    strong, weak = rows
    whole = np.tile(np.arange(30), (30, 1))
    np.testing.assert_allclose(LinearRefiner.of(strong, weak).relabel(weak, whole), em_step(strong, weak), atol=1e-9)
    np.testing.assert_allclose(em_step(strong, weak), ridge_predictions(strong, strong, weak), atol=1e-9)


def test_contexts_are_disjoint_and_never_hold_the_row_itself():
    first, second = disjoint_contexts(25, 12, np.random.default_rng(2))
    for i, (one, other) in enumerate(zip(first, second, strict=True)):
        assert sorted({i, *one, *other}) == list(range(25))
    drawn = np.concatenate([disjoint_contexts(6, 1, np.random.default_rng(s))[0] for s in range(400)], axis=1)
    shares = np.array([[np.mean(row == j) for j in range(6)] for row in drawn])
    np.testing.assert_allclose(shares[~np.eye(6, dtype=bool)], 1 / 5, atol=0.08)


def test_distance_by_hand():
    # Centred: (−1, 0, 1) and (−1, 1, 0): product 1, energies 2 and 2: 1 − ½. Twice as large or moved: the same.
    one, other = np.array([[0.0], [1.0], [2.0]]), np.array([[4.0], [8.0], [6.0]])
    assert distance(one, other) == pytest.approx(0.5)
    assert distance(one, -3 * one) == pytest.approx(2.0)
    assert distance(one, np.ones((3, 1))) == 1.0


@pytest.mark.parametrize("kind", ["regression", "multiclass"])
def test_the_estimate_is_moved_minus_penalty_times_spread(kind):
    case = case_with("few_labels", kind=kind)
    known = case.labels.known
    gold = case.labels.targets[known]
    strong = case.strong.features[~known]
    rng = case.rng("rows of refinement")
    rng.permutation(72)
    contexts = disjoint_contexts(72, 16, rng)
    for penalty in (1.0, 0.5):
        estimator = Refinement(penalty=penalty)
        for model, found in zip(case.weak, estimator.estimate(case), strict=True):
            weak = ridge_predictions(model.features[known], model.features[~known], gold)
            one, other = (LinearRefiner.of(strong, weak).relabel(weak, c) for c in contexts)
            moved = (distance(weak, one) + distance(weak, other)) / 2
            assert found.details["weak_vs_refined"] == pytest.approx(moved, abs=1e-9)
            assert found.details["refined_vs_refined"] == pytest.approx(distance(one, other), abs=1e-9)
            assert found.value == pytest.approx(moved - penalty * distance(one, other), abs=1e-9)
            kept = np.mean(weak.argmax(1) == one.argmax(1)) if kind == "multiclass" else 1 - distance(weak, one)
            assert found.details["retention"] == pytest.approx(kept, abs=1e-9)


def test_labels_with_noise_of_their_own_on_a_concept_of_the_strong_model_are_refined():
    """Noise that no context can tell of shows between weak and refined labels, and not between refined ones."""
    rng = np.random.default_rng(3)
    strong = Representation("s", correlated(300, 3, 0.2, rng))
    concept = (dense.standardise(strong.features) @ np.array([1.0, 1.0, -1.0]))[:, None]
    concept /= concept.std()
    given = {
        "noisy": concept + 1.0 * rng.standard_normal((300, 1)),
        "plain": concept,
        "lost": rng.standard_normal((300, 1)),
    }
    weak = tuple(Representation(name, rng.standard_normal((300, 2))) for name in given)
    noisy, plain, lost = ESTIMATOR.estimate(Case(strong, weak, weak_labels=given))
    assert noisy.value > 0.05
    assert noisy.note == "refine before training"
    assert abs(plain.value) < 0.02
    assert plain.details["retention"] > 0.95
    assert lost.details["retention"] < 0.3
    assert lost.details["refined_vs_refined"] > 0.7


def test_route_gains_are_those_of_students_trained_on_the_other_half(rows):
    strong, weak = rows
    rng = np.random.default_rng(4)
    refined, truth = weak + rng.standard_normal((30, 2)), weak + rng.standard_normal((30, 2))
    order = np.random.default_rng(5).permutation(30)
    routes = {"gain_naive": lambda half: weak[half], "gain_refined": lambda half: refined[half]}
    routes["gain_em_step"] = lambda half: ridge_predictions(strong[half], strong[half], weak[half])
    found = route_gains(strong, weak, refined, truth, 2.5, np.random.default_rng(5))
    assert set(found) == {*routes, "gain_filtered"}
    for name, outputs in routes.items():
        student = np.empty_like(weak)
        for held, rest in ((order[:15], order[15:]), (order[15:], order[:15])):
            student[held] = ridge_predictions(strong[rest], strong[held], outputs(rest))
        gain = np.mean(np.sum((weak - truth) ** 2, axis=1)) - np.mean(np.sum((student - truth) ** 2, axis=1))
        assert found[name] == pytest.approx(gain / 2.5, abs=1e-9)


def test_routes_are_scored_by_the_posterior_of_the_truth_in_label_variances():
    case = case_with("few_labels", noises=(0.6, 2.5, 0.1))
    known = np.flatnonzero(case.labels.known)
    rows = np.flatnonzero(~case.labels.known)
    gold = case.labels.targets[known]
    scaled = (gold - gold.mean()) / gold.std()
    weak = [w.features for w in case.weak]
    mean = truth_posterior(case.strong.features, weak, scaled, known, rows, case.rng("truth of refinement")).mean
    for model, found in zip(case.weak, ESTIMATOR.estimate(case), strict=True):
        outputs = ridge_predictions(model.features[known], model.features[rows], gold)
        routes = route_gains(
            case.strong.features[rows], (outputs - gold.mean()) / gold.std(), outputs, mean, 1.0, case.rng("routes")
        )
        assert found.details["gain_naive"] == pytest.approx(routes["gain_naive"], abs=1e-8)


def test_with_gold_labels_the_advice_follows_the_predicted_gains():
    notes = set()
    for seed in range(3):
        for found in ESTIMATOR.estimate(case_with("few_labels", seed=seed)):
            naive, refined, filtered = (found.details[f"gain_{one}"] for one in ("naive", "refined", "filtered"))
            better = refined > naive
            advice = "refine before training" if better else "train on the weak labels as they are"
            if filtered > max(naive, refined):
                advice = "train on the 80% of rows whose weak labels the student expects"
            assert found.note == f"{advice}, by predicted gains"
            notes.add((better, found.value > 0.0))
    assert any(better != scored for better, scored in notes)


def test_without_gold_labels_there_are_no_route_gains():
    for one in ESTIMATOR.estimate(case_with("weak_labels")):
        assert set(one.details) == {"weak_vs_refined", "refined_vs_refined", "retention"}


def test_large_pools_are_cut_and_small_ones_shrink_the_context():
    case = case_with("weak_labels", rows=90)
    assert all(np.isfinite(e.value) for e in Refinement(max_rows=40).estimate(case))
    small = case.take(np.arange(10))
    assert all(e.value is not None for e in ESTIMATOR.estimate(small))
    tiny = case.take(np.arange(8))
    assert ESTIMATOR.estimate(tiny)[0].note == "needs two disjoint contexts of 4 rows, has 8 rows"


def test_it_reports_what_it_lacks():
    assert "--weak-labels" in ESTIMATOR.estimate(case_with("representations"))[0].note
    case = case_with("representations", noises=(0.1,))
    flat = dataclasses.replace(case, weak_labels={"t0": np.ones((120, 1))})
    assert ESTIMATOR.estimate(flat)[0].note == "the weak labels are constant"
