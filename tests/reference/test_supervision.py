"""Misfit and the truth posterior's outcomes against explicit folds, hat matrices and draws."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.estimators.charikar2024 import FOLDS, Misfit
from predictor.estimators.problem import Case, Representation
from predictor.estimators.supervision import cross_fitted, supervise
from predictor.estimators.truth_posterior import TruthPosteriorForecast
from predictor.query.labels import Labels
from predictor.truth.class_probabilities import class_probabilities
from tests.reference import dense
from tests.reference import truth as twin
from tests.reference.heads import folded, ridge_predictions
from tests.reference.models import correlated, dimmed

ROWS, GOLD = 64, 26


def make(kind="regression", given=False):
    rng = np.random.default_rng(8)
    strong = correlated(ROWS, 8, 0.6, rng)
    weak = (dimmed(strong, 5, 0.2, rng), dimmed(strong, 4, 1.5, rng))
    score = dense.standardise(strong) @ rng.standard_normal((8, 3)) + 0.2 * rng.standard_normal((ROWS, 3))
    values = {"regression": score[:, 0] * 3 + 9, "multiclass": score.argmax(axis=1)}[kind]
    shown = [float(v) if i % 5 in (0, 3) else None for i, v in enumerate(values)]
    labels = Labels.of(shown)
    assert int(labels.known.sum()) == GOLD
    assert labels.kind == kind
    columns = labels.targets.shape[1]
    own = {"a": rng.standard_normal((ROWS, columns)) + score[:, :columns]} if given else {}
    models = tuple(Representation(name, features) for name, features in zip("ab", weak, strict=True))
    return Case(Representation("s", strong), models, labels, own, seed=4)


def weak_predictions(case):
    known = case.labels.known
    found = []
    for w in case.weak:
        if w.name in case.weak_labels:
            found.append(case.weak_labels[w.name][~known])
        else:
            found.append(ridge_predictions(w.features[known], w.features[~known], case.labels.targets[known]))
    return found


@pytest.mark.parametrize("kind", ["regression", "multiclass"])
@pytest.mark.parametrize("given", [False, True])
def test_supervision_is_the_given_predictions_or_those_of_a_head_on_the_gold_rows(kind, given):
    case = make(kind, given)
    found = supervise(case, np.random.default_rng(0))
    np.testing.assert_array_equal(found.rows, np.flatnonzero(~case.labels.known))
    for actual, expected in zip(found.predictions, weak_predictions(case), strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-9)


def test_the_null_of_given_weak_labels_is_the_same_labels_on_other_rows():
    case = make(given=True)
    found = supervise(case, np.random.default_rng(0), shuffles=2)
    for shuffled in found.null[0]:
        np.testing.assert_array_equal(np.sort(shuffled, axis=0), np.sort(found.predictions[0], axis=0))
        assert not np.array_equal(shuffled, found.predictions[0])
    assert not np.array_equal(*found.null[0])


@pytest.mark.parametrize("kind", ["regression", "multiclass"])
def test_the_null_of_trained_heads_is_heads_trained_on_the_labels_of_other_rows(kind):
    case = make(kind)
    known = case.labels.known
    found = supervise(case, np.random.default_rng(0), shuffles=2)
    rng = np.random.default_rng(0)
    for actual, w in zip(found.null, case.weak, strict=True):
        for shuffled in actual:
            mixed = case.labels.targets[known][rng.permutation(GOLD)]
            np.testing.assert_allclose(
                shuffled, ridge_predictions(w.features[known], w.features[~known], mixed), atol=1e-9
            )


def test_without_shuffles_there_is_no_null():
    assert all(len(one) == 0 for one in supervise(make(), np.random.default_rng(0)).null)


@pytest.mark.parametrize("folds", [2, 5])
def test_cross_teaching_is_the_explicit_loop_over_folds(folds):
    rng = np.random.default_rng(1)
    strong, labels = correlated(41, 6, 0.5, rng), rng.standard_normal((41, 2))
    found = cross_fitted(strong, labels, folds, np.random.default_rng(2))
    np.testing.assert_allclose(found, folded(strong, labels, folds, np.random.default_rng(2)), atol=1e-9)


@pytest.mark.parametrize("kind", ["regression", "multiclass"])
@pytest.mark.parametrize("given", [False, True])
def test_misfit_is_the_held_out_distance_over_the_gold_variance(kind, given):
    case = make(kind, given)
    known = case.labels.known
    gold = case.labels.targets[known]
    variance = sum(np.mean((column - column.mean()) ** 2) for column in gold.T)
    for found, labels in zip(Misfit().estimate(case), weak_predictions(case), strict=True):
        learned = folded(case.strong.features[~known], labels, FOLDS, case.rng("misfit"))
        distance = np.array(
            [sum((p - q) ** 2 for p, q in zip(x, y, strict=True)) for x, y in zip(learned, labels, strict=True)]
        )
        assert found.value == pytest.approx(distance.mean() / variance, abs=1e-9)
        assert found.unit == "label variance"
        # 90 % normal interval of a mean: 1.645 standard errors.
        error = 1.645 * distance.std() / len(distance) ** 0.5 / variance
        assert (found.low, found.high) == pytest.approx((max(found.value - error, 0), found.value + error), abs=1e-9)


def test_misfit_without_gold_labels_is_in_squared_label_units():
    case = make(given=True)
    bare = Case(case.strong, case.weak, None, case.weak_labels, case.seed)
    first, second = Misfit().estimate(bare)
    labels = case.weak_labels["a"]
    learned = folded(case.strong.features, labels, FOLDS, case.rng("misfit"))
    assert first.value == pytest.approx(np.mean((learned - labels) ** 2), abs=1e-9)
    assert first.unit == "squared label units"
    assert second.value is None
    assert second.note == "needs --weak-labels for this candidate, or --labels"


def test_misfit_by_hand():
    """A strong feature that says nothing predicts the mean of the other folds; weak labels ±1 in equal number.

    Ten rows, five folds of two, features constant: each row is predicted by the mean of the eight others of its folds.
    """
    strong = np.ones((10, 2))
    labels = np.array([[1.0], [-1.0]] * 5)
    order = np.random.default_rng(6).permutation(10)
    expected = 0.0
    for held in order.reshape(5, 2):
        # The whole sums to 0, so the rest sums to minus the held pair: mean −pair/8.
        pair = labels[held].sum()
        expected += sum((-pair / 8.0 - labels[i, 0]) ** 2 for i in held) / 10.0
    found = cross_fitted(strong, labels, 5, np.random.default_rng(6))
    assert np.mean((found - labels) ** 2) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", ["regression", "multiclass"])
def test_posterior_outcomes_are_those_of_the_plain_pipeline_scored_by_mean_and_variance(kind):
    """Êrr_w2s = mean ‖f_sw − μ‖² + variance of a label, gain = mean ‖f_w − μ‖² − ‖f_sw − μ‖²."""
    case = make(kind)
    found = TruthPosteriorForecast(halvings=1, draws=6, shuffles=2).forecast(case)
    known = case.labels.known
    gold = case.labels.targets[known]
    centre, scale = gold.mean(axis=0), np.sqrt(sum(np.var(column) for column in gold.T))
    mean, variance = (one[~known] for one in posterior_twin(case, (gold - centre) / scale, kind))
    null = supervise(case, case.rng("truth shuffles"), 2).null
    student = case.strong.features[~known]
    for i, (given, mixed) in enumerate(zip(weak_predictions(case), null, strict=True)):
        outcomes = []
        for labels in ((given - centre) / scale, *((one - centre) / scale for one in mixed)):
            learned = folded(student, labels, 2, case.rng("truth students"))
            missed = np.mean(np.sum((learned - mean) ** 2, axis=1))
            outcomes.append((missed + variance.mean(), np.mean(np.sum((labels - mean) ** 2, axis=1)) - missed))
        assert found.error[i] == pytest.approx(outcomes[0][0], abs=1e-7)
        assert found.gain[i] == pytest.approx(outcomes[0][1], abs=1e-7)
        assert found.null_draws[i] == pytest.approx([error for error, _ in outcomes[1:]], abs=1e-7)


def posterior_twin(case, gold, kind):
    """(n, k) expected labels and (n,) their variance, summed over columns, by the dense Gaussian and explicit loops."""
    known = np.flatnonzero(case.labels.known)
    found = []
    for kernel in TruthPosteriorForecast().kernels(case):
        for ratio in np.logspace(-2, 1.5, 12):
            scale, left_out = twin.left_out(kernel + 1 / len(known), ratio, gold, known)
            none = np.empty((ROWS, 0, gold.shape[1]))
            prior = twin.prior(kernel + 1 / len(known), none, None, none, scale, scale * ratio, 0.0)
            mean, covariance, density = twin.conditioned(*prior, gold, known, ROWS)
            spread = np.diag(covariance) + scale * ratio
            found.append((density, mean.reshape(-1, ROWS).T, spread.reshape(-1, ROWS).sum(axis=0), left_out))
    logs, *moments = zip(*found, strict=True)
    weights = np.exp(np.array(logs) - max(logs))
    weights[weights < 1e-3] = 0.0
    weights /= weights.sum()
    mean, variance, left_out = (sum(w * x for w, x in zip(weights, one, strict=True)) for one in moments)
    if kind == "regression":
        apart = [np.sum((one - mean) ** 2, axis=1) for one in moments[0]]
        return mean, variance + sum(w * x for w, x in zip(weights, apart, strict=True))
    codes = case.labels.targets[known]
    centre, scale = codes.mean(axis=0), np.sqrt(np.sum(np.var(codes, axis=0)))
    p = class_probabilities(centre + scale * left_out, centre + scale * mean, codes)[1]
    return (p - centre) / scale, np.sum(p * (1 - p), axis=1) / scale**2


@pytest.mark.parametrize("kind", ["regression", "multiclass"])
def test_drawn_outcomes_scatter_around_the_expected_ones(kind):
    found = TruthPosteriorForecast(halvings=2, draws=400).forecast(make(kind))
    assert found.error_draws.shape == (2, 800)
    for drawn, expected in ((found.error_draws, found.error), (found.gain_draws, found.gain)):
        # Draws of one halving share their students, so the tolerance is that of a smaller number of draws. Classes are
        # drawn with about their probabilities.
        allowed = 5 * drawn.std(axis=1) / np.sqrt(drawn.shape[1]) + (0.05 if kind == "multiclass" else 0.0)
        assert np.all(np.abs(drawn.mean(axis=1) - expected) < allowed)
    drawn = found.ceiling_draws
    assert found.ceiling == pytest.approx(drawn.mean(), abs=5 * drawn.std() / np.sqrt(len(drawn)))


def test_the_posterior_knows_the_error_of_students_on_a_task_it_can_model():
    """Calibration against the truth that was held back: predicted within a third of the label variance's tenth."""
    rng = np.random.default_rng(10)
    strong = correlated(240, 6, 0.4, rng)
    weak = tuple(Representation(f"w{i}", dimmed(strong, 5, noise, rng)) for i, noise in enumerate((0.1, 0.6, 2.0)))
    z = dense.standardise(strong) * 6**0.5
    truth = np.tanh(z[:, 0] + z[:, 1]) + 0.5 * z[:, 2]
    truth = truth / truth.std() + 0.3 * rng.standard_normal(240)
    shown = np.where(np.arange(240) < 80, truth, np.nan)
    case = Case(Representation("s", strong), weak, Labels.of(shown), seed=0)
    found = TruthPosteriorForecast().forecast(case)
    supervision = supervise(case, np.random.default_rng(0))
    held = truth[80:, None]
    for i, labels in enumerate(supervision.predictions):
        learned = cross_fitted(strong[80:], labels, 2, np.random.default_rng(1))
        measured = np.mean((learned - held) ** 2) / np.var(truth[:80])
        assert found.error[i] == pytest.approx(measured, abs=0.15)
        gain = np.mean((labels - held) ** 2) / np.var(truth[:80]) - measured
        assert found.gain[i] == pytest.approx(gain, abs=0.1)
