"""The steps of a ranking: whose features they ask for, what progress they report, and how they end early."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.errors import CancelledError, InputError
from predictor.estimators.label_prior_simulation import LabelPriorSimulation
from predictor.estimators.problem import Case, Representation
from predictor.intake.request import build_query
from predictor.query.model_spec import ModelSpec
from predictor.query.settings import Settings
from predictor.ranking.rank import rank_steps
from predictor.steps import drain
from predictor.store.arrays import ArraySource
from tests.answers import by_name
from tests.ranking.layered import FakeLayers, query_of


def test_a_strong_model_read_at_several_layers_is_refused(models):
    strong = ModelSpec("s", "fake", layer="1,2", values=models[0])
    with pytest.raises(InputError, match=r"the strong model gives 2 layers \(1, 2\).*as in MODEL#layer=6"):
        drain(rank_steps(query_of(models, strong=strong), FakeLayers()))


def test_each_layer_of_a_candidate_is_a_candidate(models):
    weak = (ModelSpec("w", "fake", layer="0,3", values=models[1]["t0"]),)
    found = drain(rank_steps(query_of(models, weak=weak), FakeLayers()))
    assert {c.name: (c.layer, c.dim, c.parameters) for c in found.candidates} == {
        "w#layer=0": ("0", 12, 7),
        "w#layer=3": ("3", 9, 7),
    }
    assert by_name(found)["w#layer=3"].warnings == ("3 of 120 rows were cut at 256 tokens",)
    assert "1 row(s) were cut at 256 tokens for the strong model" in found.warnings


def test_the_simulation_knows_how_large_models_are_and_how_deep_they_are_read(models):
    specs = tuple(ModelSpec(f"w{i}", "fake", layer=layer, values=models[1]["t0"]) for i, layer in enumerate("139"))
    query = query_of(models, weak=specs, settings=Settings(estimators=("label_prior_simulation",)))
    ranked = by_name(drain(rank_steps(query, FakeLayers())))
    student, *weak = (
        Representation(one.name, one.values[:, int(one.layer or 1) :].astype(np.float64), 7, int(one.layer or 1) / 12)
        for one in (query.strong, *specs)
    )
    case = Case(student, tuple(weak), seed=query.settings.seed)
    for one, error in zip(weak, LabelPriorSimulation().forecast(case).error, strict=True):
        assert ranked[one.name].predicted_w2s_error.value == pytest.approx(error, abs=1e-12)
        assert ranked[one.name].diagnostics["depth"] == one.depth


def test_a_cancelled_source_ends_the_ranking_instead_of_failing_a_candidate(models):
    weak = (ModelSpec("w", "stop", values=models[1]["t0"]),)
    with pytest.raises(CancelledError, match="stopped by the caller"):
        drain(rank_steps(query_of(models, weak=weak), FakeLayers()))


def test_progress_names_every_candidate_and_ends_with_done(models):
    steps = rank_steps(query_of(models), ArraySource())
    seen = list(steps)
    assert {p.candidate for p in seen if p.phase == "load"} == {"s", "t0", "t1", "t2"}
    assert [p.candidate for p in seen if p.phase == "estimate"] == ["t0", "t1", "t2", ""]
    assert (seen[-1].phase, seen[-1].done, seen[-1].total) == ("done", 4, 4)
    estimating = [p.done / p.total for p in seen if p.phase == "estimate"]
    assert estimating == sorted(estimating)


def test_closing_the_steps_stops_the_work(models):
    steps = rank_steps(query_of(models), ArraySource())
    next(steps)
    steps.close()
    with pytest.raises(StopIteration):
        next(steps)


def test_drawing_fewer_rows_draws_everything_alike(models, masked):
    query = build_query(strong=models[0], weak=models[1], labels=masked, max_rows=90, seed=1)
    found = drain(rank_steps(query, ArraySource()))
    assert found.rows == 90
    assert found.best().name == "t0"
