"""Kernel mixtures: what candidates of noise weigh, and what order and repetition do."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.truth.kernels import agreed_shares, agreement, compared_rows, seen_by_both, unit
from tests.reference.models import correlated, dimmed


def even_root(features):
    centred = features - features.mean(axis=0)
    left, _, _ = np.linalg.svd(centred, full_matrices=False)
    return left * np.sqrt(len(features) / left.shape[1])


def roots_of(count, junk, rows=300):
    rng = np.random.default_rng(0)
    strong = correlated(rows, 16, 0.6, rng)
    real = [even_root(dimmed(strong, 12, 0.3, rng)) for _ in range(count)]
    return real + [even_root(rng.standard_normal((rows, 12))) for _ in range(junk)]


def kernels_of(roots):
    return [root @ root.T for root in roots]


def test_noise_weighs_next_to_nothing():
    """Fifteen candidates of noise beside eight real ones get a hundredth of the weight together."""
    shares = agreed_shares(agreement(kernels_of(roots_of(8, 15))), np.ones(23))
    assert shares[8:].sum() < 0.01
    assert shares.sum() == pytest.approx(1.0)


def test_agreement_is_a_correlation_of_pairs_of_different_rows():
    """Every entry is the correlation of off-diagonal kernel entries, written out."""
    roots = roots_of(2, 1, rows=40)
    left, right = np.triu_indices(40, 1)
    entries = [[float(root[a] @ root[b]) for a, b in zip(left, right, strict=True)] for root in roots]
    np.testing.assert_allclose(agreement(kernels_of(roots)), np.corrcoef(entries), atol=1e-10)


def test_shares_follow_prior_weights_and_models_whatever_their_order():
    """Twice the prior weight is twice the share before scaling; permuted models have permuted shares."""
    agreeing = agreement(kernels_of(roots_of(4, 1)))
    prior = np.array([1.0, 2.0, 1.0, 3.0, 1.0])
    shares = agreed_shares(agreeing, prior)
    order = np.array([3, 0, 4, 1, 2])
    np.testing.assert_allclose(agreed_shares(agreeing[np.ix_(order, order)], prior[order]), shares[order], atol=1e-12)
    factors = shares[:4] / agreed_shares(agreeing, np.ones(5))[:4] / prior[:4]
    np.testing.assert_allclose(factors, factors[0])


def test_one_model_has_the_whole_share_and_models_that_nobody_agrees_with_their_prior():
    """Without any agreement the prior decides."""
    assert agreed_shares(np.ones((1, 1)), np.ones(1)).tolist() == [1.0]
    alone = np.array([[1.0, -0.1], [-0.1, 1.0]])
    np.testing.assert_allclose(agreed_shares(alone, np.array([1.0, 3.0])), [0.25, 0.75])


def test_what_both_see_is_centred_and_between_the_two():
    """F^½ S F^½ with mean diagonal 1, written out."""
    first, second = (unit(kernel) for kernel in kernels_of(roots_of(2, 0, rows=30)))
    values, vectors = np.linalg.eigh(first)
    values = np.maximum(values, 0.0)
    found = seen_by_both(vectors, values, second)
    half = (vectors * np.sqrt(values)) @ vectors.T
    np.testing.assert_allclose(found, unit(half @ second @ half), atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=0), 0.0, atol=1e-9)
    assert np.trace(found) == pytest.approx(30.0)


def test_compared_rows_are_spread_and_bounded():
    """Every row of a few, every fourth of 1,500."""
    assert len(range(300)[compared_rows(300)]) == 300
    assert len(range(1500)[compared_rows(1500)]) == 375


def test_a_constant_kernel_is_refused():
    """The message says what is wrong."""
    with pytest.raises(ValueError, match="constant over the rows"):
        unit(np.ones((4, 4)))
