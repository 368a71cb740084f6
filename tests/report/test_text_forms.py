"""Markdown, CSV and the command that repeats a ranking."""

from __future__ import annotations

import csv as reader
import dataclasses
import io
import shlex

from predictor.report.page import html
from predictor.results.command import command
from predictor.results.csv import csv
from predictor.results.markdown import markdown
from predictor.results.table import table
from tests.report.rankings import EVIL, bare, by_estimator, failed, of_classes, pointwise, ranking


def test_markdown_holds_ranking_notes_failures_and_command():
    text = markdown(ranking(failures=(failed("gone"),)))
    assert "| 1 | 1–2 | small\\#layer=6 | 71% | 0.312 [0.281, 0.349] | +0.083 [+0.041, +0.121] |" in text
    assert (
        "- Null: with rows shuffled a candidate's W2S error is 0.612 [0.571, 0.655]; 2 of 3 are better than that."
        in text
    )
    assert "- gone: it does not exist; check the path." in text
    assert "representation\\_gap ↓" in text
    assert "```sh\nw2s rank" in text
    assert text.endswith("\n")


def test_every_form_reports_how_often_the_student_is_expected_to_be_right_where_that_was_predicted():
    stated = "is expected to name the right class in 82.1% of rows, small#layer=6 itself in 79.4%"
    assert f"right     the student of small#layer=6 {stated[:14]}" in table(of_classes())
    assert stated in " ".join(table(of_classes()).split())
    assert f"- Right answers: the student of small#layer=6 {stated}.".replace("#", "\\#") in markdown(of_classes())
    assert f"The student of small#layer=6 {stated}." in html(of_classes())
    assert all("right class" not in form(ranking()) for form in (table, markdown, html))


def test_a_ranking_by_an_estimator_shows_its_values():
    one = by_estimator()
    assert "ranked by representation gap, lower is better" in markdown(one)
    assert "| 1 | 1–2 | small\\#layer=6 | 71% | 0.82 |" in markdown(one)
    assert "a candidate's representation gap is 0.970 [0.950, 0.990]" in markdown(one)


def test_markdown_of_the_barest_ranking_still_advises():
    assert "No candidate could be ranked" in markdown(bare())
    assert "small" in markdown(pointwise())


def test_markdown_escapes_names():
    one = ranking()
    one = dataclasses.replace(one, candidates=(dataclasses.replace(one.candidates[0], name=EVIL), *one.candidates[1:]))
    row = next(line for line in markdown(one).splitlines() if line.startswith("| 1 |"))
    assert "\\<script\\>" in row
    assert row.replace("\\|", "").count("|") == 7


def test_csv_has_one_row_a_candidate_and_empty_fields_for_what_does_not_exist():
    rows = list(reader.DictReader(io.StringIO(csv(ranking(failures=(failed("gone"),))))))
    assert [row["name"] for row in rows] == ["small#layer=6", "small#layer=3", "tiny", "gone"]
    assert float(rows[0]["predicted_w2s_error"]) == 0.312
    assert float(rows[0]["predicted_gain_high"]) == 0.083 + 0.038
    assert rows[0]["misfit"] == ""
    assert rows[3]["rank"] == rows[3]["predicted_gain"] == ""
    assert rows[3]["error_reason"] == "MODEL_NOT_FOUND"


def test_csv_names_are_never_formulas():
    one = ranking(failures=(failed("=HYPERLINK(1)"), failed("@x"), failed("-1+2")))
    rows = list(reader.DictReader(io.StringIO(csv(one))))
    assert [row["name"] for row in rows[3:]] == ["'=HYPERLINK(1)", "'@x", "'-1+2"]
    assert float(rows[2]["predicted_gain"]) == -0.021


def test_the_command_survives_a_shell():
    given = ["rank", "--strong", "s=./it's here", "--weak", "a=$(rm -rf x)", "b", "--pool", "-", "--seed", "0"]
    text = command({"command": given})
    assert shlex.split(text.replace("\\\n", " ")) == ["w2s", *given]
    assert len(text.splitlines()) == 5


def test_there_is_no_command_where_none_was_typed():
    assert command({}) == ""
    assert command({"strong": "s", "weak": ["w"], "weak_labels": ["w"]}) == ""


def test_a_request_from_python_is_shown_as_settings():
    one = ranking()
    asked = {"strong": "s", "weak": ["a", "b"], "labelled_rows": 0, "max_rows": None, "weak_labels": []}
    asked |= {"training": {"weak_rows": 60, "weak_ridge": None}, "budget": {"share": None, "seconds": None}}
    one = dataclasses.replace(one, provenance=dataclasses.replace(one.provenance, request=asked))
    page = html(one)
    assert "<dt>weak</dt><dd>a, b</dd>" in page
    assert "<dt>max rows</dt>" not in page
    assert "<dt>training</dt><dd>weak_rows=60</dd>" in page
    assert "<dt>budget</dt>" not in page
    assert "w2s rank" not in page
