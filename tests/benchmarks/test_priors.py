"""The probit prior of the comparison: signs of a Gaussian task covary as the arcsine law says."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.training.label_prior import LabelPrior, LabelRoot
from tests.benchmarks.priors import SignPrior


@pytest.mark.parametrize("noise", [0.05, 0.4, 0.9])
def test_signs_of_drawn_tasks_covary_as_the_prior_reports(noise):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((12, 5))
    prior = LabelPrior.of("latent", rows @ rows.T, 0.0)
    drawn = np.sign(prior.with_noise(noise).draw(200_000, rng))
    found = SignPrior(prior.name, prior.kernel, prior.noise).with_noise(noise)
    together = drawn @ drawn.T / drawn.shape[1]
    beside = ~np.eye(12, dtype=bool)
    assert found.kernel[beside] == pytest.approx(together[beside], abs=0.01)
    assert np.mean(np.diag(found.kernel)) + found.noise == pytest.approx(1.0)


def test_several_levels_of_noise_at_once():
    """Roots of two splits, each at a noise of its own, are those of the priors at one noise."""
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((12, 5))
    prior = SignPrior("x", LabelPrior.of("latent", rows @ rows.T, 0.0).kernel, 0.0)
    noises, train, test = np.array([0.2, 0.7]), np.array([[0, 3, 5], [1, 2, 9]]), np.array([[1, 2], [4, 11]])
    found = LabelRoot.of(prior.with_noise(noises), train, test)
    for place, noise in enumerate(noises):
        alone = LabelRoot.of(prior.with_noise(float(noise)), train[place], test[place])
        assert found.root[place] == pytest.approx(alone.root)
        assert found.response[place] == pytest.approx(alone.response)
        assert found.of_test[place] == pytest.approx(alone.of_test)
