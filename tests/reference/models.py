"""Made-up representations: a strong model and weak models that see a share of what it sees."""

from __future__ import annotations

import numpy as np


def correlated(rows, dims, decay, rng):
    """(rows, dims) whose principal variances fall as i^(−2 decay), mixed over all dimensions, off centre."""
    mixing = np.linalg.qr(rng.standard_normal((dims, dims)))[0]
    return (rng.standard_normal((rows, dims)) * np.arange(1, dims + 1) ** -decay) @ mixing + rng.standard_normal(dims)


def dimmed(strong, dims, noise, rng):
    """A weak model (n, dims): a random linear view of the strong one with noise of the given share of the signal."""
    view = strong @ rng.standard_normal((strong.shape[1], dims))
    return view + noise * view.std(axis=0) * rng.standard_normal(view.shape)
