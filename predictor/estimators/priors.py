"""Priors over tasks: kernels of the plausible label functions of the pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from predictor.estimators.flat_smoother import FlatSmoother
from predictor.estimators.problem import Representation
from predictor.spectral.kernels import Kernel, streams
from predictor.spectral.spectra import Scale, constant
from predictor.statistics.arrays import Array
from predictor.statistics.threads import in_order, usable_threads

FLAT_RIDGE = 0.03
"""β of flat kernels, a share of the trace: tasks spread evenly over directions of variance well above it."""


def flat_kernel(kernel: Kernel, ridge: float) -> Array:
    """(n, n) U diag(λ / (λ + β)) Uᵀ over its trace: every direction well above β is as likely as any other.

    A kernel's own spectrum would give the leading directions nearly all of a task, and real labels do not follow it.

    Args:
        ridge: β > 0, as a share of tr K.
    """
    root = flat_root(kernel, ridge)
    flat: Array = root @ root.T / len(root)
    return flat


def flat_root(kernel: Kernel, ridge: float) -> Array:
    """(n, r) R of the flat kernel, mean diagonal 1: R z of standard normal z is a task of unit variance."""
    weight = kernel.shrinkage(ridge)
    root: Array = kernel.vectors * np.sqrt(weight * (len(kernel.vectors) / weight.sum()))
    return root


def flat_kernel_of(model: Representation, ridge: float) -> Array:
    """As `flat_kernel`, without eigenvectors where the features fit into memory: K (K + β I)⁻¹ over its trace."""
    if streams(model.features):
        return flat_kernel(model.kernel, ridge)
    return FlatSmoother.of(model.features, ridge, model.device).flat()


def mixed_kernel(kernels: Sequence[Callable[[], Array]], shares: Array) -> Array:
    """(n, n) Σ shares · kernel; as many are in memory as threads.

    Args:
        kernels: each makes one (n, n) kernel, which is overwritten.
    """
    weighted, threads = list(zip(kernels, shares, strict=True)), usable_threads()

    def kernel(one: tuple[Callable[[], Array], float]) -> Array:
        found = one[0]()
        found *= one[1]
        return found

    total: Array | None = None
    for start in range(0, len(weighted), threads):
        for found in in_order(kernel, weighted[start : start + threads]):
            total = found if total is None else np.add(total, found, out=total)
    if total is None:
        raise TypeError("a mixture has a kernel")
    return total


def power_kernel(kernel: Kernel, power: float) -> Array:
    """(n, n) U diag(λᵖ) Uᵀ over its trace: the greater p, the fewer leading directions a task uses."""
    weight = kernel.values**power
    powered: Array = (kernel.vectors * (weight / weight.sum())) @ kernel.vectors.T
    return powered


def consensus_kernel(models: Sequence[Representation], ridge: float) -> Array:
    """(n, n) mean of the models' flat kernels, weighted by `model_weights`: a task that any of them may see.

    A model that is constant on these rows sees no task, and gets no weight.

    Raises:
        InputError: all are constant.
    """
    seeing = [model for model in models if Scale.of(model.features).weight.any()]
    if not seeing:
        raise constant(models[0].features)
    return mixed_kernel([partial(flat_kernel_of, one, ridge) for one in seeing], model_weights(seeing))


def model_weights(models: Sequence[Representation]) -> Array:
    """(m,) √parameters · depth², summing to 1: weight of each model in the prior of tasks that people set.

    Larger models see more of what tasks are about, and deeper layers more than shallow ones, which see the surface of a
    row; where no layer is deeper than embeddings, only the sizes count. A model of unknown size counts as the
    geometric mean of the known ones, one of unknown depth as a last layer.
    """
    known = [float(m.parameters) for m in models if m.parameters]
    typical = float(np.exp(np.mean(np.log(known)))) if known else 1.0
    roots = np.sqrt([float(m.parameters) if m.parameters else typical for m in models])
    deep = roots * np.square([1.0 if m.depth is None else m.depth for m in models])
    shares: Array = deep / deep.sum() if deep.any() else roots / roots.sum()
    return shares
