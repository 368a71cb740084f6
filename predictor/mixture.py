"""Mixture heads: convex combinations of fixed predictors, a class that is convex in the outputs, fitted by reverse KL.

    min over π in the simplex of  mean_i I(Σ_k π_k p_k(x_i) ‖ f_w(x_i)),   I(f‖g) = Σ f log(f/g) − f + g

The student stands in the first slot: this is the projection for which a misfit inequality holds on a class convex in
the outputs (Mulgund, Pabbaraju 2025, arXiv:2501.19105). A logistic head's own class is not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BARRIERS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
"""Weights of the logarithmic barrier; after the last, K × 1e-8 nats above the minimum at most."""

NEWTON_STEPS = 50


def fit_mixture(components: Array, targets: Array) -> Array:
    """(K,) weights of the mixture nearest to the targets in I(mixture‖target), by Newton steps with a barrier.

    Args:
        components: (n, K, c) outputs ≥ 0 of fixed predictors; for each row and column one of them > 0.
        targets: (n, c) > 0, probabilities or positive outputs.

    Source: Boyd, Vandenberghe 2004, "Convex Optimization", algorithm 11.1 with equality-constrained Newton steps.
    """
    rows, count, columns = components.shape
    table = np.moveaxis(components, 1, 2).reshape(rows * columns, count)
    aim = targets.reshape(-1)
    weights = np.full(count, 1.0 / count)
    for barrier in BARRIERS:
        for _ in range(NEWTON_STEPS):
            step, decrement = _newton(table, aim, weights, barrier, rows)
            if decrement <= 1e-3 * barrier:
                break
            weights = _backtracked(table, aim, weights, step, decrement, barrier, rows)
    return weights


def mixed(components: Array, weights: Array) -> Array:
    """(n, c) outputs Σ_k π_k p_k."""
    outputs: Array = np.einsum("nkc,k->nc", components, weights)
    return outputs


def optimality_gap(components: Array, targets: Array, weights: Array) -> float:
    """max over k of ⟨∇, π − e_k⟩: how far the mixture can lie above the minimum, in nats.

    Source: Jaggi 2013, "Revisiting Frank-Wolfe", ICML.
    """
    slope = np.mean(np.sum(components * np.log(mixed(components, weights) / targets)[:, None, :], axis=2), axis=0)
    return float(weights @ slope - slope.min())


def _objective(table: Array, aim: Array, weights: Array, barrier: float, rows: int) -> float:
    output = table @ weights
    return float(np.sum(output * np.log(output / aim) - output) / rows - barrier * np.sum(np.log(weights)))


def _newton(table: Array, aim: Array, weights: Array, barrier: float, rows: int) -> tuple[Array, float]:
    """The Newton step within Σ π = 1, and its decrement (twice what it promises to gain)."""
    count = len(weights)
    output = table @ weights
    slope = table.T @ np.log(output / aim) / rows - barrier / weights
    system = np.ones((count + 1, count + 1))
    system[:count, :count] = (table / output[:, None]).T @ table / rows + np.diag(barrier / weights**2)
    system[count, count] = 0.0
    step: Array = np.linalg.solve(system, np.append(-slope, 0.0))[:count]
    return step, float(-(step @ slope))


def _backtracked(
    table: Array, aim: Array, weights: Array, step: Array, decrement: float, barrier: float, rows: int
) -> Array:
    """A shorter step where the full one leaves the simplex or gains too little; no step where rounding decides."""
    shrinking = step < 0.0
    length = min(1.0, 0.99 * float(np.min(-weights[shrinking] / step[shrinking], initial=np.inf)))
    start = _objective(table, aim, weights, barrier, rows)
    for _ in range(40):
        trial: Array = weights + length * step
        if _objective(table, aim, trial, barrier, rows) <= start - 1e-4 * length * decrement:
            normalised: Array = trial / trial.sum()
            return normalised
        length *= 0.5
    return weights
