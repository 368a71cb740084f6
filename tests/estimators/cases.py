"""Cases that estimators are asked about: teachers of known order, with and without labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from predictor.estimators.problem import Case, Representation
from predictor.estimators.registry import find
from predictor.query.labels import Labels
from tests.reference.models import correlated, dimmed

ROWS = 120
EVIDENCE = ("representations", "weak_labels", "few_labels")
CLASSES_ONLY = {
    "agreement_on_the_line",
    "bregman_misfit_logistic",
    "calibration_bounds",
    "gain_bounds",
    "h_score",
    "overlap_density",
    "prediction_divergence",
}
"""Estimators without a value for numbers."""


def teachers(noises, rows=ROWS, seed=0):
    """A strong model and weak models that see it through growing noise, named by rank: `t0` sees best."""
    rng = np.random.default_rng(seed)
    strong = correlated(rows, 16, 0.6, rng)
    weak = [dimmed(strong, 12, noise, rng) for noise in noises]
    models = tuple(Representation(f"t{i}", f, parameters=1000 - i, depth=1 / (1 + i)) for i, f in enumerate(weak))
    return Representation("strong", strong, 10_000), models


def task(strong, kind="regression", noise=0.2, seed=1):
    """(n,) labels that are a noisy linear function of the strong model's features."""
    rng = np.random.default_rng(seed)
    scaled = (strong.features - strong.features.mean(axis=0)) / strong.features.std(axis=0)
    score = scaled @ rng.standard_normal((scaled.shape[1], 3))
    score = score / score.std(axis=0) + noise * rng.standard_normal(score.shape)
    return {
        "regression": score[:, 0] + 3.0,
        "binary": (score[:, 0] > 0) * 1.0,
        "multiclass": score.argmax(axis=1) * 1.0,
    }[kind]


def shown(values, share=0.4):
    """Labels of the first rows, the rest hidden."""
    return Labels.of([float(v) if i < share * len(values) else None for i, v in enumerate(values)])


def case_with(evidence, noises=(0.1, 0.6, 2.5), kind="regression", rows=ROWS, seed=0):
    """The same teachers with one of EVIDENCE at hand."""
    strong, weak = teachers(noises, rows, seed)
    values = task(strong, kind)
    if evidence == "representations":
        return Case(strong, weak, seed=seed)
    if evidence == "weak_labels":
        given = {m.name: predictions(values, kind, 0.2 + i) for i, m in enumerate(weak)}
        return Case(strong, weak, weak_labels=given, seed=seed)
    return Case(strong, weak, shown(values), seed=seed)


def case_for(name):
    """A case in which the estimator has a value for every candidate: few gold labels, of the kind that it is for."""
    return case_with("few_labels", kind="binary" if name in CLASSES_ONLY else "regression")


def below_zero(case):
    """The case with its gold labels moved down: what is fitted to them is neither probabilities nor positive."""
    return replace(case, labels=replace(case.labels, targets=case.labels.targets - 10.0))


def predictions(values, kind, noise):
    """What a weak model says of every row: (n, 1) numbers, or (n, classes) probabilities; the noisier the worse."""
    rng = np.random.default_rng(2)
    if kind == "regression":
        return (values + noise * rng.standard_normal(len(values)))[:, None]
    scores = 2.0 * np.eye(int(values.max()) + 1)[values.astype(int)]
    odds = np.exp(scores + noise * rng.standard_normal(scores.shape))
    return odds / odds.sum(axis=1, keepdims=True)


def values_of(name, case):
    """What the estimator of that name says of each candidate."""
    return [e.value for e in find(name).estimate(case)]
