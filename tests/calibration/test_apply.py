"""A calibrated ranking: its values are measured ones, its order is the one that it had."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest

import predictor
from predictor.calibration.apply import calibrated, fits_for
from predictor.calibration.calibration import Calibration
from predictor.calibration.store import CalibrationStore
from predictor.errors import InputError, NotFoundError
from predictor.query.labels import Kind
from predictor.results.candidate import Candidate, Estimate, Failure, Interval
from predictor.results.ranking import NullBand, Provenance, Ranking, StrongModel
from tests.calibration.simulated import calibration


def applied(before: Ranking, past: Calibration, forecaster: str | None, kind: Kind | None) -> Ranking:
    return calibrated(before, past, forecaster, kind, *fits_for(past, forecaster, kind))


def candidate(name: str, rank: int, error: float, gain: float, **details: float) -> Candidate:
    return Candidate(
        name,
        "ok",
        rank,
        rank,
        rank,
        0.5,
        1,
        Interval(error, error - 0.01, error + 0.01, "label variance"),
        Interval(gain, gain - 0.01, gain + 0.01, "label variance"),
        Interval(0.5, 0.4, 0.6, "fraction"),
        estimates={"misfit": Estimate(0.1, "higher", details=details)},
    )


def ranking(**details: float) -> Ranking:
    broken = Candidate("c", "failed", error=Failure("NOT_FOUND", "MODEL_NOT_FOUND", "gone"))
    return Ranking(
        "w2s_error",
        "few_labels",
        200,
        "ab" * 32,
        StrongModel("s", "6", 8, "cd" * 32),
        (candidate("a", 1, 0.4, 0.1, **details), candidate("b", 2, 0.5, -0.02, **details), broken),
        NullBand(0.9, 0.85, 0.95, "label variance", 2),
        Provenance({}, 0, {"seed": 0}),
        ("before",),
    )


def fixed(**lines: tuple[float, float, float]) -> Calibration:
    """A calibration with given (intercept, slope, spread) per target."""
    whole = calibration(estimators=("truth_posterior",))
    fits = [
        replace(fit, line=replace(fit.line, intercept=a, slope=b, spread=c, low=-1.0, high=1.0))
        for fit in whole.fits
        if fit.target in lines
        for a, b, c in [lines[fit.target]]
    ]
    return replace(whole, fits=tuple(fits))


def near(value: float, low: float, high: float, unit: str) -> Interval:
    return Interval(*(pytest.approx(number) for number in (value, low, high)), unit)


LINES = {"w2s_error": (0.1, 0.5, 0.05), "gain": (0.0, 0.25, 0.1), "accuracy_gain": (1.0, 40.0, 3.0)}


@pytest.mark.parametrize("name", ["truth_posterior", "combined"])
def test_a_fit_on_predicted_accuracies_starts_from_those(name):
    fits = tuple(replace(fit, given="accuracy_gain") for fit in fixed(accuracy_gain=(1.0, 0.5, 3.0)).fits)
    past = replace(fixed(**LINES), fits=fits)
    plain = ranking()
    reported = Estimate(0.4, "lower", "label variance", details={"weak_accuracy": 0.7, "w2s_accuracy": 0.74})
    first = replace(plain.candidates[0], estimates={name: reported})
    found = applied(replace(plain, candidates=(first, *plain.candidates[1:])), past, "truth_posterior", "binary")
    assert found.candidates[0].predicted_gain == near(3.0, 0.0, 6.0, "accuracy points")
    assert found.candidates[1].predicted_gain is None
    assert any("1 predicted gain(s) are outside the -1.00 to 1.00" in warning for warning in found.warnings)


def test_errors_gains_and_null_are_mapped_by_hand():
    found = applied(ranking(), fixed(**LINES), "truth_posterior", "binary")
    first, second, broken = found.candidates
    assert first.predicted_w2s_error == near(0.3, 0.25, 0.35, "label variance")
    assert first.predicted_gain == near(5.0, 2.0, 8.0, "accuracy points")
    assert second.predicted_gain == near(0.2, -2.8, 3.2, "accuracy points")
    assert first.predicted_pgr is None
    assert broken == ranking().candidates[2]
    assert found.null == NullBand(pytest.approx(0.55), pytest.approx(0.525), pytest.approx(0.575), "label variance", 2)
    assert found.evidence == "calibrated"
    assert found.provenance.request["calibration"] == fixed(**LINES).reference


def test_the_order_and_what_the_estimators_reported_stay():
    before, after = ranking(), applied(ranking(), fixed(**LINES), "truth_posterior", None)
    for one, other in zip(before.candidates, after.candidates, strict=True):
        kept = ("name", "rank", "rank_low", "rank_high", "p_best", "tie_group", "estimates", "warnings")
        assert [getattr(one, name) for name in kept] == [getattr(other, name) for name in kept]


def test_the_accuracy_gain_is_clipped_to_the_disagreement_that_was_counted():
    found = applied(ranking(disagreement=0.03), fixed(**LINES), "truth_posterior", "binary").candidates[0]
    share, z = 0.03, 1.645**2 / 200
    cap = 100 * (share + z / 2 + math.sqrt(z * share * (1 - share) + z**2 / 4)) / (1 + z)
    assert 5.0 < cap < 8.0
    assert found.predicted_gain == near(5.0, 2.0, cap, "accuracy points")
    never = applied(ranking(disagreement=0.0), fixed(**LINES), "truth_posterior", "binary").candidates[0]
    assert never.predicted_gain.value == pytest.approx(100 * z / (1 + z))
    assert never.predicted_gain.low == pytest.approx(100 * z / (1 + z))
    losing = fixed(accuracy_gain=(-9.0, 0.0, 1.0))
    lost = applied(ranking(disagreement=0.0), losing, "truth_posterior", None)
    assert lost.candidates[0].predicted_gain.high == pytest.approx(-100 * z / (1 + z))


def test_the_logistic_students_disagreement_serves_where_the_ridge_students_was_not_counted():
    one = ranking()
    bounds = {"gain_bounds": Estimate(1.0, "higher", details={"accuracy_gain_cap": 0.0})}
    one = replace(one, candidates=tuple(replace(c, estimates=bounds) for c in one.candidates[:2]))
    found = applied(one, fixed(**LINES), "truth_posterior", "binary").candidates[0]
    assert found.predicted_gain.value < 2.0


def test_no_error_is_negative_and_no_gain_beyond_a_hundred_points():
    far = fixed(w2s_error=(-1.0, 1.0, 0.7), accuracy_gain=(99.0, 40.0, 3.0))
    found = applied(ranking(), far, "truth_posterior", None)
    assert found.candidates[0].predicted_w2s_error == near(0.0, 0.0, 0.1, "label variance")
    assert found.candidates[0].predicted_gain.high == 100.0
    assert found.null.value == 0.0


def test_labels_that_are_numbers_get_no_accuracy():
    found = applied(ranking(), fixed(**LINES), "truth_posterior", "regression").candidates[0]
    assert found.predicted_gain == near(0.025, -0.075, 0.125, "label variance")
    with pytest.raises(InputError, match="has fits of accuracy only, and these labels are numbers"):
        fits_for(fixed(accuracy_gain=(1, 40, 3)), "truth_posterior", "regression")


def test_what_was_not_fitted_stands_as_predicted_and_is_reported_to():
    found = applied(ranking(), fixed(w2s_error=LINES["w2s_error"]), "truth_posterior", "binary")
    assert found.candidates[0].predicted_gain == ranking().candidates[0].predicted_gain
    assert "too few outcomes with a measured gain: it stays as predicted" in found.warnings


def test_the_reader_is_reported_what_it_rests_on_and_where_it_does_not_reach():
    sure = fixed(**LINES)
    found = applied(ranking(), sure, "truth_posterior", "binary")
    assert found.warnings == (
        "before",
        f"calibrated by {sure.reference}: 30 outcomes of 6 tasks, students trained by ridge; intervals are valid for "
        "other tasks of the same kind only",
    )
    flat = replace(sure, fits=tuple(replace(fit, line=replace(fit.line, slope=0.0, low=0.6)) for fit in sure.fits))
    stated = "\n".join(applied(ranking(), flat, "truth_posterior", "binary").warnings)
    assert "the predicted error carried no information in past outcomes: all candidates get their mean" in stated
    assert "2 predicted error(s) are outside the 0.60 to 1.00 of the calibration's own tasks" in stated


@pytest.mark.parametrize(
    ("recipe", "kind", "heads", "stated"),
    [
        ("logistic", "binary", "logistic", ""),
        (
            "logistic",
            "binary",
            "ridge",
            "trained by logistic, predicted as logistic heads, and these are predicted as ridge",
        ),
        ("lora", "multiclass", "ridge", "trained by lora, predicted as logistic heads.*give --heads logistic"),
        ("lora", "regression", "ridge", ""),
        ("ridge", "binary", "logistic", "give --heads ridge"),
    ],
)
def test_predictions_for_other_heads_than_those_fitted_on_are_reported_to_be(recipe, kind, heads, stated):
    asked = replace(ranking(), provenance=Provenance({}, 0, {"training": {"heads": heads}}))
    made = replace(fixed(w2s_error=LINES["w2s_error"]), recipe=recipe)
    reported = [one for one in applied(asked, made, "truth_posterior", kind).warnings if "--heads" in one]
    assert len(reported) == bool(stated)
    assert all(re.search(stated, one) for one in reported)


@pytest.mark.parametrize("forecaster", ["truth", None])
def test_a_calibration_of_other_predictions_is_refused(forecaster):
    with pytest.raises(InputError, match="was fitted on predictions of truth_posterior, and ") as caught:
        fits_for(fixed(**LINES), forecaster, None)
    assert caught.value.reason == "CALIBRATION_UNSUITED"


@pytest.fixture
def arrays(tmp_path, monkeypatch) -> dict[str, object]:
    monkeypatch.setenv("W2S_STATE_DIR", str(tmp_path))
    rng = np.random.default_rng(5)
    hidden = rng.standard_normal((150, 6))
    weak = {"near": hidden[:, :5] + 0.1 * rng.standard_normal((150, 5)), "far": rng.standard_normal((150, 5))}
    labels = [str(int(value > 0)) if row % 2 else None for row, value in enumerate(hidden[:, 0] + hidden[:, 1])]
    return {"strong": hidden, "weak": weak, "labels": labels}


def untimed(ranking: Ranking) -> Ranking:
    return replace(ranking, candidates=tuple(replace(one, timings={}) for one in ranking.candidates))


def test_rank_takes_a_calibration_by_name(arrays):
    CalibrationStore().put(calibration())
    plain = predictor.rank(**arrays)
    found = predictor.rank(**arrays, calibration="past")
    line = calibration().fit_of("truth_posterior", "accuracy_gain").line
    assert (plain.evidence, found.evidence) == ("few_labels", "calibrated")
    assert [one.name for one in plain.candidates] == [one.name for one in found.candidates]
    for raw, shown in zip(plain.candidates, found.candidates, strict=True):
        cap = 100.0 * raw.estimates["misfit"].details["disagreement"]
        assert shown.predicted_gain.unit == "accuracy points"
        assert shown.predicted_gain.value == pytest.approx(line.at(raw.predicted_gain.value)) or cap < 20.0
        assert shown.p_best == raw.p_best
    again = predictor.predict(**arrays, calibration=calibration().reference)
    assert untimed(again) == untimed(found)


def test_rank_refuses_what_it_cannot_use_before_it_reads_a_model(arrays):
    with pytest.raises(NotFoundError, match="there is no calibration 'past'"):
        predictor.rank(**arrays, calibration="past")
    CalibrationStore().put(calibration(estimators=("truth",)))
    with pytest.raises(InputError, match="truth_posterior makes this order"):
        predictor.rank(**arrays | {"strong": "./no-such-model"}, pool=["x"] * 150, calibration="past")
    with pytest.raises(InputError, match="this order is made by no predicted outcome"):
        predictor.rank(**arrays, calibration="past", estimators=["cka"])
    assert predictor.rank(**arrays | {"labels": None}, calibration="past").evidence == "calibrated"
