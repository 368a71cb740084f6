"""RowClasses: which class each row may be in, as predictions in the unit of the labels are compared with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.statistics.arrays import Array, Ints
from predictor.statistics.auroc import auroc
from predictor.training.coding import Coding
from predictor.training.predicted_measure import PredictedMeasure


@dataclass(frozen=True, eq=False)
class RowClasses:
    """How labels in some unit name classes.

    Attributes:
        coding: from the unit to codes: 0/1 of two classes, one column a class of more.
        offsets: (n, k) added to drawn labels before they are read as classes; 0 where the draws are codes themselves.
        probability: (n, c) of each class, for expectations; None where these are means over the drawn classes.
    """

    coding: Coding
    offsets: Array
    probability: Array | None = None

    def named(self, labels: Array) -> Ints:
        """(…) classes of (…, k) labels: codes are cut at ½, columns by the largest."""
        codes = self.coding.codes(labels)
        found: Ints = (codes[..., 0] > 0.5).astype(np.intp) if codes.shape[-1] == 1 else codes.argmax(axis=-1)
        return found

    def drawn(self, labels: Array) -> Ints:
        """(n, R) classes of (n, k, R) drawn labels."""
        return self.named((labels + self.offsets[:, :, None]).transpose(0, 2, 1))

    def accuracy(self, weak: Array, w2s: Array, classes: Ints, weights: Array) -> PredictedMeasure:
        """Shares of right rows.

        Args:
            weak, w2s: (m, n, k) predictions of the weak models and their students, in the unit.
            classes: (n, R) plausible ones.
            weights: (n, R) of the rows in each draw, summing to 1. Expectations weigh all rows alike.
        """
        first, second = self.named(weak), self.named(w2s)
        draws = [np.array([np.sum(weights * (one[:, None] == classes), axis=0) for one in m]) for m in (first, second)]
        return PredictedMeasure(self._expected(first, classes), self._expected(second, classes), *draws)

    def _expected(self, named: Ints, classes: Ints) -> Array:
        """(m,) expected share of right rows of (m, n) named classes."""
        if self.probability is None:
            return np.array([float(np.mean(one[:, None] == classes)) for one in named])
        found: Array = np.mean(np.take_along_axis(self.probability, named.T, axis=1), axis=0)
        return found

    def auroc(self, weak: Array, w2s: Array, classes: Ints, weights: Array) -> PredictedMeasure | None:
        """Areas under the ROC curve, arguments as of `accuracy`; None of more than two classes."""
        if weak.shape[2] > 1:
            return None
        positive: NDArray[np.bool_] = classes == 1
        first, second = (
            np.array([auroc(one[:, 0], positive, weights) for one in predictions]) for predictions in (weak, w2s)
        )
        if np.isnan(first).all(axis=1).any():
            return None
        return PredictedMeasure.of_draws(first, second)
