"""Classes given a Gaussian-process posterior of their codes: probabilities, and label vectors that vary together.

Least-squares classification (Rasmussen, Williams 2006, section 6.5): the process is fitted to the codes, and its mean
is turned into probabilities by a map that is fitted to the means that each gold row gets when it is left out itself.
Of two classes that is Platt's sigmoid (1999, "Probabilistic outputs for support vector machines"), with his targets
short of 0 and 1. Of more it is a softmax of one slope and an offset per class (Guo and others 2017, "On Calibration of
Modern Neural Networks", between temperature and vector scaling), these drawn to the log of the class's share by a
normal prior of unit variance. Sigmoids of each class against the rest, scaled to sum to 1, are far too unsure of many.
"""

from __future__ import annotations

import numpy as np

from predictor.heads.logistic import fit_logistic
from predictor.statistics.arrays import Array

RIDGE = 1e-4
"""Of the sigmoids' slopes, on scores of unit mean square: enough for classes that scores part completely."""

STEPS = 100
"""Newton steps at most; about ten are taken."""

MIN = 1e-6
"""Smallest probability of any class."""


def class_probabilities(left_out: Array, mean: Array, gold: Array) -> tuple[Array, Array]:
    """(l, c) and (n, c) class probabilities for scores of gold rows left out, and of the rows asked about.

    Args:
        left_out: (l, k) scores of gold rows, each from the others.
        mean: (n, k) scores of the rows asked about.
        gold: (l, k) codes of the gold rows.
    """
    if gold.shape[1] > 1:
        return _softmax(left_out, mean, gold)
    first, second = (
        np.clip(found, MIN, 1.0 - MIN)[:, None] for found in _sigmoid(left_out[:, 0], mean[:, 0], gold[:, 0])
    )
    return np.hstack([1.0 - first, first]), np.hstack([1.0 - second, second])


def _softmax(seen: Array, asked: Array, gold: Array) -> tuple[Array, Array]:
    """Probabilities of all classes; about their shares where scores of left-out rows do not rise with them."""
    scale = float(np.sqrt(np.mean(seen**2))) or 1.0
    slope, offsets = _slope_and_offsets(seen / scale, gold)
    if slope < 0.0:
        slope, offsets = _slope_and_offsets(np.zeros_like(seen), gold)
    left, right = (np.maximum(_shares(slope * one / scale + offsets), MIN) for one in (seen, asked))
    return left / left.sum(axis=1, keepdims=True), right / right.sum(axis=1, keepdims=True)


def _slope_and_offsets(scores: Array, gold: Array) -> tuple[float, Array]:
    """a and (c,) b of least mean −log softmax(a s + b) of the right class, with RIDGE on a and a prior on b."""
    rows, classes = gold.shape
    prior = np.concatenate([[0.0], np.log((gold.sum(axis=0) + 1.0) / (rows + classes))])
    pull = np.concatenate([[RIDGE], np.full(classes, 1.0 / rows)])

    def loss(at: Array) -> float:
        probabilities = _shares(at[0] * scores + at[1:])
        missed = -np.mean(np.log(np.maximum(np.sum(gold * probabilities, axis=1), np.finfo(np.float64).tiny)))
        return float(missed + 0.5 * np.sum(pull * (at - prior) ** 2))

    at = prior.copy()
    for _ in range(STEPS):
        probabilities = _shares(at[0] * scores + at[1:])
        over, typical = probabilities - gold, np.sum(probabilities * scores, axis=1, keepdims=True)
        gradient = np.concatenate([[np.sum(over * scores)], over.sum(axis=0)]) / rows + pull * (at - prior)
        curvature = np.diag(pull)
        curvature[0, 0] += np.mean(np.sum(probabilities * (scores - typical) ** 2, axis=1))
        curvature[0, 1:] = curvature[1:, 0] = np.mean(probabilities * (scores - typical), axis=0)
        curvature[1:, 1:] += np.diag(probabilities.mean(axis=0)) - probabilities.T @ probabilities / rows
        step = np.linalg.solve(curvature, gradient)
        if float(gradient @ step) < 1e-16:
            break
        before, length = loss(at), 1.0
        while length > 1e-6 and loss(at - length * step) > before:
            length *= 0.5
        at = at - length * step
    return float(at[0]), at[1:]


def _shares(logits: Array) -> Array:
    """(n, c) softmax."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: Array = raised / raised.sum(axis=1, keepdims=True)
    return found


def _sigmoid(seen: Array, asked: Array, gold: Array) -> tuple[Array, Array]:
    """Probabilities of one class; everywhere its share where scores of rows left out do not rise with it."""
    yes = float(gold.sum())
    no = len(gold) - yes
    target = np.where(gold > 0.5, (yes + 1.0) / (yes + 2.0), 1.0 / (no + 2.0))
    centre, scale = float(seen.mean()), float(np.std(seen))
    if scale == 0.0 or float(np.sum((seen - centre) * (gold - gold.mean()))) <= 0.0:
        share = float(target.mean())
        return np.full(len(seen), share), np.full(len(asked), share)
    soft = np.stack([1.0 - target, target], axis=1)
    head = fit_logistic(((seen - centre) / scale)[:, None], soft, np.array([RIDGE]))
    found = head.predict(((np.concatenate([seen, asked]) - centre) / scale)[:, None])[:, 0, 1]
    return found[: len(seen)], found[len(seen) :]
