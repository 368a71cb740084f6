"""Quantiles of Student's t against scipy."""

from __future__ import annotations

import pytest
import scipy.stats

from predictor.statistics.student_t import student_quantile


@pytest.mark.parametrize("freedom", [7, 11, 30])
@pytest.mark.parametrize("level", [0.95, 0.99, 0.9995])
def test_four_terms_hold_at_high_levels(level, freedom):
    assert student_quantile(level, freedom) == pytest.approx(scipy.stats.t.ppf(level, freedom), rel=0.02)


@pytest.mark.parametrize("freedom", [2, 3, 4, 5, 8, 15, 60])
def test_three_terms_hold_at_few_degrees_of_freedom(freedom):
    expected = scipy.stats.t.ppf(0.95, freedom)
    assert student_quantile(0.95, freedom, terms=3) == pytest.approx(expected, rel=0.013 if freedom == 2 else 3e-3)
