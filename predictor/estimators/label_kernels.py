"""Label kernels: which functions of the rows the labels may be, as the models of a ranking see the rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from predictor.estimators.flat_smoother import FlatSmoother
from predictor.estimators.priors import FLAT_RIDGE, flat_root, mixed_kernel, model_weights, power_kernel
from predictor.estimators.problem import Case, Representation
from predictor.spectral.kernels import Kernel
from predictor.spectral.spectra import Scale, constant
from predictor.statistics.arrays import Array
from predictor.statistics.threads import in_order
from predictor.truth.class_link import Smoother
from predictor.truth.kernel_evidence import log_evidence, supported
from predictor.truth.kernels import agreed_shares, agreement, compared_rows, seen_by_both, unit

POWERS = (2.0, 4.0)
"""Of the strong model's kernel, for easier tasks in few directions."""

SMALL_SHARE = 1e-4
"""Models of smaller shares are left out."""

MAX_GOLD_ROWS = 400
"""Gold rows that the other models are weighed by at most: the cost grows with their cube."""

LEARNED = 0.02
"""Smallest share of a direction that is followed, of that of the first."""


def own_kernels(strong: Representation) -> tuple[Array, ...]:
    """(n, n) of the strong model: spread evenly over what it sees, and to POWERS, for easier tasks.

    Raises:
        InputError: the features are constant.
    """
    if not Scale.of(strong.features).weight.any():
        raise constant(strong.features)
    own = strong.kernel
    root = flat_root(own, FLAT_RIDGE)
    return unit(root @ root.T), *in_order(lambda power: unit(power_kernel(own, power)), POWERS)


def label_kernels(case: Case) -> tuple[Array, ...]:
    """(n, n) of the strong model, even; of the others by agreement, size and depth; and those of easier tasks.

    With gold labels, each of the others weighs as much more as these are likely under what it sees.

    The last are what both see, and what the strong model sees to the powers 2 and 4: fewer directions. The others'
    kernels are factored once and made twice, for their agreement and for the mixture: all may not fit into memory.
    """
    models = (one for one in (*case.weak, *case.context_models) if not one.labels_only)
    others = [one for one in models if Scale.of(one.features).weight.any()]
    strong, *easier = own_kernels(case.strong)
    if not others:
        return strong, strong, *easier
    rows = compared_rows(case.rows)
    smoothers = in_order(lambda one: FlatSmoother.of(one.features, FLAT_RIDGE, one.device), others)
    compared = in_order(lambda one: one.among(rows), smoothers)
    weights = model_weights([*others, case.strong])
    shares = agreed_shares(agreement([*compared, strong[rows, rows]]), weights)[:-1]
    # Where no candidate agrees with any other, agreement tells them apart by nothing.
    shares = shares if shares.any() else weights[:-1]
    shares = _by_gold(case, smoothers, shares / float(shares.sum()))
    used = np.flatnonzero(shares >= SMALL_SHARE)
    rest = unit(mixed_kernel([smoothers[i].flat for i in used], shares[used]))
    own, weight = case.strong.kernel, case.strong.kernel.shrinkage(FLAT_RIDGE)
    return strong, rest, seen_by_both(own.vectors, weight / weight.sum(), rest), *easier


def _by_gold(case: Case, models: Sequence[FlatSmoother], shares: Array) -> Array:
    """(m,) shares moved to the models whose kernels make the gold labels likely, on MAX_GOLD_ROWS of them at most."""
    known = np.empty(0, dtype=np.intp) if case.labels is None else np.flatnonzero(case.labels.known)
    if case.labels is None or not len(known):
        return shares
    known = known[:: -(-len(known) // MAX_GOLD_ROWS)]
    gold = case.labels.targets[known] - case.labels.targets[known].mean(axis=0)
    spread = float(np.sqrt(np.sum(np.var(gold, axis=0))))
    if spread == 0.0:
        return shares
    alone = in_order(lambda one: log_evidence(one.among(known), gold / spread), models)
    return supported(shares, np.array(alone))


def student_smoother(kernel: Kernel) -> Smoother:
    """What a ridge head of the model learns of labels on the rows, but for directions of which it learns little."""
    share = kernel.shrinkage(FLAT_RIDGE)
    learned = share > LEARNED * share.max()
    return Smoother(kernel.vectors[:, learned], share[learned])
