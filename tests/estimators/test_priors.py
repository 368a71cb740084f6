"""Kernels of the tasks that a model, or all models together, can see."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.estimators.flat_smoother import FlatSmoother
from predictor.estimators.priors import consensus_kernel, flat_kernel, flat_kernel_of, model_weights
from predictor.estimators.problem import Representation
from predictor.spectral.spectra import PrincipalKernel
from tests.reference import dense
from tests.reference.models import correlated


def test_flat_kernel_spreads_tasks_over_the_directions_above_its_ridge():
    features = correlated(15, 4, 0.5, np.random.default_rng(5)) * [1.0, 100.0, 1e-3, 7.0]
    scaled = dense.standardise(features)
    smoother = dense.hat(scaled, scaled, 0.1) - 1 / 15
    np.testing.assert_allclose(
        flat_kernel(PrincipalKernel.of(features), 0.1), smoother / np.trace(smoother), atol=1e-12
    )


def test_flat_kernel_by_hand():
    # λ = ¾ and ¼ at β = ¼: weights ¾ and ½, shares 3/5 and 2/5.
    vectors = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]) / 2.0
    found = flat_kernel(PrincipalKernel(np.array([0.75, 0.25]), vectors), 0.25)
    np.testing.assert_allclose(found, vectors @ np.diag([0.6, 0.4]) @ vectors.T, atol=1e-15)


def test_the_consensus_weighs_models_by_the_root_of_their_size():
    rng = np.random.default_rng(6)
    small, large, unknown = (
        Representation(name, rng.standard_normal((12, 3)), size)
        for name, size in (("small", 100), ("large", 900), ("unknown", None))
    )
    # √100, √900, and √300 for the unknown one: 300 is the geometric mean of 100 and 900.
    shares = np.array([10.0, 30.0, 300**0.5]) / (40.0 + 300**0.5)
    np.testing.assert_allclose(model_weights([small, large, unknown]), shares)
    np.testing.assert_allclose(model_weights([unknown, unknown]), [0.5, 0.5])
    expected = sum(a * flat_kernel(m.kernel, 0.1) for a, m in zip(shares, (small, large, unknown), strict=True))
    np.testing.assert_allclose(consensus_kernel([small, large, unknown], 0.1), expected, atol=1e-15)


def test_models_have_the_more_to_say_the_deeper_they_are_read():
    features = np.random.default_rng(6).standard_normal((12, 3))
    surface, early, last = (Representation(str(d), features, 100, d) for d in (0.0, 0.5, 1.0))
    unknown = Representation("unknown", features, 400)
    # √100 · 0, √100 · ¼, √100 · 1, √400 · 1 over their sum.
    np.testing.assert_allclose(model_weights([surface, early, last, unknown]), np.array([0.0, 2.5, 10.0, 20.0]) / 32.5)
    # Static embeddings alone: depth tells nothing, sizes do.
    np.testing.assert_allclose(model_weights([surface, Representation("large", features, 900, 0.0)]), [0.25, 0.75])


def test_a_constant_model_sees_no_task_and_has_no_say():
    features = np.random.default_rng(6).standard_normal((12, 3))
    seeing, blind = Representation("a", features, depth=0.0), Representation("b", np.ones((12, 3)), depth=1.0)
    np.testing.assert_allclose(consensus_kernel([seeing, blind], 0.1), flat_kernel(seeing.kernel, 0.1), atol=1e-15)
    with pytest.raises(InputError, match="all 3 feature dimensions are constant over 12 rows"):
        consensus_kernel([blind, blind], 0.1)


@pytest.mark.parametrize("width", [5, 12, 40])
def test_flat_kernel_without_eigenvectors(width):
    """The same as with them, of models narrower than their rows, as wide, and wider; constant dimensions included."""
    features = np.random.default_rng(width).standard_normal((12, width)) @ np.diag(np.linspace(0.0, 3.0, width))
    found = flat_kernel_of(Representation("x", features), 0.03)
    np.testing.assert_allclose(found, flat_kernel(PrincipalKernel.of(features), 0.03), atol=1e-14)


@pytest.mark.parametrize("width", [5, 12, 40])
def test_blocks_of_a_flat_smoother(width):
    """Any block of P is that of K (K + β I)⁻¹ on all rows, which a model narrower or wider than its rows shares."""
    features = np.random.default_rng(width).standard_normal((12, width))
    scaled = dense.standardise(features)
    expected = dense.hat(scaled, scaled, 0.03) - 1 / 12
    found = FlatSmoother.of(features, 0.03)
    np.testing.assert_allclose(found.among(slice(None)), expected, atol=1e-13)
    np.testing.assert_allclose(found.among(slice(1, 12, 3)), expected[1::3, 1::3], atol=1e-13)
