"""An error of one candidate fails that candidate; an error that leaves nothing to rank ends the ranking."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.api import predict
from predictor.errors import InputError
from predictor.query.labels import Labels
from predictor.query.model_spec import ModelSpec
from predictor.query.settings import Settings
from predictor.ranking.rank import rank_steps
from predictor.store.arrays import ArraySource
from tests.answers import by_name
from tests.estimators.cases import ROWS, shown, task, teachers
from tests.ranking.layered import query_of


def test_a_candidate_that_fails_stays_alone(models):
    found = predict(
        strong=models[0],
        weak={"flat": np.ones((ROWS, 3)), **models[1], "nan": np.full((ROWS, 2), np.nan), "short": np.ones((7, 2))},
        seed=3,
    )
    assert found.exit_code == 3
    assert [c.name for c in found.candidates] == ["t0", "t1", "t2", "flat", "nan", "short"]
    errors = {c.name: c.error for c in found.candidates if c.status == "failed"}
    assert {name: error.reason for name, error in errors.items()} == {
        "flat": "CONSTANT_FEATURES",
        "nan": "NOT_FINITE",
        "short": "ROWS_DIFFER",
    }
    assert "all 3 feature dimensions are constant" in errors["flat"].message
    for name in errors:
        assert by_name(found)[name].rank is None
        assert by_name(found)[name].predicted_w2s_error is None
    alone = predict(strong=models[0], weak=models[1], seed=3)
    assert found.best().predicted_w2s_error == alone.best().predicted_w2s_error


def test_a_missing_file_fails_its_candidate(models, tmp_path):
    np.save(tmp_path / "strong.npy", models[0])
    np.save(tmp_path / "good.npy", models[1]["t0"])
    found = predict(strong=str(tmp_path / "strong.npy"), weak=[f"a={tmp_path}/good.npy", f"b={tmp_path}/none.npy"])
    assert found.exit_code == 3
    assert by_name(found)["b"].error.code == "NOT_FOUND"


def test_nothing_left_to_rank_is_exit_code_1(models):
    found = predict(strong=models[0], weak={"flat": np.ones((ROWS, 3))})
    assert found.exit_code == 1
    assert found.candidates[0].status == "failed"
    assert found.null.value is None
    with pytest.raises(LookupError, match="every candidate failed"):
        found.best()


def test_a_constant_strong_model_ends_the_ranking(models):
    with pytest.raises(InputError, match="all 5 feature dimensions are constant"):
        predict(strong=np.ones((ROWS, 5)), weak=models[1])


@pytest.mark.parametrize(
    ("given", "text"),
    [({"t0": np.ones(50)}, "50"), ({"nobody": np.ones(ROWS)}, "nobody")],
    ids=["too few rows", "no such candidate"],
)
def test_weak_labels_that_fit_no_candidate_or_row_are_refused_when_the_query_is_made(models, given, text):
    with pytest.raises(InputError, match=text):
        query_of(models, weak_labels=given)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"weak": ()}, "no weak candidate given; name at least one with --weak"),
        ({"weak": (ModelSpec("a", "x"), ModelSpec("a", "y"))}, "candidate 'a' is named twice; give each its own alias"),
        ({"labels": Labels.of([0.1, 0.2, 0.3, 0.4])}, "labels cover 4 rows, the pool has 120; they must agree"),
    ],
)
def test_a_query_that_cannot_be_answered_is_refused_when_made(models, changes, text):
    with pytest.raises(InputError, match=text):
        query_of(models, **changes)


def test_an_unknown_estimator_is_refused_before_anything_is_read(models):
    query = query_of(models, settings=Settings(estimators=("magic",)))
    steps = rank_steps(query, ArraySource())
    with pytest.raises(InputError, match="no estimator is called 'magic'; known: combined"):
        next(steps)


def test_too_few_rows_end_the_ranking_with_the_least_that_works(models):
    with pytest.raises(InputError, match=r"20 rows are too few.*Give at least 24"):
        predict(strong=models[0][:20], weak={"t0": models[1]["t0"][:20]})


@pytest.mark.parametrize(("name", "best"), [("combined", "t0"), ("truth_posterior", "t0"), ("misfit", "t2")])
def test_weak_labels_of_the_wrong_width_fail_their_candidate_alone(models, name, best):
    labels = shown(task(teachers((0.1,))[0], "multiclass"))
    wrong = {"t1": np.full((ROWS, 2), 0.5)}
    found = predict(strong=models[0], weak=models[1], labels=labels, weak_labels=wrong, estimators=[name])
    assert found.exit_code == 3
    assert [c.name for c in found.candidates if c.status == "failed"] == ["t1"]
    assert "weak labels of 't1' have 2 column(s), the gold labels 3" in by_name(found)["t1"].error.message
    assert (found.best().name, found.best().rank) == (best, 1)
