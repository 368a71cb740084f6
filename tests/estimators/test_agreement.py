"""Errors by agreement: recovered where errors are independent, refused where nobody can be told apart."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import predictor
from predictor.estimators.agreement import FOLDS, TOO_LOW, AgreementError, AgreementSelection
from predictor.estimators.dawid1979 import dawid_skene
from predictor.estimators.parisi2014 import balanced_errors
from predictor.estimators.problem import Case, Representation
from predictor.estimators.supervision import cross_fitted
from predictor.estimators.three_cornered_hat import distances, squared_errors
from predictor.query.labels import Labels
from tests.estimators.cases import case_with, task, teachers
from tests.estimators.test_dawid1979 import voters
from tests.reference.heads import folded, ridge_predictions

ERROR, SELECTION = AgreementError(), AgreementSelection()


def vote_case(tables, labels=None, rows=None):
    """A case whose candidates say what the tables say."""
    rng = np.random.default_rng(0)
    rows = rows or len(tables[0])
    strong = Representation("s", rng.standard_normal((rows, 5)))
    weak = tuple(Representation(f"w{i}", rng.standard_normal((rows, 3))) for i in range(len(tables)))
    return Case(strong, weak, labels, {f"w{i}": table for i, table in enumerate(tables)})


def test_errors_of_independent_voters_are_recovered_from_votes_alone():
    errors = np.array([0.05, 0.15, 0.3, 0.4])
    _, votes = voters(3000, errors, 2, np.random.default_rng(0))
    found = ERROR.estimate(vote_case([v[:, None] * 1.0 for v in votes.T]))
    np.testing.assert_allclose([e.value for e in found], errors, atol=0.03)
    np.testing.assert_allclose([e.details["spectral_balanced_error"] for e in found], errors, atol=0.04)
    assert found[0].unit == "share of rows"


def test_probabilities_count_by_the_class_they_favour():
    _, votes = voters(300, [0.1, 0.2, 0.3], 3, np.random.default_rng(1))
    soft = [np.eye(3)[v] * 0.6 + 0.1 for v in votes.T]
    found = ERROR.estimate(vote_case(soft))
    assert [e.value for e in found] == pytest.approx(list(dawid_skene(votes, 3).errors()))
    counts = [[list(row).count(k) for k in range(3)] for row in votes]
    against = [np.mean([v != int(np.argmax(c)) for v, c in zip(votes[:, j], counts, strict=True)]) for j in range(3)]
    assert [e.details["majority_error"] for e in found] == pytest.approx(against)
    assert "spectral_balanced_error" not in found[0].details


def test_the_spectral_error_takes_the_class_shares_that_the_votes_imply():
    _, votes = voters(400, [0.1, 0.2, 0.3, 0.2], 2, np.random.default_rng(2), [0.75, 0.25])
    prior = dawid_skene(votes, 2).prior
    expected = balanced_errors(np.where(votes == 1, 1.0, -1.0), prior[1] - prior[0])
    found = ERROR.estimate(vote_case([v[:, None] * 1.0 for v in votes.T]))
    assert [e.details["spectral_balanced_error"] for e in found] == pytest.approx(list(expected))


@pytest.mark.parametrize("estimator", [ERROR, SELECTION])
def test_fewer_than_three_candidates_cannot_be_separated(estimator):
    for count in (1, 2):
        case = vote_case([np.random.default_rng(i).standard_normal((40, 1)) for i in range(count)])
        for one in estimator.estimate(case):
            assert one.value is None
            assert (
                one.note
                == f"needs weak labels of at least 3 candidates, has {count}: give --labels or more --weak-labels"
            )


def test_a_candidate_without_weak_labels_is_left_out_and_reported_why():
    case = vote_case([np.random.default_rng(i).standard_normal((40, 1)) for i in range(4)])
    case = dataclasses.replace(case, weak_labels={k: v for k, v in case.weak_labels.items() if k != "w1"})
    full = vote_case([v for k, v in case.weak_labels.items()])
    for estimator in (ERROR, SELECTION):
        found = estimator.estimate(case)
        assert (found[1].value, found[1].note) == (None, "needs --weak-labels for this candidate, or --labels")
        kept = [e.value for e in found if e.value is not None]
        assert kept == pytest.approx([e.value for e in estimator.estimate(full)], abs=1e-9)


def test_numbers_are_scored_by_the_three_cornered_hat_in_one_unit_for_all():
    rng = np.random.default_rng(3)
    truth = rng.standard_normal((2000, 1))
    deviations = np.array([0.3, 0.6, 1.2])
    tables = [truth + s * rng.standard_normal((2000, 1)) for s in deviations]
    found = ERROR.estimate(vote_case(tables))
    unit = np.mean([table.var() for table in tables])
    np.testing.assert_allclose([e.value * unit for e in found], deviations**2, atol=0.1)
    assert found[0].unit == "mean weak-label variance"


def test_with_gold_labels_the_unit_is_their_variance():
    case = case_with("few_labels", noises=(0.1, 0.6, 2.5))
    known = case.labels.known
    gold = case.labels.targets[known]
    tables = np.stack([ridge_predictions(w.features[known], w.features[~known], gold) for w in case.weak])
    expected = squared_errors(distances(tables)) / gold.var()
    for estimator, key in ((ERROR, None), (SELECTION, "weak_error")):
        found = estimator.estimate(case)
        values = [e.value if key is None else e.details[key] for e in found]
        assert values == pytest.approx(list(expected), abs=1e-9)
        assert found[0].unit == "label variance"


@pytest.mark.parametrize("kind", ["regression", "multiclass"])
def test_selection_subtracts_the_held_out_misfit_of_the_same_labels(kind):
    case = case_with("few_labels", kind=kind)
    known = case.labels.known
    gold = case.labels.targets[known]
    unit = sum(np.var(column) for column in gold.T)
    strong = case.strong.features[~known]
    for model, one in zip(case.weak, SELECTION.estimate(case), strict=True):
        outputs = ridge_predictions(model.features[known], model.features[~known], gold)
        learned = folded(strong, outputs, FOLDS, case.rng("agreement_selection"))
        misfit = np.mean(np.sum((learned - outputs) ** 2, axis=1)) / unit
        assert one.details["misfit"] == pytest.approx(misfit, abs=1e-9)
        assert one.value == pytest.approx(one.details["weak_error"] - misfit, abs=1e-9)


def test_selection_prefers_the_noise_that_the_student_refuses():
    """Equal errors: one teacher's lies outside what the strong model can fit, the others' inside. The rule takes it."""
    rng = np.random.default_rng(4)
    strong = Representation("s", rng.standard_normal((900, 6)))
    truth = strong.features @ np.array([1.0, -1.0, 0.5, 0, 0, 0])
    fitted = strong.features[:, 3:6] * 0.8
    errors = [0.8 * rng.standard_normal(900), fitted[:, 0], fitted[:, 1], fitted[:, 2]]
    weak = tuple(Representation(f"w{i}", rng.standard_normal((900, 3))) for i in range(4))
    case = Case(strong, weak, weak_labels={f"w{i}": (truth + e)[:, None] for i, e in enumerate(errors)})
    found = SELECTION.estimate(case)
    weak_errors = [e.details["weak_error"] for e in found]
    assert np.ptp(weak_errors) < 0.15
    assert min(range(4), key=lambda i: found[i].value) == 0
    assert found[0].value < 0.1 < min(e.value for e in found[1:])


def test_tables_that_differ_in_width_or_never_vary_are_absent_with_the_reason():
    mixed = [np.full((40, 1), 0.2), np.full((40, 2), 0.5), np.full((40, 1), 0.7)]
    assert SELECTION.estimate(vote_case(mixed))[0].note == "the candidates' weak labels differ in width"
    flat = [np.full((40, 1), 7.0)] * 3
    for estimator in (ERROR, SELECTION):
        assert estimator.estimate(vote_case(flat))[0].note == "the weak labels are constant"


def test_near_unanimity_is_noted():
    _, votes = voters(300, [0.01, 0.01, 0.02], 2, np.random.default_rng(5))
    assert "all candidates agree on 9" in ERROR.estimate(vote_case([v[:, None] * 1.0 for v in votes.T]))[0].note


def test_voters_that_share_their_mistakes_are_noted_and_independent_ones_are_not():
    rng = np.random.default_rng(8)
    _, votes = voters(900, [0.2, 0.25, 0.3, 0.2], 2, rng)
    copies = [np.where(rng.random(900) < 0.95, votes[:, 0], 1 - votes[:, 0]) for _ in range(2)]
    for tables, shared in ((votes.T, False), ([*votes.T, *copies], True)):
        for found in ERROR.estimate(vote_case([v[:, None] * 1.0 for v in tables])):
            assert ("of the pairs agree more than independent errors allow" in found.note) is shared


@pytest.mark.parametrize("estimator", [ERROR, SELECTION])
def test_distances_that_no_independent_errors_explain_are_noted(estimator):
    rng = np.random.default_rng(9)
    truth, common = rng.standard_normal((2, 900, 1))
    alone = [truth + s * rng.standard_normal((900, 1)) for s in (0.5, 0.8, 0.6, 0.7, 0.4)]
    shared = [*alone[:2], *(truth + 2.0 * common + 0.5 * rng.standard_normal((900, 1)) for _ in range(3))]
    between = [alone[0], alone[1], (alone[0] + alone[1]) / 2.0]
    assert {e.note for e in estimator.estimate(vote_case(alone))} == {""}
    for tables, start in ((shared, "the distances do not add up from"), (between, "an error comes out below 0, as")):
        for found in estimator.estimate(vote_case(tables)):
            assert found.note == f"{start} independent errors{' cannot' if tables is between else ''}: {TOO_LOW}"


def test_heads_trained_on_gold_labels_add_their_held_out_error_and_the_line():
    case = case_with("few_labels", kind="multiclass", rows=240)
    known = case.labels.known
    gold = case.labels.targets[known]
    for model, one in zip(case.weak, ERROR.estimate(case), strict=True):
        guessed = cross_fitted(model.features[known], gold, FOLDS, case.rng("line"))
        assert one.details["held_out_error"] == pytest.approx(np.mean(guessed.argmax(1) != gold.argmax(1)))
        assert 0.0 <= one.details["line_error"] <= 1.0


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_the_teacher_that_sees_least_has_the_largest_error(kind):
    case = case_with("few_labels", noises=(0.05, 0.2, 0.4, 0.8, 1.6), kind=kind, rows=480)
    found = [e.value for e in ERROR.estimate(case)]
    assert int(np.argmax(found)) == 4


def test_heads_that_fall_back_on_the_mean_agree_and_so_look_better_than_they_are():
    """What the summary warns of: errors that are shared are invisible, here those of heads that know nothing."""
    case = case_with("few_labels", noises=(0.05, 30.0, 30.0), rows=360)
    found = [e.value for e in ERROR.estimate(case)]
    assert max(found[1:]) < found[0]


def test_a_ranking_by_agreement_sees_every_candidate():
    strong, weak = teachers((0.1, 0.8, 4.0), rows=240)
    labels = Labels.of([v if i < 100 else None for i, v in enumerate(task(strong, "binary"))])
    shown = [None if np.isnan(v) else str(int(v)) for v in labels.targets[:, 0]]
    found = predictor.rank(
        strong=strong.features,
        weak={w.name: w.features for w in weak},
        labels=shown,
        estimators=["agreement_error", "agreement_selection"],
    )
    assert found.rank_by == "agreement_error"
    assert found.best().name == "t0"
    assert all(c.estimates["agreement_selection"].value is not None for c in found.candidates)


def test_the_default_answer_does_without_what_is_asked_by_name_only():
    strong, weak = teachers((0.1, 0.8, 4.0))
    found = predictor.rank(strong=strong.features, weak={w.name: w.features for w in weak})
    assert not {"agreement_error", "intrinsic_dimension_discrepancy"} & set(found.best().estimates)
