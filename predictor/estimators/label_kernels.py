"""Label kernels: which functions of the rows the labels may be, as the models of a ranking see the rows."""

from __future__ import annotations

from predictor.estimators.priors import FLAT_RIDGE, flat_root, model_weights, power_kernel
from predictor.estimators.problem import Case
from predictor.spectral.spectra import Scale, constant
from predictor.statistics.arrays import Array
from predictor.truth.kernels import agreed_shares, agreement, mixture, seen_by_both, unit

POWERS = (2.0, 4.0)
"""Of the strong model's kernel, for easier tasks in few directions."""


def label_kernels(case: Case) -> tuple[Array, ...]:
    """(n, n) of the strong model, even; of the others by agreement, size and depth; and those of easier tasks.

    The last are what both see, and what the strong model sees to the powers 2 and 4: fewer directions.
    """
    models = (one for one in (*case.weak, *case.context_models) if not one.labels_only)
    others = [one for one in models if Scale.of(one.features).weight.any()]
    if not Scale.of(case.strong.features).weight.any():
        raise constant(case.strong.features)
    root = flat_root(case.strong.kernel, FLAT_RIDGE)
    strong = unit(root @ root.T)
    easier = tuple(unit(power_kernel(case.strong.kernel, power)) for power in POWERS)
    if not others:
        return strong, strong, *easier
    roots = [flat_root(one.kernel, FLAT_RIDGE) for one in others]
    weights = model_weights([*others, case.strong])
    shares = agreed_shares(agreement([*roots, root]), weights)[:-1]
    # Where no candidate agrees with any other, agreement tells them apart by nothing.
    shares = shares if shares.any() else weights[:-1]
    rest = mixture(roots, shares / float(shares.sum()))
    return strong, rest, seen_by_both(strong, rest), *easier
