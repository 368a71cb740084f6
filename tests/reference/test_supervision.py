"""Misfit and the truth posterior's outcomes against explicit folds, hat matrices and draws."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.estimators.charikar2024 import FOLDS, Misfit
from predictor.estimators.problem import Case, Representation
from predictor.estimators.supervision import cross_fitted, supervise
from predictor.estimators.truth_posterior import TruthPosteriorForecast
from predictor.query.labels import Labels
from predictor.statistics.shuffles import SHUFFLES
from predictor.truth.class_truth import ClassTruth
from predictor.truth.posterior import truth_posterior
from tests.reference import dense
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
    """Êrr_w2s = mean ‖f_sw − μ‖² + c × variance of a label, gain = mean ‖f_w − μ‖² − ‖f_sw − μ‖².

    c is what the posterior's variance was off by on gold rows left out; draws know it up to its standard error. For
    classes μ are probabilities, a row's variance is Σ p(1 − p), and c is 1.
    """
    case = make(kind)
    estimator = TruthPosteriorForecast(two_fold_splits=1, draws=6)
    found = estimator.forecast(case)
    known = case.labels.known
    gold = case.labels.targets[known]
    centre, scale = gold.mean(axis=0), np.sqrt(sum(np.var(column) for column in gold.T))
    # The generator's draws, in the order in which they are taken.
    rng = case.rng("truth_posterior")
    null = supervise(case, rng, SHUFFLES).null
    kept = np.sort(rng.permutation(ROWS - GOLD))
    rows = np.flatnonzero(~known)[kept]
    models = [w.features for w in case.weak]
    posterior = truth_posterior(case.strong.features, models, (gold - centre) / scale, np.flatnonzero(known), rows, rng)
    if kind == "regression":
        mean, truth = posterior.mean, posterior.draw(6, rng)
        spread = np.mean(np.diag(posterior.covariance) + posterior.noise) * gold.shape[1]
        off, standard_error = posterior.held_out.mean(), posterior.held_out.std() / GOLD**0.5
    else:
        classes = ClassTruth.of(posterior, gold)
        mean = (classes.probability - centre) / scale
        truth = (classes.draw(6, rng) - centre[:, None]) / scale
        spread = np.mean(np.sum(classes.probability * (1 - classes.probability), axis=1)) / scale**2
        off, standard_error = 1.0, classes.standard_error
    student = case.strong.features[rows]
    halves = rng.bit_generator.state
    students = []
    for i, (given, mixed) in enumerate(zip(weak_predictions(case), null, strict=True)):
        outcomes = []
        for labels in ((given - centre) / scale, *((one - centre) / scale for one in mixed)):
            rng.bit_generator.state = halves
            learned = folded(student, labels, 2, rng)
            if not outcomes:
                students.append(learned)
            missed = np.mean(np.sum((learned - mean) ** 2, axis=1))
            outcomes.append((missed + off * spread, np.mean(np.sum((labels - mean) ** 2, axis=1)) - missed))
        assert found.error[i] == pytest.approx(outcomes[0][0], abs=1e-8)
        assert found.gain[i] == pytest.approx(outcomes[0][1], abs=1e-8)
        assert found.null_draws[i] == pytest.approx([error for error, _ in outcomes[1:]], abs=1e-8)
    top = folded(student, truth.reshape(len(rows), -1), 2, rng).reshape(truth.shape)
    counts = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), 6)
    ceilings = [np.sum(counts[r] / len(rows) * np.sum((top - truth)[:, :, r] ** 2, axis=1)) for r in range(6)]
    levels = np.maximum(off + standard_error * rng.standard_normal(6), 0.0)
    np.testing.assert_allclose(found.ceiling_draws, ceilings + (levels - 1.0) * spread, atol=1e-8)
    for i, learned in enumerate(students):
        squares = [counts[r] / len(rows) @ np.sum((learned - truth[:, :, r]) ** 2, axis=1) for r in range(6)]
        np.testing.assert_allclose(found.error_draws[i], squares + (levels - 1.0) * spread, atol=1e-8)
    assert found.ceiling == pytest.approx(np.mean(ceilings) + (off - 1.0) * spread, abs=1e-8)


def test_expected_gain_over_draws_of_the_truth_needs_the_posterior_mean_only():
    """E[(f_w − t)² − (f_sw − t)²] = (f_w − μ)² − (f_sw − μ)²: the variance cancels, in the error it adds up."""
    rng = np.random.default_rng(3)
    case = make()
    known = np.flatnonzero(case.labels.known)
    target = np.flatnonzero(~case.labels.known)
    gold = case.labels.targets[known]
    posterior = truth_posterior(
        case.strong.features, [w.features for w in case.weak], (gold - gold.mean()) / gold.std(), known, target, rng
    )
    weak, student = rng.standard_normal((2, len(target), 1))
    truth = posterior.draw(20_000, rng)[:, 0]
    w2s = np.mean((student - truth) ** 2, axis=0)
    gain = np.mean((weak - truth) ** 2, axis=0) - w2s
    claimed = np.mean((weak - posterior.mean) ** 2) - np.mean((student - posterior.mean) ** 2)
    assert np.mean(gain) == pytest.approx(claimed, abs=4 * np.std(gain) / np.sqrt(len(gain)))
    claimed = np.mean((student - posterior.mean) ** 2) + np.mean(posterior.variance)
    assert np.mean(w2s) == pytest.approx(claimed, abs=4 * np.std(w2s) / np.sqrt(len(w2s)))


@pytest.mark.parametrize("kind", ["regression", "multiclass"])
def test_drawn_outcomes_scatter_around_the_expected_ones(kind):
    found = TruthPosteriorForecast(two_fold_splits=2, draws=400).forecast(make(kind))
    assert found.error_draws.shape == (2, 800)
    for drawn, expected in ((found.error_draws, found.error), (found.gain_draws, found.gain)):
        # Draws of one halving share their students, so the tolerance is that of a smaller number of draws.
        assert np.all(np.abs(drawn.mean(axis=1) - expected) < 5 * drawn.std(axis=1) / np.sqrt(drawn.shape[1]))
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
