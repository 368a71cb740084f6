"""Logistic and log-linear heads with a ridge, on soft labels: many ridges and row subsets fitted as one block.

    min over W, b of  Σ_i m_i [A(z_i) − Σ_j y_ij z_ij] / Σ m_i + (ridge / 2) ‖W‖²,   z_i = W h_i + b

A = log Σ_j exp z_j for class probabilities (two classes take one column of logits against a fixed 0, as is usual),
A = exp z for positive outputs. The intercept b is not penalised. The objective is convex: the minimum found is *the*
minimum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictor.statistics.arrays import Array

RIDGES: Array = np.logspace(-5.0, 1.0, 7)
"""Ridges tried, for a design whose rows have mean squared norm 1."""

HISTORY = 8
"""Steps that the quasi-Newton curvature remembers."""

ITERATIONS = 1000

HELD_OUT_TOLERANCE = 1e-7
"""Decrement, in nats, at which heads that only compete for a ridge are done."""

EXACT = 1e-16
"""Decrement of heads whose predictions make a value: their divergences are then the minimum's to eight digits, those of
positive outputs to seven, where rounding ends the search."""


@dataclass(frozen=True)
class Link:
    """How outputs follow from logits (n, p, k): A (n, p), its derivative (n, p, k), and a bound on its curvature."""

    partition: Callable[[Array], Array]
    mean: Callable[[Array], Array]
    curvature: Callable[[int], float]


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
        found: Array = self.link.mean(_logits(_with_intercept(design), self.coefficients))
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
    block = _Block(link, full, targets, weight, penalty, bound)
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


@dataclass(frozen=True, eq=False)
class _Point:
    """State of p heads: parameters, logits, objective, gradient, and the steps that led here."""

    theta: Array
    logits: Array
    value: Array
    gradient: Array
    stuck: NDArray[np.bool_]
    steps: tuple[tuple[Array, Array], ...] = ()

    def take(self, active: NDArray[np.bool_]) -> _Point:
        steps = tuple((s[:, active], y[:, active]) for s, y in self.steps)
        return _Point(
            self.theta[:, active],
            self.logits[:, active],
            self.value[active],
            self.gradient[:, active],
            self.stuck[active],
            steps,
        )


@dataclass(frozen=True, eq=False)
class _Block:
    """p problems that share a design (n, r + 1) and targets (n, k)."""

    link: Link
    design: Array
    targets: Array
    weight: Array
    penalty: Array
    bound: Array

    def take(self, active: NDArray[np.bool_]) -> _Block:
        return replace(
            self, weight=self.weight[:, active], penalty=self.penalty[:, active], bound=self.bound[:, active]
        )

    def start(self) -> _Point:
        shape = (self.design.shape[1], self.weight.shape[1], self.targets.shape[1])
        theta, logits = np.zeros(shape), np.zeros((len(self.design), *shape[1:]))
        return _Point(
            theta, logits, self.value(theta, logits), self.gradient(theta, logits), np.zeros(shape[1], dtype=bool)
        )

    def value(self, theta: Array, logits: Array) -> Array:
        fit = self.link.partition(logits) - np.sum(self.targets[:, None, :] * logits, axis=2)
        loss: Array = np.sum(self.weight * fit, axis=0) + 0.5 * np.sum(self.penalty[:, :, None] * theta**2, axis=(0, 2))
        return loss

    def gradient(self, theta: Array, logits: Array) -> Array:
        missed = self.link.mean(logits) - self.targets[:, None, :]
        missed *= self.weight[:, :, None]
        slope: Array = (self.design.T @ missed.reshape(len(missed), -1)).reshape(theta.shape)
        slope += self.penalty[:, :, None] * theta
        return slope

    def step(self, point: _Point) -> _Point:
        """One quasi-Newton step with backtracking, each head on its own."""
        direction = -self.curved(point.gradient, point.steps)
        slope = np.sum(direction * point.gradient, axis=(0, 2))
        uphill = slope >= 0.0
        if uphill.any():
            direction[:, uphill] = -point.gradient[:, uphill] / self.bound[:, uphill, None]
            slope = np.sum(direction * point.gradient, axis=(0, 2))
        along = _logits(self.design, direction)
        length = np.ones(len(slope))
        for _ in range(40):
            theta = point.theta + length[:, None] * direction
            logits = point.logits + length[:, None] * along
            value = self.value(theta, logits)
            short = value > point.value + 1e-4 * length * slope
            if not short.any():
                break
            length[short] *= 0.5
        # A step that rounding alone decides ends the search: the objective equals its minimum to rounding.
        stuck = value >= point.value
        gradient = self.gradient(theta, logits)
        steps = (*point.steps, (theta - point.theta, gradient - point.gradient))[-HISTORY:]
        return _Point(theta, logits, value, gradient, stuck, steps)

    def curved(self, gradient: Array, steps: tuple[tuple[Array, Array], ...]) -> Array:
        """The gradient times the inverse curvature that the last steps show, starting from the bound's."""
        turned, shares = gradient.copy(), []
        scale = np.ones(gradient.shape[1])
        for taken, change in reversed(steps):
            product = np.sum(taken * change, axis=(0, 2))
            rate = np.where(product > 1e-300, 1.0 / np.maximum(product, 1e-300), 0.0)
            share = rate * np.sum(taken * turned, axis=(0, 2))
            turned -= share[:, None] * change
            shares.append((rate, share))
        if steps:
            taken, change = steps[-1]
            product = np.sum(taken * change, axis=(0, 2))
            across = np.sum(change**2 / self.bound[:, :, None], axis=(0, 2))
            scale = np.where(product > 1e-300, product / np.maximum(across, 1e-300), 1.0)
        turned *= scale[:, None] / self.bound[:, :, None]
        for (taken, change), (rate, share) in zip(steps, reversed(shares), strict=True):
            back = rate * np.sum(change * turned, axis=(0, 2))
            turned += (share - back)[:, None] * taken
        return turned


def _with_intercept(design: NDArray[np.floating]) -> Array:
    return np.concatenate([np.ones((len(design), 1)), design], axis=1)


def _logits(design: Array, theta: Array) -> Array:
    flat: Array = design @ theta.reshape(len(theta), -1)
    return flat.reshape(len(design), *theta.shape[1:])


def _log_partition(logits: Array) -> Array:
    """(n, p) log of the sum of exponentials; a single column competes with a fixed logit of 0."""
    if logits.shape[2] == 1:
        single: Array = np.logaddexp(0.0, logits[:, :, 0])
        return single
    top = logits.max(axis=2)
    several: Array = top + np.log(np.sum(np.exp(logits - top[:, :, None]), axis=2))
    return several


def _probabilities(logits: Array) -> Array:
    found: Array = np.exp(logits - _log_partition(logits)[:, :, None])
    return found


def _exponentials(logits: Array) -> Array:
    # A trial step may overshoot to infinity; the backtracking that follows needs that value and no warning.
    with np.errstate(over="ignore"):
        found: Array = np.exp(logits)
    return found


CLASSES = Link(_log_partition, _probabilities, lambda columns: 0.25 if columns == 1 else 0.5)
POSITIVE = Link(lambda logits: _exponentials(logits[:, :, 0]), _exponentials, lambda _: 1.0)
