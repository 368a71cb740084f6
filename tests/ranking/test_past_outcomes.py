"""Recorded outcomes of the same candidates are evidence beside rows and models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import predictor
from predictor.estimators.problem import Case, Representation
from predictor.estimators.truth import TruthForecast
from predictor.outcomes.outcome import Outcome
from predictor.outcomes.store import OutcomeStore
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.ranking.past_outcomes import PastOutcomes
from predictor.results.ranking import Ranking
from predictor.results.text import evidence_lines
from predictor.training.predicted_measure import PredictedMeasure

NAMES = ("w0", "w1", "w2", "w3")


@pytest.fixture
def arrays(tmp_path, monkeypatch) -> dict[str, object]:
    monkeypatch.setenv("W2S_STATE_DIR", str(tmp_path))
    rng = np.random.default_rng(6)
    hidden = rng.standard_normal((150, 6))
    weak = {name: hidden + (0.45 + 0.05 * c) * rng.standard_normal((150, 6)) for c, name in enumerate(NAMES)}
    return {"strong": hidden, "weak": weak}


def measured(task: str, *errors: float, names: tuple[str, ...] = NAMES, **more: object) -> list[Outcome]:
    """An outcome a candidate; teachers are .1 worse than their students."""
    return [
        Outcome(task, "s", name, weak_error=error + 0.1, w2s_error=error, **more)  # type: ignore[arg-type]
        for name, error in zip(names, errors, strict=True)
    ]


def bare(found: Ranking) -> str:
    return replace(found, candidates=tuple(replace(one, timings={}) for one in found.candidates)).to_json()


def test_nothing_recorded(arrays):
    """Without outcomes of these candidates the answer is the same, with a warning where they were asked for."""
    plain = predictor.predict(**arrays)
    OutcomeStore().add(measured("t", 0.1, 0.2, 0.3, 0.4, names=("a", "b", "c", "d")))
    assert bare(predictor.predict(**arrays)) == bare(plain)
    asked = predictor.predict(**arrays, past_outcomes="any")
    kept = [(one.name, one.rank, one.p_best, one.predicted_w2s_error) for one in plain.candidates]
    assert [(one.name, one.rank, one.p_best, one.predicted_w2s_error) for one in asked.candidates] == kept
    assert any("past outcomes were not used" in warning for warning in asked.warnings)


def test_order_moves_and_says_so(arrays):
    """A candidate that was best on several tasks moves up; weight, reliability and provenance are in the answer."""
    plain = predictor.predict(**arrays)
    assert plain.candidates[0].name == "w0"
    for number in range(6):
        OutcomeStore().add(measured(f"task {number}", 0.21, 0.1, 0.25, 0.3 + 0.01 * number))
    found = predictor.predict(**arrays, past_outcomes="ridge")
    assert found.candidates[0].name == "w1"
    p_best = {one.name: one.p_best for one in plain.candidates}
    assert found.candidates[0].p_best > p_best["w1"]
    (use,) = found.evidence_kinds
    assert (use.kind, use.gold_correlation) == ("past_outcomes", None)
    assert use.name.startswith("4 of 4 candidates on 6 tasks, most on task ")
    assert 0.2 < use.weight < 1.0
    assert 0.5 < use.reliability < 1.0
    (line,) = evidence_lines(found)
    assert line.startswith("past outcomes, ")
    record = found.provenance.request["past_outcomes"]
    assert (record["outcomes"], record["tasks"], len(record["sha256"])) == (24, 6, 64)
    assert "past_outcomes" not in plain.provenance.request
    assert found.null == plain.null
    before = np.mean([one.predicted_w2s_error.value for one in plain.candidates])
    assert np.mean([one.predicted_w2s_error.value for one in found.candidates]) == pytest.approx(before)


def test_recipe_chooses(arrays):
    """Outcomes of other recipes are not used unless any are asked for."""
    for number in range(6):
        OutcomeStore().add(measured(f"task {number}", 0.21, 0.1, 0.25, 0.3, recipe="lora"))
    assert predictor.predict(**arrays, past_outcomes="ridge").candidates[0].name == "w0"
    assert predictor.predict(**arrays, past_outcomes="lora").candidates[0].name == "w1"
    assert predictor.predict(**arrays, past_outcomes="any").candidates[0].name == "w1"


def case() -> Case:
    rng = np.random.default_rng(6)
    hidden = rng.standard_normal((90, 4))
    return Case(
        Representation("s", hidden),
        tuple(Representation(f"w{c}", hidden + 0.5 * rng.standard_normal((90, 4))) for c in range(4)),
    )


def past_of(outcomes: list[Outcome], *specs: ModelSpec) -> PastOutcomes:
    pool = Pool(tuple(map(str, range(90))), ("row",) * 90)
    query = RankingQuery(ModelSpec("s", "folder"), specs, pool, settings=Settings(past_outcomes="any"))
    return PastOutcomes.of(outcomes, query)


def test_names_references_and_layers():
    """Outcomes are matched by the candidate's name or its model's reference, layer and all."""
    spec = ModelSpec("small", "hub:owner/name", layer="1,2,3,4")
    own = [f"small#layer={layer}" for layer in range(1, 5)]
    forecast = TruthForecast(shuffles=1).forecast(case())
    by_reference = measured("t", 0.4, 0.3, 0.2, 0.1, names=tuple(f"hub:owner/name#layer={k}" for k in range(1, 5)))
    by_name = measured("t", 0.4, 0.3, 0.2, 0.1, names=tuple(own))
    other_layers = measured("t", 0.4, 0.3, 0.2, 0.1, names=tuple(f"small#layer={k}" for k in range(5, 9)))
    first, second, none = (past_of(one, spec).added_to(forecast, own) for one in (by_reference, by_name, other_layers))
    assert first.error.tolist() == second.error.tolist()
    assert first.evidence_kinds != ()
    assert none.evidence_kinds == ()
    assert none.error.tolist() == forecast.error.tolist()


def test_units_and_students_are_standardised():
    """Accuracies count like errors, and the students of one task are one task."""
    specs = tuple(ModelSpec(name, "folder") for name in NAMES)
    forecast = TruthForecast(shuffles=1).forecast(case())
    errors = measured("t", 0.4, 0.3, 0.2, 0.1, unit="error rate")
    right = [
        Outcome("t", "s", one.weak, weak_accuracy=0.5, w2s_accuracy=1.0 - (one.w2s_error or 0.0)) for one in errors
    ]
    scaled = [replace(one, strong="other", w2s_error=10.0 * (one.w2s_error or 0.0), unit="log-loss") for one in errors]
    found = [past_of(one, *specs).added_to(forecast, NAMES) for one in (errors, right, [*errors, *scaled])]
    for one in found[1:]:
        assert one.error == pytest.approx(found[0].error)
        assert one.evidence_kinds[0].weight == pytest.approx(found[0].evidence_kinds[0].weight)


def test_noisy_outcomes_weigh_less():
    """The standard errors of outcomes say how much of their spread is noise."""
    specs = tuple(ModelSpec(name, "folder") for name in NAMES)
    forecast = TruthForecast(shuffles=1).forecast(case())
    exact = measured("t", *(0.1 + 0.1 * np.argsort(np.argsort(forecast.error))))
    noisy = [replace(one, standard_error=0.1) for one in exact]
    found = [past_of(one, *specs).added_to(forecast, NAMES).evidence_kinds[0].weight for one in (exact, noisy)]
    assert found[0] > 2.0 * found[1] > 0.0


def test_draws_follow():
    """Draws move with the expected values, by as much, and what candidates share stays."""
    specs = tuple(ModelSpec(name, "folder") for name in NAMES)
    forecast = TruthForecast(shuffles=1).forecast(case())
    outcomes = [one for t in range(4) for one in measured(f"t{t}", 0.1, 0.4, 0.2, 0.3)]
    found = past_of(outcomes, *specs).added_to(forecast, NAMES)
    moved = (found.error - forecast.error)[:, None]
    assert np.ptp(moved) > 0.0
    assert found.error_draws - forecast.error_draws == pytest.approx(np.tile(moved, found.error_draws.shape[1]))
    assert found.error_draws.mean(axis=0) == pytest.approx(forecast.error_draws.mean(axis=0))


def test_accuracy_moves():
    """Predicted accuracies move by measured accuracies, in shares of rows."""
    specs = tuple(ModelSpec(name, "folder") for name in NAMES)
    forecast = TruthForecast(shuffles=1).forecast(case())
    flat = np.full((4, forecast.error_draws.shape[1]), 0.8)
    noise = 0.05 * np.random.default_rng(0).standard_normal(flat.shape)
    forecast = replace(forecast, accuracy=PredictedMeasure.of_draws(flat - 0.1 + noise, flat + noise))
    right = (0.9, 0.6, 0.8, 0.7)
    outcomes = [
        Outcome(f"t{t}", "s", name, weak_accuracy=one - 0.1, w2s_accuracy=one)
        for t in range(4)
        for name, one in zip(NAMES, right, strict=True)
    ]
    shifted = replace(forecast.accuracy, w2s=forecast.accuracy.w2s + 0.01 * np.array(right))
    found = past_of(outcomes, *specs).added_to(replace(forecast, accuracy=shifted), NAMES).accuracy
    assert found is not None
    assert np.argsort(found.w2s).tolist() == np.argsort(right).tolist()
