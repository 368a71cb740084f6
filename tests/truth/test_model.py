"""The truth model: its closed form against the dense Gaussian, and what gold labels do to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from predictor.truth.basis import Basis
from predictor.truth.conditioned import posterior
from predictor.truth.kernels import unit
from predictor.truth.model import LabelModel
from predictor.truth.seen import Seen
from tests.reference import truth as twin

ROWS = 18


def model_of(columns, voters=2, seed=0):
    rng = np.random.default_rng(seed)
    kernels = []
    for width in (3, 6):
        features = rng.standard_normal((ROWS, width))
        kernels.append(unit(features @ features.T))
    scores = 0.4 * rng.standard_normal((ROWS, voters, columns)) / np.sqrt(columns)
    scores -= scores.mean(axis=0)
    if not voters:
        return LabelModel.of(tuple(kernels), Basis.none(ROWS, columns))
    parted = Basis.parted(0.5 * scores[:, 0], 0.3 * scores[:, 1], scores)
    return LabelModel.of(tuple(kernels), parted, Basis.of(0.7 * scores[:, 0], scores[:, :1]))


def dense_prior(model, at, known):
    """The twin's prior at one grid point."""
    one, kernel = model.bases[at.basis], model.kernels[at.kernel] + 1.0 / len(known)
    return twin.prior(kernel, one.parts, one.kappa, one.voters, at.smooth, at.noise, at.own)


@pytest.mark.parametrize(("columns", "voters"), [(1, 2), (3, 2), (2, 0)])
def test_posterior_equals_the_dense_gaussian(columns, voters):
    """Means, covariances and weights of the grid agree with the whole (n k) Gaussian to 1e-8."""
    model = model_of(columns, voters)
    rng = np.random.default_rng(1)
    known = np.array([1, 4, 5, 9, 11, 16])
    gold = rng.standard_normal((len(known), columns)) / np.sqrt(columns)
    found = posterior(model, gold, known)
    dense, logs = [], []
    for at in model.grid(gold=True):
        mean, covariance, noise = dense_prior(model, at, known)
        mean, covariance, density = twin.conditioned(mean, covariance, noise, gold, known, ROWS)
        dense.append((mean, covariance))
        logs.append(density)
    weights = np.exp(np.array(logs) - max(logs))
    weights[weights < 1e-3] = 0.0
    weights /= weights.sum()
    np.testing.assert_allclose(found.weights, weights, atol=1e-8)
    mean, covariance = twin.mixed(weights, [m for m, _ in dense], [c for _, c in dense])
    np.testing.assert_allclose(found.mean, mean.reshape(columns, ROWS).T, atol=1e-8)
    noise = sum(w * at.noise for w, at in zip(weights, model.grid(gold=True), strict=True))
    diagonal = np.diag(covariance).reshape(columns, ROWS).mean(axis=0)
    np.testing.assert_allclose(found.variance, diagonal + noise, atol=1e-8)
    at = next(at for at, weight in zip(model.grid(gold=True), weights, strict=True) if weight > 0.0)
    level = found.at_noise(at.noise)
    alike = [place for place, one in enumerate(model.grid(gold=True)) if one.noise == at.noise]
    shares = weights[alike] / weights[alike].sum()
    mean, covariance = twin.mixed(shares, [dense[i][0] for i in alike], [dense[i][1] for i in alike])
    np.testing.assert_allclose(level.mean, mean.reshape(columns, ROWS).T, atol=1e-8)
    blocks = covariance.reshape(columns, ROWS, columns, ROWS)
    among = np.mean([blocks[c, :, c] for c in range(columns)], axis=0)
    np.testing.assert_allclose(level.covariance, among, atol=1e-8)


@pytest.mark.parametrize("uneven", [np.ones(4), np.array([0.2, 1.0, 2.5, 0.7])])
def test_left_out_predictions_are_those_of_a_posterior_without_the_row(uneven):
    """At one grid point, each gold row is predicted as if it had not been given, whatever the noise of the others."""
    model = model_of(1)
    at = model.grid(gold=True)[7]
    known = np.array([0, 3, 8, 12])
    gold = np.random.default_rng(2).standard_normal((4, 1))
    mean, covariance, noise = dense_prior(model, at, known)
    noise[known, known] *= uneven
    found = Seen.of(model, at.kernel, gold, known, uneven).moments(model, at)
    expected = []
    for row in range(4):
        others = np.delete(np.arange(4), row)
        one, _, _ = twin.conditioned(mean, covariance, noise, gold[others], known[others], ROWS)
        expected.append(one[known[row]])
    np.testing.assert_allclose(found.left_out[:, 0], expected, atol=1e-8)
    every, within, _ = twin.conditioned(mean, covariance, noise, gold, known, ROWS)
    np.testing.assert_allclose(found.mean[:, 0], every, atol=1e-8)
    np.testing.assert_allclose(found.variance, np.diag(within), atol=1e-8)


def test_labels_have_unit_variance_in_all():
    """Without gold labels every grid point gives the labels variance 1, summed over columns."""
    for columns in (1, 3):
        model = model_of(columns)
        for at in model.grid():
            total = model.explained + columns * (at.smooth + at.noise + at.own)
            assert total == pytest.approx(1.0)


def test_a_consensus_that_varies_too_much_is_bounded():
    """No consensus explains more than its bound of the label variance."""
    model = model_of(1)
    loud = Basis.of(50.0 * model.bases[1].consensus, model.bases[1].voters)
    assert LabelModel.of(model.kernels, loud).explained == pytest.approx(0.95)


def test_draws_have_the_posterior_moments():
    """Many drawn labels have the posterior's mean and variance, noise included."""
    model = model_of(2)
    gold = np.random.default_rng(3).standard_normal((5, 2)) / np.sqrt(2.0)
    found = posterior(model, gold, np.arange(5))
    drawn = found.draw(40_000, np.random.default_rng(4)).labels
    np.testing.assert_allclose(drawn.mean(axis=2), found.mean, atol=0.03)
    np.testing.assert_allclose(drawn.var(axis=2).mean(axis=1), found.variance, rtol=0.06)


def test_gold_labels_tell_a_good_voter_from_a_bad_one():
    """Where gold labels follow one voter and go against the other, so does the truth of all other rows."""
    rng = np.random.default_rng(5)
    features = rng.standard_normal((80, 4))
    good, bad = 0.5 * rng.standard_normal((2, 80))
    scores = np.stack([good - good.mean(), bad - bad.mean()], axis=1)[:, :, None]
    model = LabelModel.of((unit(features @ features.T),), Basis.of(0.5 * scores.sum(axis=1), scores))
    labels = 1.6 * scores[:40, 0] - 1.0 * scores[:40, 1]
    found = posterior(model, labels / labels.std(), np.arange(40)).mean[40:, 0]
    assert np.corrcoef(found, scores[40:, 0, 0])[0, 1] > 0.6
    assert np.corrcoef(found, scores[40:, 1, 0])[0, 1] < -0.2


def test_gold_labels_decide_between_bases():
    """Of two consensuses the one that gold labels follow takes nearly all weight."""
    rng = np.random.default_rng(6)
    features = rng.standard_normal((120, 4))
    right, wrong = 0.6 * rng.standard_normal((2, 120, 1))
    bases = [Basis.of(one - one.mean(axis=0), np.empty((120, 0, 1))) for one in (right, wrong)]
    model = LabelModel.of((unit(features @ features.T),), *bases)
    labels = right + 0.5 * rng.standard_normal((120, 1))
    found = posterior(model, labels[:60], np.arange(60))
    assert sum(w for w, at in zip(found.weights, found.hypotheses, strict=True) if at.basis == 0) > 0.95


def test_weights_before_gold_labels():
    """A grid point of three times the weight before gold labels has three times as much after them."""
    model, known = model_of(1, 2), np.array([1, 4, 5, 9])
    gold = 0.1 * np.random.default_rng(2).standard_normal((4, 1))
    grid = model.grid(gold=True)
    even = posterior(model, gold, known).weights
    first = posterior(model, gold, known, [(3.0 if i == 0 else 1.0, at) for i, at in enumerate(grid)]).weights
    assert even[0] > 0.0
    np.testing.assert_allclose(first[0] / first[-1], 3.0 * even[0] / even[-1])
    np.testing.assert_allclose(first[1:] / first[1:].sum(), even[1:] / even[1:].sum(), atol=1e-3)


@pytest.mark.parametrize("totals", [(1.0,), (0.8, 3.0)])
def test_draws_without_gold_labels_have_the_label_variance(totals):
    """That of a known unit, or one of those that are plausible; noise included."""
    model = replace(model_of(2), totals=totals)
    drawn = posterior(model, np.empty((0, 2)), np.empty(0, dtype=np.intp)).draw(50, np.random.default_rng(3))
    found = np.sum(np.var(drawn.truth, axis=0), axis=0) + 2 * drawn.noise
    np.testing.assert_allclose(found, drawn.total)
    assert set(drawn.total.tolist()) == set(totals)
