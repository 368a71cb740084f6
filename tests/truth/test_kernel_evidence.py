"""Evidence of gold labels for kernels, against SciPy's normal density, and the shares that follow."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from predictor.truth.kernel_evidence import log_evidence, supported
from predictor.truth.kernels import unit
from predictor.truth.model import NOISES
from predictor.truth.posterior import TEMPER

ROWS = 30


def labels(columns, seed=0):
    gold = np.random.default_rng(seed).standard_normal((ROWS, columns))
    gold -= gold.mean(axis=0)
    return gold / np.sqrt(np.sum(np.var(gold, axis=0)))


def kernel(features):
    return features @ features.T


@pytest.mark.parametrize("columns", [1, 3])
def test_it_is_the_normal_density_but_for_a_constant(columns):
    gold, rng = labels(columns), np.random.default_rng(1)

    def plain(k):
        each = [
            sum(multivariate_normal.logpdf(y, np.zeros(ROWS), ((1 - nu) * unit(k) + nu * np.eye(ROWS)) / columns)
                for y in gold.T) for nu in NOISES
        ]  # fmt: skip
        return np.log(np.mean(np.exp(np.array(each) - max(each)))) + max(each)

    first, second = (kernel(rng.standard_normal((ROWS, 4))) for _ in range(2))
    assert log_evidence(first, gold) - log_evidence(second, gold) == pytest.approx(plain(first) - plain(second))


def test_a_model_that_sees_the_labels_is_likelier_than_one_that_does_not():
    rng = np.random.default_rng(2)
    gold = labels(2)
    seeing = np.hstack([gold + 0.1 * rng.standard_normal(gold.shape), 0.1 * rng.standard_normal((ROWS, 3))])
    blind = rng.standard_normal((ROWS, 5))
    assert log_evidence(kernel(seeing), gold) > log_evidence(kernel(blind), gold) + 5.0


def test_a_constant_kernel_explains_nothing():
    """As noise alone does."""
    gold = labels(1)
    assert log_evidence(np.ones((ROWS, ROWS)), gold) == log_evidence(np.zeros((ROWS, ROWS)), gold)


def test_shares_are_tempered_and_a_share_of_none_stays_none():
    found = supported(np.array([0.5, 0.25, 0.25, 0.0]), np.array([0.0, TEMPER * np.log(2.0), 0.0, 900.0]))
    assert found == pytest.approx([0.4, 0.4, 0.2, 0.0])
