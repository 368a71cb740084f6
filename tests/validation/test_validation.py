"""Validation: which trainings a forecast is compared with, and which estimators are asked again with labels."""

from __future__ import annotations

from dataclasses import asdict, replace

from predictor.query.training_plan import Training
from predictor.ranking.rank import rank_steps
from predictor.steps import drain
from predictor.store.arrays import ArraySource
from predictor.training.recipe import Recipe
from predictor.validation import validate
from predictor.validation.validate import RECUTS, validation_steps
from tests.validation.questions import asking


def test_a_forecast_from_labels_is_compared_with_several_students_of_the_same_gold_rows(question, monkeypatch):
    seen = []
    real = validate.training_steps

    def spy(*given, parts=(), **options):
        seen.append(list(parts))
        return (yield from real(*given, parts=parts, **options))

    monkeypatch.setattr(validate, "training_steps", spy)
    drain(validation_steps(*asking(question, "combined"), ArraySource(), splits=2, labelled_splits=1))
    free, shown = seen
    assert free == []
    assert len(shown) == RECUTS
    assert len({tuple(part.weak) for part in shown}) == 1
    assert len({tuple(part.student) for part in shown}) == RECUTS


def test_only_what_labels_can_change_is_asked_again(question):
    query, labels = asking(question, "cka", "misfit", "label_prior_simulation")
    found = drain(validation_steps(query, labels, ArraySource(), splits=2, labelled_splits=1))
    reported = {(score.estimator, score.evidence) for score in found.scores}
    assert ("cka", "representations") in reported
    assert ("cka", "few_labels") not in reported
    assert ("misfit", "few_labels") in reported
    # The simulation sees no label; it stands there once more, against the trainings that the others are scored by.
    assert ("label_prior_simulation", "few_labels") in reported


def test_the_consensus_of_heads_that_gold_rows_trained_is_scored_as_what_it_saw(question):
    query, labels = asking(question, "combined")
    found = drain(validation_steps(query, labels, ArraySource(), splits=2, labelled_splits=1))
    reported = [(score.estimator, score.evidence) for score in found.scores]
    assert [evidence for estimator, evidence in reported if estimator == "consensus_truth"] == ["weak_labels"]
    assert ("truth_posterior", "few_labels") in reported
    order = list(dict.fromkeys(evidence for _, evidence in reported))
    assert order == ["representations", "weak_labels", "few_labels"]


def test_estimators_that_see_no_labels_are_not_shown_any(question):
    query, labels = asking(question, "cka")
    found = drain(validation_steps(query, labels, ArraySource(), splits=2))
    assert {score.evidence for score in found.scores} == {"representations"}


def test_an_estimator_asked_for_by_name_stays_without_labels(question):
    found = drain(validation_steps(*asking(question, "cka", "logme"), ArraySource(), splits=2, labelled_splits=2))
    assert all({"cka", "logme"} == set(one.predicted) for one in found.trained)
    assert all("value" in one.predicted["logme"] for one in found.trained)


def test_what_is_forecast_is_the_training_that_is_measured(question):
    query, labels = asking(question, "label_prior_simulation")
    recipe = Recipe(training=Training(weak_rows=20, student_rows=62, weak_ridge=0.1, student_ridge=0.2))
    found = drain(validation_steps(query, labels, ArraySource(), splits=2, recipe=recipe))
    assert found.parts == (20, 62, 8)
    assert found.provenance.request["training"] == asdict(Training(20, 62, 0.1, 0.2))
    asked = replace(query, settings=replace(query.settings, training=Training(20, 62, 0.1, 0.2)))
    ranking = drain(rank_steps(asked, ArraySource()))
    for one in ranking.candidates:
        stated = next(t for t in found.trained if t.name == one.name).predicted["label_prior_simulation"]
        assert stated["value"] == one.estimates["label_prior_simulation"].value
    # 90 rows leave room for 61 student rows in a simulation, and the answer reports it.
    assert found.warnings == ranking.warnings
    assert "for each weak head and 61 for the student" in " ".join(found.warnings)
