"""Scoring: what each estimator is compared with, in which unit, and where it makes no claim."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from predictor.estimators.protocol import PredictsOutcome, predicted
from predictor.estimators.registry import ESTIMATORS, find
from predictor.results.candidate import Candidate, Estimate, Interval
from predictor.results.ranking import NullBand, Provenance, Ranking, StrongModel
from predictor.training.outcomes import Outcomes
from predictor.validation.scoring import scores

NAMES = ("a", "b", "c", "d")
W2S = np.array([[0.2, 0.4], [0.5, 0.5], [0.6, 0.8], [0.9, 0.9]])
GAIN = np.array([[0.1, 0.1], [0.3, 0.3], [0.0, 0.0], [0.2, 0.4]])
ACCURACY = np.array([[0.9, 0.9], [0.5, 0.7], [0.8, 0.8], [0.7, 0.7]])
OUTCOMES = Outcomes(W2S + GAIN, W2S, np.zeros(2), ACCURACY, ACCURACY, np.ones(2))


def ranked(stated, intervals=None, evidence="few_labels"):
    """A ranking whose candidates, in an order of no meaning, were given these estimates."""
    candidates = []
    for i, name in reversed(list(enumerate(NAMES))):
        one = Candidate(name, "ok", estimates={key: values[i] for key, values in stated.items()})
        if intervals is not None:
            error, gain = intervals[i]
            one = dataclasses.replace(one, predicted_w2s_error=error, predicted_gain=gain)
        candidates.append(one)
    failed = Candidate("gone", "failed")
    strong = StrongModel("s", "1", 4, "")
    return Ranking("w2s_error", evidence, 60, "", strong, (*candidates, failed), NullBand(), Provenance({}, 0, {}))


def values(name, numbers, unit=None, gains=None, low=None, high=None):
    """Estimates of one estimator, in its own orientation and unit unless another is given."""
    estimator = find(name)
    nothing = [None] * len(numbers)
    details = [{}] * len(numbers) if gains is None else [{"gain": g} for g in gains]
    return {
        name: [
            Estimate(v, estimator.better, unit or estimator.unit, a, b, details=d)
            for v, a, b, d in zip(numbers, low or nothing, high or nothing, details, strict=True)
        ]
    }


def score_of(stated, **kwargs):
    (found,) = scores([ranked(stated, **kwargs)], [OUTCOMES], NAMES)
    return found


def test_an_estimator_of_the_error_is_compared_with_it_and_not_with_the_gain():
    found = score_of(values("misfit_selection", [0.1, 0.2, 0.3, 0.4]))
    assert (found.spearman_error, found.kendall_error, found.weighted_tau_error) == pytest.approx((1.0, 1.0, 1.0))
    assert (found.spearman_gain, found.kendall_gain, found.weighted_tau_gain, found.regret_gain) == (None,) * 4
    # Measured means 0.3, 0.5, 0.7, 0.9: off by 0.2, 0.3, 0.4, 0.5.
    assert found.mae_error == pytest.approx(0.35)
    assert (found.mae_gain, found.regret, found.predicts, found.scored) == (None, 0.0, "w2s_error", 4)


def test_higher_is_better_is_turned_for_the_error():
    found = score_of(values("cka", [0.9, 0.8, 0.7, 0.1]))
    assert found.spearman_error == pytest.approx(1.0)
    assert found.weighted_tau_error == pytest.approx(1.0)
    assert found.mae_error is None


def test_weighted_tau_counts_the_candidates_of_least_error_most():
    top = score_of(values("misfit_selection", [0.2, 0.1, 0.3, 0.4]))
    bottom = score_of(values("misfit_selection", [0.1, 0.2, 0.4, 0.3]))
    assert top.kendall_error == pytest.approx(bottom.kendall_error)
    assert top.weighted_tau_error < bottom.weighted_tau_error


def test_an_estimator_of_the_gain_is_compared_by_value_with_its_own_sign():
    # Measured gains 0.1, 0.3, 0, 0.3.
    found = score_of(values("misfit", [0.2, 0.5, 0.1, 0.5]))
    assert (found.spearman_gain, found.kendall_gain, found.weighted_tau_gain) == pytest.approx((1.0, 1.0, 1.0))
    assert found.mae_gain == pytest.approx(np.mean([0.1, 0.2, 0.1, 0.2]))
    assert (found.mae_error, found.regret_gain, found.predicts) == (None, 0.0, "gain")
    falling = score_of(values("intrinsic_dimension_discrepancy", [0.5, 0.2, 0.9, 0.2]))
    assert falling.spearman_gain == pytest.approx(1.0)
    assert (falling.mae_gain, falling.regret_gain) == (None, 0.0)
    wrong = score_of(values("misfit", [0.2, 0.1, 0.9, 0.1]))
    assert wrong.spearman_gain < 0.0
    assert wrong.regret_gain == pytest.approx(0.3)
    assert wrong.regret == pytest.approx(0.7 - 0.3)


def test_misfits_in_another_unit_have_no_absolute_error():
    found = score_of(values("misfit", [0.2, 0.5, 0.1, 0.5], unit="squared label units"))
    assert found.spearman_gain == pytest.approx(1.0)
    assert found.mae_gain is None
    assert score_of(values("kl_misfit", [0.2, 0.5, 0.1, 0.5])).mae_gain is None


def test_a_forecaster_is_compared_with_both_and_its_intervals_are_counted():
    stated = values(
        "truth_posterior", [0.3, 0.5, 0.7, 0.8], gains=[0.1, 0.3, 0.2, 0.3], low=(0, 0, 5, 0), high=(1, 1, 6, 1)
    )
    held, missed = Interval(0.0, 0.0, 1.0, ""), Interval(0.0, 5.0, 6.0, "")
    found = score_of(stated, intervals=[(held, missed), (held, missed), (missed, missed), (held, held)])
    assert found.spearman_error == found.kendall_error == pytest.approx(1.0)
    assert found.mae_error == pytest.approx(0.1 / 4)
    assert found.spearman_gain == pytest.approx(np.corrcoef([2, 3.5, 1, 3.5], [1, 3.5, 2, 3.5])[0, 1])
    assert found.mae_gain == pytest.approx(0.2 / 4)
    assert (found.coverage_error, found.coverage_gain) == (0.75, 0.25)


def test_intervals_of_the_error_are_everyones_and_those_of_the_gain_the_scores():
    stated = values("combined", [0.3, 0.5, 0.7, 0.8], gains=[0.1] * 4, low=(0,) * 4, high=(1,) * 4) | values(
        "truth_posterior", [0.3, 0.5, 0.7, 0.8], gains=[0.1] * 4, low=(5,) * 4, high=(6,) * 4
    )
    held = Interval(0.0, 0.0, 1.0, "")
    first, second = scores([ranked(stated, intervals=[(held, held)] * 4)], [OUTCOMES], NAMES)
    assert (first.coverage_error, first.coverage_gain) == (1.0, 1.0)
    assert (second.coverage_error, second.coverage_gain) == (0.0, None)


def test_the_weak_models_own_error_is_compared_in_the_unit_of_the_value():
    shares = score_of(values("agreement_error", [0.1, 0.3, 0.2, 0.3]))
    # Measured 0–1 errors 0.1, 0.4, 0.2, 0.3.
    assert shares.mae_weak == pytest.approx(0.1 / 4)
    assert shares.spearman_weak == pytest.approx(np.corrcoef([1, 3.5, 2, 3.5], [1, 4, 2, 3])[0, 1])
    assert shares.kendall_weak == pytest.approx(5 / np.sqrt(5 * 6))
    squares = score_of(values("agreement_error", [0.4, 0.8, 0.7, 1.2], unit="label variance"))
    assert (squares.mae_weak, squares.spearman_weak) == pytest.approx((0.0, 1.0))
    unknown = score_of(values("agreement_error", [0.4, 0.8, 0.7, 1.2], unit="mean weak-label variance"))
    assert (unknown.mae_weak, unknown.spearman_weak) == (None, pytest.approx(1.0))
    assert (shares.spearman_gain, shares.mae_error) == (None, None)
    assert score_of(values("misfit", [0.4, 0.8, 0.7, 1.2])).spearman_weak is None


def test_for_numbers_there_are_no_mistakes_to_count():
    plain = dataclasses.replace(OUTCOMES, weak_accuracy=None, w2s_accuracy=None, ceiling_accuracy=None)
    stated = values("agreement_error", [0.4, 0.8, 0.7, 1.2])
    (found,) = scores([ranked(stated)], [plain], NAMES)
    assert found.mae_weak is None
    assert found.spearman_weak == pytest.approx(1.0)


def test_gains_predicted_in_nats_are_compared_with_the_gain_in_log_loss_too():
    logs = np.array([[0.1, 0.3], [0.4, 0.4], [0.0, 0.2], [0.3, 0.3]])
    with_logs = dataclasses.replace(OUTCOMES, weak_log_loss=logs + 1.0, w2s_log_loss=np.ones((4, 2)))
    for name, unit, expected in (
        ("kl_misfit", "nats", 1.0),
        ("kl_misfit", "nats × label units", None),
        ("misfit", "label variance", None),
        ("gain_bounds", "nats", None),
    ):
        (found,) = scores([ranked(values(name, [0.2, 0.9, 0.1, 0.5], unit=unit))], [with_logs], NAMES)
        assert found.spearman_log_gain == (None if expected is None else pytest.approx(expected))
    assert score_of(values("kl_misfit", [0.2, 0.9, 0.1, 0.5])).spearman_log_gain is None


def test_accuracies_predicted_are_compared_with_those_measured():
    stated = values("truth_posterior", [0.3, 0.5, 0.7, 0.8], gains=[0.1] * 4)
    for i, one in enumerate(stated["truth_posterior"]):
        reported = {"weak_accuracy": ACCURACY[i].mean() - 0.02, "w2s_accuracy": ACCURACY[i].mean() + 0.01 * i}
        stated["truth_posterior"][i] = dataclasses.replace(one, details={**one.details, **reported})
    found = score_of(stated)
    assert found.mae_accuracy == pytest.approx(0.015)
    assert found.mae_accuracy_gain == pytest.approx(0.035)
    silent = score_of(values("truth_posterior", [0.3, 0.5, 0.7, 0.8], gains=[0.1] * 4))
    assert (silent.mae_accuracy, silent.mae_accuracy_gain) == (None, None)


def test_first_choices_by_each_order_are_compared_by_the_accuracy_that_they_lose():
    said = values("truth_posterior", [0.3, 0.2, 0.7, 0.8], gains=[0.1, 0.1, 0.4, 0.1])
    measured = ACCURACY.mean(axis=1)
    for i, one in enumerate(said["truth_posterior"]):
        told = {"weak_accuracy": 0.5, "w2s_accuracy": float(measured[i])}
        said["truth_posterior"][i] = dataclasses.replace(one, details={**one.details, **told})
    found = score_of(said)
    assert found.spearman_accuracy == pytest.approx(1.0)
    assert found.regret_accuracy == 0.0
    assert found.accuracy_lost_by_error == pytest.approx(measured.max() - measured[1])
    assert found.accuracy_lost_by_gain == pytest.approx(measured.max() - measured[2])
    silent = score_of(values("cka", [0.1, 0.2, 0.3, 0.9]))
    assert (silent.spearman_accuracy, silent.regret_accuracy, silent.accuracy_lost_by_gain) == (None,) * 3
    assert silent.accuracy_lost_by_error == pytest.approx(measured.max() - measured[3])


def test_what_speaks_of_no_outcome_is_compared_with_the_error_as_an_order_only():
    found = score_of(values("calibration_bounds", [0.1, 0.2, 0.3, 0.4]))
    assert found.spearman_error == pytest.approx(1.0)
    assert found.predicts == "nothing"
    assert (found.spearman_gain, found.mae_error, found.mae_gain, found.spearman_weak) == (None,) * 4
    assert score_of(values("error_floor", [0.1, 0.2, 0.3, 0.4])).mae_error is None


def test_candidates_without_a_value_are_left_out_and_counted():
    found = score_of(values("misfit_selection", [None, 0.2, 0.3, 0.4]))
    assert found.scored == 3
    assert found.spearman_error == pytest.approx(1.0)
    assert found.mae_error == pytest.approx(0.4)
    # Its first choice is b, which loses 0.2 against a, of which it knows nothing.
    assert found.regret == pytest.approx(0.2)
    gained = score_of(values("misfit", [0.1, None, 0.2, 0.0]))
    assert gained.regret_gain == pytest.approx(0.3)
    assert scores([ranked(values("misfit", [None] * 4))], [OUTCOMES], NAMES) == ()


def test_first_choices_that_tie_are_averaged_and_a_constant_has_none():
    assert score_of(values("misfit_selection", [0.1, 0.1, 0.3, 0.4])).regret == pytest.approx(0.1)
    flat = score_of(values("misfit_selection", [0.1] * 4))
    assert (flat.regret, flat.spearman_error, flat.kendall_error, flat.weighted_tau_error) == (None,) * 4


def test_several_rankings_are_averaged_for_orders_and_paired_for_errors():
    parts = [OUTCOMES.of_split(0), OUTCOMES.of_split(1)]
    stated = [values("misfit_selection", list(W2S[:, i] + 0.1)) for i in (0, 1)]
    (found,) = scores([ranked(one) for one in stated], parts, NAMES)
    assert found.mae_error == pytest.approx(0.1)
    assert found.spearman_error == pytest.approx(1.0)
    half = [values("misfit_selection", [None, 0.6, 0.7, 1.0]), values("misfit_selection", [0.5, None, 0.9, 1.0])]
    (found,) = scores([ranked(one) for one in half], parts, NAMES)
    assert found.scored == 4
    assert found.mae_error == pytest.approx(0.1)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_reports_what_its_value_speaks_of(name):
    assert predicted(ESTIMATORS[name]) in ("w2s_error", "gain", "weak_error", "nothing")


def test_what_reports_nothing_speaks_of_the_error():
    assert not isinstance(find("cka"), PredictsOutcome)
    assert predicted(find("cka")) == "w2s_error"
    speaks = {name for name in ESTIMATORS if predicted(ESTIMATORS[name]) == "gain"}
    assert speaks >= {"misfit", "kl_misfit", "reverse_kl_misfit", "smoother_gain", "ambiguity", "refinement"}
