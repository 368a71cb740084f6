"""FlatSmoother: K (K + β I)⁻¹ of one model's kernel on all rows, factored once and asked for any of its blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.spectral.spectra import Scale
from predictor.statistics.arrays import Array, Ints
from predictor.statistics.device import HOST, Device, namespace, on_host
from predictor.training.label_prior import solved


@dataclass(frozen=True, eq=False)
class FlatSmoother:
    """P = Z (ZᵀZ + β I)⁻¹ Zᵀ = I − β (Z Zᵀ + β I)⁻¹, Z Zᵀ = K of trace 1, by the smaller of the two inverses.

    Attributes:
        features: (n, d), as given; Z is made of them anew when it is needed.
        scale: of the features.
        ridge: β > 0, as a share of tr K.
        root: (m, m) lower Cholesky factor of what is inverted, m the smaller of n and d; on the device.
        device: that factors and multiplies; blocks are in numpy.
    """

    features: NDArray[np.floating]
    scale: Scale
    ridge: float
    root: Array
    device: Device

    @classmethod
    def of(cls, features: NDArray[np.floating], ridge: float, device: Device = HOST) -> FlatSmoother:
        """Factor (n, d) features that vary."""
        scale = Scale.of(features)
        scaled = device.put(_scaled(features, scale))
        among = scaled.T @ scaled if features.shape[1] <= len(features) else scaled @ scaled.T
        diagonal = device.put(np.arange(len(among)))
        among[diagonal, diagonal] += ridge
        root: Array = namespace(among).linalg.cholesky(among)
        return cls(features, scale, ridge, root, device)

    def among(self, rows: slice | Ints) -> Array:
        """(k, k) P between some rows."""
        if self.features.shape[1] <= len(self.features):
            scaled = _scaled(self.features[rows], self.scale, len(self.features)).T.copy()
            half = solved(self.root, self.device.put(scaled))
            return on_host(half.T @ half)
        half = solved(self.root, self.device.put(np.ascontiguousarray(np.eye(len(self.root))[:, rows])))
        found: Array = on_host(half.T @ half)
        found *= -self.ridge
        found.flat[:: len(found) + 1] += 1.0
        return found

    def flat(self) -> Array:
        """(n, n) P over its trace: a kernel to which every direction well above β is alike."""
        found = self.among(slice(None))
        found /= np.trace(found)
        return found


def _scaled(features: NDArray[np.floating], scale: Scale, rows: int | None = None) -> Array:
    """Rows of Z, of trace 1 over that many rows."""
    scaled = scale.apply(features)
    scaled /= np.sqrt(len(features) if rows is None else rows)
    return scaled
