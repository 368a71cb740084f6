"""The representation gap (Xue et al. 2025, arXiv:2502.00620) against dense matrices and cases computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.estimators.problem import Case, Representation
from predictor.estimators.xue2025 import RepresentationGap
from predictor.spectral.alignment import Alignment, Point
from predictor.spectral.spectra import PrincipalKernel
from tests.reference import dense
from tests.reference.models import correlated, dimmed

EXACT = 1e-10
RIDGES = (1e-3, 1e-2, 1e-1)
ENERGIES = (0.9, 0.95, 0.99, 1.0)


def operator_gap(alignment, ridge):
    return float(alignment.operator_gaps([Point(None, ridge)])[0])


def frobenius_gap(alignment, ridge):
    return float(alignment.frobenius_gaps([Point(None, ridge)])[0])


def prior_gap(alignment, ridge):
    return float(alignment.prior_gaps([Point(None, ridge)])[0])


@pytest.fixture(params=[(40, 9, 5), (40, 5, 9), (30, 50, 12), (26, 12, 60)], ids=lambda s: "x".join(map(str, s)))
def pair(request):
    rows, d_strong, d_weak = request.param
    rng = np.random.default_rng(rows * d_strong + d_weak)
    strong = correlated(rows, d_strong, 0.8, rng)
    return strong, dimmed(strong, d_weak, 0.5, rng)


@pytest.mark.parametrize("ridge", RIDGES)
@pytest.mark.parametrize("energy", ENERGIES)
def test_every_form_equals_its_dense_twin(pair, energy, ridge):
    strong, weak = pair
    part, _ = dense.principal(dense.kernel(strong), energy)
    student_labels, _ = dense.principal(dense.kernel(weak), energy)
    p_strong, p_weak = dense.smoother(part, ridge), dense.smoother(student_labels, ridge)
    found = Alignment.of(PrincipalKernel.of(strong), PrincipalKernel.of(weak)).truncate(energy)
    assert operator_gap(found, ridge) == pytest.approx(dense.operator_gap(p_strong, p_weak), abs=EXACT)
    assert frobenius_gap(found, ridge) == pytest.approx(dense.frobenius_gap(p_strong, p_weak), abs=EXACT)
    assert prior_gap(found, ridge) == pytest.approx(dense.prior_gap(p_strong, p_weak, part), abs=EXACT)


def test_gap_matrix_is_the_dense_square_seen_in_the_strong_basis(pair):
    strong, weak = (PrincipalKernel.of(features) for features in pair)
    p_strong, p_weak = (dense.smoother(dense.kernel(features), 0.02) for features in pair)
    rest = np.eye(len(p_weak)) - p_weak
    found = strong.vectors @ Alignment.of(strong, weak).gaps([Point(None, 0.02)]).dense(0) @ strong.vectors.T
    np.testing.assert_allclose(found, p_strong @ rest @ rest @ p_strong, atol=EXACT)


def test_prediction_gap_over_many_labels_of_the_prior_is_the_prior_form(pair):
    """Monte Carlo: E‖P_s(I − P_w)y‖² over y ~ N(0, K_s), relative to E‖P_s y‖²."""
    strong, weak = (PrincipalKernel.of(features) for features in pair)
    smoothers = [dense.smoother(dense.kernel(features), 0.01) for features in pair]
    rng = np.random.default_rng(8)
    draws = (strong.vectors * np.sqrt(strong.values)) @ rng.standard_normal((strong.rank, 4000))
    hidden = np.array([dense.prediction_gap(*smoothers, y) for y in draws.T[:2000]]) * strong.rows
    ability = np.sum(strong.values * strong.shrinkage(0.01) ** 2)
    standard_error = np.std(hidden / ability) / np.sqrt(len(hidden))
    assert np.mean(hidden / ability) == pytest.approx(
        prior_gap(Alignment.of(strong, weak), 0.01), abs=4 * standard_error
    )


def test_operator_form_is_the_worst_prediction_gap_over_labels_of_unit_energy(pair):
    strong, weak = (PrincipalKernel.of(features) for features in pair)
    smoothers = [dense.smoother(dense.kernel(features), 0.01) for features in pair]
    alignment = Alignment.of(strong, weak)
    worst = strong.vectors @ np.linalg.eigh(alignment.gaps([Point(None, 0.01)]).dense(0))[1][:, -1]
    # ‖P_s(I − P_w)‖ is reached from the left by the worst strong direction; its image is the worst label.
    seen = smoothers[0] @ worst
    label = seen - smoothers[1] @ seen
    found = dense.prediction_gap(*smoothers, label * np.sqrt(strong.rows / np.sum(label**2)))
    assert found == pytest.approx(operator_gap(alignment, 0.01) ** 2, rel=1e-9)
    others = np.random.default_rng(0).standard_normal((strong.rows, 50))
    others *= np.sqrt(strong.rows / np.sum(others**2, axis=0))
    assert all(dense.prediction_gap(*smoothers, y) <= found + 1e-12 for y in others.T)


KERNELS = (
    PrincipalKernel(np.array([0.75, 0.25]), np.eye(4)[:, :2]),
    PrincipalKernel(np.array([0.5, 0.5]), np.array([[0.6, 0.0], [0.8, 0.0], [0.0, 1.0], [0.0, 0.0]])),
)


class TestByHand:
    """Strong directions e₁, e₂ with λ = ¾, ¼; one weak direction (0.6, 0.8) between them and e₃ with λ = ½ each.

    β = ¼. D_s = (¾)/(1) = 0.75 and (¼)/(½) = 0.5. D_w = ½/¾ = ⅔ twice. C = [[0.6, 0], [0.8, 0]].
    """

    alignment = Alignment.of(*KERNELS)

    def test_gap_matrix(self):
        # 2D_w − D_w² = 4/3 − 4/9 = 8/9. I − 8/9 [[.36, .48], [.48, .64]] = [[.68, −.42666…], [−.42666…, .43111…]].
        # Times D_s left and right: .5625 × .68 = .3825; .375 × −.426666… = −.16; .25 × .431111… = .107777….
        found = self.alignment.gaps([Point(None, 0.25)]).dense(0)
        np.testing.assert_allclose(found, [[0.3825, -0.16], [-0.16, 0.97 / 9.0]], atol=1e-12)

    def test_operator_form(self):
        # Trace .490277…, determinant .3825 × .107777… − .0256 = .015625; λ = (.490277… + √(.240372… − .0625))/2.
        trace = 0.3825 + 0.97 / 9.0
        expected = ((trace + (trace**2 - 4 * 0.015625) ** 0.5) / 2.0) ** 0.5
        assert operator_gap(self.alignment, 0.25) == pytest.approx(expected, abs=1e-12)
        assert expected == pytest.approx(0.675288, abs=1e-6)

    def test_frobenius_form(self):
        # tr G / Σ D_s² = .490277… / (.5625 + .25).
        assert frobenius_gap(self.alignment, 0.25) == pytest.approx((0.3825 + 0.97 / 9.0) / 0.8125, abs=1e-12)

    def test_prior_form(self):
        # B = D_s (I − ⅔ [[.36, .48], [.48, .64]]) = [[.75 × .76, .75 × −.32], [.5 × −.32, .5 × .573333…]]
        #   = [[.57, −.24], [−.16, .286666…]]. tr(B Λ Bᵀ) = ¾(.57² + .16²) + ¼(.24² + .286666…²).
        hidden = 0.75 * (0.57**2 + 0.16**2) + 0.25 * (0.24**2 + (0.86 / 3.0) ** 2)
        # Σ λ D² = ¾ × .5625 + ¼ × .25 = .484375.
        assert prior_gap(self.alignment, 0.25) == pytest.approx(hidden / 0.484375, abs=1e-12)

    def test_teacher_and_student_are_not_interchangeable(self):
        swapped = Alignment.of(*KERNELS[::-1])
        # From the weak side e₃ is wholly hidden: ⅔ of it is lost whatever the rest does.
        assert operator_gap(swapped, 0.25) == pytest.approx(2.0 / 3.0, abs=1e-12)
        # I − Cᵀ(2D − D²)C with 2D − D² = .9375, .75: 1 − (.36 × .9375 + .64 × .75) = .1825; (.1825 + 1)/2.
        assert frobenius_gap(swapped, 0.25) == pytest.approx(1.1825 / 2.0, abs=1e-12)


@pytest.mark.parametrize("ridge", RIDGES)
def test_a_model_hides_from_itself_only_what_its_own_ridge_shrinks(pair, ridge):
    """C = I, so G = D²(1 − D)² on the diagonal."""
    own = PrincipalKernel.of(pair[0])
    found = Alignment.of(own, own)
    left = own.shrinkage(ridge)
    assert operator_gap(found, ridge) == pytest.approx(np.max(left * (1 - left)), abs=1e-8)
    expected = np.sum((left * (1 - left)) ** 2) / np.sum(left**2)
    assert frobenius_gap(found, ridge) == pytest.approx(expected, abs=EXACT)
    energy = np.sum(own.values * (left * (1 - left)) ** 2) / np.sum(own.values * left**2)
    assert prior_gap(found, ridge) == pytest.approx(energy, abs=EXACT)


def test_a_weak_model_that_shares_no_direction_hides_everything():
    strong = PrincipalKernel(np.array([0.6, 0.4]), np.eye(6)[:, :2])
    weak = PrincipalKernel(np.array([0.5, 0.5]), np.eye(6)[:, 3:5])
    found = Alignment.of(strong, weak)
    # Nothing of P_s is taken away: ‖P_s‖ = .6/.61, and both shares are 1.
    assert operator_gap(found, 0.01) == pytest.approx(0.6 / 0.61, abs=1e-12)
    assert frobenius_gap(found, 0.01) == pytest.approx(1.0, abs=1e-12)
    assert prior_gap(found, 0.01) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("form", ["operator", "frobenius", "prior"])
def test_the_estimate_is_the_centre_of_its_grid_and_spans_it(pair, form):
    strong, weak = pair
    twin = {}
    for energy in (0.9, 0.95, 0.99):
        part, student_labels = (dense.principal(dense.kernel(features), energy)[0] for features in pair)
        for ridge in RIDGES:
            p_strong, p_weak = dense.smoother(part, ridge), dense.smoother(student_labels, ridge)
            twin[f"energy={energy:g},ridge={ridge:g}"] = {
                "operator": dense.operator_gap(p_strong, p_weak),
                "frobenius": dense.frobenius_gap(p_strong, p_weak),
                "prior": dense.prior_gap(p_strong, p_weak, part),
            }[form]
    (found,) = RepresentationGap(form).estimate(Case(Representation("s", strong), (Representation("w", weak),)))
    assert found.details == pytest.approx(twin, abs=EXACT)
    assert found.value == pytest.approx(twin["energy=0.95,ridge=0.01"], abs=EXACT)
    assert (found.low, found.high) == pytest.approx((min(twin.values()), max(twin.values())), abs=EXACT)


@pytest.mark.parametrize("form", ["operator", "frobenius", "prior"])
def test_ill_conditioned_spectra_agree_with_singular_values_of_the_dense_product(form):
    """Eigenvalues over twelve decades in both models, β down to 1e-6 of the trace."""
    rng = np.random.default_rng(21)
    left = [np.linalg.qr(rng.standard_normal((40, 20)))[0] for _ in range(2)]
    strong, weak = (u * np.logspace(0, -6, 20) @ np.linalg.qr(rng.standard_normal((20, 20)))[0] for u in left)
    for ridge in (1e-6, 1e-3):
        p_strong, p_weak = dense.smoother(dense.kernel(strong), ridge), dense.smoother(dense.kernel(weak), ridge)
        found = Alignment.of(PrincipalKernel.of(strong), PrincipalKernel.of(weak))
        actual, expected = {
            "operator": (operator_gap, dense.operator_gap(p_strong, p_weak)),
            "frobenius": (frobenius_gap, dense.frobenius_gap(p_strong, p_weak)),
            "prior": (prior_gap, dense.prior_gap(p_strong, p_weak, dense.kernel(strong))),
        }[form]
        assert actual(found, ridge) == pytest.approx(expected, abs=1e-8)


def with_tail(rows, dims, rng):
    """A strong and a weak model that see six shared directions over an isotropic tail of `dims` dimensions."""
    latent = rng.standard_normal((rows, 6)) * np.sqrt([30.0, 20.0, 12.0, 8.0, 5.0, 4.0])
    pure = [latent @ np.linalg.qr(rng.standard_normal((dims, 6)))[0].T * np.sqrt(dims) for _ in range(2)]
    return pure, [one + rng.standard_normal((rows, dims)) * 1.5 for one in pure]


class TestTail:
    def test_isotropy_by_hand(self):
        # 12 rows, 3 kept: 8 free. Tail eigenvalues .1, .1, .2: participation .16 / .06 = 2.666…, over 8.
        kept = PrincipalKernel(np.array([0.3, 0.2, 0.1, 0.2, 0.1, 0.1]), np.eye(12)[:, :6]).spectrum.head(3)
        assert kept.tail == pytest.approx(0.4)
        assert kept.tail_isotropy == pytest.approx(0.16 / 0.06 / 8)
        assert not kept.flat_tail

    @pytest.mark.parametrize(("dims", "flat"), [(40, False), (120, False), (1500, True)])
    def test_only_a_tail_of_many_more_dimensions_than_rows_counts_as_flat(self, dims, flat):
        noise = np.random.default_rng(0).standard_normal((120, dims))
        values = np.linalg.svd(noise - noise.mean(axis=0), compute_uv=False) ** 2
        values = values[values > 1e-9] / values.sum()
        spectrum = PrincipalKernel(values, np.empty((120, len(values)))).spectrum.head(3)
        # An isotropic tail of p dimensions on n' free rows: p / (n' + p), as documented.
        assert spectrum.tail_isotropy == pytest.approx(dims / (116 + dims), abs=0.05)
        assert spectrum.flat_tail is flat

    def test_a_tail_that_falls_as_a_power_is_never_taken_off(self):
        kernel = PrincipalKernel.of(correlated(100, 900, 0.5, np.random.default_rng(1)))
        assert not any(kernel.spectrum.truncate(energy).flat_tail for energy in (0.5, 0.9, 0.95, 0.99))

    def test_the_last_few_of_sorted_eigenvalues_look_flat_and_do_not_count(self):
        kept = PrincipalKernel.of(correlated(100, 900, 0.5, np.random.default_rng(1))).spectrum.truncate(0.95)
        assert kept.tail_isotropy > 0.8
        assert not kept.flat_tail

    def test_the_corrected_gap_is_the_dense_one_with_gamma_taken_off_both_models(self):
        _, noisy = with_tail(60, 2000, np.random.default_rng(2))
        case = Case(*(f(m) for f, m in zip((one, alone), noisy, strict=True)))
        (found,) = RepresentationGap("tail_corrected").estimate(case)
        smoothers = []
        for features in noisy:
            kernel = dense.kernel(features)
            part, tail = dense.principal(kernel, 0.95)
            values, vectors = np.linalg.eigh(part)
            kept = values > 1e-9
            lowered = (vectors[:, kept] * (values[kept] - tail / 60)) @ vectors[:, kept].T
            smoothers.append(dense.smoother(lowered, 0.01 + tail / 60))
        # P of the lowered kernel under β + γ is (λ − γ)/(λ + β) on the same vectors.
        expected = dense.operator_gap(*smoothers)
        assert found.note.startswith("flat tail taken off: strong and weak")
        assert found.details["energy=0.95,ridge=0.01"] == pytest.approx(expected, abs=1e-9)
        (plain,) = RepresentationGap("operator").estimate(case)
        assert plain.value != found.value
        assert "representation_gap_tail_corrected takes it off" in plain.note

    def test_corrected_eigenvalues_are_those_of_the_signal_on_average(self):
        pure, noisy = with_tail(60, 4000, np.random.default_rng(3))
        sample = np.linalg.svd(noisy[0] - noisy[0].mean(axis=0), compute_uv=False) ** 2 / 60
        sample = sample[sample > 1e-9]
        level = sample[6:].sum() / 60
        signal = np.linalg.svd(pure[0] - pure[0].mean(axis=0), compute_uv=False)[:6] ** 2 / 60
        # One by one they also move with the noise's own draw; on average they are too large by γ.
        assert abs(np.mean(sample[:6] - level - signal)) < 0.2 * np.mean(sample[:6] - signal)

    def test_where_no_tail_is_flat_it_equals_the_plain_gap_and_reports_so(self, pair):
        case = Case(*(f(m) for f, m in zip((one, alone), pair, strict=True)))
        (found,), (plain,) = (RepresentationGap(form).estimate(case) for form in ("tail_corrected", "operator"))
        assert dict(found.details) == dict(plain.details)
        assert found.note.endswith("none taken off")
        assert plain.note == "" or "tail" not in plain.note


def one(features):
    return Representation("s", features)


def alone(features):
    return (Representation("w", features),)
