"""Mixture heads: convex combinations of fixed predictors, a class that is convex in the outputs.

    min over π in the simplex of  mean_i D(Σ_k π_k p_k(x_i), f_w(x_i)),   D a Bregman divergence, reverse KL by default

The student is in the first slot: this is the projection for which a misfit inequality holds on a class convex in
the outputs (Mulgund, Pabbaraju 2025, arXiv:2501.19105). A logistic head's own class is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.heads.bregman import ENTROPY, Generator
from predictor.statistics.arrays import Array

BARRIERS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
"""Weights of the logarithmic barrier; after the last, K × 1e-8 above the minimum at most."""

NEWTON_STEPS = 50


def fit_mixture(components: Array, targets: Array, generator: Generator = ENTROPY) -> Array:
    """(K,) weights of the mixture nearest to the targets in D(mixture, target), by Newton steps with a barrier.

    Args:
        components: (n, K, c) outputs of fixed predictors whose even mixture is inside the generator's domain: for
            KL all ≥ 0, and for each row and column one of them > 0.
        targets: (n, c) inside the generator's domain: for KL > 0, probabilities or positive outputs.
        generator: of the divergence.

    Source: Boyd, Vandenberghe 2004, "Convex Optimization", algorithm 11.1 with equality-constrained Newton steps.
    """
    rows, count, columns = components.shape
    table = np.moveaxis(components, 1, 2).reshape(rows * columns, count)
    aim = targets.reshape(-1)
    weights = np.full(count, 1.0 / count)
    for barrier in BARRIERS:
        problem = _Problem(table, aim, rows, generator, barrier)
        for _ in range(NEWTON_STEPS):
            step, decrement = problem.newton(weights)
            if decrement <= 1e-3 * barrier:
                break
            weights = problem.backtracked(weights, step, decrement)
    return weights


def mixed(components: Array, weights: Array) -> Array:
    """(n, c) outputs Σ_k π_k p_k."""
    outputs: Array = np.einsum("nkc,k->nc", components, weights)
    return outputs


def optimality_gap(components: Array, targets: Array, weights: Array, generator: Generator = ENTROPY) -> float:
    """max over k of ⟨∇, π − e_k⟩: how far the mixture can be above the minimum, in the divergence's unit.

    Source: Jaggi 2013, "Revisiting Frank-Wolfe", ICML.
    """
    steep = generator.slope(mixed(components, weights)) - generator.slope(targets)
    slope = np.mean(np.sum(components * steep[:, None, :], axis=2), axis=0)
    return float(weights @ slope - slope.min())


@dataclass(frozen=True, eq=False)
class _Problem:
    """The objective with one barrier: (n c, K) components and (n c,) targets, one row per row and column."""

    table: Array
    aim: Array
    rows: int
    generator: Generator
    barrier: float

    def objective(self, weights: Array) -> float:
        output = self.table @ weights
        fit = np.sum(self.generator.potential(output) - self.generator.slope(self.aim) * output) / self.rows
        return float(fit - self.barrier * np.sum(np.log(weights)))

    def newton(self, weights: Array) -> tuple[Array, float]:
        """The Newton step within Σ π = 1, and its decrement (twice what it promises to gain)."""
        count, table = len(weights), self.table
        output = table @ weights
        steep = self.generator.slope(output) - self.generator.slope(self.aim)
        bent = (table * self.generator.curvature(output)[:, None]).T @ table / self.rows
        slope = table.T @ steep / self.rows - self.barrier / weights
        system = np.ones((count + 1, count + 1))
        system[:count, :count] = bent + np.diag(self.barrier / weights**2)
        system[count, count] = 0.0
        step: Array = np.linalg.solve(system, np.append(-slope, 0.0))[:count]
        return step, float(-(step @ slope))

    def backtracked(self, weights: Array, step: Array, decrement: float) -> Array:
        """A shorter step where the full one leaves the simplex or gains too little; none where rounding decides."""
        shrinking = step < 0.0
        length = min(1.0, 0.99 * float(np.min(-weights[shrinking] / step[shrinking], initial=np.inf)))
        start = self.objective(weights)
        for _ in range(40):
            trial: Array = weights + length * step
            if self.objective(trial) <= start - 1e-4 * length * decrement:
                normalised: Array = trial / trial.sum()
                return normalised
            length *= 0.5
        return weights
