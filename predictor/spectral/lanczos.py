"""Lanczos: the largest eigenvalues of many small symmetric matrices that share one factor, as columns of one block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.statistics.arrays import Array

DENSE_SIZE = 96
"""Up to this order the matrix is formed and solved directly, which is faster than Lanczos."""

TOLERANCE = 1e-13
"""Error at which a column is done, as a share of 1, the largest value a smoother's product can take."""

CHECK_EVERY = 8
"""Steps between two solutions of the tridiagonal matrices."""


@dataclass(frozen=True, eq=False)
class GapMatrices:
    """G_k = diag(d_k) − diag(a_k) X diag(w_k) Xᵀ diag(a_k), one per column k, positive semidefinite.

    Attributes:
        diagonal: (r, g) d.
        left: (r, g) a; where a and d are 0 the row is not part of G_k.
        cross: (r, q) X, shared.
        right: (q, g) w.
    """

    diagonal: Array
    left: Array
    cross: Array
    right: Array

    def dense(self, column: int) -> Array:
        """G_k, (r, r)."""
        scaled = self.left[:, column, None] * self.cross
        gap: Array = (scaled * -self.right[:, column]) @ scaled.T
        gap[np.diag_indices(len(gap))] += self.diagonal[:, column]
        return gap

    def apply(self, vectors: Array, columns: NDArray[np.intp]) -> Array:
        """G_k v_k for (r, c) vectors v of the columns named."""
        left = self.left[:, columns]
        seen = self.cross.T @ (left * vectors)
        seen *= self.right[:, columns]
        moved: Array = self.diagonal[:, columns] * vectors - left * (self.cross @ seen)
        return moved

    def largest(self, tolerance: float = TOLERANCE) -> Array:
        """(g,) λ_max(G_k): by Lanczos with full reorthogonalisation, the rest densely where that beats going on.

        A column is done when its residual ρ, or ρ² over the distance to the next Ritz value, is below `tolerance`.

        Source: Golub, Van Loan 2013, "Matrix Computations", sections 8.1.4 and 10.1.
        """
        order, count = self.left.shape
        if order <= DENSE_SIZE:
            return self._together()
        found = np.full(count, np.nan)
        found, left_over = self._lanczos(found, self._max_steps(), tolerance)
        for k in left_over:
            found[k] = self._densely(int(k))
        return found

    def _together(self) -> Array:
        """λ_max of all matrices, small enough for a stack; rows that are no part of one are 0, as λ_max ≥ 0 allows."""
        scaled = self.left.T[:, :, None] * self.cross
        gaps = (scaled * -self.right.T[:, None, :]) @ scaled.swapaxes(1, 2)
        places = np.arange(len(self.cross))
        gaps[:, places, places] += self.diagonal.T
        return np.asarray(np.linalg.eigvalsh(gaps)[:, -1], dtype=np.float64)

    def _densely(self, column: int) -> float:
        nonzero = np.flatnonzero(self.left[:, column])
        if not len(nonzero):
            return 0.0
        cut = int(nonzero[-1]) + 1
        seen = int(np.max(np.flatnonzero(self.right[:, column]), initial=-1)) + 1
        part = GapMatrices(
            self.diagonal[:cut, [column]],
            self.left[:cut, [column]],
            self.cross[:cut, :seen],
            self.right[:seen, [column]],
        )
        return float(np.linalg.eigvalsh(part.dense(0))[-1])

    def _max_steps(self) -> int:
        """Steps that cost as much arithmetic as forming and reducing the matrix. Thin products are costly."""
        order, inner = self.cross.shape
        return int((2.0 * inner + 4.0 * order) / (4.0 * inner + 2.0 * order) * order / 3.0)

    def _lanczos(self, found: Array, max_steps: int, tolerance: float) -> tuple[Array, NDArray[np.intp]]:
        order, count = self.left.shape
        active = np.arange(count)
        # A fixed start, so that equal inputs give equal digits; any vector that is not orthogonal to the answer serves.
        start: Array = np.random.default_rng(0).standard_normal((order, 1))
        vector = np.where(self.left != 0.0, start, 0.0)
        vector /= np.maximum(np.linalg.norm(vector, axis=0), 1e-300)
        basis = np.empty((count, max_steps, order))
        alpha, beta = np.zeros((count, max_steps)), np.zeros((count, max_steps))
        for step in range(max_steps):
            basis[active, step] = vector.T
            moved = self.apply(vector, active)
            alpha[active, step] = np.einsum("rc,rc->c", vector, moved)
            for _ in range(2):
                for place, k in enumerate(active):
                    previous = basis[k, : step + 1]
                    moved[:, place] -= previous.T @ (previous @ moved[:, place])
            size = np.linalg.norm(moved, axis=0)
            beta[active, step] = size
            alive = size > 1e-15
            vector = np.where(alive, moved / np.where(alive, size, 1.0), 0.0)
            if (step + 1) % CHECK_EVERY == 0 or step + 1 == max_steps or not alive.all():
                done = self._finished(found, active, alpha, beta, step + 1, tolerance)
                active, vector = active[~done], vector[:, ~done]
                if not len(active):
                    break
        return found, active

    @staticmethod
    def _finished(
        found: Array, active: NDArray[np.intp], alpha: Array, beta: Array, steps: int, tolerance: float
    ) -> NDArray[np.bool_]:
        done = np.zeros(len(active), dtype=bool)
        for place, k in enumerate(active):
            inner = np.diag(alpha[k, :steps]) + np.diag(beta[k, : steps - 1], 1) + np.diag(beta[k, : steps - 1], -1)
            values, vectors = np.linalg.eigh(inner)
            residual = beta[k, steps - 1] * abs(vectors[-1, -1])
            gap = values[-1] - values[-2] if steps > 1 else 0.0
            error = min(residual, residual**2 / gap) if gap > 0.0 else residual
            if error <= tolerance:
                found[k], done[place] = values[-1], True
        return done
