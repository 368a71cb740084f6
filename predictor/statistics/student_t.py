"""Quantiles of Student's t."""

from __future__ import annotations

from statistics import NormalDist


def student_quantile(level: float, freedom: int) -> float:
    """Quantile of Student's t by the Cornish–Fisher series in 1/freedom; within 2 % for freedom ≥ 7, level ≤ 0.9999.

    Source: Abramowitz & Stegun 26.7.5.
    """
    z, f = NormalDist().inv_cdf(level), float(freedom)
    first = (z**3 + z) / 4.0
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96.0
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384.0
    fourth = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160.0
    return z + first / f + second / f**2 + third / f**3 + fourth / f**4
