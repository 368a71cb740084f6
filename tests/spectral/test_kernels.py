"""Streamed kernels and alignments against the same maths with every eigenvector in memory, and against float64 SVD."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.estimators.problem import Case, Representation
from predictor.estimators.xue2025 import RepresentationGap
from predictor.ranking.ordering import order
from predictor.spectral.alignment import Alignment, Point
from predictor.spectral.kernels import StreamedKernel, kernel_of, streams
from predictor.spectral.lanczos import DENSE_SIZE, GapMatrices
from predictor.spectral.moments import CHUNK_ROWS
from predictor.spectral.spectra import PrincipalKernel
from tests.reference.models import correlated, dimmed

ROWS = CHUNK_ROWS + 300
POINTS = [Point(energy, ridge) for energy in (0.9, 0.95, 0.99, None) for ridge in (1e-3, 1e-2, 1e-1)]
MEASURES = (Alignment.operator_gaps, Alignment.frobenius_gaps, Alignment.prior_gaps)


@pytest.fixture(scope="module")
def models():
    rng = np.random.default_rng(4)
    strong = correlated(ROWS, 60, 0.8, rng).astype(np.float32)
    return strong, dimmed(strong, 35, 0.5, rng).astype(np.float32)


def test_long_features_are_streamed_and_short_or_wide_ones_are_not():
    assert streams(np.empty((CHUNK_ROWS + 1, 8)))
    assert not streams(np.empty((CHUNK_ROWS, 8)))
    assert not streams(np.empty((CHUNK_ROWS + 1, CHUNK_ROWS + 1)))


def test_a_streamed_kernel_is_the_kernel(models):
    for features in models:
        streamed, stored = StreamedKernel.of(features), PrincipalKernel.of(features)
        np.testing.assert_allclose(streamed.values, stored.values, atol=1e-13)
        sign = np.sign(np.sum(streamed.vectors * stored.vectors, axis=0))
        np.testing.assert_allclose(streamed.vectors * sign, stored.vectors, atol=1e-9)
        assert streamed.effective_dimension == pytest.approx(stored.effective_dimension, rel=1e-12)
        cut, stored_cut = streamed.truncate(0.9), stored.truncate(0.9)
        assert (cut.rank, cut.rows) == (stored_cut.rank, ROWS)
        np.testing.assert_allclose(cut.shrinkage(0.01), stored_cut.shrinkage(0.01), atol=1e-12)
        assert cut.spectrum.tail_isotropy == pytest.approx(stored_cut.spectrum.tail_isotropy)
        np.testing.assert_allclose(
            np.abs(cut.scores(np.array([3, 2000]), 4)), np.abs(stored_cut.scores(np.array([3, 2000]), 4)), atol=1e-9
        )


@pytest.mark.parametrize("held", [(False, False), (True, False), (False, True)], ids=str)
def test_alignments_agree_whichever_side_is_streamed(models, held):
    whole = Alignment.of(*(PrincipalKernel.of(m) for m in models))
    kernels = [PrincipalKernel.of(m) if h else StreamedKernel.of(m) for m, h in zip(models, held, strict=True)]
    found = Alignment.of(*kernels)
    for measure in MEASURES:
        np.testing.assert_allclose(measure(found, POINTS), measure(whole, POINTS), atol=1e-11)
    assert found.cka == pytest.approx(whole.cka, abs=1e-12)
    assert found.shared_energy(0.95) == pytest.approx(whole.shared_energy(0.95), abs=1e-11)
    assert found.truncate(0.95).shared_dimension == pytest.approx(whole.truncate(0.95).shared_dimension, abs=1e-10)


def test_a_representation_streams_both_moments_in_one_pass_and_answers_as_two(models):
    strong, weak = (Representation(name, features) for name, features in zip("sw", models, strict=True))
    together = weak.alignment(strong)
    apart = Alignment.of(kernel_of(models[0]), kernel_of(models[1]))
    assert weak.alignment(strong) is together
    assert isinstance(weak.kernel, StreamedKernel)
    np.testing.assert_allclose(together.operator_gaps(POINTS), apart.operator_gaps(POINTS), atol=1e-12)
    np.testing.assert_array_equal(together.weak.values, weak.kernel.values)


@pytest.mark.parametrize("rows", [ROWS, 200])
def test_shuffled_rows_keep_their_eigenvalues_and_move_their_vectors(models, rows):
    strong, weak = (Representation(n, features[:rows]) for n, features in zip("sw", models, strict=True))
    order = np.random.default_rng(0).permutation(rows)
    moved = weak.permuted(order)
    assert moved.kernel.values is weak.kernel.values
    anew = Representation("w", weak.features[order])
    np.testing.assert_allclose(
        moved.alignment(strong).operator_gaps(POINTS), anew.alignment(strong).operator_gaps(POINTS), atol=1e-10
    )
    (shuffled,) = Case(strong, (weak,)).shuffled(np.random.default_rng(0)).weak
    np.testing.assert_array_equal(shuffled.features, moved.features)
    assert shuffled.kernel.values is weak.kernel.values


def test_memory_maps_are_read_and_not_copied(models, tmp_path):
    paths = []
    for name, features in zip("sw", models, strict=True):
        np.save(tmp_path / f"{name}.npy", features)
        paths.append(tmp_path / f"{name}.npy")
    mapped = [Representation(p.stem, np.load(p, mmap_mode="r")) for p in paths]
    assert mapped[1].alignment(mapped[0]).cka == pytest.approx(
        Alignment.of(*(PrincipalKernel.of(m) for m in models)).cka, abs=1e-12
    )
    assert isinstance(mapped[1].kernel.features, np.memmap)


def test_constant_and_mismatched_features_are_refused_when_streamed():
    with pytest.raises(InputError, match=f"all 3 feature dimensions are constant over {ROWS} rows"):
        kernel_of(np.ones((ROWS, 3)))
    short, long = Representation("s", np.eye(5)), Representation("w", np.eye(6))
    with pytest.raises(InputError, match="the strong model has 5 rows and the weak one 6"):
        long.alignment(short)


@pytest.mark.parametrize("decades", [3, 6])
def test_spectra_over_twelve_decades_agree_with_singular_vectors(decades):
    """Singular values over `decades` decades, eigenvalues over twice as many; β down to 1e-6 of the trace."""
    rng = np.random.default_rng(8)
    sides = []
    for dims in (40, 30):
        left = np.linalg.qr(rng.standard_normal((ROWS, dims)) - 0.0)[0]
        left -= left.mean(axis=0)
        left = np.linalg.qr(left)[0]
        right = np.linalg.qr(rng.standard_normal((dims, dims)))[0]
        sides.append(left * np.logspace(0, -decades, dims) @ right.T)
    exact = Alignment.of(*(by_svd(side) for side in sides))
    found = Alignment.of(*(StreamedKernel.of(side) for side in sides))
    points = [Point(energy, ridge) for energy in (0.99, None) for ridge in (1e-6, 1e-3)]
    for measure in MEASURES:
        np.testing.assert_allclose(measure(found, points), measure(exact, points), atol=1e-9)


def by_svd(features):
    """Eigenpairs from the float64 singular value decomposition of the standardised features: no product of them."""
    scaled = features - features.mean(axis=0)
    scaled /= scaled.std(axis=0) * np.sqrt(scaled.shape[1])
    left, singular, _ = np.linalg.svd(scaled / np.sqrt(len(scaled)), full_matrices=False)
    return PrincipalKernel(singular**2, left)


@pytest.mark.parametrize("form", ["operator", "frobenius", "prior"])
def test_the_estimate_is_the_same_on_a_long_pool_however_it_is_held(models, form):
    strong, weak = (Representation(n, m) for n, m in zip("sw", models, strict=True))
    (found,) = RepresentationGap(form).estimate(Case(strong, (weak,)))
    whole = Alignment.of(*(PrincipalKernel.of(m) for m in models))
    measure = dict(zip(("operator", "frobenius", "prior"), MEASURES, strict=True))[form]
    assert found.value == pytest.approx(measure(whole, [Point(0.95, 1e-2)])[0], abs=1e-11)


class TestLanczos:
    @staticmethod
    def matrices(order, inner, columns, seed=0, decay=1.0):
        rng = np.random.default_rng(seed)
        values = np.arange(1, order + 1) ** -decay
        left = np.sqrt(values[:, None]) / (values[:, None] + np.logspace(-3, -1, columns))
        cross = np.linalg.qr(rng.standard_normal((order + inner, order)))[0][:inner].T
        cross = np.sqrt(values)[:, None] * cross * np.arange(1, inner + 1) ** (-decay / 2)
        fits = np.arange(1, inner + 1)[:, None] ** -decay
        ridge = np.logspace(-3, -1, columns)
        right = (fits + 2 * ridge) / (fits + ridge) ** 2
        for k in range(columns):
            left[order - 3 * k :, k] = 0.0
            right[inner - 2 * k :, k] = 0.0
        return GapMatrices(left**2 * values[:, None], left, cross, right)

    @pytest.mark.parametrize("shape", [(DENSE_SIZE + 1, 40), (DENSE_SIZE + 1, 200), (260, 260), (300, 90)], ids=str)
    def test_it_finds_what_dense_eigenvalues_are(self, shape):
        gaps = self.matrices(*shape, columns=7)
        expected = [np.linalg.eigvalsh(gaps.dense(k))[-1] for k in range(7)]
        np.testing.assert_allclose(gaps.largest(), expected, atol=1e-12)

    def test_columns_that_do_not_converge_are_finished_densely(self):
        gaps = self.matrices(200, 200, 5)
        expected = [np.linalg.eigvalsh(gaps.dense(k))[-1] for k in range(5)]
        np.testing.assert_allclose(gaps.largest(tolerance=0.0), expected, atol=1e-12)

    def test_matrices_of_few_eigenvalues_break_down_into_the_right_answer(self):
        order = DENSE_SIZE + 40
        left = np.ones((order, 2))
        left[:, 1] = 0.5
        gaps = GapMatrices(left**2, left, np.zeros((order, 3)), np.ones((3, 2)))
        np.testing.assert_allclose(gaps.largest(), [1.0, 0.25], atol=1e-14)

    def test_applying_is_multiplying(self):
        gaps = self.matrices(150, 80, 4)
        vectors = np.random.default_rng(1).standard_normal((150, 2))
        found = gaps.apply(vectors, np.array([1, 3]))
        np.testing.assert_allclose(found[:, 0], gaps.dense(1) @ vectors[:, 0], atol=1e-10)
        np.testing.assert_allclose(found[:, 1], gaps.dense(3) @ vectors[:, 1], atol=1e-10)

    def test_nothing_retained_is_nothing_hidden(self):
        order = DENSE_SIZE + 10
        gaps = GapMatrices(np.zeros((order, 1)), np.zeros((order, 1)), np.ones((order, 2)), np.ones((2, 1)))
        np.testing.assert_allclose(gaps.largest(), [0.0])


def test_known_values_are_not_computed_again(models):
    strong, weak = (Representation(n, features[:400]) for n, features in zip("sw", models, strict=True))
    noisy = Representation("v", weak.features + np.float32(3.0) * weak.features.std() * noise(weak.features.shape))
    case = Case(strong, (weak, noisy))
    estimator = RepresentationGap("frobenius")
    estimates = [{estimator.name: one} for one in estimator.estimate(case)]
    found, anew = order(estimator, case, "w2s_error", estimates), order(estimator, case, "w2s_error")
    assert list(found.standing.rank) == list(anew.standing.rank) == [1, 2]
    np.testing.assert_array_equal(found.standing.p_best, anew.standing.p_best)
    assert list(order(estimator, case, "w2s_error", estimates[::-1]).standing.rank) == [2, 1]


def noise(shape):
    return np.random.default_rng(9).standard_normal(shape).astype(np.float32)


def test_memory_does_not_grow_with_the_rows_of_a_mapped_pool(tmp_path):
    peaks = []
    for rows in (12_000, 48_000):
        rng = np.random.default_rng(0)
        for name in "sw":
            np.save(tmp_path / f"{name}.npy", rng.standard_normal((rows, 48), dtype=np.float32))
        strong, weak = (Representation(n, np.load(tmp_path / f"{n}.npy", mmap_mode="r")) for n in "sw")
        tracemalloc.start()
        for form in ("operator", "frobenius", "prior"):
            RepresentationGap(form).estimate(Case(strong, (weak,)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Threads that other tests left allocate too, a little; the rows themselves would add 14 MB.
    assert peaks[1] - peaks[0] < 0.05 * (48_000 - 12_000) * 48 * 4 * 2
    assert peaks[1] < 12_000 * 48 * 8
