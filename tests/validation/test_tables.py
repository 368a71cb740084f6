"""A validation as Markdown, CSV and a page: absent figures are dashes, names from outside are harmless."""

from __future__ import annotations

import csv
import dataclasses
import io
import json

import pytest

from predictor.report.validation_page import html
from predictor.results.candidate import Failure
from predictor.results.ranking import Provenance
from predictor.results.text_table import TextTable
from predictor.validation import tables
from predictor.validation.scoring import Score
from predictor.validation.validation import Mean, Trained, Validation
from tests.report.rankings import EVIL


@pytest.fixture
def found():
    trained = (
        Trained("=1+1", Mean(0.5, 0.01), Mean(0.3, 0.02), Mean(0.2, 0.015), 0.8, pgr_standard_error=0.1),
        Trained(EVIL, Mean(0.4, None), Mean(0.45, None), Mean(-0.05, None), None, predicted={"misfit": {"value": 0.1}}),
    )
    scores = (Score("combined", "few_labels", 1.0, None, 0.0, 0.05, None, None, None, kendall_error=2 / 3),)
    return Validation(
        task="pets",
        strong="big (layer 6)",
        rows=300,
        splits=2,
        ceiling_error=Mean(0.25, 0.01),
        reliability=None,
        trained=trained,
        scores=scores,
        failed={"gone": Failure("NOT_FOUND", "MODEL_NOT_FOUND", "it is | gone")},
        provenance=Provenance({}, 0, {}),
        recipe="lora",
        loss="squared",
        training={"epochs": 3, "lora_rank": 4},
        parts=(100, 120, 80),
        measured_on="2025-01-31",
    )


def test_tables_show_errors_with_their_spread_and_dashes_for_what_is_absent(found):
    rows = tables.measurements(found).rows
    assert rows[0] == ("=1+1", "0.300 ± 0.020", "+0.200 ± 0.015", "0.500 ± 0.010", "0.80 ± 0.10")
    assert rows[1][1:] == ("0.450", "-0.050", "0.400", "–")
    scored = tables.estimators(found)
    assert scored.headings[2:7] == ("predicts", "τ", "ρ error", "ρ gain", "regret")
    assert scored.rows[0][1:7] == ("few labels", "W2S error", "0.67", "1.00", "–", "0.000")


PREDICTED = [("w2s_error", "W2S error", "0.10"), ("gain", "gain", "0.20"), ("weak_error", "weak error", "0.30")]


@pytest.mark.parametrize(("predicts", "word", "tau"), [*PREDICTED, ("nothing", "–", "–")])
def test_kendalls_tau_is_with_what_an_estimator_predicts(found, predicts, word, tau):
    score = dataclasses.replace(
        found.scores[0], predicts=predicts, kendall_error=0.1, kendall_gain=0.2, kendall_weak=0.3
    )
    assert tables.estimators(Validation(**{**vars(found), "scores": (score,)})).rows[0][2:4] == (word, tau)


def test_grouping_puts_what_rows_share_on_a_row_of_its_own():
    sheet = TextTable("c", ("x", "g", "y"), (("1", "a", "2"), ("3", "a", "4"), ("5", "b", "6")), "none")
    found = sheet.grouped(1)
    assert found.headings == ("x", "y")
    assert found.rows == (("(a)", ""), ("1", "2"), ("3", "4"), ("(b)", ""), ("5", "6"))
    assert sheet.columns(2, 0).rows == (("2", "1"), ("4", "3"), ("6", "5"))
    assert TextTable("c", ("x", "g"), (), "none").grouped(1).rows == ()


def test_accuracies_are_shown_where_there_are_classes(found):
    first = Trained(
        "a", Mean(0.5, None), Mean(0.3, None), Mean(0.2, None), None, Mean(0.7, None), Mean(0.8, None), None,
        Mean(0.6, None), Mean(0.4, None),
    )  # fmt: skip
    classes = Validation(**{**vars(found), "trained": (first,), "ceiling_accuracy": Mean(0.9, 0.01)})
    sheet = tables.measurements(classes)
    assert sheet.headings[5:] == ("W2S accuracy", "weak accuracy", "W2S log-loss")
    assert sheet.rows[0][5:] == ("0.800", "0.700", "0.400")
    assert ("ceiling accuracy", "0.900 ± 0.010") in tables.about(classes)


def test_the_facts_say_how_it_was_trained(found):
    facts = dict(tables.about(found))
    assert facts["recipe"] == "lora, squared loss, soft labels, epochs 3, lora rank 4"
    assert facts["rows"] == "300 (D~ / D^ / test 100 / 120 / 80)"
    assert facts["ρ limit"].startswith("–")


def test_remarks_say_what_the_figures_cannot(found):
    def reported(**changed):
        return " ".join(tables.warnings(Validation(**{**vars(found), "training": {}, "reliability": 0.8, **changed})))

    assert reported() == ""
    assert reported(warnings=("only 30 rows",)) == "Of the forecasts without labels: only 30 rows."
    assert "does not repeat from split to split (ρ limit –)" in reported(reliability=None)
    assert "does not repeat from split to split (ρ limit 0.49)" in reported(reliability=0.49)
    assert "errs by 0.90 of the label variance: there is next to nothing to learn" in reported(
        ceiling_error=Mean(0.9, None)
    )
    tuned = reported(training={"head_layer": "last"})
    assert (
        "linear heads on the frozen features of big (layer 6), and the head of this training sits on layer last"
        in tuned
    )
    wild = dataclasses.replace(found.trained[0], pgr=-56.6, pgr_standard_error=1.1)
    assert "A PGR whose standard error is above 1 is left out" in reported(trained=(wild,))
    assert tables.measurements(Validation(**{**vars(found), "trained": (wild,)})).rows[0][4] == "–"
    for shown in (tables.markdown(found), html(found)):
        assert "does not repeat from split to split" in shown


def test_csv_has_a_row_a_candidate_and_no_formula(found):
    rows = list(csv.DictReader(io.StringIO(tables.csv(found))))
    assert [row["name"] for row in rows][:1] == ["'=1+1"]
    assert (rows[0]["w2s_error"], rows[0]["pgr_standard_error"], rows[0]["misfit"]) == ("0.3", "0.1", "")
    assert (rows[1]["pgr"], rows[1]["misfit"]) == ("", "0.1")
    assert (rows[2]["error_code"], rows[2]["w2s_error"]) == ("NOT_FOUND", "")


def test_names_from_outside_are_harmless_in_every_form(found):
    page, text = html(found), tables.markdown(found)
    assert "<script>" not in page
    assert "\x1b" not in page + text
    assert "it is | gone" in page
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert [line.count("|") - line.count("\\|") for line in lines] == [6] * 4 + [11] * 3


def test_an_answer_reads_back_as_it_was_written(found):
    text = found.to_json()
    assert Validation.from_dict(json.loads(text)).to_json() == text
    assert json.loads(text)["outcomes"][0]["measured_on"] == "2025-01-31"


def test_nothing_trained_is_reported_in_words(found):
    none = Validation(**{**vars(found), "trained": (), "scores": ()})
    assert "no candidate was trained" in tables.markdown(none)
    assert "no estimator was scored" in html(none)
