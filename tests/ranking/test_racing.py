"""Ranking in stages: rows read, candidates eliminated, and how the answer reports them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

import predictor
from predictor.errors import InputError, W2SError
from predictor.estimators.problem import Case, Representation
from predictor.estimators.truth import TruthForecast
from predictor.query.budget import Budget
from predictor.query.model_spec import ModelSpec
from predictor.query.source import FeatureSet
from predictor.query.training_plan import Training
from predictor.ranking.candidate import Elimination, PendingCandidate
from predictor.ranking.incremental_features import IncrementalFeatures
from predictor.ranking.point_scores import scores
from predictor.ranking.rank import rank_steps
from predictor.results.ranking import Ranking
from predictor.steps import drain
from predictor.training.splits import fitted
from tests.ranking.counting import ABOUT, ROWS, CountingSource, features, query


@pytest.fixture(scope="module")
def full() -> Ranking:
    return drain(rank_steps(query(), CountingSource(features())))


@pytest.fixture(scope="module")
def staged() -> tuple[Ranking, CountingSource]:
    source = CountingSource(features())
    return drain(rank_steps(query(budget=Budget(share=0.5), confidence=0.9), source)), source


def test_the_first_choice_is_that_of_all_rows(full: Ranking, staged: tuple[Ranking, CountingSource]) -> None:
    assert staged[0].best().name == full.best().name == "near"


def test_no_row_is_read_twice_and_the_budget_holds(staged: tuple[Ranking, CountingSource]) -> None:
    ranking, source = staged
    for name, rows in source.asked.items():
        assert len(set(rows)) == len(rows) <= ROWS // 2, name
    assert ranking.rows == len(source.asked["strong"]) == len(source.asked["near"])
    assert len(source.asked["noise"]) < ROWS // 2 or ranking.rows < ROWS // 2


def test_rows_are_nested_and_follow_the_seed() -> None:
    seen = []
    weak = (ModelSpec("near", "./near"),)
    for share, seed in ((0.25, 0), (0.5, 0), (0.25, 1)):
        source = CountingSource(features())
        drain(rank_steps(query(*weak, budget=Budget(share=share), seed=seed, estimators=("cka",)), source))
        seen.append(set(source.asked["strong"][:160]))
    assert seen[0] == seen[1] != seen[2]


def test_with_no_rows_left_to_spare_the_ordinary_ranking_decides() -> None:
    source = CountingSource(features())
    source.found["twin"] = features()["near"] + 0.3 * np.random.default_rng(7).normal(size=(ROWS, 8))
    weak = tuple(ModelSpec(name, f"./{name}") for name in ("near", "twin"))
    ranking = drain(rank_steps(query(*weak, confidence=0.999, estimators=("cka",)), source))
    whole = drain(rank_steps(query(*weak, estimators=("cka",)), source))
    if ranking.rows == ROWS:
        assert "all rows were read" in ranking.warnings[0]
        assert [c.p_best for c in ranking.candidates] == [c.p_best for c in whole.candidates]
    assert ranking.best().name == whole.best().name


def test_eliminated_candidates_stay_in_the_answer_with_their_reasons(staged: tuple[Ranking, CountingSource]) -> None:
    ranking, source = staged
    left = [c for c in ranking.candidates if "stage_eliminated" in c.diagnostics]
    assert {"noise", "more noise"} <= {c.name for c in left}
    ranked = [c for c in ranking.candidates if c not in left]
    assert [c.rank for c in ranking.candidates] == list(range(1, 5))
    for c in left:
        assert c.status == "ok"
        assert c.rank_low == len(ranked) + 1
        assert c.diagnostics["rows_seen"] == len(source.asked[c.name])
        assert 0 < c.diagnostics["behind_low"] <= c.diagnostics["behind_by"] <= c.diagnostics["behind_high"]
        assert c.estimates["truth"].note == f"on {len(source.asked[c.name])} rows"
        assert any("eliminated at stage" in warning and "of 640 rows" in warning for warning in c.warnings)
    assert f"read in stages at 90% confidence: {ranking.rows} of 640 rows" in ranking.warnings[0]
    share = sum(len(rows) for rows in source.asked.values()) / (5 * ROWS)
    assert ranking.warnings[0].endswith(f"and models read {share:.0%} of what reading all would take")


def test_the_answer_has_its_schema_and_its_request(staged: tuple[Ranking, CountingSource]) -> None:
    ranking = staged[0]
    assert Ranking.from_dict(json.loads(ranking.to_json())).to_json() == ranking.to_json()
    assert ranking.provenance.request["budget"] == {"share": 0.5, "seconds": None}
    assert ranking.provenance.request["weak"] == [
        "near=./near",
        "half=./half",
        "noise=./noise",
        "more noise=./more noise",
    ]


def test_a_model_that_fails_fails_alone() -> None:
    source = CountingSource(features(), broken=("half",))
    ranking = drain(rank_steps(query(budget=Budget(share=0.25)), source))
    assert ranking.best().name == "near"
    (failed,) = (c for c in ranking.candidates if c.status == "failed")
    assert failed.name == "half"
    assert failed.error is not None
    assert failed.error.reason == "MODEL_NOT_FOUND"
    with pytest.raises(W2SError, match="model 'strong' does not exist"):
        drain(rank_steps(query(budget=Budget(share=0.25)), CountingSource(features(), broken=("strong",))))


def test_an_eliminated_layer_is_not_read_again() -> None:
    source = CountingSource(features())
    weak = (ModelSpec("near", "./near", layer="1,9"), ModelSpec("half", "./half"))
    ranking = drain(rank_steps(query(*weak, confidence=0.8), source))
    assert source.layers["near"][0] == "1,9"
    assert set(source.layers["near"][1:]) <= {"1"}
    assert {c.name for c in ranking.candidates} == {"near#layer=1", "near#layer=9", "half"}
    assert ranking.best().name == "near#layer=1"


def test_a_layer_left_at_the_last_stage_is_not_ranked_beside_its_sister() -> None:
    weak = (ModelSpec("near", "./near", layer="1,9"), ModelSpec("half", "./half"))
    ranking = drain(rank_steps(query(*weak, budget=Budget(share=0.25), confidence=0.8), CountingSource(features())))
    found = [c.name for c in ranking.candidates]
    assert sorted(found) == ["half", "near#layer=1", "near#layer=9"]
    (left,) = (c for c in ranking.candidates if c.name == "near#layer=9")
    assert left.predicted_w2s_error is None
    assert left.diagnostics["stage_eliminated"] == 1.0


def test_time_is_a_budget_too() -> None:
    source = CountingSource(features())
    weak = tuple(ModelSpec(name, f"./{name}") for name in ("near", "twin"))
    source.found["twin"] = features()["near"] + 1e-3 * np.random.default_rng(7).normal(size=(ROWS, 8))
    ranking = drain(rank_steps(query(*weak, budget=Budget(seconds=1e-6), rank_by="gain"), source))
    assert ranking.rows == 160


def test_twins_tie_and_end_the_reading() -> None:
    source = CountingSource(features())
    source.found["twin"] = source.found["near"] * 2.0
    weak = tuple(ModelSpec(name, f"./{name}") for name in ("near", "twin"))
    ranking = drain(rank_steps(query(*weak, confidence=0.95), source))
    assert ranking.rows == 160
    assert "no rival can be noticeably better" in ranking.warnings[0]
    assert {c.tie_group for c in ranking.candidates} == {1}


def test_a_budget_is_spent_where_confidence_alone_would_stop() -> None:
    source = CountingSource(features())
    source.found["twin"] = source.found["near"] + 0.01 * np.random.default_rng(7).normal(size=(ROWS, 8))
    weak = tuple(ModelSpec(name, f"./{name}") for name in ("near", "twin"))
    alone = drain(rank_steps(query(*weak, confidence=0.95), source))
    assert alone.rows == 160
    ranking = drain(rank_steps(query(*weak, budget=Budget(share=0.5)), source))
    assert ranking.rows == ROWS // 2
    assert "when the budget was spent" in ranking.warnings[0]


def test_rows_read_predict_the_training_on_all_rows(staged: tuple[Ranking, CountingSource]) -> None:
    ranking, _ = staged
    third, seen = ROWS // 3, ranking.rows
    shown = fitted(seen, third, third)
    warned = f"simulated with {shown[0]} rows for each weak head and {shown[1]} for the student, as {seen} rows can"
    assert f"{warned} show no more; with {third} and {third}, as is" in " ".join(ranking.warnings)
    assert ranking.provenance.request["training"]["weak_rows"] is None


def test_those_eliminated_at_the_first_stage_were_scored_on_its_rows_and_on_the_training_of_all_rows(
    staged: tuple[Ranking, CountingSource],
) -> None:
    left = [c for c in staged[0].candidates if c.diagnostics.get("stage_eliminated") == 1.0]
    rows = np.sort(staged[1].asked["strong"][:160])
    found = {name: values[rows].astype(np.float32) for name, values in features().items()}
    student, *weak = (Representation(name, values, *ABOUT.get(name, ())) for name, values in found.items())
    seen = Case(student, tuple(weak), seed=0, training=Training(ROWS // 3, ROWS // 3))
    expected = dict(zip((w.name for w in weak), scores(TruthForecast(), seen, "w2s_error"), strict=True))
    assert left
    for c in left:
        assert c.estimates["truth"].value == pytest.approx(expected[c.name], abs=1e-12)


def test_those_eliminated_at_the_last_stage_are_context_models() -> None:
    source = CountingSource(features())
    ranking = drain(rank_steps(query(budget=Budget(share=0.25)), source))
    rows = np.sort(source.asked["strong"])
    found = {name: values[rows].astype(np.float32) for name, values in features().items()}
    student, *weak = (Representation(name, values, *ABOUT.get(name, ())) for name, values in found.items())
    remaining = {c.name: c for c in ranking.candidates if "stage_eliminated" not in c.diagnostics}
    active, eliminated = ([one for one in weak if (one.name in remaining) is inside] for inside in (True, False))
    assert eliminated
    training = Training(ROWS // 3, ROWS // 3)
    case = Case(student, tuple(active), seed=0, training=training, context_models=tuple(eliminated))
    for one, error in zip(active, TruthForecast().forecast(case).error, strict=True):
        assert remaining[one.name].predicted_w2s_error.value == pytest.approx(error, abs=1e-12)


def test_context_models_have_all_rows() -> None:
    """Context models are the candidates that were eliminated after all rows had been read."""
    asked, rows = query(), np.array([5, 1, 3])
    strong = FeatureSet("strong", np.zeros((3, 1), np.float32), "1", "strong")
    features = IncrementalFeatures(asked, CountingSource({}), strong, rows)
    for name, count in (("early", 2), ("late", 3), ("remaining", 3)):
        values = np.arange(count, dtype=np.float32)[:, None]
        features.candidates[name] = PendingCandidate(asked.weak[0], FeatureSet(name, values, "1", name))
    why = Elimination(1, 2, 0.5, "remaining", 0.1, 0.05, 0.2)
    features.eliminate({"early": why, "late": why})
    gathered = features.gathered()
    assert [one.name for one in gathered.active] == ["remaining"]
    (found,) = gathered.context_models
    assert found.name == "late"
    np.testing.assert_array_equal(found.values, [[1.0], [2.0], [0.0]])  # rows 1, 3, 5


def test_a_training_that_was_named_is_forewarned_from_the_first_stage_on() -> None:
    asked = Training(weak_rows=30, student_ridge=0.1)
    ranking = drain(rank_steps(query(budget=Budget(share=0.25), training=asked), CountingSource(features())))
    assert "with 30 and 213, as is to be predicted" in " ".join(ranking.warnings)
    assert ranking.provenance.request["training"] == asdict(asked)


def test_arrays_are_cut_and_never_asked_twice(tmp_path: Path) -> None:
    found = features()
    np.save(tmp_path / "near.npy", found["near"])
    ranking = predictor.rank(
        strong=found["strong"],
        weak={"near": f"array:{tmp_path / 'near.npy'}", "half": found["half"], "noise": found["noise"]},
        budget="50%",
        estimators=["truth"],
    )
    assert ranking.best().name == "near"
    assert ranking.warnings[0].startswith("read in stages at 95% confidence: ")
    assert "models read" not in ranking.warnings[0]


def test_labels_are_cut_with_their_rows() -> None:
    found = features()
    labels = np.where(np.arange(ROWS) % 2 == 0, found["strong"][:, 0], np.nan)
    ranking = predictor.rank(
        strong=found["strong"],
        weak={name: found[name] for name in ("near", "noise")},
        labels=labels,
        budget=0.5,
        estimators=["truth_posterior"],
    )
    assert ranking.best().name == "near"
    assert ranking.evidence == "few_labels"


def test_models_that_label_rows_are_not_read_in_stages() -> None:
    weak = (ModelSpec("near", "./near", labels="logits"),)
    with pytest.raises(InputError, match="models that label or relabel rows are read in full; leave out --budget"):
        drain(rank_steps(query(*weak, budget=Budget(share=0.5)), CountingSource(features())))
