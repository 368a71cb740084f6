"""LabelPrior: plausible labels of the pool, and its root on the rows of one split."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictor.statistics.arrays import Array
from predictor.training.splits import Rows


@dataclass(frozen=True, eq=False)
class LabelPrior:
    """Labels y ~ N(0, K + σ² I) over the pool, unit variance in all.

    Attributes:
        name: for reports.
        kernel: (n, n) K, centred, mean diagonal 1 − σ².
        noise: σ² in [0, 1), the share of label variance that no row explains.
    """

    name: str
    kernel: Array
    noise: float

    @classmethod
    def of(cls, name: str, kernel: Array, noise: float) -> LabelPrior:
        """Centre a kernel (the label mean is free) and scale it so that labels have unit variance."""
        means = kernel.mean(axis=0)
        centred = kernel - means[:, None] - means[None, :] + means.mean()
        return cls(name, centred * ((1.0 - noise) / float(np.mean(np.diag(centred)))), noise)

    def with_noise(self, noise: float) -> LabelPrior:
        """The same tasks with another share of unexplained variance."""
        return LabelPrior(self.name, self.kernel * ((1.0 - noise) / (1.0 - self.noise)), noise)

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """(n, count) label vectors."""
        values, vectors = np.linalg.eigh(self.kernel)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        smooth = root @ rng.standard_normal((len(root), count))
        drawn: Array = smooth + np.sqrt(self.noise) * rng.standard_normal(smooth.shape)
        return drawn


@dataclass(frozen=True, eq=False)
class LabelRoot:
    """A prior on n training rows and n_t test rows: training labels are y = L z, z ~ N(0, I).

    Attributes:
        root: (n, n) L, L Lᵀ = K[rows, rows] + σ² I.
        response: (n, n_t) R = L⁻¹ K[rows, test]: E z y_tᵀ.
        of_test: mean over test rows of E y_t² = K_tt + σ².
    """

    root: NDArray[np.floating]
    response: NDArray[np.floating]
    of_test: float

    @classmethod
    def of(cls, prior: LabelPrior, rows: Rows, test: Rows) -> LabelRoot:
        """Factor the covariance of the training labels; σ² > 0 makes it positive definite."""
        among = prior.kernel[np.ix_(rows, rows)] + prior.noise * np.eye(len(rows))
        root = np.linalg.cholesky(among)
        response = np.linalg.solve(root, prior.kernel[np.ix_(rows, test)])
        return cls(root, response, float(np.mean(np.diag(prior.kernel)[test])) + prior.noise)

    def shuffled(self, order: Rows) -> LabelRoot:
        """The same labels paired with the training rows in another order: the null."""
        return replace(self, root=self.root[np.argsort(order)])

    def single(self) -> LabelRoot:
        """The same in float32, for the null."""
        return replace(self, root=self.root.astype(np.float32), response=self.response.astype(np.float32))
