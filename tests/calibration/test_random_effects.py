"""Effects of single candidates: by hand, and in simulations with and without effects."""

from __future__ import annotations

import json

import numpy as np
import pytest

from predictor.calibration.backtest import backtest
from predictor.calibration.calibrate import calibrate
from predictor.calibration.calibration import Calibration
from predictor.calibration.fit import fit_line
from predictor.calibration.random_effects import PRIOR_TASKS, RandomEffects
from predictor.outcomes.outcome import Outcome
from tests.calibration.simulated import calibration

TASKS, CANDIDATES = 8, 6


def random_effects(x, y, tasks, weak, rivals=None):
    rivals = tasks if rivals is None else rivals
    return RandomEffects.of(
        *(np.asarray(part) for part in (x, y, tasks, rivals, weak)), (max(tasks) + 1, max(weak) + 1)
    )


def world(seed: int, habit: float, tasks: int = TASKS):
    """x, y, task and candidate of heats in which candidate c does `habit` times a number of its own beyond x."""
    rng = np.random.default_rng(seed)
    own = habit * rng.standard_normal(CANDIDATES)
    x = rng.standard_normal((tasks, CANDIDATES))
    y = x + own + rng.standard_normal((tasks, 1)) + 0.5 * rng.standard_normal((tasks, CANDIDATES))
    return x.ravel(), y.ravel(), np.repeat(np.arange(tasks), CANDIDATES), np.tile(np.arange(CANDIDATES), tasks), own


def outcomes(habit: float = 0.05, unit: str = "label variance", tasks: int = TASKS) -> list[Outcome]:
    x, y, task, weak, _ = world(0, habit / 0.05, tasks)
    return [
        Outcome(
            f"task {t}",
            "strong",
            f"w{c}",
            unit=unit,
            weak_error=0.6 + 0.05 * b,
            w2s_error=0.5 + 0.05 * b,
            predicted={"label_prior_simulation": {"value": 0.5 + 0.05 * a}},
        )
        for a, b, t, c in zip(x, y, task, weak, strict=True)
    ]


def test_residuals_and_what_is_effects_of_them_by_hand():
    #            task 0: a, b, c       task 1: a, b       task 2: a alone
    x = [1.0, 2.0, 3.0, 0.0, 0.0, 9.0]
    y = [1.5, 1.5, 3.0, 5.0, 4.0, 0.0]
    found = random_effects(x, y, [0, 0, 0, 1, 1, 2], [0, 1, 2, 0, 1, 0])
    assert found.residuals == pytest.approx(np.array([[0.5, -0.5, 0.0], [0.5, -0.5, 0.0], [0.0, 0.0, 0.0]]))
    assert found.seen.tolist() == [[True, True, True], [True, True, False], [False, False, False]]
    assert found._from_others(None)[0] == pytest.approx([0.5 / (1 + PRIOR_TASKS), -0.5 / (1 + PRIOR_TASKS), 0.0])
    assert found._from_others(None)[2] == pytest.approx([1.0 / (2 + PRIOR_TASKS), -1.0 / (2 + PRIOR_TASKS), 0.0])
    assert found._from_others(0)[1] == pytest.approx([0.0, 0.0, 0.0])


def test_students_of_one_task_are_rivals_apart_and_count_as_one_task():
    x, y = np.zeros(4), np.array([1.0, 0.0, 30.0, 20.0])
    found = random_effects(x, y, np.zeros(4, int), [0, 1, 0, 1], rivals=np.array([0, 0, 1, 1]))
    assert found.residuals == pytest.approx(np.array([[2.75, -2.75]]))
    assert [group.task for group in found.groups] == [0, 0]


def test_the_level_of_a_task_is_no_effect():
    x, y, tasks, weak, _ = world(1, 1.0)
    shifted = random_effects(x + 7.0 * tasks, y - 3.0 * tasks, tasks, weak)
    assert shifted.of_new_tasks() == pytest.approx(random_effects(x, y, tasks, weak).of_new_tasks())


def test_what_a_candidate_always_does_is_found_and_shrunk():
    x, y, tasks, weak, own = world(2, 1.0, 40)
    found = random_effects(x, y, tasks, weak)
    assert found.pay()
    assert found.of_new_tasks() == pytest.approx(found.residuals.sum(axis=0) / (40 + PRIOR_TASKS), abs=1e-12)
    assert found.of_new_tasks() == pytest.approx((own - own.mean()) * 40 / (40 + PRIOR_TASKS), abs=0.2)


@pytest.mark.parametrize(("habit", "least", "most"), [(0.0, 0, 20), (1.0, 95, 100)])
def test_habits_pay_and_their_absence_seldom_seems_to(habit, least, most):
    paid = sum(random_effects(*world(seed, habit)[:4]).pay() for seed in range(100))
    assert least <= paid <= most


def test_where_it_does_not_pay_nothing_is_added():
    x, y, tasks, weak, _ = world(0, 0.0)
    found = random_effects(x, y, tasks, weak)
    assert not found.pay()
    assert not found.effects().any()
    assert not found.of_new_tasks().any()


def test_a_single_task_teaches_nothing():
    x, y, tasks, weak, _ = world(0, 1.0, 1)
    assert not random_effects(x, y, tasks, weak).pay()


def test_neither_a_task_of_its_own_nor_the_one_left_out_is_looked_at():
    x, y, tasks, weak, _ = world(3, 1.0)
    plain = random_effects(x, y, tasks, weak)
    changed = y.copy()
    changed[tasks == 2] += 50.0 * np.random.default_rng(0).standard_normal(CANDIDATES)
    turned = random_effects(x, changed, tasks, weak)
    assert turned.pay(2) == plain.pay(2)
    assert turned.effects(2) == pytest.approx(plain.effects(2))
    assert turned._from_others(None)[2] == pytest.approx(plain._from_others(None)[2])
    assert turned._from_others(None)[3] != pytest.approx(plain._from_others(None)[3])


def test_whether_it_pays_is_asked_without_the_task_left_out():
    """One task on which every habit is turned round, and far: with it nothing pays, without it everything does."""
    x, y, tasks, weak, own = world(1, 1.0, 5)
    y[tasks == 2] -= 40.0 * own
    found = random_effects(x, y, tasks, weak)
    assert not found.pay()
    assert found.pay(2)
    assert found.effects(2)[2] == pytest.approx(found._from_others(2)[2])
    assert found.effects(2).any()


def test_the_backtest_fits_and_scores_with_what_other_tasks_trained():
    x, y, tasks, weak, _ = world(4, 1.0)
    found = random_effects(x, y, tasks, weak)
    tested = backtest(x, y, tasks, same_unit=True, without=lambda task: x + found.effects(task)[tasks, weak])
    plain = backtest(x, y, tasks, same_unit=True)
    errors = []
    for task in range(TASKS):
        moved, held = x + found.effects(task)[tasks, weak], tasks == task
        line = fit_line(moved[~held], y[~held], tasks[~held], same_unit=True, min_tasks=3)
        errors.append(np.abs(y[held] - line.intercept - line.slope * moved[held]).mean())
    assert tested.mae == pytest.approx(np.mean(errors))
    assert plain.order == plain.order_as_predicted == tested.order_as_predicted
    assert tested.order > plain.order + 0.1
    assert tested.mae < plain.mae


def test_tasks_with_one_candidate_have_no_order():
    rng = np.random.default_rng(0)
    tested = backtest(rng.normal(size=5), rng.normal(size=5), np.arange(5), same_unit=True)
    assert tested.order is None
    assert tested.order_as_predicted is None


def test_a_calibration_stores_what_it_effects_and_reports_what_that_was_worth():
    found = calibrate("past", outcomes())
    fit = found.fit_of("label_prior_simulation", "w2s_error")
    _, _, _, _, own = world(0, 1.0)
    reported = [fit.random_effects[f"w{c}"] for c in range(CANDIDATES)]
    assert np.corrcoef(reported, own)[0, 1] > 0.8
    assert fit.met == {f"w{c}": TASKS for c in range(CANDIDATES)}
    assert fit.backtest.order > fit.backtest.order_as_predicted + 0.05
    assert Calibration.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_the_line_of_a_calibration_starts_from_what_other_tasks_trained():
    made = outcomes()
    fit = calibrate("past", made).fit_of("label_prior_simulation", "w2s_error")
    x = np.array([one.predicted["label_prior_simulation"]["value"] for one in made])
    y, tasks = np.array([one.w2s_error for one in made]), np.repeat(np.arange(TASKS), CANDIDATES)
    weak = np.tile(np.arange(CANDIDATES), TASKS)
    effects = random_effects(x, y, tasks, weak).effects()
    assert effects.any()
    assert fit.line == fit_line(x + effects[tasks, weak], y, tasks, same_unit=True)


def test_what_tells_two_students_apart_is_no_candidates_doing():
    """Each student has teachers of its own, and the second errs by 0.2 more whichever teacher it has."""
    rng = np.random.default_rng(0)
    made = [
        Outcome(
            f"task {task}",
            f"strong {c // 2}",
            f"w{c}",
            w2s_error=(value := 0.5 + 0.01 * rng.standard_normal()) + 0.2 * (c // 2),
            predicted={"label_prior_simulation": {"value": value}},
        )
        for task in range(6)
        for c in range(4)
    ]
    assert calibrate("past", made).fit_of("label_prior_simulation", "w2s_error").random_effects == {}


def test_a_calibration_learns_of_candidates_only_in_the_unit_of_their_predictions():
    fit = calibrate("past", outcomes(unit="error rate")).fit_of("label_prior_simulation", "w2s_error")
    assert fit.unit == "error rate"
    assert fit.random_effects == {}


def test_a_calibration_from_before_candidates_were_known_is_read():
    old = calibration().to_dict()
    for fit in old["fits"]:
        del fit["random_effects"], fit["backtest"]["order"], fit["backtest"]["order_as_predicted"]
    back = Calibration.from_dict(old)
    assert [fit.random_effects for fit in back.fits] == [{}] * len(back.fits)
    assert back.fits[0].backtest.order is None
