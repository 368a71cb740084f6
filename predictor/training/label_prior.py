"""LabelPrior: plausible labels of the pool, and its root on the rows of splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictor.spectral.spectra import RANK_TOLERANCE
from predictor.statistics.arrays import Array
from predictor.statistics.device import HOST, Device, namespace
from predictor.statistics.once import once
from predictor.training.splits import Rows

_BLOCK = 64
"""Rows of a triangular system that are solved at a time."""

_LARGE, _PARTS = 192, 4
"""Rows from which the zeros of a root are left out of products, and the blocks of columns that these take."""

_FEW = 128
"""Rows in all up to which a root and its response are factored together."""


@dataclass(frozen=True, eq=False)
class LabelPrior:
    """Labels y ~ N(0, c K₀ + σ² I) over the pool, unit variance in all.

    Attributes:
        name: for reports.
        noiseless: (n, n) K₀, centred.
        noise: σ² in [0, 1), the share of label variance that no row explains; (S,) for S levels of it.
        scale: c, so that c K₀ has mean diagonal 1 − σ²; (S,) as above.
    """

    name: str
    noiseless: Array
    noise: float | Array
    scale: float | Array = 1.0

    @classmethod
    def of(cls, name: str, kernel: Array, noise: float) -> LabelPrior:
        """Centre a kernel (the label mean is free) and scale it so that labels have unit variance."""
        means = kernel.mean(axis=0)
        centred = kernel - means[:, None] - means[None, :] + means.mean()
        return cls(name, centred * ((1.0 - noise) / float(np.mean(np.diag(centred)))), noise)

    @classmethod
    def stack(cls, priors: Sequence[LabelPrior]) -> LabelPrior:
        """Priors of one noise each that share a K₀, as one with (S,) levels of noise."""
        noise, scale = (np.array([getattr(one, name) for one in priors]) for name in ("noise", "scale"))
        return replace(priors[0], noise=noise, scale=scale)

    def with_noise(self, noise: float | Array) -> LabelPrior:
        """The same tasks with another share of unexplained variance, or with each of several."""
        return replace(self, noise=noise, scale=self.scale * (1.0 - noise) / (1.0 - self.noise))

    @property
    def kernel(self) -> Array:
        """(n, n) K = c K₀ at a single level of noise."""
        scaled: Array = self.noiseless * self.scale
        return scaled

    def between(self, rows: Rows, others: Rows) -> Array:
        """(…, n, m) K between (…, n) rows and (…, m) others."""
        found: Array = self.noiseless[rows[..., :, None], others[..., None, :]]
        found *= np.asarray(self.scale)[..., None, None]
        return found

    def covariance(self, rows: Rows) -> Array:
        """(…, n, n) of the labels of (…, n) rows, noise included."""
        found, places = self.between(rows, rows), np.arange(rows.shape[-1])
        found[..., places, places] += np.asarray(self.noise)[..., None]
        return found

    def variance(self, rows: Rows) -> Array:
        """Mean variance of the labels of (…, n) rows, noise included."""
        found: Array = np.mean(np.diag(self.noiseless)[rows], axis=-1) * self.scale + self.noise
        return found

    @once
    def spread(self) -> Array:
        """(n, n) R, R Rᵀ = K, along eigenvectors; directions that only rounding gives a variance get none."""
        values, vectors = np.linalg.eigh(self.kernel)
        found: Array = vectors * np.sqrt(np.where(values > RANK_TOLERANCE * values[-1], values, 0.0))
        return found

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """(n, count) label vectors."""
        smooth = self.spread @ rng.standard_normal((len(self.noiseless), count))
        drawn: Array = smooth + np.sqrt(self.noise) * rng.standard_normal(smooth.shape)
        return drawn


@dataclass(frozen=True, eq=False)
class LabelRoot:
    """A prior on n training rows and n_t test rows: training labels are y = L z, z ~ N(0, I).

    Several priors and splits may be a stack, with further axes first. Arrays are of any one device.

    Attributes:
        root: (n, n) L, L Lᵀ = K[rows, rows] + σ² I.
        response: (n, n_t) R = L⁻¹ K[rows, test]: E z y_tᵀ.
        of_test: mean over test rows of E y_t² = K_tt + σ².
    """

    root: NDArray[np.floating]
    response: NDArray[np.floating]
    of_test: Array

    @classmethod
    def of(cls, prior: LabelPrior, rows: Rows, test: Rows, device: Device = HOST) -> LabelRoot:
        """Factor the covariance of the training labels; σ² > 0 makes it positive definite.

        Of few rows that of the test labels is factored along with it: cheaper than to solve for the response.

        Args:
            device: that factors and keeps the arrays.
        """
        count, of_test = rows.shape[-1], device.put(np.asarray(prior.variance(test)))
        if count + test.shape[-1] <= _FEW:
            root = _root(device.put(prior.covariance(np.concatenate([rows, test], axis=-1))))
            return cls(root[..., :count, :count], root[..., count:, :count].swapaxes(-1, -2), of_test)
        root = _root(device.put(prior.covariance(rows)))
        return cls(root, solved(root, device.put(prior.between(rows, test))), of_test)

    @classmethod
    def stack(cls, roots: Sequence[LabelRoot]) -> LabelRoot:
        """Roots of the same shapes as one, along a new first axis."""
        root, response = np.stack([one.root for one in roots]), np.stack([one.response for one in roots])
        return cls(root, response, np.stack([one.of_test for one in roots]))

    def along(self, directions: NDArray[np.floating]) -> NDArray[np.floating]:
        """(…, k, n) D L of (…, k, n) directions, by blocks of columns: above the diagonal L is 0."""
        size = self.root.shape[-1]
        if size < _LARGE:
            return directions @ self.root
        xp, shape = namespace(self.root), np.broadcast_shapes(directions.shape[:-2], self.root.shape[:-2])
        shape = (*shape, directions.shape[-2], size)
        found: NDArray[np.floating] = xp.empty(shape, dtype=self.root.dtype, device=self.root.device)
        for start in range(0, size, -(-size // _PARTS)):
            columns = slice(start, start + -(-size // _PARTS))
            xp.matmul(directions[..., start:], self.root[..., start:, columns], out=found[..., columns])
        return found

    @classmethod
    def joined(cls, roots: Sequence[LabelRoot]) -> LabelRoot:
        """Stacks of roots as one, along their first axis."""
        if len(roots) == 1:
            return roots[0]
        joined = namespace(roots[0].root).concat
        return cls(*(joined([getattr(one, name) for one in roots]) for name in ("root", "response", "of_test")))

    def take(self, place: int) -> LabelRoot:
        """The root at one place of a stack."""
        return LabelRoot(self.root[place], self.response[place], self.of_test[place])

    @once
    def energy(self) -> Array:
        """E ‖y‖² of the training labels."""
        xp = namespace(self.root)
        found: Array = xp.sum(xp.square(self.root), axis=(-2, -1), dtype=xp.float64)
        return found

    @once
    def tested(self) -> NDArray[np.floating]:
        """(n_t, n) Rᵀ, row by row in memory."""
        turned = self.response.swapaxes(-1, -2)
        found: NDArray[np.floating] = namespace(turned).empty(turned.shape, dtype=turned.dtype, device=turned.device)
        found[...] = turned
        return found

    def single(self) -> LabelRoot:
        """The same in float32, for the null."""
        xp = namespace(self.root)
        return replace(self, root=xp.astype(self.root, xp.float32), response=xp.astype(self.response, xp.float32))


def _root(covariance: Array) -> Array:
    found: Array = namespace(covariance).linalg.cholesky(covariance)
    return found


def solved(lower: Array, right: Array) -> Array:
    """(…, n, m) L⁻¹ B of a (…, n, n) lower triangle, in place of B: by blocks, as `numpy` has none for triangles."""
    found, solve = right, namespace(lower).linalg.solve
    for start in range(0, lower.shape[-1], _BLOCK):
        rows = slice(start, start + _BLOCK)
        found[..., rows, :] -= lower[..., rows, :start] @ found[..., :start, :]
        found[..., rows, :] = solve(lower[..., rows, rows], found[..., rows, :])
    return found
