"""Ridges: where cross-validation picks one that is far too small, the answer says so and names the way out."""

from __future__ import annotations

import numpy as np
import pytest

import predictor

ROWS = 180
WORD = "miss held-out weak labels by more than their variance"


@pytest.fixture(scope="module")
def ranking():
    """Logarithms of counts that few rows carry, more of them than a student has rows, taught what counts say."""
    rng = np.random.default_rng(2)
    rates = 3.0 * np.exp(-np.arange(110) / 15.0) * rng.exponential(size=(ROWS, 1))
    counts = rng.poisson(rates).astype(np.float32)
    truth = np.log1p(counts[:, :5]) @ rng.standard_normal(5) + 0.3 * rng.standard_normal(ROWS)
    labels = np.where(np.arange(ROWS) < 60, truth, np.nan)
    weak = {"few": counts[:, :6], "more": counts[:, 2:9]}

    def ranked(**options: float) -> predictor.Ranking:
        return predictor.predict(strong=np.log1p(counts), weak=weak, labels=labels, **options)

    return ranked


def test_a_ridge_that_is_too_small_for_counts_is_told(ranking):
    found = ranking()
    shares = [c.estimates["misfit"].details["share_of_taught"] for c in found.candidates]
    assert min(shares) > 1.0
    (told,) = [warning for warning in found.warnings if WORD in warning]
    assert told.startswith("2 of 2 students")
    assert told.endswith("as --student-ridge 0.001")


def test_nothing_is_told_where_the_ridge_is_named_or_fits(ranking):
    named = ranking(student_ridge=0.01)
    assert not any(WORD in warning for warning in named.warnings)
    rng = np.random.default_rng(0)
    strong = rng.standard_normal((ROWS, 20))
    labels = np.where(np.arange(ROWS) < 60, strong[:, 0], np.nan)
    dense = predictor.predict(strong=strong, weak={"w": strong[:, :9]}, labels=labels)
    assert not any(WORD in warning for warning in dense.warnings)
    noise = predictor.predict(strong=strong, weak={"w": rng.standard_normal((ROWS, 9))}, labels=labels)
    assert not any(WORD in warning for warning in noise.warnings)


def test_students_that_are_foretold_to_be_worse_than_the_mean_are_told_without_labels_too():
    rng = np.random.default_rng(2)
    counts = rng.poisson(3.0 * np.exp(-np.arange(110) / 25.0) * rng.exponential(size=(ROWS, 1))).astype(np.float32)
    rare = np.log1p(counts[:, 50:])
    weak = {"few": counts[:, :6], "more": counts[:, 40:90], "frequent": np.log1p(counts[:, 2:50])}
    word = "students are foretold to err by more than 1.2 of the label variance"
    free = predictor.predict(strong=rare, weak=weak)
    above = sum(c.predicted_w2s_error.value > 1.2 for c in free.candidates)
    assert above > 0
    (told,) = [warning for warning in free.warnings if word in warning]
    assert told.startswith(f"{above} of 3 students")
    assert told.endswith("as --weak-ridge 0.001 and --student-ridge 0.001")
    named = predictor.predict(strong=rare, weak=weak, student_ridge=0.01, weak_ridge=0.01)
    assert max(c.predicted_w2s_error.value for c in named.candidates) < 1.2
    assert not any(word in warning for warning in named.warnings)
