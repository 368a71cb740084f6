"""What the choice between candidates owes to the labels of the rows, and which rows to label for it.

Of students whose answers are known, errors are linear in the labels: (f − y)² holds y² for all alike, so

    E_i − E_j  =  const + Σ_r (s_ir − s_jr) · y_r,        s_ir = −2 f_i(r) / n.

With y Gaussian, labels of some rows S leave of the variance of a difference what they leave of Σ (s_i − s_j) · T,
whatever they turn out to be. Rows are chosen one after the other for the greatest fall of

    loss(S)  =  Σ_i π_i Var(E_i − E_lead | S) / Var(E_i − E_lead),

where π_i is the share of the expected regret that candidate i, the best one in truth, accounts for. That is Bayesian
L-optimal design for the differences that the choice hangs on (Chaloner, Verdinelli 1995, "Bayesian Experimental
Design: A Review", section 2). Variances given S do not depend on the labels found, so a whole batch is chosen at once,
each row given those before it.

Each row is drawn in proportion to its fall, not the row of the greatest fall taken: noise is not the same everywhere,
least so where students disagree, and the greedy rows are extreme ones that a wrong model is wrong about together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.statistics.arrays import Array, Ints


@dataclass(frozen=True, eq=False)
class LabelStake:
    """Errors of m candidates as functions of the labels of n rows, and what is known of these labels.

    Attributes:
        slopes: (g, m, n, k) derivative of each candidate's error in each label; g simulated trainings, 1 where the
            students are trained already.
        covariance: (n, n) of the truth per label column.
        noise: variance of a label around the truth, per column; > 0.
    """

    slopes: Array
    covariance: Array
    noise: float

    def variances(self, lead: int) -> Array:
        """(m,) variance of E_i − E_lead that the labels are behind, mean over the trainings."""
        apart = self._apart(lead)
        found: Array = np.einsum("gmnk,gmnk->m", apart @ self.covariance, apart) / len(apart)
        return found

    def choose(
        self, lead: int, shares: Array, count: int, allowed: NDArray[np.bool_], rng: np.random.Generator | None = None
    ) -> ChosenRows:
        """The rows to label, in the order in which they were chosen.

        Args:
            lead: the candidate that would be taken today.
            shares: (m,) π, ≥ 0, summing to 1; that of `lead` is not looked at.
            count: rows wanted; fewer come back where fewer are allowed.
            allowed: (n,) rows that may be proposed.
            rng: draws them; None takes the row of the greatest fall.
        """
        weights = self._weights(lead, shares)
        free, taken, left, why = allowed.copy(), [], [1.0 if weights.any() else 0.0], []
        across, known = self._apart(lead) @ self.covariance, self.covariance.copy()
        for _ in range(min(count, int(free.sum()))):
            spread = np.diag(known) + self.noise
            each = np.einsum("gmkn,gmkn->mn", across, across) / len(across) / spread
            falls = np.where(free, weights @ each, 0.0)
            row = _next(falls, free, rng)
            taken.append(row)
            why.append(int(np.argmax(weights * each[:, row])))
            left.append(max(left[-1] - float(falls[row]), 0.0))
            free[row] = False
            step = known[:, row] / spread[row]
            across = across - across[..., row, None] * step
            known = known - np.outer(known[:, row], step)
        return ChosenRows(np.array(taken, dtype=np.intp), np.array(left), np.array(why, dtype=np.intp))

    def left(self, lead: int, shares: Array, rows: Ints) -> Array:
        """(len(rows) + 1,) loss after the first 0, 1, 2, … of the given rows."""
        weights = self._weights(lead, shares)
        given = self.covariance[np.ix_(rows, rows)] + self.noise * np.eye(len(rows))
        across = (self._apart(lead) @ self.covariance)[..., rows]
        root = np.linalg.cholesky(given)
        solved = np.linalg.solve(root, np.moveaxis(across, -1, 0).reshape(len(rows), -1)).reshape(
            len(rows), *across.shape[:-1]
        )
        falls = np.einsum("rgmk,m->r", solved**2, weights) / len(across)
        found: Array = np.maximum(1.0 - np.concatenate([[0.0], np.cumsum(falls)]), 0.0)
        return found if weights.any() else np.zeros_like(found)

    def _apart(self, lead: int) -> Array:
        """(g, m, k, n) slopes less the leader's."""
        turned = np.swapaxes(self.slopes, 2, 3)
        return turned - turned[:, [lead]]

    def _weights(self, lead: int, shares: Array) -> Array:
        """(m,) π / variance; 0 where the labels tell nothing of a difference."""
        variances = np.einsum("gmkn,gmkn->m", (apart := self._apart(lead)) @ self.covariance, apart) / len(apart)
        varies = variances > 1e-12 * max(float(variances.max()), 1e-300)
        kept = np.where(varies, shares, 0.0)
        kept[lead] = 0.0
        total = float(kept.sum())
        return np.where(varies, kept, 0.0) / np.where(varies, variances, 1.0) / (total if total > 0.0 else 1.0)


def _next(falls: Array, free: NDArray[np.bool_], rng: np.random.Generator | None) -> int:
    if rng is None:
        return int(np.argmax(np.where(free, falls, -1.0)))
    total = float(falls.sum())
    chances = falls / total if total > 0.0 else free / float(free.sum())
    return int(rng.choice(len(falls), p=chances))


@dataclass(frozen=True, eq=False)
class ChosenRows:
    """Rows to label.

    Attributes:
        rows: (c,) in the order in which they were chosen.
        left: (c + 1,) loss after the first 0, 1, … of them, from 1 down.
        against: (c,) the candidate whose difference to the leader each row tells most about.
    """

    rows: Ints
    left: Array
    against: Ints
