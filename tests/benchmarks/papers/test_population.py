"""Figures of an order on hand cases."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.estimators.protocol import Forecast
from tests.benchmarks.papers.population import BOTH, STATIC, UNKNOWN, Measured, cellwise, figures, summary
from tests.benchmarks.papers.population_cell import Candidate, PopulationCell, Prediction
from tests.benchmarks.papers.text_population import best_layers

NAMES = ("a", "b", "c", "d")
HERE = Measured("task", "student", NAMES, np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.5, 0.4, 0.6, 0.4]))


def test_figure_direction():
    """Low is best: the right order has ρ 1 and no regret, the reverse −1 and the regret of the worst teacher."""
    right, wrong = (HERE.figure("x", "e", np.array(v), -np.array(v)) for v in ([1.0, 2, 3, 4], [4.0, 3, 2, 1]))
    assert (right.rho, right.regret) == (1.0, 0.0)
    assert (wrong.rho, wrong.regret) == (-1.0, pytest.approx(0.3))
    assert right.rho_gain == pytest.approx(-wrong.rho_gain)
    assert HERE.teachers_own().evidence == UNKNOWN


def test_pairs_apart():
    """Pairs nearer than .05 do not count, and ties count half."""
    near = Measured("task", "student", NAMES, np.array([0.10, 0.12, 0.30, 0.40]), np.ones(4))
    assert near.figure("x", "e", np.array([2.0, 1, 3, 4])).pairs == 1.0
    assert near.figure("x", "e", np.array([1.0, 2, 2, 3])).pairs == pytest.approx(4.5 / 5)
    assert near.figure("x", "e", np.array([4.0, 3, 2, 1])).pairs == 0.0
    same = Measured("task", "student", NAMES, np.full(4, 0.3), np.ones(4))
    assert same.figure("x", "e", np.arange(4.0)).pairs is None


def test_static_order_is_of_other_tasks():
    """It ranks by the same teachers elsewhere, by name, and is missing where there is no other task."""
    other = Measured("other", "student", NAMES[::-1], np.array([0.4, 0.3, 0.2, 0.1]), np.ones(4))
    elsewhere = Measured("other", "another student", NAMES, np.array([4.0, 3, 2, 1]), np.ones(4))
    assert HERE.static([HERE, elsewhere]) is None
    found = HERE.static([HERE, other, elsewhere])
    assert (found.order, found.rho) == (STATIC, 1.0)


def test_hindsight_is_the_best_setting():
    """The best by what was measured, not the first."""
    found = HERE.hindsight("settings", {"bad": [4.0, 3, 2, 1], "good": [1.0, 2, 4, 3]})
    assert found.rho == pytest.approx(0.8)


def test_one_order_sees_its_own_task():
    """The mean rank over both tasks is that of both, where they agree and where they do not."""
    other = Measured("other", "student", NAMES, np.array([0.1, 0.2, 0.4, 0.3]), np.ones(4))
    assert HERE.one_order([HERE]) is None
    assert HERE.one_order([HERE, other]).rho == pytest.approx(0.9487, abs=1e-4)


def test_past_outcomes_move_the_order():
    """A forecast that knows nothing takes the order of two other tasks that agree; its own task is no past."""
    draws = np.random.default_rng(0).normal(size=(4, 64))
    forecast = Forecast(np.zeros(4), np.zeros(4), 0.0, draws, draws, np.zeros(64), np.empty((4, 0)))
    others = [Measured(name, "student", NAMES, HERE.w2s_error, HERE.weak_error, np.zeros(4)) for name in ("a", "b")]
    assert HERE.with_past("order", "e", forecast, [HERE]) is None
    found = HERE.with_past("order", "e", forecast, [HERE, *others])
    assert found.rho == pytest.approx(1.0)
    assert found.rho_gain == pytest.approx(1.0)


def cell() -> PopulationCell:
    """Two models of two layers, the second layer by rule; the first is better of model b."""
    errors = [("a", "1", 0.5), ("a", "2", 0.4), ("b", "1", 0.1), ("b", "2", 0.6), ("c", "1", 0.3)]
    candidates = [
        Candidate(model, layer, layer == "2" or model == "c", 0.7, error, 0.0) for model, layer, error in errors
    ]
    one = {name: Prediction([2.0, 3.0, 1.0]) for name in ("truth", "left-out share of the student")}
    layers = {"truth": Prediction([5.0, 4.0, 1.0, 6.0, 3.0])}
    return PopulationCell("task", "student", 9, 0.2, 0.5, candidates, one, {"only": [2.0, 3.0, 1.0]}, layers)


def test_text_figures():
    """Orders are of the layer by rule; a page has every one of them."""
    found = figures([(cell(), {})])
    rho = {one.order: one.rho for one in found}
    assert rho["`truth`"] == rho[BOTH] == 1.0
    assert "`truth`" in summary(found)
    assert cellwise([cell()], found, ("`truth`", STATIC)).endswith("| 0.70 to 0.70 | 1.00 | – |")


def test_summary_of_reach():
    """Half of what a perfect order would correlate with is .5 of reach, whatever that is."""
    here = Measured("task", "student", NAMES, HERE.w2s_error, HERE.weak_error, reach=0.8)
    line = summary([here.figure("x", "e", np.array([2.0, 1, 4, 3]))]).splitlines()[-1]
    assert line.startswith("| e | x | 1 | 0.60 (0.60 to 0.60) | 0.75 | 0.60 |")


def test_best_layer_hand_case():
    """By rule (.4, .6, .3), predicted best and measured best are the same layers here (.4, .1, .3)."""
    line = best_layers([cell()]).splitlines()[-1]
    assert line.endswith("1.00 | 1.00 | 1.00 | 0.433 · 0.267 · 0.267 |")


def test_reach_of_halves():
    """Halves that correlate by .5 make means of reliability 2/3, of which an order can reach the root."""
    assert cell().reach == pytest.approx((2 / 3) ** 0.5)
