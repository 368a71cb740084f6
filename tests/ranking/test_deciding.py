"""The decision of real rankings: junk is never advised, costs and the number of launches count."""

from __future__ import annotations

import numpy as np
import pytest

import predictor
from predictor.errors import InputError
from predictor.ranking.deciding import flags_of
from predictor.results.candidate import Candidate

ROWS = 300


@pytest.fixture(scope="module")
def asked():
    """Three teachers that see the strong model's directions, the second a twin of the first; and noise."""
    rng = np.random.default_rng(4)
    hidden = rng.standard_normal((ROWS, 6))
    strong = hidden @ rng.standard_normal((6, 20)) + 0.2 * rng.standard_normal((ROWS, 20))
    good = hidden @ rng.standard_normal((6, 12)) + 0.3 * rng.standard_normal((ROWS, 12))
    far = hidden @ rng.standard_normal((6, 12)) + 6.0 * rng.standard_normal((ROWS, 12))
    weak = {"good": good, "twin": good + 1e-3 * rng.standard_normal(good.shape), "far": far}
    labels = (hidden[:, 0] + 0.3 * rng.standard_normal(ROWS) > 0).astype(float)
    labels[100:] = np.nan
    return {"strong": strong, "weak": {**weak, "noise": rng.standard_normal((ROWS, 12))}, "labels": labels}


def test_the_first_is_launched_and_only_its_twin_is_as_good(asked):
    found = predictor.predict(**asked)
    decision = found.decision
    assert decision.launch == (found.candidates[0].name,)
    assert {*decision.launch, *decision.as_good} == {"good", "twin"}
    assert decision.p_contains_best == pytest.approx(found.candidates[0].p_best)
    assert decision.unit == "share of rows"
    assert decision.losses["far"] > decision.tolerance
    assert decision.losses[decision.launch[0]] == 0.0
    assert decision.cost_unit == "trainings"


def test_nothing_is_as_good_as_the_first_where_only_representations_are_known(asked):
    """No evidence says what the task is, however near candidates are under the prior."""
    found = predictor.predict(strong=asked["strong"], weak=asked["weak"])
    assert found.evidence == "representations"
    assert found.decision.as_good == ()


def test_noise_is_flagged_and_never_advised(asked):
    noise = asked["weak"]["noise"]
    found = predictor.predict(strong=asked["strong"], weak={"n1": noise, "n2": noise[::-1]}, labels=asked["labels"])
    assert all(one.flags == ("not_above_null",) for one in found.candidates)
    assert found.decision.launch == ()
    assert found.decision.expected_regret is None
    assert found.advice().startswith("Train on none of them yet: no candidate is better than shuffled rows.")
    together = predictor.predict(**asked, launch=4)
    assert "noise" not in together.decision.launch
    assert "noise" not in together.decision.as_good


def test_costs_move_the_launch_within_the_tolerance(asked):
    costs = {"good": 5, "twin": 1, "far": 0.1, "noise": 0}
    decision = predictor.predict(**asked, costs=costs).decision
    assert decision.launch == ("twin",)
    assert decision.costs["good"] == 5.0
    assert decision.cost_unit == "as given"
    again = predictor.predict(**asked, costs=[f"{name}={cost}" for name, cost in costs.items()])
    assert again.decision == decision


def test_two_launches_hold_the_best_more_often_than_one(asked):
    one, two = (predictor.predict(**asked, launch=count).decision for count in (1, 2))
    assert two.p_contains_best >= one.p_contains_best
    assert two.expected_regret <= one.expected_regret
    assert two.expected_regret == pytest.approx(one.expected_regret - one.one_more.saves, abs=1e-9)


def test_random_weights_are_flagged():
    assert flags_of(Candidate("a", "ok", diagnostics={"random_weights": 1.0})) == ("random_weights",)
    assert flags_of(Candidate("a", "ok", diagnostics={"above_null": 1.0})) == ()


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        ({"good": 1.0}, "costs are given, and none for twin, far, noise; give one for every candidate"),
        ({"other": 1.0}, "a cost is given for 'other', which is no candidate; the candidates are good, twin, far"),
        (["good=cheap"], "cost 'good=cheap' cannot be read; give NAME=NUMBER"),
        (["3"], "cost '3' cannot be read"),
        ({"good": -1.0}, "with a number of at least 0"),
    ],
)
def test_costs_that_cannot_be_are_refused(asked, costs, message):
    with pytest.raises(InputError, match=message):
        predictor.predict(**asked, costs=costs)
