"""Real weak-to-strong training with linear heads: what the predictions are checked against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.heads import HeadFactor
from predictor.labels import Labels
from predictor.splits import thirds

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Measured errors of every candidate on every split, in units of the label variance.

    Attributes:
        weak, w2s: (m, splits) mean squared error on fresh rows of the weak head and of the student it taught.
        ceiling: (splits,) the strong head trained on gold labels of the same rows.
        weak_accuracy, w2s_accuracy: (m, splits), None for regression.
        ceiling_accuracy: (splits,), None for regression.
    """

    weak: Array
    w2s: Array
    ceiling: Array
    weak_accuracy: Array | None = None
    w2s_accuracy: Array | None = None
    ceiling_accuracy: Array | None = None

    @property
    def gain(self) -> Array:
        """(m, splits) Err_w − Err_w2s."""
        return self.weak - self.w2s

    def of_split(self, split: int) -> Outcomes:
        """The outcomes of one split alone."""
        cut = slice(split, split + 1)
        return Outcomes(
            self.weak[:, cut],
            self.w2s[:, cut],
            self.ceiling[cut],
            None if self.weak_accuracy is None else self.weak_accuracy[:, cut],
            None if self.w2s_accuracy is None else self.w2s_accuracy[:, cut],
            None if self.ceiling_accuracy is None else self.ceiling_accuracy[cut],
        )


def train_w2s(
    strong: NDArray[np.floating],
    weak: Sequence[NDArray[np.floating]],
    labels: Labels,
    *,
    splits: int = 3,
    seed: int = 0,
) -> Outcomes:
    """Train weak head → weak labels → strong head → test, for every candidate, on the same random thirds.

    Ridge heads on frozen standardised features, ridge by generalised cross-validation on what each head sees: gold
    labels of D~ for the weak head, weak labels of D^ for the student. Classes are regressed on their 0/1 codes.

    Args:
        strong: (n, d_s).
        weak: per candidate (n, d_w).
        labels: gold labels of all n rows.
        splits: random partitions, the same for all candidates.
    """
    targets = labels.targets
    variance = float(np.sum(np.var(targets, axis=0)))
    shape = (len(weak), splits)
    errors = {"weak": np.empty(shape), "w2s": np.empty(shape)}
    hits = {"weak": np.empty(shape), "w2s": np.empty(shape)}
    ceiling, ceiling_hits = np.empty(splits), np.empty(splits)
    for split in range(splits):
        part = thirds(len(targets), np.random.default_rng([seed, split]))
        truth = targets[part.test]
        student = HeadFactor.of(strong[part.student], strong[part.test])
        gold = targets[part.student]
        top = student.predict(gold, student.gcv(gold))
        ceiling[split] = squared_error(top, truth) / variance
        ceiling_hits[split] = accuracy(top, truth)
        others = np.concatenate([part.student, part.test])
        for i, features in enumerate(weak):
            teacher = HeadFactor.of(features[part.weak], features[others])
            lesson = targets[part.weak]
            taught = teacher.predict(lesson, teacher.gcv(lesson))
            weak_labels, weak_test = np.split(taught, [len(part.student)])
            learned = student.predict(weak_labels, student.gcv(weak_labels))
            for key, prediction in (("weak", weak_test), ("w2s", learned)):
                errors[key][i, split] = squared_error(prediction, truth) / variance
                hits[key][i, split] = accuracy(prediction, truth)
    if labels.kind == "regression":
        return Outcomes(errors["weak"], errors["w2s"], ceiling)
    return Outcomes(errors["weak"], errors["w2s"], ceiling, hits["weak"], hits["w2s"], ceiling_hits)


def squared_error(prediction: Array, truth: Array) -> float:
    """Mean over rows of the squared distance, summed over columns."""
    return float(np.mean(np.sum((prediction - truth) ** 2, axis=1)))


def accuracy(prediction: Array, truth: Array) -> float:
    """Share of rows whose class is right: codes are cut at ½, one-hot columns by the largest."""
    if truth.shape[1] == 1:
        return float(np.mean((prediction > 0.5) == (truth > 0.5)))
    return float(np.mean(prediction.argmax(axis=1) == truth.argmax(axis=1)))
