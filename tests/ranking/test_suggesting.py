"""Rows to label next, asked for with a ranking."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.api import predict
from predictor.errors import InputError
from predictor.results.ranking import Ranking


def asked(models, **more) -> Ranking:
    return predict(strong=models[0], weak=models[1], seed=3, **more)


@pytest.fixture(scope="module")
def unlabelled(models) -> Ranking:
    return asked(models, suggest_labels=12)


def test_suggested_rows(unlabelled, models):
    """As many rows as asked for, each once, with a phrase; the order itself does not move."""
    ids = [one.id for one in unlabelled.suggested_labels]
    assert len(ids) == len(set(ids)) == 12
    assert set(ids) <= {str(row) for row in range(len(models[0]))}
    assert all("students of t" in one.reason for one in unlabelled.suggested_labels)
    assert [c.name for c in unlabelled.candidates] == [c.name for c in asked(models).candidates]


def test_curve_falls(unlabelled):
    """Today first, then numbers of labels with falling regret, in the unit of the order."""
    values = unlabelled.value_of_labels
    assert [one.labels for one in values][:3] == [0, 10, 12]
    assert values[0].expected_regret == values[0].random_regret
    regrets = [one.expected_regret for one in values]
    assert regrets == sorted(regrets, reverse=True)
    assert {one.unit for one in values} == {"label variance"}


def test_next_step_keeps_the_training(unlabelled, models):
    """The labelled rows alone would be another training set, with other teachers."""
    rows = len(models[0]) // 3
    assert f"give them with --labels and --weak-rows {rows}: " in unlabelled.decision.next_steps[0]


def test_seeded(unlabelled, models):
    """The same seed names the same rows, another one others."""
    assert asked(models, suggest_labels=12).suggested_labels == unlabelled.suggested_labels
    other = predict(strong=models[0], weak=models[1], seed=4, suggest_labels=12).suggested_labels
    assert {one.id for one in other} != {one.id for one in unlabelled.suggested_labels}


@pytest.mark.parametrize("given", [False, True])
def test_labelled_rows_are_not_named(models, values, masked, given):
    """With gold labels, of heads trained on them or of teachers trained elsewhere, only other rows are named."""
    rng = np.random.default_rng(0)
    finished = {name: values + (0.5 + i) * rng.standard_normal(len(values)) for i, name in enumerate(models[1])}
    more = {"weak_labels": finished} if given else {}
    found = asked(models, labels=masked, suggest_labels=8, **more)
    assert len(found.suggested_labels) == 8
    assert all(np.isnan(masked[int(one.id)]) for one in found.suggested_labels)


def test_not_more_than_there_are(models, values):
    """Where fewer rows are left than asked for, all of them are named, and the curve ends there."""
    gold = values.copy()
    gold[:10] = np.nan
    found = asked(models, labels=gold, suggest_labels=50)
    assert sorted(int(one.id) for one in found.suggested_labels) == list(range(10))
    assert [one.labels for one in found.value_of_labels] == [0, 10]


def test_json_reads_back(unlabelled):
    """Rows and curve survive the JSON."""
    assert Ranking.from_dict(unlabelled.to_dict()) == unlabelled


def test_none_without_predictions(models):
    """An estimator that predicts no outcome cannot tell what labels are worth."""
    with pytest.raises(InputError, match="cka predicts none") as caught:
        asked(models, estimators="cka", suggest_labels=5)
    assert (caught.value.reason, caught.value.field) == ("BAD_SETTING", "suggest_labels")


def test_one_candidate_needs_no_labels(models):
    """There is no choice to make."""
    found = predict(strong=models[0], weak={"t0": models[1]["t0"]}, suggest_labels=5)
    assert (found.suggested_labels, found.value_of_labels) == ((), ())
