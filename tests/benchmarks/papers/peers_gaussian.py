"""Peers: how much of the student's features a candidate explains, by second moments alone.

Left-out share: the part of the student's variance that ridge heads on the candidate's features miss, each row left out
of its own head. Gaussian sufficiency: ½ log det of the student's covariance less that of what is missed, in nats; the
mutual information where both are Gaussian.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from predictor.heads.ridge import FactoredRidge
from predictor.statistics.arrays import Array

COMPONENTS = 32
"""Principal components of the student's standardised features that are explained."""


def left_out_share(strong: NDArray[np.floating], weak: Sequence[NDArray[np.floating]]) -> Array:
    """(m,) missed share of the student's variance, 0 to about 1; lower is better."""
    target = components(strong)
    missed = [_missed(one, target) for one in weak]
    return np.array([float(np.sum(one**2) / np.sum(target**2)) for one in missed])


def sufficiency(strong: NDArray[np.floating], weak: Sequence[NDArray[np.floating]]) -> Array:
    """(m,) Gaussian information about the student's components in nats; higher is better."""
    target = components(strong)
    whole = _log_det(target)
    return np.array([0.5 * (whole - _log_det(_missed(one, target))) for one in weak])


def components(features: NDArray[np.floating]) -> Array:
    """(n, COMPONENTS) principal components, centred, of standardised features."""
    centred = features.astype(np.float64) - features.mean(axis=0)
    spread = centred.std(axis=0)
    left, sizes, _ = np.linalg.svd(centred[:, spread > 0.0] / spread[spread > 0.0], full_matrices=False)
    found: Array = left[:, :COMPONENTS] * sizes[:COMPONENTS]
    return found


def _missed(weak: NDArray[np.floating], target: Array) -> Array:
    return FactoredRidge.of(weak, weak[:0]).left_out(target)


def _log_det(residuals: Array) -> float:
    covariance = residuals.T @ residuals / len(residuals)
    return float(np.linalg.slogdet(covariance)[1])
