"""RBF kernels: the mixture against explicit loops, and models that do not go with the gold labels."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.truth.kernel_evidence import TEMPER, log_evidence
from predictor.truth.rbf import LENGTHS, PAIRS, rbf_kernels

ROWS = 24
KNOWN = np.arange(0, ROWS, 2)


def models(seed=0):
    rng = np.random.default_rng(seed)
    seen = rng.standard_normal((ROWS, 3))
    labels = np.tanh(seen[:, :1]) + 0.1 * rng.standard_normal((ROWS, 1))
    gold = labels[KNOWN] - labels[KNOWN].mean()
    return (seen, seen + 2.0 * rng.standard_normal(seen.shape), rng.standard_normal((ROWS, 40))), gold / gold.std()


def squared_distances(features, pairs):
    """In units of the squared median distance of the pairs of different rows."""
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    squared = np.array([[np.sum((a - b) ** 2) for b in scaled] for a in scaled])
    return squared / np.median([squared[a, b] for a, b in pairs.T if a != b])


def test_kernels_are_the_mixture_of_each_length():
    features, gold = models()
    found = rbf_kernels(features, gold, KNOWN, np.random.default_rng(3))
    pairs = np.random.default_rng(3).integers(ROWS, size=(2, PAIRS))
    squared = [squared_distances(one, pairs) for one in features]
    among = np.ix_(KNOWN, KNOWN)
    logs = np.array([max(log_evidence(np.exp(-d[among] / (2 * w**2)), gold) for w in LENGTHS) for d in squared])
    shares = np.exp((logs - logs.max()) / TEMPER)
    shares /= shares.sum()
    for kernel, length in zip(found, LENGTHS, strict=True):
        mixed = sum(share * np.exp(-d / (2 * length**2)) for share, d in zip(shares, squared, strict=True))
        centre = np.eye(ROWS) - 1.0 / ROWS
        centred = centre @ mixed @ centre
        np.testing.assert_allclose(kernel, centred / np.mean(np.diag(centred)), atol=1e-9)


def test_a_model_that_goes_with_the_gold_labels_makes_the_kernel():
    features, gold = models()
    both, alone, noise = (
        rbf_kernels(some, gold, KNOWN, np.random.default_rng(3))[1]
        for some in (features[::2], features[:1], features[2:])
    )
    correlation = [np.corrcoef(both.ravel(), one.ravel())[0, 1] for one in (alone, noise)]
    assert correlation[0] > correlation[1]


def test_constant_features_change_nothing():
    features, gold = models()
    flat = np.ones((ROWS, 2))
    with_flat, without = (
        rbf_kernels(some, gold, KNOWN, np.random.default_rng(3)) for some in ((*features, flat), features)
    )
    for one, other in zip(with_flat, without, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_all_constant_is_refused():
    with pytest.raises(ValueError, match="constant"):
        rbf_kernels((np.ones((ROWS, 2)),), models()[1], KNOWN, np.random.default_rng(3))
