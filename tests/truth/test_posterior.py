"""The truth posterior against scikit-learn, scipy and the formulas of Rasmussen and Williams 2006."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

from predictor.truth.posterior import LENGTHS, NOISES, TEMPER, TruthPosterior, truth_posterior
from tests.reference import dense
from tests.reference.models import correlated, dimmed

ROWS, LABELLED, SEED = 70, 28, 3


@dataclass(frozen=True)
class Setting:
    """Three models, gold labels on the first rows, and the posterior that the package makes of them."""

    models: list[np.ndarray]
    gold: np.ndarray
    labelled: np.ndarray
    target: np.ndarray
    found: TruthPosterior

    def squares(self):
        """Median squared distance per model, over the random pairs that the posterior's generator gives all of them."""
        left, right = np.random.default_rng(SEED).integers(ROWS, size=(2, 4000))
        typical = []
        for features in self.models:
            scaled = dense.standardise(features)
            pairs = [np.sum((scaled[i] - scaled[j]) ** 2) for i, j in zip(left, right, strict=True) if i != j]
            typical.append(np.median(pairs))
        return typical

    def kernel(self, left, right, weights, length):
        """Σ weight × K over the models, each K an RBF at `length` median distances."""
        parts = []
        for features, typical in zip(self.models, self.squares(), strict=True):
            scaled = dense.standardise(features)
            parts.append(dense.rbf(scaled[left], scaled[right], length**2 * typical))
        return sum(w * part for w, part in zip(weights, parts, strict=True))


def make(kind):
    rng = np.random.default_rng(12)
    strong = correlated(ROWS, 6, 0.7, rng)
    weak = [dimmed(strong, 4, 0.3, rng), rng.standard_normal((ROWS, 5))]
    z = dense.standardise(strong)
    truth = z[:, :2] + 0.5 * z[:, 1:3] ** 2
    if kind == "candidates know more":
        z = dense.standardise(weak[1])
        truth = np.stack([z[:, 0] * 2, np.sin(3 * z[:, 1])], axis=1)
    if kind == "strong alone":
        weak = []
    labels = truth / truth.std() + 0.3 * rng.standard_normal((ROWS, 2))
    order = rng.permutation(ROWS)
    labelled, target = order[:LABELLED], order[LABELLED:]
    gold = labels[labelled] - labels[labelled].mean(axis=0)
    found = truth_posterior(strong, weak, gold, labelled, target, np.random.default_rng(SEED))
    return Setting([strong, *weak], gold, labelled, target, found)


@pytest.fixture(scope="module", params=["strong knows", "candidates know more", "strong alone"])
def setting(request):
    return make(request.param)


def amplitude(setting, kernel):
    """The amplitude that maximises the likelihood: mean of yᵀ(K + noise I)⁻¹y over rows and columns."""
    noise = ratio(setting)
    inside = np.linalg.inv(kernel + noise * np.eye(LABELLED))
    return float(np.sum(setting.gold * (inside @ setting.gold)) / setting.gold.size)


def ratio(setting):
    """Noise over amplitude as chosen: the grid point whose evidence the answer reports."""
    kernel = setting.kernel(setting.labelled, setting.labelled, setting.found.weights, setting.found.length)
    return min(NOISES, key=lambda noise: abs(evidence(kernel, setting.gold, noise) - setting.found.log_evidence))


def evidence(kernel, gold, noise):
    """max over amplitudes of Σ columns log N(gold; 0, a (K + noise I)) per row, by scipy's density and a search."""

    def lost(log_amplitude):
        covariance = np.exp(log_amplitude) * (kernel + noise * np.eye(len(gold)))
        return -sum(multivariate_normal(cov=covariance).logpdf(column) for column in gold.T)

    return -minimize_scalar(lost, bounds=(-8.0, 8.0), method="bounded", options={"xatol": 1e-9}).fun / len(gold)


def test_mean_and_covariance_are_equations_2_25_and_2_26(setting):
    found = setting.found
    among, across, inside = (
        setting.kernel(left, right, found.weights, found.length)
        for left, right in (
            (setting.labelled, setting.labelled),
            (setting.target, setting.labelled),
            (setting.target, setting.target),
        )
    )
    scale, noise = amplitude(setting, among), ratio(setting)
    inverse = np.linalg.inv(scale * among + scale * noise * np.eye(LABELLED))
    np.testing.assert_allclose(found.mean, scale * across @ inverse @ setting.gold, atol=1e-8)
    covariance = scale * inside - scale * across @ inverse @ (scale * across).T
    np.testing.assert_allclose(found.covariance, covariance, atol=1e-8)
    assert found.noise == pytest.approx(scale * noise, abs=1e-8)
    np.testing.assert_allclose(found.variance, np.diag(covariance) + scale * noise, atol=1e-8)


def test_mean_and_covariance_are_those_of_scikit_learn_at_the_chosen_kernel():
    setting = make("strong alone")
    found, (typical,) = setting.found, setting.squares()
    scaled = dense.standardise(setting.models[0])
    among = setting.kernel(setting.labelled, setting.labelled, found.weights, found.length)
    scale = amplitude(setting, among)
    second = GaussianProcessRegressor(
        ConstantKernel(scale) * RBF(found.length * typical**0.5), alpha=found.noise, optimizer=None
    ).fit(scaled[setting.labelled], setting.gold)
    mean, covariance = second.predict(scaled[setting.target], return_cov=True)
    np.testing.assert_allclose(found.mean, mean, atol=1e-8)
    np.testing.assert_allclose(found.covariance, covariance[:, :, 0], atol=1e-8)
    likelihood = second.log_marginal_likelihood_value_
    assert found.log_evidence == pytest.approx(likelihood / LABELLED, abs=1e-8)


def best_evidence(setting, weights):
    """Over every length and noise, scored by scipy's density at the amplitude that is best for it; and its length."""
    best = (-np.inf, None)
    for length in LENGTHS:
        kernel = setting.kernel(setting.labelled, setting.labelled, weights, length)
        for noise in NOISES:
            # Rasmussen 2006, equation 5.8; the search of `evidence` is too slow for a grid, its answer is known.
            covariance = kernel + noise * np.eye(LABELLED)
            free = np.sum(setting.gold * np.linalg.solve(covariance, setting.gold)) / setting.gold.size
            joint = multivariate_normal(cov=free * covariance, allow_singular=True)
            best = max(best, (sum(joint.logpdf(c) for c in setting.gold.T) / LABELLED, length))
    return best


def test_models_weigh_by_their_tempered_evidence_and_the_mixture_has_the_best_length(setting):
    count = len(setting.models)
    logs = LABELLED * np.array([best_evidence(setting, np.eye(count)[i])[0] for i in range(count)])
    weights = np.exp((logs - logs.max()) / TEMPER)
    np.testing.assert_allclose(setting.found.weights, weights / weights.sum(), atol=1e-8)
    found = best_evidence(setting, setting.found.weights)
    assert setting.found.log_evidence == pytest.approx(found[0], abs=1e-8)
    assert setting.found.length == found[1]


def test_held_out_residuals_are_those_of_posteriors_that_never_saw_the_row(setting):
    found = setting.found
    among = setting.kernel(setting.labelled, setting.labelled, found.weights, found.length)
    scale, noise = amplitude(setting, among), ratio(setting)
    squares, variances, means = [], [], []
    for row in range(LABELLED):
        rest = np.delete(np.arange(LABELLED), row)
        inverse = np.linalg.inv(among[np.ix_(rest, rest)] + noise * np.eye(LABELLED - 1))
        mean = among[row, rest] @ inverse @ setting.gold[rest]
        means.append(mean)
        squares.append(np.mean((setting.gold[row] - mean) ** 2))
        variances.append(scale * (1.0 + noise - among[row, rest] @ inverse @ among[rest, row]))
    expected = np.array(squares) / np.mean(variances)
    np.testing.assert_allclose(found.left_out, means, atol=1e-8)
    np.testing.assert_allclose(found.held_out, expected, rtol=1e-6)
    factor, standard_error = found.level
    assert (factor, standard_error) == pytest.approx((expected.mean(), expected.std() / LABELLED**0.5), rel=1e-6)


def test_reported_evidence_is_the_profiled_log_density(setting):
    found = setting.found
    kernel = setting.kernel(setting.labelled, setting.labelled, found.weights, found.length)
    assert found.log_evidence == pytest.approx(evidence(kernel, setting.gold, ratio(setting)), abs=1e-8)


def test_the_mixture_follows_the_models_that_know_the_labels():
    assert make("strong knows").found.weights[0] > make("candidates know more").found.weights[0]


def test_draws_have_the_mean_and_the_covariance_of_a_label(setting):
    drawn = setting.found.draw(6000, np.random.default_rng(4))
    assert drawn.shape == (len(setting.target), 2, 6000)
    expected = setting.found.covariance + setting.found.noise * np.eye(len(setting.target))
    error = np.sqrt(np.diag(expected) / 6000)
    assert np.all(np.abs(drawn.mean(axis=2) - setting.found.mean) < 5 * error[:, None])
    for column in range(2):
        spread = np.sqrt((expected**2 + np.outer(np.diag(expected), np.diag(expected))) / 6000)
        assert np.all(np.abs(np.cov(drawn[:, column]) - expected) < 5.5 * spread)
    between = np.mean(
        (drawn[:, 0] - drawn[:, 0].mean(1)[:, None]) * (drawn[:, 1] - drawn[:, 1].mean(1)[:, None]), axis=1
    )
    assert np.all(np.abs(between) < 5 * np.diag(expected) / np.sqrt(6000))


def test_more_gold_rows_leave_less_variance():
    rng = np.random.default_rng(5)
    features = correlated(80, 3, 0.5, rng)
    labels = dense.standardise(features)[:, :1] + 0.1 * rng.standard_normal((80, 1))
    target = np.arange(60, 80)
    few, many = (
        truth_posterior(
            features, [features], labels[:n] - labels[:n].mean(), np.arange(n), target, np.random.default_rng(0)
        )
        for n in (12, 60)
    )
    assert many.variance.mean() < few.variance.mean()
    assert np.mean((many.mean - labels[target]) ** 2) < np.mean(labels[target] ** 2)
