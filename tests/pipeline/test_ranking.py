"""The whole pipeline on arrays: what the answer holds, how faults stay apart, and when nothing can be told."""

from __future__ import annotations

import json

import numpy as np
import pytest

from predictor.calls import predict
from predictor.errors import CancelledError, InputError
from predictor.intake.request import build_query
from predictor.labels import Labels
from predictor.pipeline.ranking import ranking_steps
from predictor.pools import Pool
from predictor.query import FeatureSet, ModelSpec, RankingQuery
from predictor.result import Ranking
from predictor.settings import Settings
from predictor.store.arrays import ArraySource
from tests.drain import drain
from tests.estimators.cases import shown, task, teachers

ROWS = 120

# Every key that the contract's example names.
TOP = {"schema", "rank_by", "evidence", "rows", "rows_sha256", "strong", "candidates", "null", "provenance"}
CANDIDATE = {
    "name", "status", "rank", "rank_low", "rank_high", "p_best", "tie_group", "predicted_w2s_error", "predicted_gain",
    "predicted_pgr", "estimates", "diagnostics", "warnings", "timings", "error",
}  # fmt: skip


@pytest.fixture(scope="module")
def models():
    strong, weak = teachers((0.1, 0.6, 2.5))
    return strong.features, {w.name: w.features for w in weak}


@pytest.fixture(scope="module")
def values(models):
    """(n,) gold values of every row."""
    return task(teachers((0.1,))[0])


@pytest.fixture(scope="module")
def ranking(models) -> Ranking:
    return predict(strong=models[0], weak=models[1], seed=3)


def by_name(ranking):
    return {c.name: c for c in ranking.candidates}


def without_timings(ranking):
    raw = json.loads(ranking.to_json())
    for candidate in raw["candidates"]:
        candidate["timings"] = {}
    return raw


def test_the_answer_has_every_key_of_the_contract(ranking):
    raw = ranking.to_dict()
    assert set(raw) >= TOP
    assert raw["schema"] == "w2s.ranking.v1"
    assert {"name", "layer", "dim", "fingerprint"} <= set(raw["strong"])
    assert {"versions", "seed", "request"} <= set(raw["provenance"])
    for candidate in raw["candidates"]:
        assert set(candidate) >= CANDIDATE
        for name in ("predicted_w2s_error", "predicted_gain", "predicted_pgr"):
            assert candidate[name] is None or set(candidate[name]) == {"value", "low", "high", "unit"}
        for estimate in candidate["estimates"].values():
            assert {"value", "better"} <= set(estimate)


def test_the_answer_says_what_it_rests_on(ranking, models):
    assert (ranking.rank_by, ranking.evidence, ranking.rows) == ("w2s_error", "representations", ROWS)
    assert ranking.rows_sha256 == Pool.numbered(ROWS).sha256
    assert (ranking.strong.name, ranking.strong.layer, ranking.strong.dim) == ("strong", "given", 16)
    assert ranking.provenance.seed == 3
    assert ranking.provenance.request["estimators"] == ["combined"]
    assert "numpy" in ranking.provenance.versions
    assert ranking.exit_code == 0


def test_candidates_come_in_rank_order_by_predicted_error(ranking):
    assert [c.rank for c in ranking.candidates] == [1, 2, 3]
    assert [c.name for c in ranking.candidates] == ["t0", "t1", "t2"]
    errors = [c.predicted_w2s_error.value for c in ranking.candidates]
    assert errors == sorted(errors)
    assert ranking.best().name == "t0"


def test_intervals_hold_their_values_and_ranks_their_places(ranking):
    for c in ranking.candidates:
        for part in (c.predicted_w2s_error, c.predicted_gain):
            assert part.low <= part.value <= part.high
            assert part.unit == "label variance"
        assert 1 <= c.rank_low <= c.rank <= c.rank_high <= 3
        assert c.predicted_pgr is None or c.predicted_pgr.unit == "fraction"
    assert sum(c.p_best for c in ranking.candidates) == pytest.approx(1.0)
    assert ranking.best().tie_group == 1


def test_error_gain_and_pgr_of_a_candidate_belong_together(ranking):
    for c in ranking.candidates:
        assert c.estimates["combined"].value == pytest.approx(c.predicted_w2s_error.value)
        assert c.estimates["combined"].details["gain"] == pytest.approx(c.predicted_gain.value)
        if c.predicted_pgr is not None:
            assert np.sign(c.predicted_pgr.value) == np.sign(c.predicted_gain.value)


def test_the_default_brings_every_estimator_that_the_evidence_allows(models, values, ranking):
    names = set(ranking.best().estimates)
    assert names >= {"combined", "label_prior_simulation", "representation_gap", "cka", "effective_dimension"}
    assert names.isdisjoint({"truth_posterior", "misfit"})
    labelled = predict(strong=models[0], weak=models[1], labels=masked(values))
    assert set(labelled.best().estimates) >= names | {"truth_posterior", "misfit"}


def masked(values, share=0.4):
    return np.where(np.arange(len(values)) < share * len(values), values, np.nan)


def test_the_answer_survives_json_and_back(ranking, tmp_path):
    again = Ranking.from_dict(json.loads(ranking.to_json(tmp_path / "r.json")))
    assert again.to_json() == ranking.to_json()
    assert (tmp_path / "r.json").read_text() == ranking.to_json() + "\n"


def test_the_same_seed_gives_the_same_answer_but_for_timings(models, ranking):
    again = predict(strong=models[0], weak=models[1], seed=3)
    other = predict(strong=models[0], weak=models[1], seed=4)
    assert without_timings(again) == without_timings(ranking)
    assert other.best().predicted_w2s_error != ranking.best().predicted_w2s_error


def test_ranking_by_gain_is_another_order(models, values):
    given = {str(row): value for row, value in enumerate(values[:60])}
    ranking = predict(strong=models[0], weak=models[1], labels=given, seed=3)
    found = predict(strong=models[0], weak=models[1], labels=given, seed=3, rank_by="gain")
    assert found.rank_by == "gain"
    gains = [c.predicted_gain.value for c in found.candidates]
    assert gains == sorted(gains, reverse=True)
    assert [c.rank for c in found.candidates] == [1, 2, 3]
    assert by_name(found)["t0"].predicted_gain == by_name(ranking)["t0"].predicted_gain
    assert [c.name for c in found.candidates] != [c.name for c in ranking.candidates]
    assert found.best().p_best > found.candidates[-1].p_best
    assert sum(c.p_best for c in found.candidates) == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_gold_labels_of_some_rows_make_few_labels_evidence(models, kind):
    labels = shown(task(teachers((0.1,))[0], kind))
    assert labels.kind == kind
    found = predict(strong=models[0], weak=models[1], labels=labels)
    assert found.evidence == "few_labels"
    assert found.provenance.request["labelled_rows"] == 48
    assert found.best().name == "t0"
    assert found.best().predicted_w2s_error.unit == "label variance"
    assert found.best().estimates["truth_posterior"].note.startswith("truth posterior from 48 gold rows")


def test_the_heads_of_an_answer_from_gold_labels_have_the_ridges_asked_for(models):
    labels = shown(task(teachers((0.1,))[0]))
    free, own = (
        predict(strong=models[0], weak=models[1], labels=labels, **asked) for asked in ({}, {"weak_ridge": 1e6})
    )
    assert own.best().predicted_w2s_error.value > 1.2 * free.best().predicted_w2s_error.value
    told = predict(strong=models[0], weak=models[1], labels=labels, weak_rows=30, student_rows=600).warnings
    assert told[-2:] == (
        "students were taught 64 rows, not the 600 asked for, as 72 rows can show no more",
        "weak heads were trained on all 48 gold rows, not on the 30 asked for",
    )


def test_an_order_that_does_not_use_the_labels_does_not_claim_them(models, values):
    for name, evidence in (("label_prior_simulation", "representations"), ("cka", "representations")):
        found = predict(strong=models[0], weak=models[1], labels=masked(values), estimators=[name])
        assert found.evidence == evidence


def test_weak_labels_bring_misfit_for_the_candidates_that_have_them(models, values):
    found = by_name(predict(strong=models[0], weak=models[1], weak_labels={"t1": values}))
    assert found["t1"].estimates["misfit"].value is not None
    assert found["t0"].estimates["misfit"].note == "needs --weak-labels for this candidate, or --labels"


@pytest.mark.parametrize("name", ["cka", "representation_gap", "effective_dimension"])
def test_an_estimator_that_predicts_no_outcome_orders_by_its_value(models, name):
    found = predict(strong=models[0], weak=models[1], estimators=[name])
    signed = [c.estimates[name].value for c in found.candidates]
    assert signed == sorted(signed, reverse=found.best().estimates[name].better == "higher")
    assert found.rank_by == name
    assert all(c.predicted_w2s_error is c.predicted_gain is c.predicted_pgr is None for c in found.candidates)
    assert sum(c.p_best for c in found.candidates) == pytest.approx(1.0)
    assert all(c.rank_low <= c.rank <= c.rank_high for c in found.candidates)
    assert set(found.best().estimates) == {name}


def test_the_null_of_a_similarity_is_far_below_a_good_teacher(models):
    found = predict(strong=models[0], weak=models[1], estimators=["cka"])
    assert found.null.low <= found.null.value <= found.null.high < found.best().estimates["cka"].value
    assert found.null.unit == "similarity"
    assert found.null.separable >= 1


def test_a_forecaster_orders_whatever_else_is_asked_for(models):
    found = predict(strong=models[0], weak=models[1], estimators=["cka", "label_prior_simulation"])
    assert found.rank_by == "w2s_error"
    assert set(found.best().estimates) == {"cka", "label_prior_simulation"}


def test_a_candidate_that_fails_stays_alone(models):
    found = predict(
        strong=models[0],
        weak={"flat": np.ones((ROWS, 3)), **models[1], "nan": np.full((ROWS, 2), np.nan), "short": np.ones((7, 2))},
        seed=3,
    )
    assert found.exit_code == 3
    assert [c.name for c in found.candidates] == ["t0", "t1", "t2", "flat", "nan", "short"]
    errors = {c.name: c.error for c in found.candidates if c.status == "failed"}
    assert {name: error.reason for name, error in errors.items()} == {
        "flat": "CONSTANT_FEATURES",
        "nan": "NOT_FINITE",
        "short": "ROWS_DIFFER",
    }
    assert "all 3 feature dimensions are constant" in errors["flat"].message
    for name in errors:
        assert by_name(found)[name].rank is None
        assert by_name(found)[name].predicted_w2s_error is None
    alone = predict(strong=models[0], weak=models[1], seed=3)
    assert found.best().predicted_w2s_error == alone.best().predicted_w2s_error


def test_a_missing_file_is_a_candidates_own_fault(models, tmp_path):
    np.save(tmp_path / "strong.npy", models[0])
    np.save(tmp_path / "good.npy", models[1]["t0"])
    found = predict(strong=str(tmp_path / "strong.npy"), weak=[f"a={tmp_path}/good.npy", f"b={tmp_path}/none.npy"])
    assert found.exit_code == 3
    assert by_name(found)["b"].error.code == "NOT_FOUND"


def test_nothing_left_to_rank_is_exit_code_1(models):
    found = predict(strong=models[0], weak={"flat": np.ones((ROWS, 3))})
    assert found.exit_code == 1
    assert found.candidates[0].status == "failed"
    assert found.null.value is None
    with pytest.raises(LookupError, match="every candidate failed"):
        found.best()


def test_a_strong_model_that_says_nothing_ends_the_ranking(models):
    with pytest.raises(InputError, match="all 5 feature dimensions are constant"):
        predict(strong=np.ones((ROWS, 5)), weak=models[1])


def test_candidates_of_pure_noise_are_not_separable_from_the_null():
    strong, _ = teachers((0.1,))
    codes = []
    for seed in range(5):
        rng = np.random.default_rng([seed, 77])
        noise = {f"n{i}": rng.standard_normal((ROWS, 12)) for i in range(3)}
        codes.append(predict(strong=strong.features, weak=noise, seed=seed).exit_code)
    # The band leaves out a twentieth of the null on the good side, so that one of some seeds may stray.
    assert codes.count(4) >= 4


def test_a_good_teacher_is_separable_where_noise_is_not(models):
    rng = np.random.default_rng(8)
    found = predict(strong=models[0], weak={"good": models[1]["t0"], "noise": rng.standard_normal((ROWS, 12))})
    assert found.null.separable == 1
    assert found.best().name == "good"
    assert found.best().p_best > 0.8
    # Their replicates overlap; what tells them apart is that noise does no better than its own shuffles.
    assert by_name(found)["noise"].tie_group != found.best().tie_group


def test_the_strong_model_as_its_own_teacher_is_named(models):
    found = predict(strong=models[0], weak={"self": models[0], **models[1]})
    assert any("strong model is also listed as a weak candidate" in text for text in found.warnings)
    assert not any("also listed" in text for text in predict(strong=models[0], weak=models[1]).warnings)


def test_few_blank_and_repeated_rows_are_named(models):
    texts = ["", " ", "same", "same", *(f"row {i}" for i in range(ROWS - 4))]
    found = predict(strong=models[0], weak=models[1], pool=texts).warnings
    assert "2 row(s) of the pool are blank; they are kept" in found
    assert "1 row(s) of the pool repeat earlier ones; they are kept and count" in found
    assert "only 120 rows: intervals will be wide; some hundreds separate candidates better" in found


def test_diagnostics_show_the_spectrum_and_the_overlap_with_the_strong_model(models):
    found = by_name(predict(strong=models[0], weak={"self": models[0], **models[1]}))
    for c in found.values():
        assert c.diagnostics["spectrum_1"] == 1.0
        assert 0.0 <= c.diagnostics["overlap_with_strong"] <= 1.0 + 1e-9
    assert found["self"].diagnostics["overlap_with_strong"] == pytest.approx(1.0)
    assert found["t0"].diagnostics["overlap_with_strong"] > found["t2"].diagnostics["overlap_with_strong"]


def test_weak_labels_of_a_model_read_at_several_layers_serve_each_of_them(models, values):
    weak = (ModelSpec("w", "fake", layer="0,3", values=models[1]["t0"]),)
    found = drain(ranking_steps(query_of(models, weak=weak, weak_labels={"w": values}), FakeLayers()))
    assert all(c.estimates["misfit"].value is not None for c in found.candidates)


@pytest.mark.parametrize(
    ("given", "text"),
    [({"t0": np.ones(50)}, "50"), ({"nobody": np.ones(ROWS)}, "nobody")],
    ids=["too few rows", "no such candidate"],
)
def test_weak_labels_that_fit_no_candidate_or_row_are_refused_when_the_query_is_made(models, given, text):
    with pytest.raises(InputError, match=text):
        query_of(models, weak_labels=given)


class FakeLayers:
    """Fake source: one feature set per layer named in the spec, cut from its own values."""

    def features(self, spec, pool, settings):
        yield from ()
        if spec.reference == "stop":
            raise CancelledError("stopped by the caller.", reason="CANCELLED")
        layers = (spec.layer or "1").split(",")
        return tuple(
            FeatureSet(
                f"{spec.name}#layer={layer}" if len(layers) > 1 else spec.name,
                spec.values[:, int(layer) :],
                layer,
                f"{spec.name}{layer}",
                parameters=7,
                truncated_rows=int(layer),
            )
            for layer in layers
        )


def query_of(models, **changes) -> RankingQuery:
    strong, weak = models
    given = {
        "strong": ModelSpec("s", "array:", values=strong),
        "weak": tuple(ModelSpec(name, "array:", values=features) for name, features in weak.items()),
        "pool": Pool.numbered(ROWS),
    }
    return RankingQuery(**(given | changes))


def test_a_strong_model_read_at_several_layers_is_refused(models):
    strong = ModelSpec("s", "fake", layer="1,2", values=models[0])
    with pytest.raises(InputError, match=r"the strong model gives 2 layers \(1, 2\).*as in MODEL#layer=6"):
        drain(ranking_steps(query_of(models, strong=strong), FakeLayers()))


def test_each_layer_of_a_candidate_is_a_candidate(models):
    weak = (ModelSpec("w", "fake", layer="0,3", values=models[1]["t0"]),)
    found = drain(ranking_steps(query_of(models, weak=weak), FakeLayers()))
    assert {c.name: (c.layer, c.dim, c.parameters) for c in found.candidates} == {
        "w#layer=0": ("0", 12, 7),
        "w#layer=3": ("3", 9, 7),
    }
    assert by_name(found)["w#layer=3"].warnings == ("3 of 120 rows were cut at 256 tokens",)
    assert "1 row(s) were cut at 256 tokens for the strong model" in found.warnings


def test_a_cancelled_source_ends_the_ranking_instead_of_failing_a_candidate(models):
    weak = (ModelSpec("w", "stop", values=models[1]["t0"]),)
    with pytest.raises(CancelledError, match="stopped by the caller"):
        drain(ranking_steps(query_of(models, weak=weak), FakeLayers()))


def test_progress_names_every_candidate_and_ends_with_done(models):
    steps = ranking_steps(query_of(models), ArraySource())
    seen = list(steps)
    assert {p.candidate for p in seen if p.phase == "load"} == {"s", "t0", "t1", "t2"}
    assert [p.candidate for p in seen if p.phase == "estimate"] == ["t0", "t1", "t2", ""]
    assert (seen[-1].phase, seen[-1].done, seen[-1].total) == ("done", 4, 4)
    estimating = [p.done / p.total for p in seen if p.phase == "estimate"]
    assert estimating == sorted(estimating)


def test_closing_the_steps_stops_the_work(models):
    steps = ranking_steps(query_of(models), ArraySource())
    next(steps)
    steps.close()
    with pytest.raises(StopIteration):
        next(steps)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"weak": ()}, "no weak candidate given; name at least one with --weak"),
        ({"weak": (ModelSpec("a", "x"), ModelSpec("a", "y"))}, "candidate 'a' is named twice; give each its own alias"),
        ({"labels": Labels.of([0.1, 0.2, 0.3, 0.4])}, "labels cover 4 rows, the pool has 120; they must agree"),
    ],
)
def test_a_query_that_cannot_be_answered_is_refused_when_made(models, changes, text):
    with pytest.raises(InputError, match=text):
        query_of(models, **changes)


def test_an_unknown_estimator_is_refused_before_anything_is_read(models):
    query = query_of(models, settings=Settings(estimators=("magic",)))
    steps = ranking_steps(query, ArraySource())
    with pytest.raises(InputError, match="no estimator is called 'magic'; known: combined"):
        next(steps)


def test_too_few_rows_end_the_ranking_with_the_least_that_works(models):
    with pytest.raises(InputError, match=r"20 rows are too few.*Give at least 24"):
        predict(strong=models[0][:20], weak={"t0": models[1]["t0"][:20]})


def test_a_posterior_without_labels_is_refused(models):
    with pytest.raises(InputError, match="truth_posterior needs gold labels of some rows"):
        predict(strong=models[0], weak=models[1], estimators=["truth_posterior"])


def test_weak_labels_of_the_wrong_width_fail_their_candidate_alone(models):
    labels = shown(task(teachers((0.1,))[0], "multiclass"))
    found = predict(strong=models[0], weak=models[1], labels=labels, weak_labels={"t1": np.full((ROWS, 2), 0.5)})
    assert found.exit_code == 3
    assert "weak labels of 't1' have 2 column(s), the gold labels 3" in by_name(found)["t1"].error.message
    assert by_name(found)["t0"].rank == 1


def test_one_candidate_is_a_ranking_too(models):
    found = predict(strong=models[0], weak=models[1]["t0"])
    (only,) = found.candidates
    assert (only.rank, only.rank_low, only.rank_high, only.p_best, only.tie_group) == (1, 1, 1, 1.0, 1)


def test_a_candidate_listed_twice_under_two_names_ties_with_itself(models):
    found = predict(strong=models[0], weak={"a": models[1]["t0"], "b": models[1]["t0"], "far": models[1]["t2"]})
    assert by_name(found)["a"].tie_group == by_name(found)["b"].tie_group == 1
    assert by_name(found)["a"].p_best == pytest.approx(by_name(found)["b"].p_best)
    assert by_name(found)["a"].predicted_w2s_error == by_name(found)["b"].predicted_w2s_error


def test_drawing_fewer_rows_draws_everything_alike(models, values):
    query = build_query(strong=models[0], weak=models[1], labels=masked(values), max_rows=90, seed=1)
    found = drain(ranking_steps(query, ArraySource()))
    assert found.rows == 90
    assert found.best().name == "t0"


def test_a_candidate_that_is_nearly_constant_stays_in_an_order_by_bootstrap(models):
    """Its one telling row is missing from more than a third of the resamples."""
    spike = np.zeros((ROWS, 3))
    spike[5] = 1.0
    found = predict(strong=models[0], weak={"good": models[1]["t0"], "spike": spike}, estimators=["cka"])
    assert found.best().name == "good"
    assert by_name(found)["spike"].rank == 2


@pytest.mark.parametrize("name", ["combined", "truth_posterior", "misfit"])
def test_weak_labels_of_the_wrong_width_never_end_the_ranking(models, name):
    labels = shown(task(teachers((0.1,))[0], "multiclass"))
    wrong = {"t1": np.full((ROWS, 2), 0.5)}
    found = predict(strong=models[0], weak=models[1], labels=labels, weak_labels=wrong, estimators=[name])
    assert [c.name for c in found.candidates if c.status == "failed"] == ["t1"]


@pytest.mark.parametrize("name", ["combined", "truth_posterior", "misfit"])
def test_labels_of_every_row_are_the_fault_of_the_request(models, values, name):
    with pytest.raises(InputError, match="120 of 120 rows carry a gold label, which leaves 0 to predict"):
        predict(strong=models[0], weak=models[1], labels=values, estimators=[name])


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_candidates_without_a_value_are_level(models):
    found = predict(strong=models[0], weak=models[1], estimators=["parameter_count"])
    assert found.exit_code == 4
    assert {c.tie_group for c in found.candidates} == {1}
    assert sum(c.p_best for c in found.candidates) == pytest.approx(1.0)
