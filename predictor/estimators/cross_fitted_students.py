"""Cross-fitted students: heads of the strong model, each row predicted by heads that were not trained on it.

Ridge heads on soft labels take all labels at once. Heads of another loss, and hard labels, are trained one by one, as
`predictor.training` trains them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.problem import Case
from predictor.estimators.supervision import Supervision, cross_fitted_student, fold_schedule, folds_of
from predictor.query.training_plan import Training
from predictor.statistics.arrays import Array
from predictor.statistics.device import HOST, Device
from predictor.training.coding import Coding
from predictor.training.learners import LogisticHeads, RidgeHeads, TunableLearner
from predictor.training.measures import hardened

Teach = Callable[[Array], Array]
"""(L, n, k) labels -> (L, n, k) held-out predictions, in the same unit."""


def by_ridge(
    strong: NDArray[np.floating], training: Training, rng: np.random.Generator, device: Device = HOST
) -> Teach:
    """Ridge students on soft labels.

    Args:
        strong: (n, d) features of the rows.
        training: rows and ridge of the student; other heads' are not looked at.
        rng: cuts the rows, anew at every call.
        device: that factors the heads.
    """

    def train(labels: Array) -> Array:
        stacked = labels.transpose(1, 0, 2)
        learned = cross_fitted_student(strong, stacked.reshape(len(strong), -1), training.squared, rng, device)
        return learned.reshape(stacked.shape).transpose(1, 0, 2)

    return train


def as_trained(
    strong: NDArray[np.floating],
    training: Training,
    coding: Coding,
    rng: np.random.Generator,
    seed: int,
    *,
    shared_ridge: bool = False,
) -> Teach:
    """Students of the training's own heads and label form.

    Args:
        strong, training, rng: as for `by_ridge`.
        coding: of labels and predictions.
        seed: of the folds on which logistic heads choose their ridge.
        shared_ridge: use the ridge chosen for the first label set for all of them, which must be similar.
    """
    trainee = _trainee(strong, training, training.student_ridge)
    cut = folds_of(len(strong), training)

    def train(labels: Array) -> Array:
        coded = coding.codes(labels)
        if training.label_form == "hard":
            coded = np.stack([hardened(one) for one in coded])
        learned = np.empty_like(labels)
        for rest, test in fold_schedule(len(strong), *cut, rng):
            learner: TunableLearner = trainee.on(rest, test)
            if shared_ridge:
                learner = learner.with_ridge_for(coded[0, rest], seed)
            for place, one in enumerate(coded):
                learned[place, test] = learner.learn(one[rest], seed)
        return coding.labels(learned)

    return train


def own_labels(case: Case, supervision: Supervision) -> tuple[Array | None, ...]:
    """Per candidate the (rows, k) codes that its head predicts when trained as the plan asks; None as in `supervision`.

    Labels that were given are those.
    """
    if case.labels is None or case.training.heads == "ridge":
        return supervision.predictions
    known = np.flatnonzero(case.labels.known)
    gold, found = case.labels.targets[known], []
    for candidate, centred in zip(case.weak, supervision.predictions, strict=True):
        if candidate.name in case.weak_labels:
            found.append(centred)
            continue
        head = _trainee(candidate.features, case.training, case.training.weak_ridge)
        found.append(head.on(known, supervision.rows).learn(gold, case.seed, gold=True))
    return tuple(found)


def _trainee(features: NDArray[np.floating], training: Training, ridge: float | None) -> LogisticHeads | RidgeHeads:
    return LogisticHeads(features, ridge) if training.heads == "logistic" else RidgeHeads(features, ridge)
