"""What labels of some rows, and labels of weak models, bring to a ranking."""

from __future__ import annotations

import pytest

from predictor.api import predict
from predictor.errors import InputError
from predictor.query.model_spec import ModelSpec
from predictor.ranking.rank import rank_steps
from predictor.steps import drain
from tests.answers import by_name
from tests.estimators.cases import shown, task, teachers
from tests.ranking.layered import FakeLayers, query_of


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_gold_labels_of_some_rows_make_few_labels_evidence(models, kind):
    labels = shown(task(teachers((0.1,))[0], kind))
    assert labels.kind == kind
    found = predict(strong=models[0], weak=models[1], labels=labels)
    assert found.evidence == "few_labels"
    assert found.provenance.request["labelled_rows"] == 48
    assert found.best().name == "t0"
    assert found.best().predicted_w2s_error.unit == "label variance"
    assert found.best().estimates["truth_posterior"].note.startswith("truth from 48 gold rows")


def test_the_heads_of_an_answer_from_gold_labels_have_the_ridges_asked_for(models):
    labels = shown(task(teachers((0.1,))[0]))
    free, own = (
        predict(strong=models[0], weak=models[1], labels=labels, **asked) for asked in ({}, {"weak_ridge": 1e6})
    )
    assert own.best().predicted_w2s_error.value > 1.2 * free.best().predicted_w2s_error.value
    warnings = predict(strong=models[0], weak=models[1], labels=labels, weak_rows=30, student_rows=600).warnings
    assert warnings[-2:] == (
        "students were trained on 64 rows, not the 600 asked for, as 72 rows can show no more",
        "weak heads were trained on all 48 gold rows, not on the 30 asked for",
    )


def test_an_order_that_does_not_use_the_labels_does_not_claim_them(models, masked):
    for name, evidence in (("label_prior_simulation", "representations"), ("cka", "representations")):
        found = predict(strong=models[0], weak=models[1], labels=masked, estimators=[name])
        assert found.evidence == evidence


def test_weak_labels_bring_misfit_for_the_candidates_that_have_them(models, values):
    found = by_name(predict(strong=models[0], weak=models[1], weak_labels={"t1": values}))
    assert found["t1"].estimates["misfit"].value is not None
    assert found["t0"].estimates["misfit"].note == "needs --weak-labels for this candidate, or --labels"


def test_weak_labels_of_a_model_read_at_several_layers_serve_each_of_them(models, values):
    weak = (ModelSpec("w", "fake", layer="0,3", values=models[1]["t0"]),)
    found = drain(rank_steps(query_of(models, weak=weak, weak_labels={"w": values}), FakeLayers()))
    assert all(c.estimates["misfit"].value is not None for c in found.candidates)


def test_a_posterior_without_labels_is_refused(models):
    with pytest.raises(InputError, match="truth_posterior needs gold labels of some rows"):
        predict(strong=models[0], weak=models[1], estimators=["truth_posterior"])


@pytest.mark.parametrize("name", ["combined", "truth_posterior", "misfit"])
def test_labels_of_every_row_are_the_error_of_the_request(models, values, name):
    with pytest.raises(InputError, match="120 of 120 rows carry a gold label, which leaves 0 to predict"):
        predict(strong=models[0], weak=models[1], labels=values, estimators=[name])
