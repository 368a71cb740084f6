"""Coherence of the `truth` estimator: evidence may only help, and nothing else may move the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from predictor.estimators.label_bases import label_bases
from predictor.estimators.label_grid import LABEL_FREE, label_free_first
from predictor.estimators.problem import Case, Representation
from predictor.estimators.protocol import AT_HAND, FRESH
from predictor.estimators.supervision import supervise
from predictor.estimators.truth import TruthForecast
from predictor.estimators.truth_posterior import TruthPosteriorForecast
from predictor.estimators.weak_voters import weak_voters
from predictor.query.labels import Labels
from predictor.query.training_plan import Training
from predictor.statistics.rank_correlation import rank_correlation
from predictor.truth.model import LabelModel
from predictor.truth.voters import Voters
from tests.estimators.cases import task, teachers

ROWS = 240
QUICK = TruthForecast(halvings=2, max_rounds=1, draws=16, shuffles=2)
NOISES = (0.1, 0.6, 1.2, 2.5)


@pytest.fixture(scope="module")
def models():
    return teachers(NOISES, ROWS)


@pytest.fixture(scope="module")
def values(models):
    return task(models[0], "binary")


def described(score):
    return Voters(("words",), ("description",), np.asarray(score, dtype=np.float64)[:, None, None])


def finished(models, values, classes=2):
    """Probabilities of each teacher, errors of their own, the better the earlier it is listed."""
    found = {}
    for place, one in enumerate(models[1]):
        rng = np.random.default_rng([place, 8])
        scores = 2.0 * np.eye(classes)[values.astype(int)] + (0.8 + 0.8 * place) * rng.standard_normal((ROWS, classes))
        odds = np.exp(scores)
        found[one.name] = odds / odds.sum(axis=1, keepdims=True)
    return found


def revealed(values, count):
    return Labels.of([float(v) if i < count else None for i, v in enumerate(values)])


def test_label_free_order_follows_what_candidates_see(models):
    """Candidates that see the strong model through less noise teach better students."""
    forecast = QUICK.forecast(Case(*models))
    assert (np.diff(forecast.error) > 0.0).all()
    assert forecast.error_draws.shape == forecast.gain_draws.shape
    assert forecast.null_draws.shape == (4, 2)


def test_candidate_order_is_irrelevant(models):
    """Candidates listed backwards get the same errors."""
    strong, weak = models
    forward, backward = (QUICK.forecast(Case(strong, one)).error for one in (weak, weak[::-1]))
    np.testing.assert_allclose(forward, backward[::-1], atol=1e-8)


@pytest.mark.parametrize("count", [0, 40])
def test_candidate_order_is_irrelevant_to_weak_labels(models, values, count):
    """With weak labels, and with gold labels beside them, candidates listed backwards get the same errors."""
    strong, weak = models
    given, labels = finished(models, values), revealed(values, count) if count else None
    forward, backward = (QUICK.forecast(Case(strong, one, labels, given)).error for one in (weak, weak[::-1]))
    np.testing.assert_allclose(forward, backward[::-1], atol=1e-6)


@pytest.mark.parametrize("count", [0, 40])
def test_a_candidate_listed_twice_ties_with_itself(models, values, count):
    """Its two copies get one answer, with and without weak labels and gold labels; the others keep theirs."""
    strong, weak = models
    twice = (*weak, Representation("again", weak[1].features, weak[1].parameters, weak[1].depth))
    labels = revealed(values, count) if count else None
    found = QUICK.forecast(Case(strong, twice, labels)).error
    assert found[4] == pytest.approx(found[1], abs=1e-9)
    given = finished(models, values)
    again = QUICK.forecast(Case(strong, twice, labels, given | {"again": given[weak[1].name]})).error
    assert again[4] == pytest.approx(again[1], abs=1e-9)
    once = QUICK.forecast(Case(strong, weak, labels, given)).error
    assert rank_correlation(again[:4], once) == pytest.approx(1.0)


@pytest.mark.parametrize("count", [0, 40])
def test_guessed_labels_move_no_order_of_the_others(models, values, count):
    """Four teachers that guess are behind those that know, and these keep their order."""
    strong, weak = models
    given, labels = finished(models, values), revealed(values, count) if count else None
    once = QUICK.forecast(Case(strong, weak, labels, given)).error
    rng = np.random.default_rng(9)
    guesses = {f"guess {i}": rng.uniform(0.3, 0.7, ROWS)[:, None] for i in range(4)}
    single = {name: table[:, 1:] for name, table in given.items()}
    more = (*weak, *(Representation(name, rng.standard_normal((ROWS, 12))) for name in guesses))
    found = QUICK.forecast(Case(strong, more, labels, single | guesses)).error
    assert rank_correlation(found[:4], once) > 0.7
    assert found.argmin() == once.argmin()


def test_junk_moves_no_order_of_the_others(models):
    """Eight candidates of noise beside four real ones leave their order and are never first."""
    strong, weak = models
    rng = np.random.default_rng(3)
    junk = tuple(Representation(f"junk {i}", rng.standard_normal((ROWS, 12)), 500, 0.5) for i in range(8))
    found = QUICK.forecast(Case(strong, (*weak, *junk))).error
    assert (np.diff(found[:4]) > 0.0).all()
    assert found.argmin() == 0


def test_absent_evidence_equals_worthless_evidence(models):
    """A description that says the same of every row changes nothing; one of noise leaves the order."""
    case = Case(*models)
    bare = QUICK.forecast(case).error
    flat = QUICK.forecast(replace(case, voters=described(np.full(ROWS, 0.3)))).error
    np.testing.assert_allclose(flat, bare, atol=1e-9)
    noise = QUICK.forecast(replace(case, voters=described(np.random.default_rng(4).standard_normal(ROWS)))).error
    assert rank_correlation(noise, bare) == pytest.approx(1.0)


def test_a_description_of_what_one_candidate_sees_moves_that_candidate_up(models):
    """Words that name the last candidate's own direction make it better than it was among the others."""
    strong, weak = models
    own = np.random.default_rng(5).standard_normal((ROWS, 6))
    last = Representation("own", own, weak[0].parameters, weak[0].depth)
    case = Case(strong, (*weak, last))
    before = QUICK.forecast(case).error
    after = QUICK.forecast(replace(case, voters=described(own[:, 0]))).error
    assert after[4] - after[:4].mean() < before[4] - before[:4].mean()


@pytest.mark.parametrize("count", [0, 40])
def test_one_column_and_two_columns_of_probabilities_agree(models, values, count):
    """(n, 2) class probabilities are read as their second column."""
    given = finished(models, values)
    labels = revealed(values, count) if count else None
    single = {name: table[:, 1:] for name, table in given.items()}
    two, one = (QUICK.forecast(Case(*models, labels, weak_labels=w)) for w in (given, single))
    np.testing.assert_allclose(two.error, one.error, atol=1e-9)
    np.testing.assert_allclose(two.gain, one.gain, atol=1e-9)


@pytest.mark.parametrize("count", [0, 20, 50, 100])
def test_gold_labels_never_reverse_finished_teachers(models, values, count):
    """Teachers that are right more often come first, whatever number of gold rows is at hand."""
    given = finished(models, values)
    labels = revealed(values, count) if count else None
    found = QUICK.forecast(Case(*models, labels, weak_labels=given)).error
    assert rank_correlation(found, np.arange(4.0)) > 0.7


def test_heads_trained_on_the_gold_rows_are_no_voters(models, values):
    """With gold labels alone and no other training named, heads are trained on them, and no voter is reported."""
    forecast = QUICK.forecast(Case(*models, revealed(values, 60)))
    assert forecast.notes == ("truth from 60 gold rows", AT_HAND)
    assert forecast.error.argmin() == 0


def test_heads_of_a_large_pool_are_trained_on_all_gold_rows(models, values, monkeypatch):
    """Of 100 gold rows 30 make the posterior; weak labels are as if given by heads that saw all of them."""
    monkeypatch.setattr("predictor.estimators.truth.MAX_GOLD", 30)
    few = {"halvings": 2, "draws": 16, "shuffles": 2, "max_rows": 130}
    case, estimator = Case(*models, revealed(values, 100)), TruthPosteriorForecast(**few)
    found = estimator.forecast(case)
    assert found.notes == ("truth from 30 gold rows", AT_HAND)
    heads = supervise(case, case.rng("any")).predictions
    given = {one.name: np.vstack([np.zeros((100, 1)), table]) for one, table in zip(case.weak, heads, strict=True)}
    np.testing.assert_allclose(estimator.forecast(replace(case, weak_labels=given)).error, found.error, atol=1e-9)
    asked = replace(case, training=Training(weak_rows=90))
    expected = ("weak heads were trained on all 100 gold rows, not on the 90 asked for",)
    assert TruthForecast(**few).forecast(asked).warnings == expected


def test_more_rows_asked_for_than_are_labelled_are_simulated(models, values):
    """With weak_rows above the number of gold rows, heads are simulated on the posterior, not trained on these."""
    labels = revealed(values, 20)
    asked = QUICK.forecast(Case(*models, labels, training=Training(weak_rows=80)))
    trained = QUICK.forecast(Case(*models, labels))
    assert asked.error[0] < trained.error[0]
    assert (np.diff(asked.error) > -0.02).all()


def test_candidates_with_and_without_weak_labels_are_compared_on_one_truth(models, values):
    """A mixed ranking gives every candidate an error and as many draws."""
    given = finished(models, values)
    some = {name: given[name] for name in list(given)[:2]}
    forecast = QUICK.forecast(Case(*models, weak_labels=some))
    assert np.isfinite(forecast.error).all()
    assert forecast.error_draws.shape[0] == 4
    assert np.isfinite(forecast.error_draws).all()


def test_classes_in_several_columns(models):
    """One-hot labels and class probabilities of three classes are served."""
    classes = task(models[0], "multiclass")
    given = finished(models, classes, classes=3)
    for count in (0, 60):
        labels = revealed(classes, count) if count else None
        found = QUICK.forecast(Case(*models, labels, weak_labels=given))
        assert found.error.argmin() == 0


def test_candidates_with_and_without_weak_labels_meet_the_same_truths(models, values):
    """Draws of a trained and of a simulated candidate rise and fall together."""
    strong, weak = models
    given = {weak[0].name: finished(models, values)[weak[0].name]}
    found = replace(QUICK, draws=128).forecast(Case(strong, weak, weak_labels=given))
    assert np.corrcoef(found.error_draws[0], found.error_draws[1])[0, 1] > 0.2


def test_accuracies_are_of_classes_only(models, values):
    """Nobody who has seen neither labels nor words knows that there are classes."""
    assert QUICK.forecast(Case(*models)).accuracy is None
    words = described(values)
    assert QUICK.forecast(Case(*models, voters=words)).accuracy is None  # a proxy, or words for the ends of a scale
    found = QUICK.forecast(Case(*models, voters=words, described_classes=2))
    assert (np.diff(found.accuracy.w2s) < 0.0).all()
    assert 0.5 < found.accuracy.w2s[0] < 1.0
    assert found.auroc.w2s[0] > found.accuracy.w2s[0]
    assert found.accuracy.w2s_draws.shape == found.error_draws.shape
    numbers = Labels(np.where(np.arange(ROWS) < 60, models[0].features[:, 0], np.nan)[:, None], "regression")
    assert QUICK.forecast(Case(*models, labels=numbers)).accuracy is None


@pytest.mark.parametrize("count", [0, 80])
def test_predicted_accuracy_of_teachers_is_near_the_measured_one(models, values, count):
    """Teachers' own labels are at hand. Without gold labels nobody knows which of them to trust fully.

    These teachers know what no student sees in the rows, so half of the plausible truths are too modest.
    """
    labels = revealed(values, count) if count else None
    weak = finished(models, values)
    found = QUICK.forecast(Case(*models, labels=labels, weak_labels=weak))
    measured = [np.mean((table[count:, 1] > 0.5) == values[count:]) for table in weak.values()]
    assert found.accuracy.weak == pytest.approx(measured, abs=0.12 if count else 0.3)
    assert np.argmax(found.accuracy.weak) == np.argmax(measured)


def test_candidates_with_and_without_weak_labels_have_accuracies_on_the_same_draws(models, values):
    given = finished(models, values)
    some = {name: given[name] for name in list(given)[:2]}
    found = QUICK.forecast(Case(*models, weak_labels=some, voters=described(values), described_classes=2))
    assert np.isfinite(found.accuracy.w2s).all()
    assert np.corrcoef(found.accuracy.w2s_draws)[0, 2] > 0.0


def test_label_free_model_first(models, values):
    """Before gold labels are seen, .9 of the weight is on the grid of the label-free order, its points alike."""
    case = Case(*models, weak_labels=finished(models, values))
    voters, _ = weak_voters(case, np.empty(0, dtype=np.intp))
    assert voters is not None
    kernels, bases = (
        QUICK.kernels(case)[:2],
        label_bases(case, voters.distinct().in_label_units(), QUICK.kernels(case)[0], unit=True),
    )
    model, weighed = label_free_first(kernels, bases)
    alone = LabelModel.of(kernels[:1], *bases.whole).grid()
    assert [at for _, at in weighed[: len(alone)]] == list(alone)
    assert {weight for weight, _ in weighed[: len(alone)]} == {LABEL_FREE / len(alone)}
    assert sum(weight for weight, _ in weighed) == pytest.approx(1.0)
    moved = [model.bases[at.basis] for _, at in weighed[len(alone) :]]
    assert all(any(one is own for own in model.bases[len(bases.whole) :]) for one in moved)


def test_numbers_have_no_unit(models, values):
    """Weak labels in another unit get the same errors and gains, as shares of the label variance."""
    given = {name: 3.0 * table[:, 1:] for name, table in finished(models, values).items()}
    other = {name: 40.0 * table - 7.0 for name, table in given.items()}
    one, two = (QUICK.forecast(Case(*models, weak_labels=labels)) for labels in (given, other))
    np.testing.assert_allclose(two.error, one.error, atol=1e-8)
    np.testing.assert_allclose(two.gain, one.gain, atol=1e-8)
    np.testing.assert_allclose(two.error_draws, one.error_draws, atol=1e-6)


def test_intervals_say_what_they_hold_for(models, values):
    """The weak labels at hand, or a fresh weak training set where a training is simulated."""
    given = finished(models, values)
    some = {name: given[name] for name in list(given)[:2]}
    for labels, note in ((given, AT_HAND), (some, FRESH), ({}, FRESH)):
        assert QUICK.forecast(Case(*models, weak_labels=labels)).notes[-1] == note
