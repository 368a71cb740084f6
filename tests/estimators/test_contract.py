"""The contract that every estimator keeps, whatever it measures."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.estimators.problem import Case, Representation
from predictor.estimators.protocol import Estimator, Forecaster, JointEstimator
from predictor.estimators.registry import ESTIMATORS, find
from predictor.query.evidence import Evidence
from tests.estimators.cases import EVIDENCE, case_for, case_with, teachers

NAMES = sorted(ESTIMATORS)
# Forecasters' priors mix all candidates, and joint estimators compare them: there one candidate moves the others.
ALONE = [name for name in NAMES if not isinstance(ESTIMATORS[name], Forecaster | JointEstimator)]


@pytest.fixture(scope="module")
def cases():
    return {evidence: case_with(evidence) for evidence in EVIDENCE}


@pytest.fixture(params=NAMES)
def estimator(request):
    return ESTIMATORS[request.param]


def numbers(estimates):
    return [(e.value, e.low, e.high, dict(e.details)) for e in estimates]


def test_it_is_found_by_its_own_name_and_reports_what_it_is(estimator):
    assert find(estimator.name) is estimator
    assert isinstance(estimator, Estimator)
    assert estimator.better in ("lower", "higher")
    assert isinstance(estimator.evidence, Evidence)
    for text in (estimator.unit, estimator.source, estimator.summary):
        assert text.strip()
    assert estimator.summary.endswith(".")


@pytest.mark.parametrize("evidence", EVIDENCE)
def test_one_estimate_per_candidate_in_one_orientation_finite_or_absent_with_a_reason(estimator, cases, evidence):
    case = cases[evidence]
    found = estimator.estimate(case)
    assert len(found) == len(case.weak)
    for one in found:
        assert one.better == estimator.better
        assert one.unit
        if one.value is None:
            assert one.note
            assert one.low is None
            assert one.high is None
            continue
        assert np.isfinite(one.value)
        assert (one.low is None) == (one.high is None)
        if one.low is not None:
            assert np.isfinite([one.low, one.high]).all()
            assert one.low <= one.high
        assert all(np.isfinite(v) for v in one.details.values())


@pytest.mark.parametrize("evidence", EVIDENCE)
def test_it_answers_with_a_value_once_its_declared_evidence_is_at_hand(estimator, evidence):
    """For regression or for classes, some are for one of them only; without the evidence for neither."""
    found = [estimator.estimate(case_with(evidence, kind=kind, seed=1)) for kind in ("regression", "multiclass")]
    if Evidence[evidence] >= estimator.evidence:
        assert any(all(one.value is not None for one in answers) for answers in found)
    elif estimator.evidence:
        assert all(one.value is None and one.note for answers in found for one in answers)


def test_the_same_seed_gives_the_same_numbers(estimator):
    case = case_for(estimator.name)
    again = dataclasses.replace(case)
    found = numbers(estimator.estimate(case))
    assert all(value is not None for value, *_ in found)
    assert found == numbers(estimator.estimate(again))


@pytest.mark.parametrize("name", NAMES)
def test_candidates_come_in_their_own_order(name):
    """Reversing the candidates reverses the answers: exactly where each candidate is estimated alone."""
    case = case_for(name)
    turned = dataclasses.replace(case, weak=case.weak[::-1])
    found = [e.value for e in ESTIMATORS[name].estimate(case)]
    back = [e.value for e in ESTIMATORS[name].estimate(turned)][::-1]
    tolerance = 1e-12 if name in ALONE else 0.05
    assert None not in found
    assert back == pytest.approx(found, abs=tolerance)


@pytest.mark.parametrize("name", ALONE)
def test_other_candidates_do_not_move_an_estimate(name):
    case = case_for(name)
    together = ESTIMATORS[name].estimate(case)
    for i, candidate in enumerate(case.weak):
        (alone,) = ESTIMATORS[name].estimate(dataclasses.replace(case, weak=(candidate,)))
        assert alone.value is not None
        assert alone.value == pytest.approx(together[i].value, abs=1e-12)


@pytest.mark.parametrize("name", [n for n in NAMES if isinstance(ESTIMATORS[n], Forecaster)])
@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_a_forecast_is_finite_paired_and_consistent_with_the_estimates(name, kind):
    case = case_with("few_labels", kind=kind)
    cast = ESTIMATORS[name].forecast(case)
    count = len(case.weak)
    assert cast.error.shape == cast.gain.shape == (count,)
    assert cast.error_draws.shape == cast.gain_draws.shape == (count, len(cast.ceiling_draws))
    assert cast.null_draws.shape[0] == count
    for part in (cast.error, cast.gain, cast.error_draws, cast.gain_draws, cast.ceiling_draws, cast.null_draws):
        assert np.isfinite(part).all()
    assert (cast.error > 0).all()
    assert [e.value for e in ESTIMATORS[name].estimate(case)] == pytest.approx(list(cast.error), abs=1e-12)
    assert [e.details["gain"] for e in ESTIMATORS[name].estimate(case)] == pytest.approx(list(cast.gain), abs=1e-12)


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_accuracies_are_predicted_of_classes_with_gold_rows_at_hand(kind):
    for one in ESTIMATORS["truth_posterior"].estimate(case_with("few_labels", kind=kind)):
        reported = [one.details.get("weak_accuracy"), one.details.get("w2s_accuracy")]
        assert reported == [None, None] if kind == "regression" else all(0.2 < share <= 1.0 for share in reported)


def test_combined_is_the_best_that_the_evidence_allows(cases):
    parts = {
        "representations": "truth",
        "weak_labels": "truth",
        "few_labels": "truth_posterior",
    }
    for evidence, part in parts.items():
        combined = ESTIMATORS["combined"].estimate(cases[evidence])
        assert numbers(combined) == numbers(ESTIMATORS[part].estimate(cases[evidence]))
        assert all(e.note == f"from {part}" for e in combined)


def test_a_posterior_forecast_without_labels_is_refused(cases):
    with pytest.raises(InputError, match="needs gold labels of some rows; give them with --labels FILE"):
        ESTIMATORS["truth_posterior"].forecast(cases["representations"])


def test_labels_of_every_row_leave_nothing_to_predict():
    case = case_with("few_labels", noises=(0.1,))
    full = dataclasses.replace(case.labels, targets=np.arange(case.rows, dtype=float)[:, None])
    for name in ("truth_posterior", "misfit"):
        with pytest.raises(InputError, match="120 of 120 rows carry a gold label, which leaves 0 to predict"):
            ESTIMATORS[name].estimate(dataclasses.replace(case, labels=full))


def test_weak_labels_of_the_wrong_width_are_named_with_their_candidate():
    case = case_with("few_labels", kind="multiclass")
    wrong = dataclasses.replace(case, weak_labels={"t1": np.ones((case.rows, 2))})
    for name in ("truth_posterior", "misfit"):
        with pytest.raises(InputError, match=r"weak labels of 't1' have 2 column\(s\), the gold labels 3"):
            ESTIMATORS[name].estimate(wrong)


def test_two_probability_columns_stand_for_a_binary_code():
    case = case_with("few_labels", kind="binary")
    p = np.random.default_rng(0).uniform(size=case.rows)
    one = dataclasses.replace(case, weak_labels={"t0": p[:, None]})
    two = dataclasses.replace(case, weak_labels={"t0": np.stack([1 - p, p], axis=1)})
    assert numbers(ESTIMATORS["misfit"].estimate(one)) == numbers(ESTIMATORS["misfit"].estimate(two))


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"no estimator is called 'magic'; known: combined, truth, truth_posterior"):
        find("magic")


@pytest.mark.parametrize("name", ["cka", "effective_dimension", "representation_gap"])
def test_constant_features_are_refused_by_callers_needs_a_kernel(name):
    strong, _ = teachers((0.1,))
    flat = Representation("flat", np.ones((len(strong.features), 4)))
    with pytest.raises(InputError, match="all 4 feature dimensions are constant over 120 rows"):
        ESTIMATORS[name].estimate(Case(strong, (flat,)))


def test_parameter_count_is_absent_for_arrays():
    strong, weak = teachers((0.1,))
    (found,) = ESTIMATORS["parameter_count"].estimate(Case(strong, (Representation("x", weak[0].features),)))
    assert (found.value, found.note) == (None, "unknown for arrays")


def test_misfit_of_constant_weak_labels_is_absent_with_the_reason():
    strong, weak = teachers((0.1,))
    (found,) = ESTIMATORS["misfit"].estimate(Case(strong, weak, weak_labels={"t0": np.ones((120, 1))}))
    assert (found.value, found.note) == (None, "the weak labels are constant")
