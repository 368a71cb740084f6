"""Alignment of two models' kernels, from matrices no longer than the models' widths.

With C = U_sᵀU_w, the maths runs on X = Λ_s^½ C Λ_w^½ = V_sᵀ C_sw V_w, which needs no division by a small eigenvalue:
    P_s (I − P_w)² P_s  →  G = diag(a² λ_s) − diag(a) X diag(w) Xᵀ diag(a),
    a = √λ_s / (λ_s + β),  w = (λ_w + 2β) / (λ_w + β)².
X is built once; every truncation and ridge is a choice of a and w.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from predictor.spectral.kernels import Kernel, StreamedKernel
from predictor.spectral.lanczos import GapMatrices
from predictor.spectral.moments import CHUNK_ROWS, CrossMoments, check_same_rows
from predictor.spectral.spectra import Spectrum
from predictor.statistics.arrays import Array


class Point(NamedTuple):
    """One choice of truncation and ridge.

    Attributes:
        energy: share (0, 1] of each model's energy that is retained, or None for all that the alignment has.
        ridge: β > 0 as a share of each trace.
        corrected: whether the strong and the weak model's eigenvalues lose their tail's share γ = tail / n.
    """

    energy: float | None
    ridge: float
    corrected: tuple[bool, bool] = (False, False)


@dataclass(frozen=True, eq=False)
class Alignment:
    """A strong and a weak kernel on the same rows, built once and asked for many truncations and ridges.

    Attributes:
        strong, weak: spectra.
        cross: (r_s, r_w) X = Λ_s^½ U_sᵀ U_w Λ_w^½.
    """

    strong: Spectrum
    weak: Spectrum
    cross: Array
    _weighted: dict[tuple[Point, ...], tuple[Array, Array]] = field(init=False, repr=False, default_factory=dict)

    @classmethod
    def of(cls, strong: Kernel, weak: Kernel, moments: CrossMoments | None = None) -> Alignment:
        """Align two kernels in one pass over both models' rows, or in none where their cross moments are known.

        Raises:
            InputError: the kernels have different numbers of rows.
        """
        check_same_rows(strong.rows, weak.rows)
        if moments is None and isinstance(strong, StreamedKernel) and isinstance(weak, StreamedKernel):
            moments = CrossMoments.of(strong.features, weak.features)
        cross = _sum_over_rows(strong, weak) if moments is None else moments.scatter
        if strong.rotation is not None:
            cross = strong.rotation.T @ cross
        if weak.rotation is not None:
            cross = cross @ weak.rotation
        return cls(strong.spectrum, weak.spectrum, cross / strong.rows)

    def truncate(self, energy: float) -> Alignment:
        """Both kernels cut to the given share of their energy."""
        strong, weak = self.strong.truncate(energy), self.weak.truncate(energy)
        return Alignment(strong, weak, self.cross[: strong.rank, : weak.rank])

    @property
    def cosines(self) -> Array:
        """(r_s, r_w) C: cosines between principal directions; those of the smallest λ carry their rounding."""
        cosines: Array = self.cross / np.sqrt(np.outer(self.strong.values, self.weak.values))
        return cosines

    @property
    def shared_dimension(self) -> float:
        """‖U_sᵀU_w‖²_F in [0, min(r_s, r_w)]: the dimension of the overlap counted in fractions."""
        return float(np.sum(self.cross**2 / np.outer(self.strong.values, self.weak.values)))

    def shared_energy(self, energy: float) -> float:
        """Share of the strong model's energy inside the weak model's leading directions, as many for both.

        Args:
            energy: the strong model's share (0, 1] that decides how many.
        """
        leading = self.strong.truncate(energy)
        cut = min(leading.rank, self.weak.rank)
        part = self.cross[: leading.rank, :cut] ** 2 / self.weak.values[:cut]
        return float(np.sum(part) / leading.values.sum())

    @property
    def cka(self) -> float:
        """⟨K_s, K_w⟩ / (‖K_s‖ ‖K_w‖) of the centred kernels, in [0, 1]; 1 for equal ones up to rotation.

        Source: Kornblith et al. 2019, arXiv:1905.00414.
        """
        norms = np.sum(self.strong.values**2) * np.sum(self.weak.values**2)
        return float(np.sum(self.cross**2) / np.sqrt(norms))

    def gaps(self, points: Sequence[Point]) -> GapMatrices:
        """G of every point, cut to the longest of them."""
        abilities, fits = self._weights(points)
        rows, columns = (int(np.count_nonzero(one, axis=0).max()) for one in (abilities, fits))
        left, fit, values = abilities[:rows], fits[:columns], self.weak.values[:columns, None]
        return GapMatrices(
            diagonal=left**2 * self.strong.values[:rows, None],
            left=left,
            cross=np.ascontiguousarray(self.cross[:rows, :columns]),
            right=2.0 * fit / np.sqrt(values) - fit**2,  # (2D − D²)/λ, at most 2/β
        )

    def operator_gaps(self, points: Sequence[Point]) -> Array:
        """‖P_s(I − P_w)‖_op in [0, 1] per point: the worst case over labels of unit energy. Lower is better."""
        found: Array = np.sqrt(np.maximum(self.gaps(points).largest(), 0.0))
        return found

    def frobenius_gaps(self, points: Sequence[Point]) -> Array:
        """‖P_s(I − P_w)‖²_F / ‖P_s‖²_F in [0, 1] per point: the mean over labels spread over the strong range."""
        gaps = self.gaps(points)
        seen = np.sum(gaps.left**2 * (gaps.cross**2 @ gaps.right), axis=0)
        shares: Array = 1.0 - seen / np.sum(gaps.diagonal, axis=0)
        return shares

    def prior_gaps(self, points: Sequence[Point]) -> Array:
        """E‖P_s(I − P_w) y‖² / E‖P_s y‖² for y ~ N(0, K_s), in [0, 1] per point. Lower is better.

        tr(B Λ_s Bᵀ) / Σ λ_s D_s² with B Λ_s^½ = diag(a) (Λ_s − X diag(D_w/λ_w) Xᵀ).
        """
        ranks = [_retained(self.strong, point).rank for point in points]
        weights = zip(*(one.T for one in self._weights(points)), strict=True)
        return np.array([self._prior_gap(rank, *pair) for rank, pair in zip(ranks, weights, strict=True)])

    def _prior_gap(self, rank: int, left: Array, fit: Array) -> float:
        seen = int(np.count_nonzero(fit))
        left, values, cross = left[:rank], self.strong.values[:rank], self.cross[:rank, :seen]
        hidden = (cross * -(fit[:seen] / np.sqrt(self.weak.values[:seen]))) @ cross.T
        hidden.flat[:: rank + 1] += values
        hidden *= left[:, None]
        return float(np.vdot(hidden, hidden) / np.sum((left * values) ** 2))

    def _weights(self, points: Sequence[Point]) -> tuple[Array, Array]:
        """(r, g) D/√λ of what each point retains, 0 beyond it, of both models; D the smoother's eigenvalues."""
        key = tuple(points)
        if key not in self._weighted:
            self._weighted[key] = (
                _weights_of(self.strong, [(point, point.corrected[0]) for point in points]),
                _weights_of(self.weak, [(point, point.corrected[1]) for point in points]),
            )
        return self._weighted[key]


def _retained(spectrum: Spectrum, point: Point) -> Spectrum:
    return spectrum if point.energy is None else spectrum.truncate(point.energy)


def _weights_of(spectrum: Spectrum, points: Sequence[tuple[Point, bool]]) -> Array:
    weights, roots = np.zeros((spectrum.rank, len(points))), np.sqrt(spectrum.values)
    for column, (point, corrected) in enumerate(points):
        retained = _retained(spectrum, point)
        shrunk = retained.shrinkage(point.ridge, tail_corrected=corrected)
        weights[: retained.rank, column] = shrunk / roots[: retained.rank]
    return weights


def _sum_over_rows(strong: Kernel, weak: Kernel) -> Array:
    """Σ over rows of coordinates of one model beside those of the other, chunk by chunk."""
    total: Array | None = None
    for start in range(0, strong.rows, CHUNK_ROWS):
        rows = slice(start, start + CHUNK_ROWS)
        part: Array = strong.coordinates(rows).T @ weak.coordinates(rows)
        total = part if total is None else np.add(total, part, out=total)
    if total is None:
        raise TypeError("a kernel always has rows")
    return total
