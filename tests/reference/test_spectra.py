"""The principal kernel against full n × n matrices and against cases computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.spectral.alignment import Alignment
from predictor.spectral.spectra import PrincipalKernel, Scale, factor
from tests.reference import dense
from tests.reference.models import correlated

EXACT = {"rtol": 0.0, "atol": 1e-10}
SHAPES = [(40, 7), (30, 30), (25, 60)]


def smooth(kernel, labels, ridge):
    """P labels = U diag(λ/(λ + β)) Uᵀ labels."""
    return (kernel.vectors * kernel.shrinkage(ridge)) @ (kernel.vectors.T @ labels)


@pytest.fixture(params=SHAPES, ids=lambda s: f"{s[0]}x{s[1]}")
def features(request):
    rows, dims = request.param
    return correlated(rows, dims, 0.7, np.random.default_rng(rows + dims))


def by_hand():
    """Four rows, one informative pair of dimensions, whose kernel can be written down.

    First dimension 0, 0, 2, 2 + 10: mean 11, deviations ∓1. Second 3 × (1, −1, 1, −1): mean 0, deviation 3.
    Third constant, so it does not count: d' = 2. Standardised and divided by √2:
        row 1 (−1, 1)/√2, row 2 (−1, −1)/√2, row 3 (1, 1)/√2, row 4 (1, −1)/√2.
    """
    return np.array([[10.0, 3.0, 5.0], [10.0, -3.0, 5.0], [12.0, 3.0, 5.0], [12.0, -3.0, 5.0]])


def test_scale_centres_divides_by_the_deviation_and_leaves_constants_out():
    scale = Scale.of(by_hand())
    np.testing.assert_allclose(scale.mean, [11.0, 0.0, 5.0], **EXACT)
    # 1 / (deviation × √2): 1/√2, 1/(3√2), and 0 for the constant.
    np.testing.assert_allclose(scale.weight, [0.5**0.5, 0.5**0.5 / 3.0, 0.0], **EXACT)
    # Another row (13, 6, 9): (13 − 11)/1/√2 = √2, 6/3/√2 = √2, 0.
    np.testing.assert_allclose(scale.apply(np.array([[13.0, 6.0, 9.0]])), [[2.0**0.5, 2.0**0.5, 0.0]], **EXACT)


def test_kernel_of_a_hand_case():
    found = PrincipalKernel.of(by_hand())
    # Each standardised column c has cᵀc/n = 1/2, and the two are orthogonal: λ = ½, ½ with trace 1.
    np.testing.assert_allclose(found.values, [0.5, 0.5], **EXACT)
    # K = ZZᵀ/4: rows 1 and 4 are opposite, (−1·1 + 1·−1)/2/4 = −1/4; rows 1 and 2 orthogonal; diagonal (1+1)/2/4 = 1/4.
    whole = found.vectors * found.values @ found.vectors.T
    np.testing.assert_allclose(
        whole, [[0.25, 0, 0, -0.25], [0, 0.25, -0.25, 0], [0, -0.25, 0.25, 0], [-0.25, 0, 0, 0.25]], **EXACT
    )


def test_eigenpairs_rebuild_the_dense_kernel_whose_trace_is_one(features):
    found = PrincipalKernel.of(features)
    np.testing.assert_allclose(found.vectors * found.values @ found.vectors.T, dense.kernel(features), **EXACT)
    assert found.values.sum() == pytest.approx(1.0, abs=1e-12)
    assert np.all(np.diff(found.values) <= 0.0)
    np.testing.assert_allclose(found.vectors.T @ found.vectors, np.eye(found.rank), **EXACT)
    np.testing.assert_allclose(found.vectors.sum(axis=0), 0.0, **EXACT)


def test_rank_is_that_of_centred_rows(features):
    rows, dims = features.shape
    assert PrincipalKernel.of(features).rank == min(dims, rows - 1)


@pytest.mark.parametrize("energy", [0.5, 0.9, 0.95, 0.99, 1.0])
def test_truncation_retains_the_fewest_components_with_the_energy(features, energy):
    kept = PrincipalKernel.of(features).truncate(energy)
    part, left_out = dense.principal(dense.kernel(features), energy)
    np.testing.assert_allclose(kept.vectors * kept.values @ kept.vectors.T, part, **EXACT)
    assert kept.tail == pytest.approx(left_out, abs=1e-10)
    assert kept.values.sum() >= energy - 1e-10
    assert kept.rank == 1 or kept.values[:-1].sum() < energy


def test_truncating_twice_adds_up_the_tail(features):
    twice = PrincipalKernel.of(features).truncate(0.99).truncate(0.9)
    assert twice.tail == pytest.approx(1.0 - twice.values.sum(), abs=1e-12)
    dropped = PrincipalKernel.of(features).values[twice.rank :]
    assert twice.tail_square == pytest.approx(np.sum(dropped**2), abs=1e-12)


@pytest.mark.parametrize("ridge", [1e-3, 1e-2, 1.0])
@pytest.mark.parametrize("energy", [0.9, 1.0])
def test_smoothing_is_the_dense_smoother_of_the_principal_part(features, ridge, energy):
    labels = np.random.default_rng(1).standard_normal((len(features), 3))
    expected = dense.smoother(dense.principal(dense.kernel(features), energy)[0], ridge) @ labels
    kept = PrincipalKernel.of(features).truncate(energy)
    np.testing.assert_allclose(smooth(kept, labels, ridge), expected, **EXACT)
    np.testing.assert_allclose(smooth(kept, labels[:, 0], ridge), expected[:, 0], **EXACT)


def test_smoothing_a_hand_case():
    # Labels (1, 1, −1, −1) lie on the first dimension, λ = ½: P y = ½/(½ + ¼) y = ⅔ y. The mean is removed as well.
    labels = np.array([1.0, 1.0, -1.0, -1.0])
    found = PrincipalKernel.of(by_hand())
    np.testing.assert_allclose(smooth(found, labels + 7.0, 0.25), labels * 2.0 / 3.0, **EXACT)


def test_tail_corrected_shrinkage_takes_the_flat_tail_off_the_retained_values():
    # λ = 0.5, 0.2 kept, tail 0.3 over 6 rows: γ = 0.05. 0.45/(0.5 + 0.1) = 0.75, 0.15/(0.2 + 0.1) = 0.5.
    found = PrincipalKernel(np.array([0.5, 0.2]), np.eye(6)[:, :2], tail=0.3)
    np.testing.assert_allclose(found.spectrum.shrinkage(0.1, tail_corrected=True), [0.75, 0.5], **EXACT)
    # Without it the tail plays no part: 0.5/0.6 and 0.2/0.3.
    np.testing.assert_allclose(found.shrinkage(0.1), [5.0 / 6.0, 2.0 / 3.0], **EXACT)


def test_tail_corrected_shrinkage_is_the_smoother_of_the_signal_under_ridge_plus_gamma():
    """Xue 2025: β_eff = β + γ where the sample kernel is a signal kernel plus γ I on the kept directions."""
    rng = np.random.default_rng(5)
    vectors = np.linalg.qr(rng.standard_normal((12, 4)))[0]
    signal, level, ridge = np.array([0.4, 0.2, 0.1, 0.05]), 0.01, 0.03
    found = PrincipalKernel(signal + level, vectors, tail=12 * level)
    expected = dense.smoother(vectors * signal @ vectors.T, ridge + level)
    actual = vectors * found.spectrum.shrinkage(ridge, tail_corrected=True) @ vectors.T
    np.testing.assert_allclose(actual, expected, **EXACT)


def test_tail_correction_never_turns_a_component_negative():
    found = PrincipalKernel(np.array([0.5, 0.01]), np.eye(4)[:, :2], tail=0.49)
    assert found.spectrum.shrinkage(0.1, tail_corrected=True)[1] == 0.0


def test_effective_dimension_is_the_participation_ratio(features):
    full = dense.kernel(features)
    # (tr K)² / tr K²
    assert PrincipalKernel.of(features).effective_dimension == pytest.approx(
        np.trace(full) ** 2 / np.trace(full @ full), abs=1e-10
    )


def test_effective_dimension_of_a_hand_case():
    # (3 + 1)² / (9 + 1) = 1.6, whatever the scale.
    assert PrincipalKernel(np.array([0.75, 0.25]), np.eye(3)[:, :2]).effective_dimension == pytest.approx(1.6)
    assert PrincipalKernel(np.array([3.0, 1.0]), np.eye(3)[:, :2]).effective_dimension == pytest.approx(1.6)


def test_factor_returns_the_thin_singular_value_decomposition(features):
    scaled = dense.standardise(features)
    values, left, right = factor(scaled)
    np.testing.assert_allclose(np.sqrt(len(scaled)) * left * np.sqrt(values) @ right.T, scaled, **EXACT)
    np.testing.assert_allclose(right.T @ right, np.eye(len(values)), **EXACT)


def test_factor_of_nothing_is_empty():
    values, left, right = factor(np.zeros((5, 3)))
    assert (len(values), left.shape, right.shape) == (0, (5, 0), (3, 0))


def test_overlap_is_cosines_between_principal_directions(features):
    other = correlated(len(features), 5, 0.3, np.random.default_rng(9))
    strong, weak = PrincipalKernel.of(features), PrincipalKernel.of(other)
    found = Alignment.of(strong, weak).cosines
    assert found.shape == (strong.rank, weak.rank)
    np.testing.assert_allclose(
        found, [[strong.vectors[:, i] @ weak.vectors[:, j] for j in range(weak.rank)] for i in range(strong.rank)]
    )


def test_kernels_on_different_rows_are_refused():
    rng = np.random.default_rng(2)
    with pytest.raises(InputError, match="the strong model has 8 rows and the weak one 9"):
        Alignment.of(PrincipalKernel.of(rng.standard_normal((8, 2))), PrincipalKernel.of(rng.standard_normal((9, 2))))


def test_constant_features_are_refused_with_what_to_do():
    with pytest.raises(InputError, match=r"all 3 feature dimensions are constant over 5 rows.*choose another layer"):
        PrincipalKernel.of(np.ones((5, 3)) * [1.0, -2.0, 1e6])


def test_rank_deficient_features_keep_their_true_rank_and_kernel():
    rng = np.random.default_rng(4)
    base = rng.standard_normal((20, 3))
    deficient = np.hstack([base, base @ rng.standard_normal((3, 4)), base[:, :1], np.ones((20, 1))])
    found = PrincipalKernel.of(deficient)
    assert found.rank == 3
    np.testing.assert_allclose(found.vectors * found.values @ found.vectors.T, dense.kernel(deficient), **EXACT)


@pytest.mark.parametrize("shape", SHAPES)
def test_spectra_over_twelve_decades_smooth_as_exactly_as_the_dense_matrices(shape):
    """Eigenvalues down to 1e-12 of the largest; β no smaller than 1e-6 of the trace."""
    rows, dims = shape
    rng = np.random.default_rng(11)
    kept = min(dims, rows - 1)
    left = np.linalg.qr(rng.standard_normal((rows, kept)))[0]
    right = np.linalg.qr(rng.standard_normal((dims, kept)))[0]
    features = left * np.logspace(0, -6, kept) @ right.T
    labels = rng.standard_normal((rows, 2))
    for ridge in (1e-6, 1e-2):
        expected = dense.smoother(dense.kernel(features), ridge) @ labels
        np.testing.assert_allclose(smooth(PrincipalKernel.of(features), labels, ridge), expected, atol=1e-9)


def test_features_far_from_zero_lose_no_more_than_their_own_rounding():
    features = correlated(30, 6, 0.5, np.random.default_rng(6))
    near, far = PrincipalKernel.of(features), PrincipalKernel.of(features + 1e6)
    np.testing.assert_allclose(near.values, far.values, atol=1e-8)
