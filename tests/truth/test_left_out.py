"""The left-out grid: sizes of errors by explicitly leaving out each gold row."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.truth.basis import Basis
from predictor.truth.conditioned import posterior
from predictor.truth.kernels import unit
from predictor.truth.left_out import RATIOS, left_out_grid
from predictor.truth.model import LabelModel
from tests.reference import truth as twin

ROWS = 40
KNOWN = np.arange(1, ROWS, 3)


def setting(columns=1, seed=0, size=1.0):
    """A model of two kernels and gold labels that follow the first."""
    rng = np.random.default_rng(seed)
    features = [rng.standard_normal((ROWS, width)) for width in (4, 9)]
    kernels = tuple(unit(one @ one.T) for one in features)
    labels = size * (features[0][:, :columns] + 0.3 * rng.standard_normal((ROWS, columns)))
    return LabelModel.of(kernels, Basis.none(ROWS, columns)), labels[KNOWN] - labels[KNOWN].mean(axis=0)


@pytest.mark.parametrize("columns", [1, 3])
def test_sizes_are_those_of_rows_left_out_one_by_one(columns):
    model, gold = setting(columns)
    found = left_out_grid(model, gold, KNOWN)
    assert len(found) == 2 * len(RATIOS)
    for place, (weight, at) in enumerate(found):
        kernel, ratio = model.kernels[place // len(RATIOS)], RATIOS[place % len(RATIOS)]
        size, left_out = twin.left_out(kernel + 1.0 / len(KNOWN), ratio, gold, KNOWN)
        assert weight == 1.0
        assert at.smooth == pytest.approx(size, rel=1e-9)
        assert at.noise == pytest.approx(size * ratio, rel=1e-9)
        one = posterior(model, gold, KNOWN, [(1.0, at)])
        np.testing.assert_allclose(one.left_out, left_out, atol=1e-9)


def test_labels_twice_as_large_are_four_times_as_uncertain():
    once, twice = (left_out_grid(*setting(size=size), KNOWN) for size in (1.0, 2.0))
    assert [at.smooth for _, at in twice] == pytest.approx([4.0 * at.smooth for _, at in once])


def test_other_rows_are_missed_by_as_much_as_the_posterior_says():
    """Mean over tasks, to a quarter: so few gold rows choose the kernel, too."""
    said, real = [], []
    for seed in range(60):
        model, gold = setting(seed=seed)
        found = posterior(model, gold, KNOWN, left_out_grid(model, gold, KNOWN))
        rng = np.random.default_rng(seed)
        features = rng.standard_normal((ROWS, 4))
        rng.standard_normal((ROWS, 9))
        labels = features[:, :1] + 0.3 * rng.standard_normal((ROWS, 1))
        rest = np.setdiff1d(np.arange(ROWS), KNOWN)
        said.append(found.variance[rest].mean())
        real.append(np.mean((labels[rest] - labels[KNOWN].mean() - found.mean[rest]) ** 2))
    assert np.mean(said) == pytest.approx(np.mean(real), rel=0.25)
