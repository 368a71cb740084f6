"""Classes of rows: how predictions in the unit of the labels are compared with plausible classes."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.training.coding import Coding
from predictor.training.row_classes import RowClasses

ROWS, DRAWS = 30, 7


def setting(columns):
    """Predictions of two candidates and their students, and drawn codes, in a unit of their own."""
    rng = np.random.default_rng(columns)
    coding = Coding(rng.uniform(0.2, 0.6, columns), 0.4)
    weak, w2s = coding.labels(rng.uniform(-0.2, 1.2, (2, 2, ROWS, 1, columns)))
    classes = rng.integers(0, max(columns, 2), (ROWS, DRAWS))
    codes = classes[:, None].astype(float) if columns == 1 else np.eye(columns)[classes].transpose(0, 2, 1)
    weights = rng.multinomial(ROWS, np.full(ROWS, 1 / ROWS), DRAWS).T / ROWS
    return coding, weak, w2s, classes, coding.labels(codes.transpose(0, 2, 1)).transpose(0, 2, 1), weights


def named(coding, prediction):
    codes = coding.centre + coding.scale * prediction
    return int(codes[0] > 0.5) if len(codes) == 1 else int(np.argmax(codes))


@pytest.mark.parametrize("columns", [1, 3])
def test_accuracy_row_by_row(columns):
    """Expectations weigh all rows alike; each draw has a bootstrap of its own."""
    coding, weak, w2s, classes, labels, weights = setting(columns)
    rows = RowClasses(coding)
    assert np.array_equal(rows.named(labels.transpose(0, 2, 1)), classes)
    np.testing.assert_allclose(rows.labels(classes), labels)
    found = rows.accuracy(weak, w2s, classes, weights)
    for i in range(2):
        right = np.array(
            [[named(coding, w2s[i, row, 0]) == classes[row, r] for r in range(DRAWS)] for row in range(ROWS)]
        )
        assert found.w2s[i] == pytest.approx(right.mean())
        assert found.w2s_draws[i] == pytest.approx([np.sum(weights[:, r] * right[:, r]) for r in range(DRAWS)])
        right = np.array(
            [[named(coding, weak[i, row, 0]) == classes[row, r] for r in range(DRAWS)] for row in range(ROWS)]
        )
        assert found.weak[i] == pytest.approx(right.mean())


def test_auroc_is_of_two_classes_only():
    coding, weak, w2s, classes, _, weights = setting(1)
    found = RowClasses(coding).auroc(weak, w2s, classes, weights)
    assert found.weak.shape == (2,)
    assert found.w2s_draws.shape == (2, DRAWS)
    coding, weak, w2s, classes, _, weights = setting(3)
    assert RowClasses(coding).auroc(weak, w2s, classes, weights) is None
