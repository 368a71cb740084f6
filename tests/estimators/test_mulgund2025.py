"""Bregman misfits against mixtures fitted by a general solver, their direction, and where they do not apply."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from predictor.estimators.mulgund2025 import BregmanMisfit, Projection
from predictor.estimators.problem import Case
from predictor.estimators.weak_probabilities import weak_outputs
from predictor.heads.bregman import ENTROPY, LOGISTIC
from tests.estimators.cases import below_zero, case_with, predictions, shown, task, teachers
from tests.heads.test_bregman import CLOSED
from tests.reference.divergent import make, mixed

FORMS = ("logistic", "squared", "itakura_saito")


@pytest.mark.parametrize(
    ("form", "given", "classes"),
    [
        ("logistic", "probabilities", 2),
        ("logistic", "probabilities", 3),
        ("squared", "probabilities", 3),
        ("squared", "positive", 2),
        ("itakura_saito", "positive", 2),
    ],
)
def test_the_misfit_is_that_of_the_best_mixture_of_fixed_predictors(form, given, classes):
    case = make(classes, given)
    (found,) = BregmanMisfit(form).estimate(case)
    columns = slice(1, None) if form == "logistic" and classes == 2 else slice(None)
    weak, student, fitted = mixed(case, f"bregman_misfit_{form}", given, CLOSED[form], columns)
    unit = case.weak_labels["w"].mean() ** 2 if (form, given) == ("squared", "positive") else 1.0
    assert found.value == pytest.approx(unit * np.sum(CLOSED[form](student, weak), axis=1).mean(), rel=2e-2)
    assert found.details["fitted"] == pytest.approx(unit * fitted, rel=1e-2)
    assert found.details["optimality_gap"] < 1e-6 * unit


def test_for_two_classes_the_logistic_misfit_is_the_reverse_kl_misfit():
    (outputs,) = weak_outputs(make(2))
    logistic_loss, kl = (Projection.of(outputs, g, np.random.default_rng(0)) for g in (LOGISTIC, ENTROPY))
    np.testing.assert_allclose(logistic_loss.distance, kl.distance, atol=1e-4)
    assert logistic_loss.fitted == pytest.approx(kl.fitted, abs=1e-6)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_more_noise_that_no_feature_explains_gives_more_misfit(form, kind):
    strong, weak = teachers((0.1, 0.1, 0.1))
    values = task(strong, kind, noise=0.0)
    given = {f"t{i}": predictions(values, kind, s) for i, s in enumerate((0.2, 1.0, 3.0))}
    found = [e.value for e in BregmanMisfit(form).estimate(Case(strong, weak, None, given))]
    assert np.all(np.diff(found) > 0)


def test_positive_outputs_have_squared_and_relative_misfits_but_no_logistic_one():
    strong, weak = teachers((0.1,))
    given = np.exp(task(strong) / 4.0)[:, None]
    case = Case(strong, weak, shown(given[:, 0]), {"t0": given})
    for form, unit, degree in (("squared", "squared label units", 2), ("itakura_saito", "nats", 0)):
        (found,) = BregmanMisfit(form).estimate(case)
        assert found.value > 0.0
        assert found.unit == unit
        scaled = dataclasses.replace(case, labels=shown(7.0 * given[:, 0]), weak_labels={"t0": 7.0 * given})
        assert BregmanMisfit(form).estimate(scaled)[0].value == pytest.approx(7.0**degree * found.value, rel=1e-6)
    (absent,) = BregmanMisfit("logistic").estimate(case)
    assert absent.value is None
    assert absent.note == "its weak labels are no class probabilities, so that the logistic loss does not exist"


@pytest.mark.parametrize("form", FORMS)
def test_labels_that_are_neither_are_absent_with_the_reason(form):
    below = below_zero(case_with("few_labels", kind="regression"))
    for found in BregmanMisfit(form).estimate(below):
        assert found.value is None
        assert found.note == "its weak labels are neither class probabilities nor positive outputs"
    for found in BregmanMisfit(form).estimate(case_with("representations")):
        assert found.note == "needs --weak-labels for this candidate, or --labels"


def test_the_interval_is_that_of_a_mean_over_rows():
    case = make(3)
    (outputs,) = weak_outputs(case)
    (found,) = BregmanMisfit("squared").estimate(case)
    assert found.high - found.value == pytest.approx(found.value - found.low)
    assert 0.0 < found.high - found.value < 1.645 * np.sqrt(2.0) / np.sqrt(len(outputs.weak))
