"""How wrong predictions were: sentences, a table, and plots beside what was measured."""

from __future__ import annotations

import dataclasses
import re

import pytest

from predictor.report.intervals import Row, interval_plot
from predictor.report.validation_page import html
from predictor.results.candidate import Interval
from predictor.results.ranking import Provenance
from predictor.results.text import visible
from predictor.validation.claims import Claim, Claims
from predictor.validation.scoring import Score
from predictor.validation.summary import predictions, summary
from predictor.validation.tables import markdown
from predictor.validation.validation import Mean, Trained, Validation
from tests.report.rankings import EVIL


def claim(name, value, measured):
    return Claim(name, Interval(value, value - 0.2, value + 0.1, "label variance"), measured)


def scored(estimator, evidence, regret, missed, inside):
    return Score(estimator, evidence, 0.5, None, regret, missed, None, inside, None)


@pytest.fixture
def found():
    trained = tuple(
        Trained(name, Mean(0.5, None), Mean(error, 0.01), Mean(0.1, None), None)
        for name, error in (("a", 0.3), (EVIL, 0.4), ("c", 0.8))
    )
    return Validation(
        task="pets",
        strong="big (layer 6)",
        rows=300,
        splits=2,
        ceiling_error=Mean(0.25, 0.01),
        reliability=0.9,
        trained=trained,
        scores=(
            scored("combined", "representations", 0.1, 0.0415, 2 / 3),
            scored("combined", "few_labels", 0, 0.02, 1),
        ),
        failed={},
        provenance=Provenance({}, 0, {}),
        claims=(
            Claims("representations", "combined", 1, (claim(EVIL, 0.35, 0.4), claim("a", 0.36, 0.3))),
            Claims("few_labels", "combined", 3, (claim("a", 0.31, 0.3), claim(EVIL, 0.4, 0.41), claim("c", 0.7, 0.8))),
        ),
    )


def test_sentences_say_how_far_off_how_often_inside_and_what_the_first_choice_costs(found):
    free, given, chance = summary(dataclasses.replace(found, task="x"))
    assert free == (
        "Without labels: combined was off by 0.042 of the label variance on average; 67% of the measured errors lay "
        f"inside its 90 % intervals; its first choice, {visible(EVIL)}, lost 0.100 against the best teacher."
    )
    assert given == (
        "With gold labels of D~: combined was off by 0.020 of the label variance on average, over 3 draws of D~; 100% "
        "of the measured errors lay inside its 90 % intervals; its first choice, a, was the best teacher."
    )
    assert chance == "A teacher drawn at random would lose 0.200."


def test_an_order_without_a_first_choice_reports_so(found):
    scores = (scored("combined", "representations", None, 0.04, 1.0),)
    assert summary(dataclasses.replace(found, scores=scores))[0].endswith("; it could not separate the candidates.")


def test_nothing_claimed_nothing_reported(found):
    silent = dataclasses.replace(found, claims=())
    assert summary(silent) == ()
    assert predictions(silent).rows == ()
    assert "How wrong were the predictions?" not in html(silent)
    assert "measured and predicted" not in markdown(silent)


def test_the_table_has_a_column_a_level_of_evidence_and_dashes_where_nothing_was_claimed(found):
    sheet = predictions(found)
    assert sheet.headings == ("candidate", "measured", "without labels", "with gold labels of D~")
    assert sheet.rows[0] == ("a", "0.300", "0.360 [0.16, 0.46]", "0.310 [0.11, 0.41]")
    assert sheet.rows[2] == ("c", "0.800", "–", "0.700 [0.50, 0.80]")
    assert "| a | 0.300 | 0.360 [0.16, 0.46] | 0.310 [0.11, 0.41] |" in markdown(found)


def test_plots_mark_what_was_measured_and_escape_names(found):
    page = html(found)
    assert page.count('class="truth"') == 5
    assert "0.31 → 0.30" in page
    assert "90 % interval 0.11 to 0.41; measured 0.30" in page
    assert EVIL not in page


def test_what_was_measured_far_outside_every_interval_still_lies_on_the_axis():
    row = Row("a", Interval(0.4, 0.3, 0.5, "label variance"), measured=2.0)
    plot = interval_plot("t", "c", [row])
    (place,) = re.findall(r'class="truth" x1="([\d.]+)%"', plot)
    assert 90.0 < float(place) < 100.0
