"""Forecasts for logistic heads and for hard labels: the student is taught as it will be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import predictor
from predictor.errors import InputError
from predictor.estimators.consensus_truth import ConsensusForecast
from predictor.estimators.cross_fitted_students import as_trained, own_labels
from predictor.estimators.problem import Case, Representation
from predictor.estimators.registry import find
from predictor.estimators.supervision import supervise
from predictor.estimators.truth_posterior import TruthPosteriorForecast
from predictor.query.labels import Labels
from predictor.query.training_plan import Training
from predictor.training.coding import Coding
from predictor.training.learners import LogisticHeads, student_heads, weak_heads
from predictor.training.measures import hardened
from predictor.training.recipe import Recipe
from predictor.training.runs import train_w2s
from tests.reference.models import correlated, dimmed

ROWS, GOLD = 150, 60
LOGISTIC, HARD = Training(heads="logistic"), Training(label_form="hard")


def made(classes: int = 2, training: Training = LOGISTIC) -> Case:
    rng = np.random.default_rng(5)
    strong = correlated(ROWS, 7, 0.7, rng)
    weak = tuple(
        Representation(name, dimmed(strong, 5, blur, rng)) for name, blur in (("a", 0.2), ("b", 0.7), ("c", 2.0))
    )
    z = (strong - strong.mean(axis=0)) / strong.std(axis=0)
    named = (2.0 * z[:, : max(2, classes)] + rng.logistic(size=(ROWS, max(2, classes)))).argmax(axis=1)
    words = [f"class {c}" for c in named]
    shown = [word if i < GOLD else None for i, word in enumerate(words)]
    return Case(Representation("s", strong), weak, Labels.of(shown), seed=3, training=training)


@pytest.mark.parametrize("classes", [2, 3])
def test_weak_labels_are_what_the_training_itself_would_make(classes):
    case = made(classes, Training(weak_ridge=0.02, heads="logistic"))
    supervision = supervise(case, np.random.default_rng(0))
    recipe = Recipe("logistic", training=Training(weak_ridge=0.02)).for_labels(case.labels.kind)
    known = np.arange(GOLD)
    for model, centred in zip(case.weak, own_labels(case, supervision), strict=True):
        head = weak_heads(model.features, recipe).on(known, supervision.rows)
        np.testing.assert_array_equal(centred, head.learn(case.labels.targets[:GOLD], case.seed, gold=True))
        assert (centred >= 0.0).all()
        assert (centred <= 1.0).all()


def test_weak_labels_that_were_given_stay_as_they_are():
    case = made()
    table = np.random.default_rng(1).uniform(size=(ROWS, 1))
    given = replace(case, weak_labels={"b": table})
    centred = own_labels(given, supervise(given, np.random.default_rng(0)))
    np.testing.assert_array_equal(centred[1], table[GOLD:])
    plain = own_labels(case, supervise(case, np.random.default_rng(0)))
    np.testing.assert_array_equal(centred[0], plain[0])


@pytest.mark.parametrize(
    ("training", "recipe"),
    [
        (LOGISTIC, Recipe("logistic")),
        (
            Training(heads="logistic", label_form="hard", student_ridge=0.03),
            Recipe("logistic", training=Training(student_ridge=0.03)),
        ),
        (HARD, Recipe("ridge")),
        (Training(label_form="hard", student_rows=70), Recipe("ridge")),
    ],
)
def test_students_are_what_the_training_itself_would_make(training, recipe):
    case = made(3)
    features, rng = case.strong.features[GOLD:], np.random.default_rng(2)
    weak_labels = rng.dirichlet(np.ones(3), size=(2, ROWS - GOLD))
    coding = Coding(np.array([0.2, 0.3, 0.5]), 0.7)
    found = as_trained(features, training, coding, np.random.default_rng(4), 9)(coding.labels(weak_labels))
    order, trainee = (
        np.random.default_rng(4).permutation(ROWS - GOLD),
        student_heads(features, recipe.for_labels("multiclass")),
    )
    folds = 2 if training.student_rows is None else 5
    for held in np.array_split(order, folds):
        rest = np.setdiff1d(order, held, assume_unique=True)[: training.student_rows]
        for outputs, learned in zip(weak_labels, found, strict=True):
            reported = hardened(outputs) if training.label_form == "hard" else outputs
            expected = trainee.on(rest, held).learn(reported[rest], 9)
            np.testing.assert_allclose(coding.codes(learned[held]), expected, atol=1e-9)


def test_weak_labels_that_are_alike_share_the_ridge_of_the_first():
    case = made()
    features = case.strong.features
    weak_labels = np.random.default_rng(2).uniform(size=(2, ROWS, 1))
    bare = Coding(np.zeros(1), 1.0)
    found = as_trained(features, LOGISTIC, bare, np.random.default_rng(4), 9, shared_ridge=True)(weak_labels)
    for held in np.array_split(np.random.default_rng(4).permutation(ROWS), 2):
        rest = np.setdiff1d(np.random.default_rng(4).permutation(ROWS), held, assume_unique=True)
        head = LogisticHeads(features).on(rest, held)
        fixed = LogisticHeads(features, head.with_ridge_for(weak_labels[0, rest], 9).ridge).on(rest, held)
        for outputs, learned in zip(weak_labels, found, strict=True):
            np.testing.assert_allclose(learned[held], fixed.learn(outputs[rest], 9), atol=1e-9)


def test_a_fixed_ridge_is_settled_as_it_is():
    head = LogisticHeads(made().strong.features, 0.5).on(np.arange(50), np.arange(50, 60))
    assert head.with_ridge_for(np.zeros((50, 1)), 0) is head


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("training", [LOGISTIC, HARD, Training(heads="logistic", label_form="hard")])
def test_the_posterior_scores_these_students(classes, training):
    case, estimator = made(classes, training), TruthPosteriorForecast(halvings=1, draws=8)
    plain, found = estimator.forecast(replace(case, training=Training())), estimator.forecast(case)
    assert not np.allclose(found.error, plain.error, atol=1e-4)
    # The null is what ridge heads lose by shuffling.
    lost, plainly = (one.null_draws - one.error[:, None] for one in (found, plain))
    np.testing.assert_allclose(lost, plainly, atol=1e-9)
    # Teachers are those of the heads: of ridge heads on hard labels the same, of logistic ones others.
    teachers, before = found.error + found.gain, plain.error + plain.gain
    assert np.allclose(teachers, before) == (training.heads == "ridge")
    assert found.accuracy.w2s.shape == (3,)
    assert found.accuracy.w2s_draws.shape == found.error_draws.shape
    assert found.error_draws.shape == plain.error_draws.shape


def test_the_posterior_predicts_what_logistic_training_measures():
    """On rows whose labels it never saw."""
    rng = np.random.default_rng(0)
    strong = correlated(600, 12, 0.8, rng)
    weak = [dimmed(strong, 9, blur, rng) for blur in (0.2, 0.6, 1.0, 2.0, 4.0)]
    z = (strong - strong.mean(axis=0)) / strong.std(axis=0)
    truth = 3.0 * z[:, 0] + 2.0 * z[:, 1] + rng.logistic(size=600) > 0
    labels = Labels.of(["yes" if one else "no" for one in truth])
    measured = train_w2s(strong, weak, labels, splits=8, recipe=Recipe("logistic"))
    shown = Labels.of([("yes" if one else "no") if i < 200 else None for i, one in enumerate(truth)])
    case = Case(Representation("s", strong), tuple(Representation(str(i), w) for i, w in enumerate(weak)), shown)
    found, plain = (
        find("truth_posterior").forecast(replace(case, training=training)) for training in (LOGISTIC, Training())
    )
    real = measured.w2s.mean(axis=1)
    assert np.abs(found.error - real).mean() < 0.05
    assert np.abs(found.error - real).mean() < np.abs(plain.error - real).mean()


@pytest.mark.parametrize("training", [LOGISTIC, HARD])
def test_the_consensus_is_of_these_heads(training):
    """It is that of their answers on the rows without gold labels."""
    case, options = made(3, training), {"halvings": 1, "draws": 8, "shuffles": 1}
    found = ConsensusForecast(**options).forecast(case)
    heads = own_labels(case, supervise(case, np.random.default_rng(0)))
    rows = replace(case, labels=None).take(np.arange(GOLD, ROWS))
    given = replace(
        rows,
        weak_labels={one.name: table for one, table in zip(case.weak, heads, strict=True)},
        training=replace(training, weak_rows=GOLD),
        described_classes=3,
    )
    np.testing.assert_array_equal(found.error, ConsensusForecast(**options).forecast(given).error)
    assert found.warnings == ()
    assert np.isfinite(found.ceiling_draws).all()


def test_scores_that_are_no_probabilities_teach_ridge_heads():
    tables = {n: np.random.default_rng(i).standard_normal((ROWS, 1)) for i, n in enumerate("abc")}
    case, estimator = replace(made(), labels=None, weak_labels=tables), ConsensusForecast(halvings=1, draws=8)
    found, plain = (estimator.forecast(replace(case, training=training)) for training in (LOGISTIC, Training()))
    np.testing.assert_array_equal(found.error, plain.error)


def test_the_simulation_is_of_ridge_heads_and_reports_so():
    case = replace(made(), labels=None)
    odd = Training(weak_rows=40, weak_ridge=0.4, student_ridge=0.3, heads="logistic", label_form="hard")
    simulation = find("label_prior_simulation")
    found, plain = (simulation.forecast(replace(case, training=t)) for t in (odd, Training(weak_rows=40)))
    np.testing.assert_array_equal(found.error, plain.error)
    assert found.warnings == (
        "simulated with ridge heads on soft labels, where logistic heads on hard ones are to be predicted",
    )
    assert plain.warnings == ()


def test_logits_fail_as_weak_labels_of_logistic_students_and_their_candidate_alone():
    case = made()
    rng = np.random.default_rng(0)
    tables = {"a": rng.uniform(size=ROWS), "b": rng.uniform(size=ROWS), "c": 5.0 * rng.standard_normal(ROWS)}
    asked = {
        "strong": case.strong.features,
        "weak": {one.name: one.features for one in case.weak},
        "labels": ["yes" if i % 2 else "no" for i in range(GOLD)] + [None] * (ROWS - GOLD),
        "weak_labels": tables,
    }
    found = predictor.rank(**asked, heads="logistic")
    assert {one.name: one.status for one in found.candidates} == {"a": "ok", "b": "ok", "c": "failed"}
    assert "give probabilities" in found.candidates[-1].error.message


@pytest.mark.parametrize("asked", [{"heads": "logistic"}, {"label_form": "hard"}])
def test_numbers_have_neither_logistic_heads_nor_hard_labels(asked):
    rng = np.random.default_rng(0)
    arrays = {"strong": rng.standard_normal((60, 3)), "weak": {"a": rng.standard_normal((60, 3))}}
    with pytest.raises(InputError, match=r"numbers to regress on.*need classes; leave them out"):
        predictor.rank(**arrays, labels=[float(i) if i < 30 else None for i in range(60)], **asked)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"heads": "tree"}, "heads is 'tree'; it must be one of ridge, logistic"),
        ({"label_form": "x"}, "one of soft, hard"),
    ],
)
def test_other_words_are_refused(asked, words):
    with pytest.raises(InputError, match=words):
        predictor.rank(strong=np.eye(30), weak={"a": np.eye(30)}, **asked)
