"""Divergent: a case of class probabilities or positive outputs, and what the misfits by divergence make of it."""

from __future__ import annotations

import numpy as np

from predictor.estimators.problem import Case, Representation
from predictor.estimators.weak_probabilities import FOLDS
from predictor.heads.logistic import RIDGES, fold_of
from predictor.query.labels import Labels
from tests.reference import dense
from tests.reference.heads import logistic, poisson
from tests.reference.models import correlated, dimmed
from tests.reference.simplex import least

ROWS = 70


def make(classes=2, given="probabilities", gold=False):
    """One weak model beside a strong one, with weak labels of the kind named and gold classes where asked."""
    rng = np.random.default_rng(8)
    strong = correlated(ROWS, 6, 0.6, rng)
    weak = dimmed(strong, 5, 0.4, rng)
    scores = dense.standardise(strong) @ rng.standard_normal((6, classes)) * 3.0
    noisy = scores + 0.7 * rng.standard_normal(scores.shape)
    odds = np.exp(noisy)
    labels = {
        "probabilities": {"w": odds / odds.sum(axis=1, keepdims=True)},
        "positive": {"w": 40.0 * np.log1p(odds[:, :1]) + 9.0},
        "none": {},
    }[given]
    shown = None
    if gold:
        codes = scores.argmax(axis=1)
        shown = Labels.of([str(codes[i]) if i % 5 in (0, 3) else None for i in range(ROWS)])
    return Case(Representation("s", strong), (Representation("w", weak),), shown, labels, seed=4)


def lifted(rows):
    """Probabilities under 1/1000 raised to that, and each row divided by its sum."""
    return np.array([[max(p, 1e-3) for p in row] / np.sum([max(p, 1e-3) for p in row]) for row in rows])


def kl(left, right):
    """mean_i Σ_j p log(p/q) − p + q."""
    return np.mean(
        [sum(p * np.log(p / q) - p + q for p, q in zip(x, y, strict=True)) for x, y in zip(left, right, strict=True)]
    )


def folded(head, design, weak, folds):
    """Held-out students at the ridge of the path that is nearest to the weak labels on held-out rows."""
    tried = []
    for ridge in RIDGES:
        student = np.empty_like(weak)
        for fold in range(FOLDS):
            held = folds == fold
            student[held] = head(design[~held], weak[~held], design[held], ridge)
        tried.append(student)
    best = min(range(len(RIDGES)), key=lambda i: kl(weak, tried[i]))
    return tried[best], RIDGES[best]


def folds_of(case, rows):
    """(rows,) fold of each row, as `lessons` draws them."""
    rng = case.rng("lessons")
    rng.permutation(rows)
    return fold_of(rows, FOLDS, rng)


def mixed(case, name, given, divergence, columns=slice(None)):
    """Weak labels, the best mixtures of fixed predictors for them, and how far these are from the labels fitted.

    For each fold, components are trained on one half of the other folds and weighed on the other half by a general
    solver; the mixture answers the fold held out.

    Args:
        name: under which the case draws the halves.
        given: "probabilities" or "positive".
        divergence: of predictions from labels, entry by entry; it and the answers see the named columns alone.

    Returns:
        (n, c) labels, (n, c) mixtures, and the mean over folds of the divergence that the solver reached.
    """
    probable = given == "probabilities"
    head = logistic if probable else poisson
    weak = lifted(case.weak_labels["w"]) if probable else case.weak_labels["w"] / case.weak_labels["w"].mean()
    design, folds = dense.standardise(case.strong.features), folds_of(case, ROWS)
    half = case.rng(name).permutation(np.arange(ROWS) % 2).astype(bool)
    student, fitted = np.empty_like(weak[:, columns]), []
    for fold in range(FOLDS):
        rest = folds != fold
        first, second, held = rest & half, rest & ~half, ~rest
        constants = list(np.eye(weak.shape[1])) if probable else [weak[first].min(axis=0), weak[first].max(axis=0)]
        parts = [head(design[first], weak[first], design, ridge) for ridge in RIDGES]
        parts += [np.tile(c, (ROWS, 1)) for c in (*constants, weak[first].mean(axis=0))]
        table = np.stack(parts, axis=1)[:, :, columns]

        def loss(weights, table=table, second=second):
            f = np.einsum("nkc,k->nc", table[second], weights)
            return np.mean(np.sum(divergence(f, weak[second][:, columns]), axis=1))

        weights, reached = least(loss, table.shape[1])
        student[held] = np.einsum("nkc,k->nc", table[held], weights)
        fitted.append(reached)
    return weak[:, columns], student, np.mean(fitted)
