"""What the answer to a ranking holds, and by what it orders the candidates."""

from __future__ import annotations

import json

import numpy as np
import pytest

from predictor.api import predict
from predictor.errors import InputError
from predictor.query.pool import Pool
from predictor.results.ranking import Ranking
from tests.answers import bare, by_name
from tests.estimators.cases import ROWS

# Every key that the contract's example names.
TOP = {"schema", "rank_by", "evidence", "rows", "rows_sha256", "strong", "candidates", "null", "provenance"}
CANDIDATE = {
    "name", "status", "rank", "rank_low", "rank_high", "p_best", "tie_group", "predicted_w2s_error", "predicted_gain",
    "predicted_pgr", "estimates", "diagnostics", "warnings", "timings", "error",
}  # fmt: skip


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


def test_the_answer_reports_what_it_rests_on(ranking, models):
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


def test_the_default_brings_every_estimator_that_the_evidence_allows(models, masked, ranking):
    names = set(ranking.best().estimates)
    assert names >= {"combined", "truth", "representation_gap", "cka", "effective_dimension"}
    assert names.isdisjoint({"truth_posterior", "misfit"})
    labelled = predict(strong=models[0], weak=models[1], labels=masked)
    assert set(labelled.best().estimates) >= names - {"truth"} | {"truth_posterior", "misfit"}


def test_the_answer_survives_json_and_back(ranking, tmp_path):
    again = Ranking.from_dict(json.loads(ranking.to_json(tmp_path / "r.json")))
    assert again.to_json() == ranking.to_json()
    assert (tmp_path / "r.json").read_text() == ranking.to_json() + "\n"


def test_the_same_seed_gives_the_same_answer_but_for_timings(models, ranking):
    again = predict(strong=models[0], weak=models[1], seed=3)
    other = predict(strong=models[0], weak=models[1], seed=4)
    assert bare(again) == bare(ranking)
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


def test_a_forecaster_orders_whatever_else_is_asked_for(models):
    found = predict(strong=models[0], weak=models[1], estimators=["cka", "label_prior_simulation"])
    assert found.rank_by == "w2s_error"
    assert set(found.best().estimates) == {"cka", "label_prior_simulation"}


def test_the_strong_model_as_its_own_teacher_is_named(models):
    found = predict(strong=models[0], weak={"self": models[0], **models[1]})
    assert any("strong model is also listed as a weak candidate" in text for text in found.warnings)
    assert not any("also listed" in text for text in predict(strong=models[0], weak=models[1]).warnings)


def test_few_blank_and_repeated_rows_are_named(models):
    texts = ["", " ", "same", "same", *(f"row {i}" for i in range(ROWS - 4))]
    found = predict(strong=models[0], weak=models[1], pool=texts).warnings
    assert "2 row(s) of the pool are blank; they stay in the pool" in found
    assert "1 row(s) of the pool repeat earlier ones; they stay in the pool and count" in found
    assert "only 120 rows: intervals will be wide; some hundreds separate candidates better" in found


def test_diagnostics_show_the_spectrum_and_the_overlap_with_the_strong_model(models):
    found = by_name(predict(strong=models[0], weak={"self": models[0], **models[1]}))
    for c in found.values():
        assert c.diagnostics["spectrum_1"] == 1.0
        assert 0.0 <= c.diagnostics["overlap_with_strong"] <= 1.0 + 1e-9
    assert found["self"].diagnostics["overlap_with_strong"] == pytest.approx(1.0)
    assert found["t0"].diagnostics["overlap_with_strong"] > found["t2"].diagnostics["overlap_with_strong"]


def test_one_candidate_is_a_ranking_too(models):
    found = predict(strong=models[0], weak=models[1]["t0"])
    (only,) = found.candidates
    assert (only.rank, only.rank_low, only.rank_high, only.p_best, only.tie_group) == (1, 1, 1, 1.0, 1)


def test_classes_are_ranked_by_accuracy_and_the_first_has_the_highest_p_best(models):
    """Where accuracy is predicted it makes the order, unless another is asked for."""
    given = np.full(ROWS, np.nan)
    given[:60] = (models[0][:60, 0] > 0).astype(float)
    found = predict(strong=models[0], weak=models[1], labels=given)
    assert found.rank_by == "accuracy"
    shares = [one.predicted_accuracy for one in found.candidates]
    assert [one.value for one in shares] == sorted((one.value for one in shares), reverse=True)
    assert all(one.low <= one.value <= one.high and one.unit == "share of rows" for one in shares)
    assert found.candidates[0].p_best == max(one.p_best for one in found.candidates)
    assert found.candidates[0].predicted_auroc.w2s.unit == "share of pairs"
    assert found.candidates[0].predicted_rmse is None
    assert predict(strong=models[0], weak=models[1], labels=given, rank_by="w2s_error").rank_by == "w2s_error"


def test_numbers_have_an_error_in_their_own_unit(models):
    given = np.full(ROWS, np.nan)
    given[:60] = 100.0 * models[0][:60, 0]
    found = predict(strong=models[0], weak=models[1], labels=given)
    assert found.rank_by == "w2s_error"
    first, scale = found.candidates[0], float(np.std(given[:60]))
    assert first.predicted_accuracy is None
    assert first.predicted_rmse.w2s.value == pytest.approx(scale * np.sqrt(first.predicted_w2s_error.value))
    weak = first.predicted_w2s_error.value + first.predicted_gain.value
    assert first.predicted_rmse.weak.value == pytest.approx(scale * np.sqrt(weak))


def test_accuracy_is_refused_where_nobody_reports_that_there_are_classes(models):
    with pytest.raises(InputError, match="an order by accuracy needs a target of classes"):
        predict(strong=models[0], weak=models[1], rank_by="accuracy")
