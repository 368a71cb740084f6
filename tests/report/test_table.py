"""The terminal table reads at a glance and stays within its columns."""

from __future__ import annotations

import dataclasses

import pytest

from predictor.results.candidate import Estimate, Interval
from predictor.results.table import table
from tests.report.rankings import EVIL, bare, by_estimator, failed, pointwise, ranking


@pytest.mark.parametrize("width", [72, 80, 100, 120])
def test_no_line_but_the_advice_is_wider_than_asked(width):
    shown = table(ranking(failures=(failed("pypi:a-package==1.0/inner/path/model.gguf#layer=5", "word " * 60),)), width)
    assert max(len(line) for line in shown.splitlines()[:-1]) <= width
    short = dataclasses.replace(ranking(), candidates=(dataclasses.replace(ranking().candidates[0], name="a"),))
    assert max(len(line) for line in table(short, width).splitlines()[:-1]) <= width


@pytest.mark.parametrize("width", [80, 120])
def test_the_last_line_is_the_advice(width):
    for one in (ranking(), bare(), pointwise()):
        assert table(one, width).splitlines()[-1] == one.advice()


def test_a_row_shows_rank_interval_chance_error_and_gain():
    line = next(line for line in table(ranking(), 84).splitlines() if "small#layer=6" in line)
    assert line == "┌ 1 1–2   small#layer=6      71%  0.312 [0.281, 0.349]  +0.083 [+0.041, +0.121]"


def test_wide_terminals_get_a_drawing_over_the_band_of_shuffled_candidates():
    lines = table(ranking(), 120).splitlines()
    drawn = [line for line in lines if "●" in line]
    assert len(drawn) == 3
    assert all("░" in line for line in drawn)
    assert "●" not in table(ranking(), 80)


def test_ranked_by_gain_the_drawing_marks_zero():
    one = ranking(rank_by="gain")
    shown = table(one, 120)
    assert "ranked by predicted gain, higher is better" in shown
    assert "┊" in shown


def test_ranked_by_an_estimator_the_table_shows_its_values():
    shown = table(by_estimator(), 80)
    assert "ranked by representation gap, lower is better" in shown
    assert "W2S error" not in shown
    assert next(line for line in shown.splitlines() if "tiny" in line).split()[4] == "0.86"


def test_ties_are_joined_and_explained_and_single_rows_are_not():
    shown = table(ranking(), 100)
    assert "└ 2 1–3   small#layer=3" in shown
    assert "  3 2–4   tiny" in shown
    assert "rows joined by ┌ │ └ are not separable" in shown


def test_failed_candidates_stand_below_with_their_reason():
    shown = table(ranking(failures=(failed("./gone"),)), 80)
    assert shown.index("✗ failed  ./gone: it does not exist; check the path.") > shown.index("tiny")


def test_one_candidate_is_better_and_several_are():
    one = dataclasses.replace(ranking(), null=dataclasses.replace(ranking().null, separable=1))
    assert "1 of 3 is better than that" in " ".join(table(one, 100).split())


def test_evidence_unit_null_and_warnings_are_reported():
    shown = " ".join(table(ranking(), 100).split())
    assert "evidence The rows and the models' representations, and no label at all." in shown
    assert "unit label variance (1 is the error of always answering the mean label); intervals are 90 %" in shown
    assert (
        "null with rows shuffled a candidate's W2S error is 0.612 [0.571, 0.655]; 2 of 3 are better than that" in shown
    )
    assert "warning 12 rows are blank; they are kept" in shown
    assert "warning small#layer=3: 3 rows were cut at 256 tokens" in shown


def test_values_that_do_not_exist_are_dashes():
    lines = table(pointwise(), 100).splitlines()
    assert "0.30" in next(line for line in lines if "small#layer=6" in line)
    assert next(line for line in lines if "small#layer=3" in line).split()[-2:] == ["–", "–"]


def test_a_name_cannot_drive_the_terminal():
    one = ranking(failures=(failed(EVIL, "line one\nline two \x1b[2J"),))
    shown = table(one, 100)
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_wide_letters_keep_the_columns_in_line():
    one = ranking()
    one = dataclasses.replace(
        one, candidates=(dataclasses.replace(one.candidates[0], name="模型六"), *one.candidates[1:])
    )
    lines = [line for line in table(one, 100).splitlines() if line.startswith(("┌", "└"))]
    assert lines[0].index("71%") + 3 == lines[1].index("28%")


def test_a_rounded_zero_has_no_sign():
    one = ranking()
    gain = dataclasses.replace(one.candidates[0].predicted_gain, value=-0.00001)
    one = dataclasses.replace(one, candidates=(dataclasses.replace(one.candidates[0], predicted_gain=gain),))
    assert " 0.000 [+0.041" in table(one, 100)


def test_advice_on_refining_stands_beside_the_first_choice():
    shown = ranking()
    first = shown.candidates[0]
    advised = Estimate(0.2, "higher", "", note="refine before training, by predicted gains")
    reported = dataclasses.replace(first, estimates={**first.estimates, "refinement": advised})
    text = table(dataclasses.replace(shown, candidates=(reported, *shown.candidates[1:])), 100)
    assert f"labels    {first.name}: refine before training, by predicted gains" in text
    assert "labels    " not in table(shown, 100)


def test_a_gain_of_zero_stands_in_line_with_its_like():
    shown = ranking()
    gains = [Interval(v, v - 0.05, v + 0.05, "label variance") for v in (0.17, 0.0)]
    rows = [dataclasses.replace(c, predicted_gain=gain) for c, gain in zip(shown.candidates, gains, strict=False)]
    text = table(dataclasses.replace(shown, candidates=(*rows, *shown.candidates[2:])), 100)
    places = [line.index(f) for line in text.splitlines() for f in ("[+0.12", "[-0.05") if f in line]
    assert len(places) == 2
    assert len(set(places)) == 1
