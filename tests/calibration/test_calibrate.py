"""Calibrations: what they are made of, how they are recorded, and when they are refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from predictor.calibration.calibrate import calibrate
from predictor.calibration.calibration import Calibration
from predictor.calibration.store import CalibrationStore
from predictor.errors import InputError, NotFoundError, UnavailableError
from tests.calibration.simulated import calibration, outcomes


def test_the_fits_find_the_truth_of_a_known_world():
    found = calibration(tasks=12, candidates=8, random_effect=0.01, noise=0.002)
    assert [(fit.estimator, fit.target, fit.unit) for fit in found.fits] == [
        (estimator, target, unit)
        for estimator in ("truth", "truth_posterior")
        for target, unit in (
            ("w2s_error", "label variance"),
            ("gain", "label variance"),
            ("accuracy_gain", "accuracy points"),
        )
    ]
    error, gain, points = (
        found.fit_of("truth_posterior", "w2s_error"),
        found.fit_of("truth_posterior", "gain"),
        found.fit_of("truth_posterior", "accuracy_gain"),
    )
    assert (error.line.slope, error.line.intercept) == pytest.approx((0.8, 0.1), abs=0.05)
    assert gain.line.slope == pytest.approx(0.9, abs=0.02)
    assert points.line.slope == pytest.approx(50.0, abs=1.0)
    assert (points.line.tasks, points.line.outcomes) == (12, 96)
    assert error.backtest.mae < 0.3 * error.backtest.mae_mean
    assert error.backtest.mae < error.backtest.mae_as_predicted
    assert points.backtest.mae_as_predicted is None
    assert found.tasks == tuple(sorted(f"task {i}" for i in range(12)))


def test_gains_in_accuracy_are_fitted_on_those_predicted_as_such_where_enough_tasks_have_them():
    past = calibration(tasks=12, estimators=("truth_posterior",), direct=True)
    found = past.fit_of("truth_posterior", "accuracy_gain")
    assert found.given == "accuracy_gain"
    assert found.line.slope == pytest.approx(0.8, abs=0.02)
    assert found.backtest.mae < 0.2 * found.backtest.mae_as_predicted
    some = [replace(one, predicted={"truth_posterior": {"value": 0.4, "gain": 0.1}}) for one in outcomes(tasks=3)]
    few = [replace(one, task=f"other {one.task}") for one in outcomes(tasks=3, direct=True)]
    assert calibrate("past", [*some, *few]).fit_of("truth_posterior", "accuracy_gain").given == "gain"


def test_outcomes_without_accuracies_give_no_points():
    found = calibration(accuracies=False, estimators=("truth_posterior",))
    assert [fit.target for fit in found.fits] == ["w2s_error", "gain"]


def test_only_predictions_that_make_an_order_are_fitted():
    found = calibrate("past", outcomes(estimators=("truth_posterior", "combined", "misfit_selection", "unheard_of")))
    assert {fit.estimator for fit in found.fits} == {"truth_posterior"}


def test_errors_are_fitted_in_one_unit_even_where_several_were_measured():
    mixed = [
        replace(one, unit="error rate" if one.task in ("task 0", "task 1") else "label variance")
        for one in outcomes(tasks=6)
    ]
    fit = calibrate("past", mixed).fit_of("truth_posterior", "w2s_error")
    assert (fit.unit, fit.line.tasks) == ("label variance", 4)
    rates = calibrate("past", [replace(one, unit="error rate") for one in mixed]).fit_of("truth_posterior", "w2s_error")
    assert (rates.unit, rates.line.tasks, rates.backtest.mae_as_predicted) == ("error rate", 6, None)


@pytest.mark.parametrize("tasks", [0, 1, 3])
def test_too_few_tasks_are_refused_with_what_is_there_and_what_is_needed(tasks):
    with pytest.raises(InputError, match=f"at least 4 tasks, and there are {tasks} ") as caught:
        calibrate("past", outcomes(tasks=tasks))
    assert caught.value.reason == "TOO_FEW_TASKS"
    assert f"{5 * tasks} outcome(s) are recorded, {5 * tasks} of them with predictions" in caught.value.message


def test_outcomes_without_predictions_do_not_count():
    bare = [replace(one, predicted={}) for one in outcomes(tasks=5)]
    with pytest.raises(
        InputError, match=r"there are 0 \(none\): 25 outcome\(s\) are recorded, 0 of them with predictions"
    ):
        calibrate("past", bare)


def test_recipes_are_not_mixed():
    both = outcomes(tasks=5) + outcomes(tasks=5, seed=1, recipe="lora")
    with pytest.raises(InputError, match="of recipes lora, ridge, which gain differently; name one with --recipe"):
        calibrate("past", both)
    assert calibrate("past", both, recipe="lora").recipe == "lora"
    assert calibrate("past", both, recipe="lora").fits[0].line.outcomes == 25
    with pytest.raises(InputError, match="and of recipe 'full'"):
        calibrate("past", both, recipe="full")


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../up", "a b", "ä", "x" * 65, "a@b", "a\n"])
def test_names_that_could_not_be_a_folder_are_refused(name, tmp_path):
    with pytest.raises(InputError, match="is no name of a calibration"):
        calibrate(name, outcomes())
    if "@" not in name:
        with pytest.raises(InputError, match="is no name of a calibration"):
            CalibrationStore(tmp_path).get(name)


def test_the_version_is_of_the_content_not_of_name_and_day():
    assert calibration("a").version == calibration("b").version
    assert calibration(seed=1).version != calibration(seed=2).version
    assert calibration().reference == f"past@{calibration().version}"


def test_a_stored_calibration_comes_back_and_older_versions_stay(tmp_path):
    store = CalibrationStore(tmp_path / "calibrations")
    first, second, other = calibration(seed=1), calibration(seed=2), calibration("other")
    assert store.ls() == ()
    for one in (other, first, second):
        store.put(one)
    assert store.get("past") == second
    assert store.get(first.reference) == first
    assert store.ls() == (other, second)
    assert (store.versions(), store.has(first.reference), store.has("past@000")) == (3, True, False)
    assert Calibration.from_dict(json.loads(json.dumps(second.to_dict()))) == second


def test_an_absent_or_damaged_calibration_reports_what_to_do(tmp_path):
    store = CalibrationStore(tmp_path)
    with pytest.raises(NotFoundError, match="there is no calibration 'past'; fit one with w2s calibrate past"):
        store.get("past")
    store.put(calibration())
    with pytest.raises(NotFoundError, match="there is no calibration 'past@0123'"):
        store.get("past@0123")
    with pytest.raises(InputError, match="is no name of a calibration"):
        store.get("past@../../x")
    path = tmp_path / "past" / f"{calibration().version}.json"
    path.write_text(path.read_text()[:-40])
    with pytest.raises(UnavailableError, match="'past' is damaged; fit it again"):
        store.get("past")


def test_another_schema_is_refused():
    with pytest.raises(InputError, match=r"this version reads w2s\.calibration\.v1"):
        Calibration.from_dict(calibration().to_dict() | {"schema": "w2s.calibration.v9"})
