"""Logistic and log-linear heads with a ridge, on soft labels: many ridges and row subsets fitted as one block.

    min over W, b of  Σ_i m_i [A(z_i) − Σ_j y_ij z_ij] / Σ m_i + (ridge / 2) ‖W‖²,   z_i = W h_i + b

A = log Σ_j exp z_j for class probabilities (two classes take one column of logits against a fixed 0, as is usual),
A = exp z for positive outputs. The intercept b is not penalised. The objective is convex: the minimum found is *the*
minimum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.heads.logistic_block import CLASSES, POSITIVE, Block, Link, logits_of
from predictor.statistics.arrays import Array

RIDGES: Array = np.logspace(-5.0, 1.0, 7)
"""Ridges tried, for a design whose rows have mean squared norm 1."""

ITERATIONS = 1000

HELD_OUT_TOLERANCE = 1e-7
"""Decrement, in nats, at which heads that only compete for a ridge are done."""

EXACT = 1e-16
"""Decrement of heads whose predictions make a value: their divergences are then the minimum's to eight digits, those of
positive outputs to seven, where rounding ends the search."""


@dataclass(frozen=True, eq=False)
class LogisticFit:
    """p fitted heads.

    Attributes:
        link: how outputs follow from logits.
        coefficients: (r + 1, p, k) the intercept first, then the weights; k = 1 for two classes and for positive
            outputs, else the classes.
        decrement: (p,) gᵀ B⁻¹ g at the end, g the gradient and B a bound on the curvature: twice what one more step
            can still take off the objective, in nats.
    """

    link: Link
    coefficients: Array
    decrement: Array

    def predict(self, design: NDArray[np.floating]) -> Array:
        """(n, p, c) class probabilities, or (n, p, 1) positive outputs, on (n, r) rows."""
        found: Array = self.link.mean(logits_of(_with_intercept(design), self.coefficients))
        two_classes = self.link is CLASSES and found.shape[2] == 1
        return np.concatenate([1.0 - found, found], axis=2) if two_classes else found


def fit_logistic(
    design: NDArray[np.floating],
    targets: Array,
    ridges: Array,
    rows: NDArray[np.bool_] | None = None,
    *,
    tolerance: float = 1e-8,
) -> LogisticFit:
    """Fit p heads of class probabilities at once: the g of least mean KL(y‖g) + ridge.

    Args:
        design: (n, r), best in its principal axes, where the curvature's bound is nearly diagonal.
        targets: (n, c) class probabilities, rows summing to 1; one-hot for hard labels. c ≥ 2.
        ridges: (p,) > 0.
        rows: (n, p) True where head p learns from the row; all rows where None.
        tolerance: decrement at which a head is done, in nats.
    """
    free = targets[:, 1:] if targets.shape[1] == 2 else targets
    return _fit(CLASSES, design, free, ridges, rows, tolerance)


def fit_log_linear(
    design: NDArray[np.floating],
    targets: Array,
    ridges: Array,
    rows: NDArray[np.bool_] | None = None,
    *,
    tolerance: float = 1e-8,
) -> LogisticFit:
    """Fit p heads of positive outputs at once: the g = exp(W h + b) of least mean Σ y log(y/g) − y + g, plus ridge.

    Args:
        targets: (n, 1) ≥ 0, best of mean 1. Others as for `fit_logistic`.
    """
    return _fit(POSITIVE, design, targets, ridges, rows, tolerance)


def _fit(
    link: Link,
    design: NDArray[np.floating],
    targets: Array,
    ridges: Array,
    rows: NDArray[np.bool_] | None,
    tolerance: float,
) -> LogisticFit:
    """Limited-memory quasi-Newton steps, scaled by a diagonal bound on the curvature; heads leave as they are done.

    Sources: Böhning 1992, Annals of the Institute of Statistical Mathematics 44 (bound); Nocedal, Wright 2006,
    "Numerical Optimization", algorithm 7.4 (two-loop recursion).
    """
    full = _with_intercept(design)
    weight = np.ones((len(full), len(ridges))) if rows is None else rows.astype(np.float64)
    weight = weight / weight.sum(axis=0)
    penalty = np.tile(np.asarray(ridges, dtype=np.float64), (full.shape[1], 1))
    penalty[0] = 0.0
    bound = link.curvature(targets.shape[1]) * np.mean(full**2, axis=0)[:, None] + penalty
    found = np.zeros((full.shape[1], len(ridges), targets.shape[1]))
    decrement = np.zeros(len(ridges))
    working = np.arange(len(ridges))
    block = Block(link, full, targets, weight, penalty, bound)
    point = block.start()
    for iteration in range(ITERATIONS + 1):
        left = np.sum(point.gradient**2 / block.bound[:, :, None], axis=(0, 2))
        done = (left <= tolerance) | point.stuck | (iteration == ITERATIONS)
        if done.any():
            found[:, working[done]], decrement[working[done]] = point.theta[:, done], left[done]
            working, block, point = working[~done], block.take(~done), point.take(~done)
        if not len(working):
            break
        point = block.step(point)
    return LogisticFit(link, found, decrement)


def fold_of(rows: int, folds: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """(n,) the fold that each row is held out in; folds of equal size, at random."""
    return rng.permutation(np.arange(rows) % folds)


def held_out(
    fit: Callable[..., LogisticFit],
    design: NDArray[np.floating],
    targets: Array,
    folds: NDArray[np.intp],
    ridges: Array = RIDGES,
    *,
    tolerance: float = HELD_OUT_TOLERANCE,
) -> Array:
    """(n, R, c) predictions for every row at every ridge, from heads that did not learn from the row's fold.

    Args:
        fit: `fit_logistic` or `fit_log_linear`.
        folds: (n,) fold of each row, see `fold_of`.
        tolerance: as for `fit`.
    """
    count = int(folds.max()) + 1
    trained = np.repeat(folds[:, None] != np.arange(count), len(ridges), axis=1)
    heads = fit(design, targets, np.tile(ridges, count), trained, tolerance=tolerance)
    everywhere = heads.predict(design).reshape(len(design), count, len(ridges), -1)
    found: Array = everywhere[np.arange(len(design)), folds]
    return found


def _with_intercept(design: NDArray[np.floating]) -> Array:
    return np.concatenate([np.ones((len(design), 1)), design], axis=1)
