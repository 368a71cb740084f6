"""Heads on the rows of one part, scored on another: ridge ones by hat matrices, others by scikit-learn."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression, PoissonRegressor

from predictor.heads.ridge import RIDGES
from tests.reference import dense


def ridge_predictions(train, other, labels):
    """A ridge head by its hat matrix, each column at the ridge of the least error on rows left out."""
    columns = []
    for column in labels.T:
        ridge = min(RIDGES, key=lambda beta: left_out(train, column, beta))
        columns.append(dense.hat(train, other, ridge) @ column)
    return np.stack(columns, axis=1)


def left_out(train, column, ridge):
    """`dense.press` by the diagonal of the hat matrix: the same number, n times sooner."""
    missed = np.eye(len(train)) - dense.hat(train, train, ridge)
    return float(np.sum((missed @ column / np.diag(missed)) ** 2))


def folded(strong, weak_labels, folds, rng):
    """Held-out students by an explicit loop over folds cut from the same permutation."""
    order = rng.permutation(len(strong))
    learned = np.full(weak_labels.shape, np.nan)
    for held in np.array_split(order, folds):
        rest = np.array([i for i in order if i not in set(held)])
        learned[held] = ridge_predictions(strong[rest], strong[held], weak_labels[rest])
    return learned


def logistic(train, targets, other, ridge):
    """(m, c) probabilities of scikit-learn's head on soft labels: every row once per class, weighted by its share."""
    rows, classes = targets.shape
    model = LogisticRegression(C=1.0 / (rows * ridge), tol=1e-10, max_iter=20_000)
    repeated = np.repeat(train, classes, axis=0)
    model.fit(repeated, np.tile(np.arange(classes), rows), sample_weight=targets.reshape(-1))
    return model.predict_proba(other)


def poisson(train, targets, other, ridge):
    """(m, 1) outputs of scikit-learn's log-linear head on positive ones."""
    model = PoissonRegressor(alpha=ridge, tol=1e-10, max_iter=20_000).fit(train, targets[:, 0])
    return model.predict(other)[:, None]
