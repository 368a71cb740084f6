"""Samples: one query, ranking, step and job in which every field differs from its default."""

from datetime import UTC, datetime

import numpy as np

from predictor.calibration.backtest import Backtest
from predictor.calibration.calibration import Calibration, Fit
from predictor.calibration.fit import Line
from predictor.errors import InputError
from predictor.outcomes.outcome import Outcome
from predictor.query.budget import Budget
from predictor.query.description import Description
from predictor.query.labels import Labels
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.prompt import LabelPrompt
from predictor.query.query import RankingQuery
from predictor.query.row_sample import Drawn
from predictor.query.settings import Settings
from predictor.query.training_plan import Training
from predictor.results.candidate import Candidate, Estimate, Failure, Interval, PredictedPair
from predictor.results.decision import Decision, Halving, NextLaunch, Round
from predictor.results.job import Job
from predictor.results.ranking import EvidenceUse, NullBand, Provenance, Ranking, StrongModel
from predictor.results.suggestion import LabelValue, SuggestedLabel
from predictor.steps import Progress


def full_query() -> RankingQuery:
    rng = np.random.default_rng(1)
    rows = 6
    return RankingQuery(
        strong=ModelSpec(
            "strong",
            "array:s.npy",
            "3,6",
            "cls",
            rng.normal(size=(rows, 3)).astype(np.float32),
            {"a": "1", "b": "ß"},
            prefix="s: ",
        ),
        weak=(
            ModelSpec(
                "small", "/models/small", "last", "last", rng.normal(size=(rows, 2)), {"parameters": "7"}, prefix=""
            ),
            ModelSpec(
                "tiny",
                "hub:owner/tiny@main",
                "2",
                "mean",
                rng.integers(0, 9, size=(rows, 2), dtype=np.int16),
                {"c": "d"},
                prefix="p: ",
            ),
            ModelSpec(
                "asked", "gguf:a", "1", "mean", rng.normal(size=(rows, 2)), {"e": "f"}, labels="words", prefix="query: "
            ),
        ),
        pool=Pool.of(["a", "ß", "c", "", "e 🙂", "f"], ids=["r1", "r2", "r3", "r4", "r5", "r6"]),
        labels=Labels.of(["x", "y", None, "z", "x", "y"]),
        weak_labels={"tiny": rng.dirichlet(np.ones(3), rows), "small": rng.random(rows).astype(np.float16)},
        descriptions=(Description("x", ("a text", "ein Wörtchen")), Description("y", ("b",)), Description("z", ("c",))),
        describers=(ModelSpec("reader", "pypi:reader==1/model", "last", "mean", about={"g": "h"}, prefix="ß "),),
        drawn=Drawn(np.array([0, 2, 4, 5, 7, 9], np.int64), 10, "ab" * 32),
        settings=Settings(
            estimators=("misfit", "cka"),
            rank_by="gain",
            suggest_labels=11,
            layer="6",
            pooling="cls",
            max_rows=5,
            max_length=77,
            truncate="middle",
            seed=9,
            calibration="sst2",
            past_outcomes="any",
            answer_device="cuda:1",
            precision="bf16",
            budget=Budget(0.25, 90.0),
            confidence=0.9,
            label_prompt=LabelPrompt(("bad", "so so", "göod"), "Text: {text}\n→ "),
            refine="prompted",
            training=Training(60, 400, 0.25, 1e-3, "logistic", "hard"),
            launch=2,
            costs={"tiny": 1.5, "small": 4.0, "asked": 0.0},
        ),
    )


def full_outcome() -> Outcome:
    return Outcome(
        task="news ß",
        strong="./mpnet#layer=8",
        weak="small",
        recipe="lora",
        loss="xent",
        label_form="hard",
        unit="log-loss",
        weak_error=0.6,
        w2s_error=0.1 + 0.2,
        ceiling_error=0.25,
        weak_accuracy=0.7,
        w2s_accuracy=0.75,
        ceiling_accuracy=0.8,
        standard_error=0.01,
        seeds=3,
        rows=800,
        measured_on="2025-03-31",
        origin="runs/17",
        predicted={"truth_posterior": {"value": 0.4, "gain": -0.05}, "label_prior_simulation": {"gain": 0.1}},
    )


def full_calibration() -> Calibration:
    return Calibration(
        name="sst2",
        version="0123456789ab",
        recipe="lora",
        tasks=("news ß", "weather"),
        made_on="2025-04-01",
        fits=(
            Fit(
                "truth_posterior",
                "accuracy_gain",
                "accuracy points",
                Line(0.5, 40.0, 3.0, 5, 60, -0.1, 0.2),
                Backtest(1.0, 2.0, None, 0.9, 6.0, 0.4, 0.3),
                "accuracy_gain",
                {"a": 0.01},
                {"a": 2},
            ),
            Fit(
                "label_prior_simulation",
                "w2s_error",
                "label variance",
                Line(0.1, 0.9, 0.2, 4, 8, 0.3, 0.7),
                Backtest(0.05, 0.1, 0.15, 0.875, 0.4, -0.1, 0.8),
                "value",
                {"a": -0.02, "minilm ß": 0.03},
                {"a": 3, "minilm ß": 8},
            ),
            Fit(
                "label_prior_simulation",
                "gain",
                "log-loss",
                Line(-0.1, 0.25, 0.3, 6, 9, -0.2, 0.3),
                Backtest(0.01, 0.02, 0.03, 1.0, 0.6, 0.25, 0.125),
                random_effects={"b": 0.5},
                met={"b": 4},
            ),
        ),
    )


def full_candidate(name: str = "small") -> Candidate:
    return Candidate(
        name=name,
        status="ok",
        rank=2,
        rank_low=1,
        rank_high=3,
        p_best=0.25,
        tie_group=4,
        predicted_w2s_error=Interval(0.1, 0.05, 0.3, "label variance"),
        predicted_gain=Interval(-0.1, -0.2, 0.1 + 0.2, "label variance"),
        predicted_pgr=Interval(0.4, 0.1, 0.6, "fraction"),
        layer="6",
        dim=256,
        predicted_accuracy=Interval(0.8, 0.7, 0.85, "share of rows"),
        predicted_weak_accuracy=Interval(0.75, 0.65, 0.8, "share of rows"),
        predicted_auroc=PredictedPair(
            Interval(0.9, 0.85, 0.95, "share of pairs"), Interval(0.875, 0.75, 0.9375, "share of pairs")
        ),
        predicted_rmse=PredictedPair(Interval(2.5, 2.25, 2.75, "label unit"), Interval(3.5, 3.25, 3.75, "label unit")),
        flags=("random weights",),
        parameters=22_713_216,
        fingerprint="ab" * 32,
        estimates={
            "zeta": Estimate(1 / 3, "higher", "fraction", 0.1, 0.9, "note", {"r=9": 1.5, "r=10": 2.5, "a": 1e-300}),
            "alpha": Estimate(0.5, "lower", "label variance", 0.25, 0.75, "ß", {"k": 2.0}),
        },
        diagnostics={"effective_dimension": 12.5, "blank_rows": 1.0},
        warnings=("duplicate rows", "blank rows"),
        timings={"extract": 1.25, "estimate": 0.5},
        error=Failure("NOT_FOUND", "MODEL_NOT_FOUND", "no such folder"),
    )


def full_ranking() -> Ranking:
    return Ranking(
        rank_by="cka",
        evidence="few_labels",
        rows=1128,
        rows_sha256="cd" * 32,
        strong=StrongModel("strong", "6", 768, "ef" * 32, {"spectrum_1": 1.0, "effective_dimension": 9.5}),
        candidates=(full_candidate("small"), full_candidate("tiny")),
        null=NullBand(0.5, 0.4, 0.6, "label variance", 3),
        provenance=Provenance(
            versions={"w2s": "0.1.0", "numpy": "2.0"},
            seed=7,
            request={
                "weak": ["small", {"name": "tiny", "layer": None}],
                "strong": "strong",
                "seed": 7,
                "flags": {"z": True, "a": False, "empty": {}, "none": []},
                "share": 0.125,
            },
        ),
        warnings=("few rows",),
        evidence_kinds=(
            EvidenceUse("description", "reader", 0.75, 0.5, 0.25),
            EvidenceUse("weak", "small", 0.25, 0.8, -0.5),
            EvidenceUse("past_outcomes", "1 of 2 candidates on 3 tasks, most on sst2", 0.5, 0.7, 0.125),
        ),
        decision=Decision(
            launch=("small", "tiny"),
            expected_regret=0.125,
            p_contains_best=0.75,
            unit="share of rows",
            tolerance=0.005,
            as_good=("tiny",),
            losses={"tiny": 0.5, "small": 0.25},
            costs={"small": 3.0, "tiny": 1.5},
            cost_unit="as given",
            gain=0.0625,
            p_gain=0.875,
            best_weak="tiny",
            one_more=NextLaunch("tiny", 0.03125, 1.5),
            halving=Halving(("small", "tiny"), (Round(100, 2), Round(200, 1)), 0.9),
            reason="none",
            next_steps=("label rows",),
        ),
        suggested_labels=(SuggestedLabel("r2", "ß"), SuggestedLabel("r1", "why")),
        value_of_labels=(LabelValue(5, 0.5, 0.625, "share of rows"), LabelValue(10, 0.25, 0.375, "share of rows")),
        schema="w2s.ranking.v9",
    )


def full_progress() -> Progress:
    return Progress("small", "extract", 3, 8)


def full_job() -> Job:
    return Job(
        id="job-1",
        state="PARTIAL",
        created=datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
        updated=datetime(2026, 1, 2, 3, 4, 6, 789000, tzinfo=UTC),
        revision=12,
        attempts=2,
        request_id="ask-1",
        error=InputError("a NaN", reason="NOT_FINITE", field="weak[0]"),
        progress=full_progress(),
        ranking=full_ranking(),
        repeat_of="job-0",
        started=datetime(2026, 1, 2, 3, 4, 5, 700000, tzinfo=UTC),
        ended=datetime(2026, 1, 2, 3, 4, 6, 789000, tzinfo=UTC),
        deadline=datetime(2026, 1, 2, 4, tzinfo=UTC),
        queue_place=3,
        labels={"team": "vision"},
    )
