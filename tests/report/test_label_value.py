"""What labels would change, in every form of the answer."""

from __future__ import annotations

from dataclasses import replace

from predictor.report.page import html
from predictor.results.markdown import markdown
from predictor.results.suggestion import LabelValue, SuggestedLabel, in_words
from predictor.results.table import table
from tests.report.rankings import EVIL, ranking

CURVE = tuple(
    LabelValue(labels, mine, any_row, "share of rows")
    for labels, mine, any_row in ((0, 0.02, 0.02), (10, 0.012, 0.018), (50, 0.004, 0.01))
)
ROWS = tuple(SuggestedLabel(f"r{i}" if i else EVIL, "students of a and b differ here") for i in range(14))


def test_every_form() -> None:
    """Table, Markdown and page name the curve; table and page some rows, escaped."""
    found = replace(ranking(), suggested_labels=ROWS, value_of_labels=CURVE)
    sentence = "0.02 today, 0.012 after 10, 0.004 after 50 suggested labels. 50 random labels: 0.01."
    shown = " ".join(table(found, 100).split())
    assert sentence in shown
    assert "label r2: students of a and b differ here and 11 more" in shown
    assert "Labels: Expected regret" in markdown(found)
    page = html(found)
    assert sentence in page
    assert "What labels would change" in page
    assert "4 more in the JSON" in page
    assert "<script>" not in page
    assert "What labels would change" not in html(ranking())


def test_in_words_where_random_rows_do_as_well() -> None:
    """A curve that saves next to nothing over random rows says so."""
    alike = tuple(replace(one, random_regret=one.expected_regret * 1.05) for one in CURVE)
    assert "Random rows are expected to do as well" in in_words(alike)
    assert "Random rows" not in in_words(CURVE)


def test_in_words_where_nothing_is_at_stake() -> None:
    """Without regret labels change nothing."""
    assert in_words((LabelValue(0, 0.0, 0.0, "label variance"),)).startswith("Labels would change nothing")
    assert in_words(()) == ""
