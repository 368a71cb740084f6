"""Estimators that read one candidate against the others are asked once, with every candidate that has features."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

import predictor
from predictor.estimators.protocol import JointEstimator
from predictor.estimators.registry import find
from predictor.query.evidence import Evidence
from predictor.ranking import selection
from predictor.results.candidate import Estimate


@dataclass
class FakeRollCall:
    """Answers with the number of candidates it saw, and keeps their names."""

    name: str = "roll_call"
    better: str = "higher"
    unit: str = "candidates"
    evidence: Evidence = Evidence.representations
    source: str = "a fake for this test"
    summary: str = "Counts."
    joint: bool = True
    seen: list = field(default_factory=list)

    def estimate(self, case):
        self.seen.append([w.name for w in case.weak])
        return tuple(Estimate(float(i), self.better, self.unit) for i, _ in enumerate(case.weak))


@pytest.fixture
def roll_call(monkeypatch):
    fake = FakeRollCall()
    monkeypatch.setattr(selection, "find", lambda name: fake if name == fake.name else find(name))
    return fake


def test_it_sees_all_active_candidates_at_once_and_each_gets_its_own_answer(roll_call):
    rng = np.random.default_rng(0)
    strong = rng.standard_normal((60, 6))
    weak = {name: strong[:, :4] + rng.standard_normal((60, 4)) for name in "abc"} | {"flat": np.ones((60, 4))}
    found = predictor.rank(strong=strong, weak=weak, estimators=["combined", "roll_call"])
    assert roll_call.seen == [["a", "b", "c"]]
    values = {c.name: c.estimates["roll_call"].value for c in found.candidates if c.status == "ok"}
    assert values == {"a": 0.0, "b": 1.0, "c": 2.0}


def test_it_can_make_the_order_itself(roll_call):
    rng = np.random.default_rng(1)
    strong = rng.standard_normal((60, 6))
    found = predictor.rank(
        strong=strong, weak={n: rng.standard_normal((60, 4)) for n in "ab"}, estimators=["roll_call"]
    )
    assert [c.name for c in found.candidates] == ["b", "a"]
    assert all(names == ["a", "b"] for names in roll_call.seen)


def test_only_those_that_say_so_are_joint(roll_call):
    assert isinstance(roll_call, JointEstimator)
    assert not isinstance(find("cka"), JointEstimator)
    assert not isinstance(find("combined"), JointEstimator)
