"""Linear CKA (Kornblith et al. 2019, arXiv:1905.00414) against the HSIC of full kernels and a case by hand."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.spectral.alignment import Alignment
from predictor.spectral.spectra import PrincipalKernel
from tests.reference import dense
from tests.reference.models import correlated, dimmed


@pytest.mark.parametrize("shape", [(40, 9, 5), (30, 50, 12), (24, 30, 80)])
def test_cka_is_the_ratio_of_hsic_of_full_centred_kernels(shape):
    rows, d_strong, d_weak = shape
    rng = np.random.default_rng(7)
    strong = correlated(rows, d_strong, 0.8, rng)
    weak = dimmed(strong, d_weak, 0.5, rng)
    # A constant added to a kernel is removed by the centring inside HSIC.
    expected = dense.cka(dense.kernel(strong) + 3.0, dense.kernel(weak))
    found = Alignment.of(PrincipalKernel.of(strong), PrincipalKernel.of(weak)).cka
    assert found == pytest.approx(expected, abs=1e-10)
    assert Alignment.of(PrincipalKernel.of(weak), PrincipalKernel.of(strong)).cka == pytest.approx(found, abs=1e-12)


def test_cka_by_hand():
    # C = [[.6, 0], [.8, 0]], λ_s = ¾, ¼, λ_w = ½, ½: Σ C² λ_s λ_w = .36 × ⅜ + .64 × ⅛ = .215.
    # ‖K_s‖² = 9/16 + 1/16 = ⅝, ‖K_w‖² = ½: .215 / √(5/16).
    strong = PrincipalKernel(np.array([0.75, 0.25]), np.eye(4)[:, :2])
    weak = PrincipalKernel(np.array([0.5, 0.5]), np.array([[0.6, 0.0], [0.8, 0.0], [0.0, 1.0], [0.0, 0.0]]))
    assert Alignment.of(strong, weak).cka == pytest.approx(0.215 / (5.0 / 16.0) ** 0.5, abs=1e-12)


def test_a_model_is_wholly_similar_to_itself_and_not_to_unrelated_directions():
    own = PrincipalKernel(np.array([0.7, 0.3]), np.eye(5)[:, :2])
    other = PrincipalKernel(np.array([0.7, 0.3]), np.eye(5)[:, 2:4])
    assert Alignment.of(own, own).cka == pytest.approx(1.0, abs=1e-12)
    assert Alignment.of(own, other).cka == 0.0


def test_shared_energy_counts_as_many_directions_of_the_weak_model_as_the_strong_one_needs():
    strong = PrincipalKernel(np.array([0.75, 0.25]), np.eye(4)[:, :2])
    weak = PrincipalKernel(np.array([0.6, 0.4]), np.array([[0.6, -0.8], [0.8, 0.6], [0.0, 0.0], [0.0, 0.0]]))
    found = Alignment.of(strong, weak)
    # 70 % needs e₁ alone: its share in the first weak direction is .6². All needs both, and the plane is the same.
    assert found.shared_energy(0.7) == pytest.approx(0.36, abs=1e-12)
    assert found.shared_energy(1.0) == pytest.approx(1.0, abs=1e-12)
    # A weak model of one direction: ¾ × .36 + ¼ × .64.
    one = PrincipalKernel(np.array([1.0]), weak.vectors[:, :1])
    assert Alignment.of(strong, one).shared_energy(1.0) == pytest.approx(0.43, abs=1e-12)
