"""Intrinsic dimensions against dense projections, arithmetic by hand and ridgeless heads trained on pure noise."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from predictor.estimators.dong2025 import Dimensions, IntrinsicDimensionDiscrepancy
from predictor.estimators.xue2025 import ENERGIES
from predictor.spectral.alignment import Alignment
from predictor.spectral.spectra import PrincipalKernel
from tests.estimators.cases import case_with
from tests.reference import dense
from tests.reference.models import correlated, dimmed

ESTIMATOR = IntrinsicDimensionDiscrepancy()


def projection(features, energy):
    """Orthogonal projection on the principal part, with its dimension."""
    part, _ = dense.principal(dense.kernel(features), energy)
    values, vectors = np.linalg.eigh(part)
    kept = vectors[:, values > 1e-9]
    return kept @ kept.T, kept.shape[1]


def test_the_ratio_by_hand():
    # d_w = 3, d_s = 2, d_sw = 1, N = 10: 1 + (2/10)(3 − 1) = 1.4, over 3.
    dims = Dimensions(weak=3, strong=2, shared=1.0)
    assert dims.inherited(10) == pytest.approx(1.4)
    assert dims.ratio(10) == pytest.approx(1.4 / 3)


def test_a_student_with_no_more_rows_than_dimensions_inherits_everything():
    assert Dimensions(weak=3, strong=8, shared=1.0).inherited(5) == pytest.approx(3.0)


@pytest.mark.parametrize("energy", ENERGIES)
def test_dimensions_are_those_of_dense_projections(energy):
    rng = np.random.default_rng(0)
    strong = correlated(40, 12, 0.8, rng)
    weak = dimmed(strong, 7, 0.5, rng)
    (left, d_s), (right, d_w) = projection(strong, energy), projection(weak, energy)
    found = Dimensions.of(Alignment.of(PrincipalKernel.of(strong), PrincipalKernel.of(weak)).truncate(energy))
    assert (found.strong, found.weak) == (d_s, d_w)
    assert found.shared == pytest.approx(np.trace(left @ right), abs=1e-9)


def test_the_estimate_is_the_ratio_at_the_middle_truncation_with_the_unlabelled_rows_as_n():
    case = case_with("few_labels")
    pseudo_labels = int((~case.labels.known).sum())
    assert pseudo_labels == 72
    for candidate, one in zip(case.weak, ESTIMATOR.estimate(case), strict=True):
        ratios = []
        for energy in ENERGIES:
            (left, d_s), (right, d_w) = (projection(m.features, energy) for m in (case.strong, candidate))
            shared = np.trace(left @ right)
            ratios.append((shared + d_s / 72 * (d_w - shared)) / d_w)
        assert one.value == pytest.approx(ratios[1], abs=1e-9)
        assert (one.low, one.high) == pytest.approx((min(ratios), max(ratios)), abs=1e-9)
        assert one.details["inherited_dimension"] == pytest.approx(ratios[1] * one.details["weak_dimension"], abs=1e-9)


def test_without_labels_every_row_is_a_pseudo_label():
    labelled, free = case_with("few_labels"), case_with("representations")
    for less, more in zip(ESTIMATOR.estimate(labelled), ESTIMATOR.estimate(free), strict=True):
        dims = {k: more.details[k] for k in ("weak_dimension", "strong_dimension", "shared_dimension")}
        assert all(less.details[k] == dims[k] for k in dims)
        assert more.value < less.value


def test_the_ratio_is_that_of_measured_variances_of_ridgeless_heads():
    """Weak heads fit pure noise; students copy them. Coordinates 0–5 are the weak model's, 4–11 the strong one's."""
    rng = np.random.default_rng(1)
    gold, pseudo, weak, strong = 200, 400, slice(0, 6), slice(4, 12)
    before, after = [], []
    for _ in range(3000):
        x = rng.standard_normal((gold + pseudo, 12))
        slope = np.linalg.lstsq(x[:gold, weak], rng.standard_normal(gold), rcond=None)[0]
        student_labels = x[gold:, weak] @ slope
        student = np.linalg.lstsq(x[gold:, strong], student_labels, rcond=None)[0]
        before.append(np.sum(slope**2))
        after.append(np.sum(student**2))
    measured = np.mean(after) / np.mean(before)
    assert Dimensions(weak=6, strong=8, shared=2.0).ratio(pseudo) == pytest.approx(measured, rel=0.05)


def test_a_unknown_caller_is_lower_than_the_strong_model_itself():
    case = case_with("representations", noises=(0.1,))
    unknown = dataclasses.replace(case.weak[0], features=np.random.default_rng(5).standard_normal((120, 12)))
    alien, own = ESTIMATOR.estimate(dataclasses.replace(case, weak=(unknown, case.strong)))
    assert alien.value < own.value
    assert own.value == pytest.approx(1.0)


def test_too_few_rows_for_the_student_are_noted():
    case = case_with("few_labels")
    wide = dataclasses.replace(case.strong, features=np.random.default_rng(3).standard_normal((120, 118)))
    assert ESTIMATOR.estimate(dataclasses.replace(case, strong=wide))[0].note.startswith("the student has no more rows")
