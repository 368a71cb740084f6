"""RowClasses: which class each row may be in, as predictions in the unit of the labels are compared with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.statistics.arrays import Array, Ints
from predictor.statistics.auroc import auroc
from predictor.training.coding import Coding
from predictor.training.predicted_measure import PredictedMeasure


@dataclass(frozen=True, eq=False)
class RowClasses:
    """How labels in some unit name classes.

    Attributes:
        coding: from the unit to codes: 0/1 of two classes, one column a class of more.
    """

    coding: Coding

    @classmethod
    def of_codes(cls, columns: int) -> RowClasses:
        """Of labels that are codes."""
        return cls(Coding(np.zeros(columns), 1.0))

    def named(self, labels: Array) -> Ints:
        """(…) classes of (…, k) labels: codes are cut at ½, columns by the largest."""
        codes = self.coding.codes(labels)
        found: Ints = (codes[..., 0] > 0.5).astype(np.intp) if codes.shape[-1] == 1 else codes.argmax(axis=-1)
        return found

    def labels(self, classes: Ints) -> Array:
        """(n, k, R) labels of (n, R) classes."""
        columns = len(self.coding.centre)
        codes: Array = classes[:, :, None].astype(np.float64) if columns == 1 else np.eye(columns)[classes]
        return self.coding.labels(codes).transpose(0, 2, 1)

    def accuracy(self, weak: Array, w2s: Array, classes: Ints, weights: Array) -> PredictedMeasure:
        """Shares of right rows.

        Args:
            weak, w2s: (m, n, R, k) predictions of the weak models and their students, in the unit; (m, n, 1, k) where
                they are the same in every draw.
            classes: (n, R) plausible ones.
            weights: (n, R) of the rows in each draw, summing to 1. Expectations weigh all rows alike.
        """
        first, second = self.named(weak), self.named(w2s)
        weak_draws, w2s_draws = (
            np.array([np.sum(weights * (one == classes), axis=0) for one in m]) for m in (first, second)
        )
        expected = [np.array([float(np.mean(one == classes)) for one in m]) for m in (first, second)]
        return PredictedMeasure(expected[0], expected[1], weak_draws, w2s_draws, 1.0 / len(weights))

    def auroc(self, weak: Array, w2s: Array, classes: Ints, weights: Array) -> PredictedMeasure | None:
        """Areas under the ROC curve, arguments as of `accuracy`.

        None of more than two classes, and where all drawn rows are of one.
        """
        if weak.shape[3] > 1:
            return None
        first, second = (np.array([auroc(one[:, :, 0], classes == 1, weights) for one in m]) for m in (weak, w2s))
        if np.isnan(first).all():
            return None
        return PredictedMeasure.of_draws(first, second)
