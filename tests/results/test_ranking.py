"""Rankings: their JSON, their advice and their exit codes."""

from __future__ import annotations

import dataclasses
import json

import pytest

from predictor.results.candidate import Estimate
from predictor.results.ranking import NullBand, Ranking
from tests.report.rankings import bare, by_estimator, failed, pointwise, ranking

EVERY = [ranking(), ranking(failures=(failed("gone"),)), ranking(rank_by="gain"), bare(), pointwise(), by_estimator()]


@pytest.mark.parametrize("one", EVERY)
def test_the_json_reads_back_to_the_same_json(one):
    text = one.to_json()
    again = Ranking.from_dict(json.loads(text))
    assert again.to_json() == text
    assert again.candidates == one.candidates
    assert again.strong == one.strong


def test_the_json_is_written_where_asked(tmp_path):
    text = ranking().to_json(tmp_path / "out.json")
    assert (tmp_path / "out.json").read_text(encoding="utf-8") == text + "\n"
    assert next(iter(json.loads(text))) == "schema"


def test_a_value_that_does_not_exist_is_null_and_a_nan_is_a_bug():
    raw = json.loads(pointwise().to_json())
    assert raw["candidates"][0]["predicted_gain"] is None
    assert raw["candidates"][0]["predicted_w2s_error"]["low"] is None
    assert raw["null"]["value"] is None
    first = ranking().candidates[0]
    broken = dataclasses.replace(first, estimates={"cka": Estimate(float("nan"), "higher")})
    with pytest.raises(ValueError, match="not JSON compliant"):
        dataclasses.replace(ranking(), candidates=(broken,)).to_json()


def test_the_best_and_what_ties_with_it():
    assert ranking().best().name == "small#layer=6"
    assert [candidate.name for candidate in ranking().tied_with_best()] == ["small#layer=6", "small#layer=3"]
    with pytest.raises(LookupError, match="every candidate failed"):
        bare().best()


@pytest.mark.parametrize(
    ("one", "code"),
    [
        (ranking(), 0),
        (ranking(failures=(failed("gone"),)), 3),
        (bare(), 1),
        (dataclasses.replace(ranking(), null=NullBand(0.6, 0.5, 0.7, "", 0)), 4),
    ],
)
def test_exit_codes_tell_the_outcome(one, code):
    assert one.exit_code == code


def test_a_frame_has_a_row_per_candidate_and_flat_intervals():
    frame = ranking(failures=(failed("gone"),)).to_frame()
    assert list(frame["name"]) == ["small#layer=6", "small#layer=3", "tiny", "gone"]
    assert frame.loc[0, "predicted_w2s_error"] == 0.312
    assert frame.loc[0, "predicted_gain_low"] == pytest.approx(0.041)
    assert frame.loc[0, "representation_gap"] == pytest.approx(0.82)
    assert frame["predicted_w2s_error"].isna().tolist() == [False, False, False, True]
    assert frame.loc[3, "error"] == "it does not exist; check the path."


def test_a_warning_that_candidates_share_is_one_notice_with_their_names():
    whole = ranking()
    first, second, *rest = whole.candidates
    shared = [dataclasses.replace(one, warnings=("same words", f"only {one.name}")) for one in (first, second)]
    one = dataclasses.replace(whole, warnings=("of all",), candidates=(*shared, *rest))
    others = [notice for notice in one.notices if "same words" not in notice]
    assert one.notices[:2] == ("of all", f"{first.name}, {second.name}: same words")
    assert f"{first.name}: only {first.name}" in others
    assert f"{second.name}: only {second.name}" in others
