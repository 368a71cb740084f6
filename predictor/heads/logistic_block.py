"""Block: p logistic or log-linear problems that share a design, and quasi-Newton steps on all of them at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictor.statistics.arrays import Array

HISTORY = 8
"""Steps that the quasi-Newton curvature remembers."""


@dataclass(frozen=True)
class Link:
    """How outputs follow from logits (n, p, k): A (n, p), its derivative (n, p, k), and a bound on its curvature."""

    partition: Callable[[Array], Array]
    mean: Callable[[Array], Array]
    curvature: Callable[[int], float]


@dataclass(frozen=True, eq=False)
class Point:
    """State of p heads: parameters, logits, objective, gradient, and the steps that led here."""

    theta: Array
    logits: Array
    value: Array
    gradient: Array
    stuck: NDArray[np.bool_]
    steps: tuple[tuple[Array, Array], ...] = ()

    def take(self, active: NDArray[np.bool_]) -> Point:
        """The state of these heads alone."""
        steps = tuple((s[:, active], y[:, active]) for s, y in self.steps)
        return Point(
            self.theta[:, active],
            self.logits[:, active],
            self.value[active],
            self.gradient[:, active],
            self.stuck[active],
            steps,
        )


@dataclass(frozen=True, eq=False)
class Block:
    """p problems that share a design (n, r + 1) and targets (n, k)."""

    link: Link
    design: Array
    targets: Array
    weight: Array
    penalty: Array
    bound: Array

    def take(self, active: NDArray[np.bool_]) -> Block:
        """These problems alone."""
        return replace(
            self, weight=self.weight[:, active], penalty=self.penalty[:, active], bound=self.bound[:, active]
        )

    def start(self) -> Point:
        """The state at zero parameters."""
        shape = (self.design.shape[1], self.weight.shape[1], self.targets.shape[1])
        theta, logits = np.zeros(shape), np.zeros((len(self.design), *shape[1:]))
        return Point(
            theta, logits, self.value(theta, logits), self.gradient(theta, logits), np.zeros(shape[1], dtype=bool)
        )

    def value(self, theta: Array, logits: Array) -> Array:
        """(p,) objectives."""
        fit = self.link.partition(logits) - np.sum(self.targets[:, None, :] * logits, axis=2)
        loss: Array = np.sum(self.weight * fit, axis=0) + 0.5 * np.sum(self.penalty[:, :, None] * theta**2, axis=(0, 2))
        return loss

    def gradient(self, theta: Array, logits: Array) -> Array:
        """(r + 1, p, k) gradients of the objectives."""
        missed = self.link.mean(logits) - self.targets[:, None, :]
        missed *= self.weight[:, :, None]
        slope: Array = (self.design.T @ missed.reshape(len(missed), -1)).reshape(theta.shape)
        slope += self.penalty[:, :, None] * theta
        return slope

    def step(self, point: Point) -> Point:
        """One quasi-Newton step with backtracking, each head on its own."""
        direction = -self.curved(point.gradient, point.steps)
        slope = np.sum(direction * point.gradient, axis=(0, 2))
        uphill = slope >= 0.0
        if uphill.any():
            direction[:, uphill] = -point.gradient[:, uphill] / self.bound[:, uphill, None]
            slope = np.sum(direction * point.gradient, axis=(0, 2))
        along = logits_of(self.design, direction)
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
        return Point(theta, logits, value, gradient, stuck, steps)

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


def logits_of(design: Array, theta: Array) -> Array:
    """(n, p, k) logits of (r + 1, p, k) parameters."""
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
