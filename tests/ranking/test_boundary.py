"""Any error of one candidate, in any phase and of any class, fails that candidate alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from predictor.errors import LimitError, W2SError
from predictor.query.budget import Budget
from predictor.query.model_spec import ModelSpec
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet, Predicted
from predictor.ranking import estimating
from predictor.ranking.boundary import MAX_TEXT, CandidateBoundary
from predictor.ranking.rank import rank_steps
from predictor.steps import Progress, drain
from tests.ranking.layered import query_of

FOREIGN = (RuntimeError("shape\n  mismatch"), OSError("disk"), MemoryError(), KeyError("weight"), ValueError("nan"))
PHASES = ("load", "after the first batch", "labels")


class Failing:
    """Fake source of arrays and labels in which one model raises in one phase."""

    def __init__(self, name: str, error: BaseException, phase: str = "load") -> None:
        self.name, self.error, self.phase = name, error, phase

    def features(self, spec, pool, settings):
        if spec.name == self.name and self.phase == "load":
            raise self.error
        yield Progress(spec.name, "extract", 1, 2)
        if spec.name == self.name and self.phase == "after the first batch":
            raise self.error
        values = spec.values if len(pool) == len(spec.values) else spec.values[[int(i) for i in pool.ids]]
        return (FeatureSet(spec.name, values, "1", spec.name),)

    def labels(self, spec, pool, settings):
        yield Progress(spec.name, "label", 1, 1)
        if spec.name == self.name and self.phase == "labels":
            raise self.error
        return Predicted(np.tanh(spec.values[:, :1]))

    def refined(self, spec, pool, settings, weak_labels, contexts):
        raise NotImplementedError


def failed_of(query, source):
    ranking = drain(rank_steps(query, source))
    assert ranking.exit_code == 3
    assert [c.rank for c in ranking.candidates] == [1, 2, None]
    return ranking.candidates[-1]


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("error", FOREIGN, ids=lambda error: type(error).__name__)
def test_foreign_error_fails_one_candidate(models, error, phase):
    query = query_of(models)
    query = replace(query, weak=tuple(replace(spec, labels="logits") for spec in query.weak))
    failed = failed_of(query, Failing("t1", error, phase))
    assert (failed.name, failed.error.code, failed.error.reason) == ("t1", "INTERNAL", "CANDIDATE_FAILED")
    assert f"'t1' raised {type(error).__name__}" in failed.error.message
    assert "\n" not in failed.error.message
    assert failed.error.message.endswith("check its array, or leave it out.")


def test_own_error_keeps_its_code(models):
    failed = failed_of(query_of(models), Failing("t1", LimitError("too large.", reason="TOO_LARGE")))
    assert (failed.error.code, failed.error.reason, failed.error.message) == (
        "RESOURCE_EXHAUSTED",
        "TOO_LARGE",
        "too large.",
    )


def test_error_of_an_estimate_fails_one_candidate(models, monkeypatch):
    """The second candidate's spectrum raises; the strong model's is the first of all."""
    calls, spectrum = [], estimating.spectrum

    def failing(model):
        calls.append(model.name)
        if model.name == "t1":
            raise FloatingPointError("overflow")
        return spectrum(model)

    monkeypatch.setattr(estimating, "spectrum", failing)
    failed = failed_of(query_of(models), Failing("", RuntimeError()))
    assert "raised FloatingPointError: overflow" in failed.error.message
    assert calls == ["t0", "t1", "t2"]


def test_foreign_error_in_a_stage_fails_one_candidate(models):
    rows = np.random.default_rng(0).normal(size=(400, 6)).astype(np.float32)
    noise = np.random.default_rng(1).normal(size=(400, 6)).astype(np.float32)
    weak = {"t0": rows[:, :5], "t1": rows[:, :4], "t2": noise}
    query = query_of((rows, weak), settings=Settings(budget=Budget(share=0.5)))
    query = replace(query, weak=tuple(replace(spec, reference=f"./{spec.name}") for spec in query.weak))
    failed = failed_of(query, Failing("t1", RuntimeError("lost")))
    assert failed.error.reason == "CANDIDATE_FAILED"
    assert "w2s models check ./t1" not in failed.error.message  # its values are given, so no model can be checked


def test_error_of_the_strong_model_ends_the_request(models):
    with pytest.raises(W2SError, match=r"the strong model cannot be used: 's' raised KeyError: 'weight'; ") as caught:
        drain(rank_steps(query_of(models), Failing("s", KeyError("weight"))))
    assert (caught.value.code, caught.value.reason) == ("INTERNAL", "STRONG_MODEL_FAILED")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), GeneratorExit(), asyncio.CancelledError()])
def test_interruptions_pass(error):
    with pytest.raises(type(error)), CandidateBoundary(ModelSpec("a", "./a")):
        raise error


def test_message_is_short_and_names_the_next_step():
    with CandidateBoundary(ModelSpec("a", "./model")) as boundary:
        raise RuntimeError("x " * 1000)
    assert len(boundary.failure.message) < MAX_TEXT + 100
    assert boundary.failure.message.endswith("…; run `w2s models check ./model`, or leave it out.")
