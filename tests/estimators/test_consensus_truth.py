"""Forecasts from nothing but weak labels: their order, their unit, what they lack, and that no gold label is seen."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import spearmanr

from predictor.errors import InputError
from predictor.estimators.calibrated_votes import calibrated_votes
from predictor.estimators.consensus_truth import ConsensusForecast
from predictor.estimators.problem import Case, Representation
from predictor.estimators.registry import ESTIMATORS
from predictor.estimators.supervision import cross_fitted
from predictor.estimators.truth import TruthForecast
from predictor.heads.ridge import FactoredRidge
from predictor.query.labels import Labels
from predictor.query.training_plan import Training
from predictor.truth.consensus import WeakMoments

ROWS, STUDENT_LABELS = 360, 160
NOISES = (0.1, 0.4, 0.8, 1.4, 2.5, 5.0)
QUICK = ConsensusForecast(halvings=2, draws=16, shuffles=4)


@dataclasses.dataclass(frozen=True)
class World:
    """A case with weak labels alone, and the labels that nobody showed."""

    case: Case
    truth: np.ndarray

    def measured(self):
        """Squared error of each candidate's student over the label variance."""
        weak_labels = np.hstack([self.case.weak_labels[w.name] for w in self.case.weak])
        students = np.mean(
            [cross_fitted(self.case.strong.features, weak_labels, 2, np.random.default_rng(s)) for s in range(6)],
            axis=0,
        )
        return np.mean((students - self.truth[:, None]) ** 2, axis=0) / np.var(self.truth)


def world(kind, seed=0):
    """Heads that were really trained on gold rows which are then thrown away."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((STUDENT_LABELS + ROWS, 6))
    latent = z @ np.array([1.0, 0.7, 0.5, 0.3, 0.2, 0.1])
    y = latent + 0.5 * rng.standard_normal(len(z))
    if kind == "classes":
        y = (y > 0).astype(float)
    strong = np.hstack([z, rng.standard_normal((len(z), 6))])
    weak, labels_of = [], {}
    for i, noise in enumerate(NOISES):
        seen = z + noise * rng.standard_normal(z.shape)
        head = FactoredRidge.of(seen[:STUDENT_LABELS], seen[STUDENT_LABELS:])
        gold = y[:STUDENT_LABELS, None]
        weak.append(Representation(f"w{i}", seen[STUDENT_LABELS:]))
        labels_of[f"w{i}"] = np.clip(head.predict(gold), *((0, 1) if kind == "classes" else (None, None)))
    return World(Case(Representation("s", strong[STUDENT_LABELS:]), tuple(weak), None, labels_of), y[STUDENT_LABELS:])


@pytest.mark.parametrize("kind", ["numbers", "classes"])
def test_it_orders_really_trained_students_without_a_label(kind):
    one = world(kind)
    found = [e.value for e in QUICK.estimate(one.case)]
    assert spearmanr(found, one.measured()).statistic > 0.9


def test_the_level_of_classes_is_right_within_its_interval():
    one = world("classes")
    for estimate, measured in zip(QUICK.estimate(one.case), one.measured(), strict=True):
        assert estimate.low <= measured <= estimate.high


@pytest.mark.parametrize("kind", ["numbers", "classes"])
def test_the_expected_error_is_the_mean_of_the_plausible_ones(kind):
    cast = QUICK.forecast(world(kind).case)
    assert cast.error == pytest.approx(cast.error_draws.mean(axis=1), abs=0.15)


def test_votes_are_used_as_far_as_dawid_and_skene_find_them_right():
    """Five voters right in 9 of 10 rows: nearly everything is known, but not quite all that votes claim."""
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 2, ROWS)
    centred = {f"w{i}": np.where(rng.uniform(size=ROWS) < 0.9, truth, 1 - truth)[:, None] * 1.0 for i in range(5)}
    for table in calibrated_votes(np.stack(list(centred.values()))):
        assert sorted(np.unique(table)) == pytest.approx([0.1, 0.9], abs=0.06)


def test_votes_are_scored_by_how_often_they_are_right():
    one = world("classes")
    votes = {name: np.round(labels_of) for name, labels_of in one.case.weak_labels.items()}
    case = dataclasses.replace(one.case, weak_labels=votes)
    cast = QUICK.forecast(case)
    assert spearmanr(cast.error, World(case, one.truth).measured()).statistic > 0.8


def test_several_classes_are_as_two():
    one = world("classes")
    labels_of = {name: np.hstack([1 - t, t]) for name, t in one.case.weak_labels.items()}
    twice = QUICK.estimate(dataclasses.replace(one.case, weak_labels=labels_of))
    once = QUICK.estimate(one.case)
    assert [e.value for e in twice] == pytest.approx([e.value for e in once], abs=0.02)


def test_no_gold_label_moves_the_forecast_where_weak_labels_are_given():
    one = world("classes")
    known = np.zeros(ROWS, dtype=bool)
    known[:60] = True
    answers = []
    for flipped in (False, True):
        targets = np.where(known, 1.0 - one.truth if flipped else one.truth, np.nan)[:, None]
        labels = Labels(targets, "binary", ("0", "1"))
        answers.append([e.value for e in QUICK.estimate(dataclasses.replace(one.case, labels=labels))])
    assert answers[0] == answers[1]


def test_shuffled_weak_labels_teach_nothing():
    one = world("numbers")
    cast = QUICK.forecast(one.case)
    assert cast.error[0] < cast.null_draws[0].min()


def test_combined_takes_weak_labels_of_every_candidate_for_evidence():
    one = world("numbers")
    combined = ESTIMATORS["combined"]
    some = dict(list(one.case.weak_labels.items())[:-1])
    assert combined.chosen(one.case) == TruthForecast()
    assert combined.chosen(dataclasses.replace(one.case, weak_labels=some)) == TruthForecast(weak_labels=False)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda labels_of: {k: labels_of[k] for k in list(labels_of)[:4]},
            "needs weak labels of every candidate, and 2 have none",
        ),
        (
            lambda labels_of: dict.fromkeys(labels_of, labels_of["w0"]),
            "needs at least 3 candidates whose weak labels differ",
        ),
        (lambda labels_of: labels_of | {"w0": np.hstack([labels_of["w0"]] * 3)}, "needs weak labels of one width"),
        (
            lambda labels_of: {k: np.full((ROWS, 1), float(i)) for i, k in enumerate(labels_of)},
            "candidate's are constant",
        ),
    ],
)
def test_without_a_consensus_it_reports_what_is_missing(change, says):
    one = world("numbers")
    case = dataclasses.replace(one.case, weak_labels=change(dict(one.case.weak_labels)))
    estimates = QUICK.estimate(case)
    assert all(e.value is None and says in e.note for e in estimates)
    with pytest.raises(InputError, match="consensus_truth needs"):
        QUICK.forecast(case)


@pytest.mark.parametrize("rows", [8, 9, 24])
def test_few_rows_are_simulated_too(rows):
    one = world("numbers")
    cast = QUICK.forecast(one.case.take(np.arange(rows)))
    assert np.isfinite(cast.error).all()


def test_a_model_that_is_constant_may_have_weak_labels_all_the_same():
    one = world("numbers")
    dull = (Representation("w0", np.ones((ROWS, 2))), *one.case.weak[1:])
    found = [e.value for e in QUICK.estimate(dataclasses.replace(one.case, weak=dull))]
    assert np.isfinite(found).all()


def test_weak_labels_are_simulated_with_the_gold_rows_there_are_or_are_to_be(monkeypatch):
    """A third of the pool where nothing is said, else as many as were asked for, and never quite all rows."""
    sizes = []
    monkeypatch.setattr(
        "predictor.estimators.simulated_moments.weak_moments",
        lambda heads, gold, *rest: (
            sizes.append((len(gold), rest[2].weak_rows)) or WeakMoments(np.eye(len(heads)), np.ones(len(heads)))
        ),
    )
    case = world("numbers").case
    known = np.arange(ROWS) < 90
    gold = Labels(np.where(known, 0.5, np.nan)[:, None], "regression", ())
    for change in ({}, {"training": Training(weak_rows=50)}, {"training": Training(weak_rows=5000)}, {"labels": gold}):
        QUICK.forecast(dataclasses.replace(case, **change))
    assert list(dict.fromkeys(sizes)) == [(120, None), (50, 50), (324, 5000), (90, 90)]


def test_context_models_have_a_say_in_what_is_simulated():
    case = world("numbers").case
    rng = np.random.default_rng(4)
    beside = dataclasses.replace(case, context_models=(Representation("b", rng.standard_normal((ROWS, 9)), 10**9),))
    alone, heard = (QUICK.forecast(one).error for one in (case, beside))
    assert (alone != heard).any()
