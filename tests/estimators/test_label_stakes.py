"""What students' errors owe to the labels of the rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from predictor.estimators.label_stakes import LABELINGS, SPLITS, label_stake
from predictor.estimators.label_truths import class_noise
from predictor.estimators.problem import Case
from predictor.query.labels import Labels
from predictor.query.training_plan import Training
from tests.estimators.cases import task, teachers


@pytest.fixture(scope="module")
def case() -> Case:
    strong, weak = teachers((0.1, 0.6, 2.5))
    return Case(strong, weak)


def finished(case: Case) -> dict[str, np.ndarray]:
    rng, values = np.random.default_rng(1), task(case.strong)
    return {
        one.name: (values + (0.3 + i) * rng.standard_normal(len(values)))[:, None] for i, one in enumerate(case.weak)
    }


def test_slopes_of_finished_teachers(case):
    """Two students' errors against any labels differ by the slopes' difference and a constant."""
    known = replace(case, weak_labels=finished(case))
    rows, stake = label_stake(known, accuracy=False)
    assert rows.tolist() == list(range(case.rows))
    assert stake.slopes.shape == (1, 3, case.rows, 1)
    students = -0.5 * case.rows * stake.slopes[0, :, :, 0]
    rng = np.random.default_rng(2)
    apart = []
    for _ in range(3):
        labels = rng.standard_normal(case.rows)
        errors = np.mean((students - labels) ** 2, axis=1)
        apart.append(errors - stake.slopes[0, :, :, 0] @ labels - np.mean(labels**2))
    np.testing.assert_allclose(apart[0], apart[1], atol=1e-12)
    np.testing.assert_allclose(apart[0], apart[2], atol=1e-12)


def test_simulated_trainings(case):
    """Without labels every split's labelings have slopes of their own, on its test rows alone."""
    _, stake = label_stake(case, accuracy=False)
    assert stake.slopes.shape == (SPLITS * LABELINGS, 3, case.rows, 1)
    touched = np.any(stake.slopes != 0.0, axis=(1, 3)).mean(axis=1)
    assert (touched < 0.5).all()
    assert np.isfinite(stake.slopes).all()


def test_rows_of_trained_heads_tell_nothing(case):
    """Of heads trained on the gold rows these rows have no slope; of planned heads that need more, all may have."""
    values = task(case.strong)
    gold = Labels.of(np.where(np.arange(case.rows) < 40, values, np.nan))
    _, trained = label_stake(replace(case, labels=gold), accuracy=False)
    assert not trained.slopes[:, :, :40].any()
    assert trained.slopes[:, :, 40:].all()
    planned = replace(case, labels=gold, training=Training(weak_rows=80))
    assert len(label_stake(planned, accuracy=False)[1].slopes) == SPLITS * LABELINGS


def test_mixed_candidates(case):
    """Candidates with and without weak labels have slopes in every labeling."""
    some = dict(list(finished(case).items())[:1])
    _, stake = label_stake(replace(case, weak_labels=some), accuracy=False)
    assert np.any(stake.slopes != 0.0, axis=(2, 3)).all()


def test_accuracy_counts_classes(case):
    """By accuracy an answer is the class that it names: two values of the slopes, whatever the probabilities."""
    values = task(case.strong)
    tables = {name: 1.0 / (1.0 + np.exp(np.median(table) - table)) for name, table in finished(case).items()}
    codes = (values > np.median(values)) * 1.0
    gold = Labels.of([float(v) if i % 5 == 0 else None for i, v in enumerate(codes)])
    _, stake = label_stake(replace(case, labels=gold, weak_labels=tables), accuracy=True)
    assert len(np.unique(np.round(stake.slopes, 12))) == 2


def test_class_noise_by_hand():
    """p (1 − p) over its mean, probabilities kept .05 away from 0 and 1."""
    np.testing.assert_allclose(class_noise(np.array([[0.5], [0.0]])), np.array([0.25, 0.0475]) / 0.14875)
    assert class_noise(np.full((3, 2), 0.5)).tolist() == [1.0] * 3
