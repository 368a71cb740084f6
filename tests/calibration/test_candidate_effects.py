"""Effects of single candidates move a ranking, with their standard errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import predictor
from predictor.calibration.calibration import Calibration
from predictor.calibration.random_effects import PRIOR_TASKS, of_candidates
from predictor.calibration.store import CalibrationStore
from predictor.estimators.problem import Case, Representation
from predictor.estimators.registry import ESTIMATORS
from predictor.ranking.candidate_effects import CandidateEffects
from predictor.ranking.ordering import order
from tests.calibration.simulated import calibration


@pytest.fixture
def arrays(tmp_path, monkeypatch) -> dict[str, object]:
    monkeypatch.setenv("W2S_STATE_DIR", str(tmp_path))
    rng = np.random.default_rng(6)
    hidden = rng.standard_normal((150, 6))
    weak = {f"w{c}": hidden + (0.4 + 0.05 * c) * rng.standard_normal((150, 6)) for c in range(3)}
    return {"strong": hidden, "weak": weak}


def student_labels(**random_effects: float) -> Calibration:
    """A calibration with these random effects in its error and gain, and lines that change nothing."""
    whole = calibration(estimators=("truth",), accuracies=False)
    fits = (
        replace(fit, line=replace(fit.line, intercept=0.0, slope=1.0), random_effects=random_effects)
        for fit in whole.fits
    )
    return replace(whole, fits=tuple(fits))


def test_a_known_candidate_moves_in_the_order_and_unknown_callers_stay(arrays):
    store = CalibrationStore()
    store.put(student_labels())
    plain = predictor.rank(**arrays, calibration="past")
    assert [one.name for one in plain.candidates] == ["w0", "w1", "w2"]
    store.put(student_labels(w2=-0.3, absent=0.7))
    moved = predictor.rank(**arrays, calibration="past")
    assert [one.name for one in moved.candidates] == ["w2", "w0", "w1"]
    before, after = ({one.name: one for one in answer.candidates} for answer in (plain, moved))
    assert after["w2"].p_best > before["w2"].p_best
    assert after["w2"].predicted_w2s_error.value == pytest.approx(before["w2"].predicted_w2s_error.value - 0.3)
    assert after["w2"].predicted_gain.value == pytest.approx(before["w2"].predicted_gain.value - 0.3)
    assert after["w1"].predicted_w2s_error == before["w1"].predicted_w2s_error
    for name, one in after.items():
        assert one.estimates == before[name].estimates
        assert one.diagnostics["above_null"] == before[name].diagnostics["above_null"]
    assert moved.null == plain.null
    stated = [warning for warning in moved.warnings if "known from past outcomes" in warning]
    assert len(stated) == 1
    assert "1 of 3 candidates are known" in stated[0]
    assert "the predicted error, 0.300 label variance at most, and to the predicted gain, 0.300" in stated[0]
    assert not any("known from past outcomes" in warning for warning in plain.warnings)


def test_errors_and_gains_move_by_effects_of_each(arrays):
    store = CalibrationStore()
    store.put(student_labels())
    before = {one.name: one for one in predictor.rank(**arrays, calibration="past").candidates}
    whole = student_labels()
    moves = {"w2s_error": {"w1": 0.2}, "gain": {"w2": 0.1}}
    store.put(replace(whole, fits=tuple(replace(fit, random_effects=moves[fit.target]) for fit in whole.fits)))
    for one in predictor.rank(**arrays, calibration="past").candidates:
        error = one.predicted_w2s_error.value - before[one.name].predicted_w2s_error.value
        gain = one.predicted_gain.value - before[one.name].predicted_gain.value
        assert error == pytest.approx(0.2 if one.name == "w1" else 0.0, abs=1e-12)
        assert gain == pytest.approx(0.1 if one.name == "w2" else 0.0, abs=1e-12)


def test_effects_is_as_unsure_as_habits_are():
    """Two candidates are one model: what is known of the first is no certainty that the second is the better one."""
    effects = {"a": 0.02, "b": -0.01, "absent": 0.03}
    moves, errors = of_candidates(effects, {"a": 4, "b": 6}, ["a", "unknown", "absent"])
    spread = np.sqrt((0.02**2 + 0.01**2 + 0.03**2) / (4 / 6 + 6 / 8 + 1 / 3))
    assert moves.tolist() == [0.02, 0.0, 0.03]
    assert errors == pytest.approx([spread * np.sqrt(PRIOR_TASKS / 6), spread, spread * np.sqrt(PRIOR_TASKS / 3)])
    assert not of_candidates({"absent": 0.03}, {"absent": 9}, ["a", "b"])[1].any()
    moves, errors = moves[:2], errors[:2]
    rng = np.random.default_rng(6)
    hidden = rng.standard_normal((90, 4))
    twin = hidden + 0.5 * rng.standard_normal((90, 4))
    case = Case(Representation("s", hidden), (Representation("a", twin), Representation("unknown", twin)))
    effects = CandidateEffects("truth", moves, 0.0 * moves, errors, 0.0 * errors)
    found = order(ESTIMATORS["combined"], case, "w2s_error", effects=effects)
    assert found.standing.rank.tolist() == [2, 1]
    assert 0.1 < found.standing.p_best[0] < 0.4


def test_what_is_left_unknown_is_as_large_as_it_is_reported_to_be():
    """Habits of spread 1 under noise of λ times their variance, each seen on 1 to 9 tasks."""
    rng = np.random.default_rng(0)
    habits, times = rng.standard_normal(4000), rng.integers(1, 10, 4000)
    seen = habits + rng.standard_normal(4000) * np.sqrt(PRIOR_TASKS / times)
    names = [str(c) for c in range(4000)]
    effects = dict(zip(names, seen * times / (times + PRIOR_TASKS), strict=True))
    moves, errors = of_candidates(effects, dict(zip(names, times.tolist(), strict=True)), [*names, "unknown"])
    assert errors[-1] == pytest.approx(1.0, abs=0.05)
    for n in (1, 4, 9):
        missed = (habits - moves[:-1])[times == n]
        assert np.std(missed) == pytest.approx(errors[:-1][times == n][0], rel=0.1)


def test_by_gain_it_is_the_gain_that_moves(arrays):
    store = CalibrationStore()
    store.put(student_labels())
    before = predictor.rank(**arrays, calibration="past", rank_by="gain").candidates[-1]
    last = before.name
    store.put(student_labels(**{last: 5.0}, **{f"absent {i}": 0.0 for i in range(40)}))
    by_error = predictor.rank(**arrays, calibration="past")
    by_gain = predictor.rank(**arrays, calibration="past", rank_by="gain")
    assert by_error.candidates[-1].name == last
    assert by_gain.candidates[0].name == last
    assert by_gain.candidates[0].p_best > before.p_best + 0.3
    assert {one.diagnostics["above_null"] for one in by_error.candidates} == {1.0}


def test_effects_of_another_forecaster_moves_nothing():
    rng = np.random.default_rng(6)
    hidden = rng.standard_normal((90, 4))
    weak = tuple(Representation(f"w{c}", hidden + 0.5 * rng.standard_normal((90, 4))) for c in range(3))
    case, estimator = Case(Representation("s", hidden), weak), ESTIMATORS["combined"]
    plain = order(estimator, case, "w2s_error")
    zero, far = np.zeros(3), np.array([5.0, 0.0, -5.0])
    other = order(estimator, case, "w2s_error", effects=CandidateEffects("truth_posterior", far, zero, zero, zero))
    own = order(estimator, case, "w2s_error", effects=CandidateEffects("truth", far, zero, zero, zero))
    assert other.standing.rank.tolist() == plain.standing.rank.tolist()
    assert own.standing.rank.tolist() == [3, 2, 1]
