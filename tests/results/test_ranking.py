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


def with_ties(*groups: int, low: int = 2) -> Ranking:
    first = ranking().candidates[0]
    return dataclasses.replace(
        ranking(),
        candidates=tuple(
            dataclasses.replace(first, name=f"m{place}", rank=place, rank_low=min(low, place), tie_group=group)
            for place, group in enumerate(groups, start=1)
        ),
    )


def held_to_the_null(*above: bool) -> Ranking:
    one = with_ties(*range(1, len(above) + 1))
    beats = [{"above_null": float(better)} for better in above]
    return dataclasses.replace(
        one,
        candidates=tuple(
            dataclasses.replace(candidate, diagnostics=found)
            for candidate, found in zip(one.candidates, beats, strict=True)
        ),
    )


LABEL = ", or label some rows to separate them (--labels)."


@pytest.mark.parametrize(
    ("one", "advice"),
    [
        (with_ties(1, 2), "Teach with m1: no other candidate comes within its margin."),
        (held_to_the_null(True, False), "Teach with m1: no other candidate comes within its margin."),
        (
            held_to_the_null(False, True, False),
            "Teach with none of them yet: m1 comes first but does not beat shuffled rows; of those that do, m2 "
            "comes first. Give more rows or gold labels.",
        ),
        (with_ties(1, 1), "Teach with m1; m2 is not separable from it, so take the cheaper of the two" + LABEL),
        (
            dataclasses.replace(with_ties(1, 1), evidence="few_labels"),
            "Teach with m1; m2 is not separable from it, so take the cheaper of the two.",
        ),
        (with_ties(1, 1, 1), "Teach with m1; m2, m3 are not separable from it, so take the cheapest of these" + LABEL),
        (
            with_ties(1, 1, 1, 1, 1, 1),
            "Teach with m1; m2, m3, m4 and 2 more are not separable from it, so take the cheapest of these" + LABEL,
        ),
        (bare(), "No candidate could be ranked: fix the errors above and run again."),
        (
            dataclasses.replace(ranking(), null=NullBand(0.6, 0.5, 0.7, "", 0)),
            "Teach with none of them yet: no candidate is separable from a shuffled one on these rows. Give more rows, "
            "other layers, or gold labels with --labels.",
        ),
        (
            dataclasses.replace(ranking(), evidence="few_labels", null=NullBand(0.6, 0.5, 0.7, "", 0)),
            "Teach with none of them yet: no candidate is separable from a shuffled one on these rows. Give more rows, "
            "other layers, or more gold labels.",
        ),
        (
            dataclasses.replace(ranking(), rank_by="cka", null=NullBand()),
            "Teach with none of them yet: cka has no value for any candidate; see the warnings.",
        ),
        (with_ties(1), "Teach with m1: no other candidate was ranked."),
        (
            with_ties(1, 2, low=1),
            "Teach with m1: no other candidate that beats shuffled rows comes within its margin.",
        ),
    ],
)
def test_the_advice_says_what_to_do(one, advice):
    assert one.advice() == advice


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
