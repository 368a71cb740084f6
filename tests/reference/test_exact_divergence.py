"""KL misfit and its bounds to eight digits, by logistic heads of plain Newton steps, as the documents tell them."""

from __future__ import annotations

import numpy as np
import pytest

import predictor

ROWS, DIMS, FOLDS = 120, 6, 5
RIDGES = np.logspace(-5.0, 1.0, 7)


def head(features, targets, ridge, others):
    """Probabilities of the second class on `others`: least mean cross-entropy + ridge/2 ‖w‖², intercept free."""
    design = np.column_stack([np.ones(len(features)), features])
    penalty = np.diag([0.0, *np.full(features.shape[1], ridge)])
    w = np.zeros(design.shape[1])
    for _ in range(30):
        p = 1.0 / (1.0 + np.exp(-design @ w))
        slope = design.T @ (p - targets) / len(p) + penalty @ w
        w -= np.linalg.solve((design * (p * (1.0 - p))[:, None]).T @ design / len(p) + penalty, slope)
    return 1.0 / (1.0 + np.exp(-np.column_stack([np.ones(len(others)), others]) @ w))


def both(p):
    """Probabilities of both classes, none under 1/1000."""
    found = np.maximum(np.column_stack([1.0 - p, p]), 1e-3)
    return found / found.sum(axis=1, keepdims=True)


def kl(left, right):
    return np.mean(np.sum(left * np.log(left / right), axis=1))


def test_forward_misfit_and_both_bounds_are_those_of_the_exact_minimum():
    rng = np.random.default_rng(5)
    strong = rng.standard_normal((ROWS, DIMS)).astype(np.float32)
    centred = 1.0 / (1.0 + np.exp(-strong @ rng.standard_normal(DIMS) - rng.standard_normal(ROWS)))
    names = ["kl_misfit", "gain_bounds", "calibration_bounds"]
    ranking = predictor.predict(
        strong=strong, weak={"w": strong[:, :3]}, weak_labels={"w": centred}, estimators=names, seed=2
    )
    found = ranking.best().estimates
    z = (strong - strong.mean(axis=0, dtype=float)) / strong.std(axis=0, dtype=float) / DIMS**0.5
    draws = np.random.default_rng([2, *b"lessons"])
    draws.permutation(ROWS)
    fold = draws.permutation(np.arange(ROWS) % FOLDS)
    weak, students = both(centred), []
    for ridge in RIDGES:
        p = np.empty(ROWS)
        for k in range(FOLDS):
            p[fold == k] = head(z[fold != k], weak[fold != k, 1], ridge, z[fold == k])
        students.append(np.column_stack([1.0 - p, p]))
    best = min(range(len(RIDGES)), key=lambda i: kl(weak, students[i]))
    student = both(students[best][:, 1])
    assert found["kl_misfit"].details["ridge"] == RIDGES[best]
    assert found["kl_misfit"].value == pytest.approx(kl(weak, student), abs=1e-8)
    assert found["kl_misfit"].details["reverse"] == pytest.approx(kl(student, weak), abs=1e-8)
    ratio = np.mean(np.max(np.abs(np.log(weak / student)), axis=1))
    least = min(kl(weak, student), kl(student, weak))
    root = (least / 2.0) ** 0.5 / min(weak.min(), student.min())
    assert found["gain_bounds"].value == pytest.approx(min(ratio, root), abs=1e-8)
    assert found["gain_bounds"].details["root_of_divergence"] == pytest.approx(root, abs=1e-7)
    assert found["calibration_bounds"].value == pytest.approx(2.0 * (1.0 - np.exp(-least)) ** 0.5, abs=1e-8)
