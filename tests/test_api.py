"""The calls, as a user makes them."""

from __future__ import annotations

import json

import numpy as np
import pytest

import predictor
from predictor.results.markdown import markdown
from predictor.results.table import table
from predictor.validation import tables


@pytest.fixture
def arrays():
    rng = np.random.default_rng(2)
    hidden = rng.standard_normal((90, 5)) * [3, 2, 1, 0.5, 0.2]
    strong = hidden @ rng.standard_normal((5, 12)) + 0.05 * rng.standard_normal((90, 12))
    close = hidden @ rng.standard_normal((5, 9)) + 0.05 * rng.standard_normal((90, 9))
    return {"strong": strong, "close": close, "far": rng.standard_normal((90, 9))}


def test_predict_ranks_arrays(arrays):
    ranking = predictor.predict(strong=arrays["strong"], weak={"far": arrays["far"], "close": arrays["close"]})
    assert [candidate.name for candidate in ranking.candidates] == ["close", "far"]
    assert ranking.rows == 90
    assert ranking.best().rank == 1


def test_rank_takes_arrays_too_and_answers_the_same(arrays):
    request = {"strong": arrays["strong"], "weak": {"close": arrays["close"]}, "seed": 4}
    one, other = predictor.rank(**request), predictor.predict(**request)
    assert one.candidates[0].predicted_w2s_error == other.candidates[0].predicted_w2s_error


def test_a_candidate_of_another_length_fails_alone(arrays):
    ranking = predictor.predict(strong=arrays["strong"], weak={"close": arrays["close"], "short": arrays["far"][:50]})
    assert [candidate.status for candidate in ranking.candidates] == ["ok", "failed"]
    error = ranking.candidates[1].error
    assert error is not None
    assert "'short' has 50 rows, the pool has 90" in error.message


def test_predict_runs_no_models(arrays):
    ranking = predictor.predict(strong=arrays["strong"], weak={"close": arrays["close"], "model": "./folder"})
    error = ranking.candidates[1].error
    assert error is not None
    assert "only arrays can be read here" in error.message
    with pytest.raises(predictor.InputError, match="only arrays can be read here"):
        predictor.predict(strong="./folder", weak=[arrays["close"]], pool=[f"row {row}" for row in range(90)])


@pytest.fixture
def gold(arrays):
    """Of every row: what the strong model sees, with some noise."""
    rng = np.random.default_rng(3)
    return arrays["strong"] @ rng.standard_normal(12) + 0.1 * rng.standard_normal(90)


@pytest.fixture
def question(arrays):
    return {"strong": arrays["strong"], "weak": {"far": arrays["far"], "close": arrays["close"]}}


def test_validate_trains_what_was_predicted_and_reports_how_wrong_that_was(question, gold):
    found = predictor.validate(**question, labels=gold, task="pets", splits=3)
    assert (found.task, found.splits, found.recipe) == ("pets", 3, "ridge")
    assert [one.name for one in found.trained] == ["close", "far"]
    assert [claims.evidence for claims in found.claims] == ["representations", "few_labels"]
    assert all(claims.candidates[0].name == "close" for claims in found.claims)


def test_validate_reads_a_file_of_labelled_rows_and_answers_as_for_the_labels_themselves(tmp_path, question, gold):
    rows = tmp_path / "labelled.jsonl"
    rows.write_text("".join(json.dumps({"text": f"row {i}", "y": value}) + "\n" for i, value in enumerate(gold)))
    found = predictor.validate(**question, task=rows, label_column="y", splits=2)
    given = predictor.validate(**question, pool=[f"row {i}" for i in range(90)], labels=gold, splits=2)
    assert found.task == str(rows)
    assert found.trained == given.trained
    assert found.scores == given.scores


def test_validate_trains_by_the_recipe_or_by_the_sizes_and_ridges_named(question, gold):
    recipe = predictor.Recipe(training=predictor.Training(weak_rows=20, student_ridge=0.3))
    one = predictor.validate(**question, labels=gold, recipe=recipe, splits=2)
    other = predictor.validate(**question, labels=gold, weak_rows=20, student_ridge=0.3, splits=2)
    assert one.parts[0] == 20
    assert one.training["student_ridge"] == 0.3
    assert (one.trained, one.training) == (other.trained, other.training)
    with pytest.raises(predictor.InputError, match=r"a recipe is given, and beside it Training\(weak_rows=30,"):
        predictor.validate(**question, labels=gold, recipe=recipe, weak_rows=30)


def test_validate_trains_and_predicts_the_heads_named(question, gold):
    classes = ["high" if value > 0 else "low" for value in gold]
    recipe = predictor.Recipe("logistic", training=predictor.Training(label_form="hard"))
    one = predictor.validate(**question, labels=classes, recipe=recipe, splits=2)
    other = predictor.validate(**question, labels=classes, heads="logistic", label_form="hard", splits=2)
    assert (one.recipe, one.label_form, one.loss) == ("logistic", "hard", "xent")
    assert (
        one.provenance.request["training"] | {"heads": "logistic", "label_form": "hard"}
        == one.provenance.request["training"]
    )
    assert (one.trained, one.scores) == (other.trained, other.scores)
    with pytest.raises(predictor.InputError, match=r"beside it Training\(.*heads='logistic'"):
        predictor.validate(**question, labels=classes, recipe=predictor.Recipe(), heads="logistic")


@pytest.mark.parametrize("given", [{}, {"task": "pets", "pool": [f"row {i}" for i in range(90)]}])
def test_validate_needs_gold_labels(question, given):
    with pytest.raises(predictor.InputError, match="needs gold labels of every row: give a file of labelled rows"):
        predictor.validate(**question, **given)


def test_validate_never_counts_a_row_without_a_label(question, gold):
    gold[7] = np.nan
    with pytest.raises(predictor.InputError, match="row '7' of the task has no label"):
        predictor.validate(**question, labels=gold)


def test_answers_print_as_tables_and_show_as_markdown_in_notebooks(question, gold):
    ranking = predictor.predict(**question)
    assert str(ranking) == table(ranking, 100)
    assert ranking._repr_markdown_() == markdown(ranking)
    found = predictor.validate(**question, labels=gold, splits=2)
    assert str(found) == found._repr_markdown_() == tables.markdown(found)
