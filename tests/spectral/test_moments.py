"""Moments accumulated chunk by chunk, against two passes in long double."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.spectral.moments import CHUNK_ROWS, CrossMoments, Moments, paired
from predictor.spectral.spectra import Scale

ROWS = 2 * CHUNK_ROWS + 371


def plain(left, right):
    """Means and Σ (x − mean)(y − mean)ᵀ, two passes, long double, no matrix product."""
    x, y = left.astype(np.longdouble), right.astype(np.longdouble)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    return np.array([[np.sum(a * b) for b in y.T] for a in x.T])


def made(dims, offset=3.0, seed=0, rows=ROWS):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((rows, dims)) @ rng.standard_normal((dims, dims)) + offset).astype(np.float32)


@pytest.mark.parametrize("rows", [1, 2, CHUNK_ROWS - 1, CHUNK_ROWS, CHUNK_ROWS + 1, ROWS])
def test_chunks_of_any_length_add_up(rows):
    left, right = made(5, rows=rows), made(3, seed=1, rows=rows)
    own, cross = Moments.of(right), CrossMoments.of(left, right)
    size = 20.0 * rows
    np.testing.assert_allclose(own.scatter, plain(right, right).astype(float), atol=1e-13 * size)
    np.testing.assert_allclose(cross.scatter, plain(left, right).astype(float), atol=1e-13 * size)
    np.testing.assert_allclose(own.mean, right.mean(axis=0, dtype=np.float64), rtol=1e-13)
    assert (own.rows, cross.rows) == (rows, rows)


def test_one_pass_gives_the_same_as_two():
    left, right = made(4), made(6, seed=2)
    cross, own = paired(left, right)
    np.testing.assert_array_equal(own.scatter, Moments.of(right).scatter)
    np.testing.assert_array_equal(cross.scatter, CrossMoments.of(left, right).scatter)
    np.testing.assert_allclose(cross.left, left.mean(axis=0, dtype=np.float64), rtol=1e-13)
    np.testing.assert_allclose(cross.right, right.mean(axis=0, dtype=np.float64), rtol=1e-13)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6])
def test_features_far_from_zero_lose_nothing_that_they_had(offset):
    features = made(4, offset).astype(np.float64)
    expected = plain(features, features).astype(float)
    np.testing.assert_allclose(Moments.of(features).scatter, expected, atol=1e-12 * np.max(expected))


def test_a_first_chunk_unlike_all_others_costs_only_as_many_digits_as_its_share_has():
    features = made(3).astype(np.float64)
    features[:CHUNK_ROWS] = 1e6
    expected = plain(features, features).astype(float)
    np.testing.assert_allclose(Moments.of(features).scatter, expected, rtol=1e-11)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32])
def test_the_scale_is_that_of_two_passes_and_leaves_out_constant_dimensions(dtype):
    features = (made(4) * 100).astype(dtype)
    features[:, 2] = 7
    found, expected = Moments.of(features).scale(features), Scale.of(features)
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-12)
    np.testing.assert_allclose(found.weight, expected.weight, rtol=1e-12)
    assert found.weight[2] == 0.0


def test_models_on_different_rows_are_refused():
    with pytest.raises(InputError, match="the strong model has 4 rows and the weak one 5"):
        CrossMoments.of(np.ones((4, 2)), np.ones((5, 2)))
