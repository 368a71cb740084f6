"""The HTML page is whole, safe and loads nothing."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser

import pytest

from predictor.report.page import html
from predictor.report.style import CSS
from tests.report.rankings import EVIL, bare, by_estimator, failed, pointwise, ranking

VOID = {"meta", "wbr", "br"}


class Reader(HTMLParser):
    """Collects tags and text, and fails where tags do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


@pytest.mark.parametrize(
    "one",
    [ranking(), ranking(failures=(failed("gone"),)), ranking(rank_by="gain"), bare(), pointwise(), by_estimator()],
)
def test_the_page_nests_and_loads_nothing(one):
    page = html(one)
    reader = read(page)
    assert not re.search(r"https?:|url\(|@import|<script|<link|<img|<iframe", page)
    assert not any(name in ("src", "href", "srcset") for _, attributes in reader.tags for name in attributes)
    assert "default-src 'none'" in page.replace("&#x27;", "'")


def test_the_headline_is_the_advice():
    one = ranking()
    page = html(one)
    assert f">{one.advice()}</h1>" in page


def test_every_text_from_outside_is_escaped():
    one = ranking(failures=(failed(EVIL, EVIL),))
    first = dataclasses.replace(one.candidates[0], name=EVIL, warnings=(EVIL,))
    one = dataclasses.replace(
        one,
        candidates=(first, *one.candidates[1:]),
        warnings=(EVIL,),
        strong=dataclasses.replace(one.strong, name=EVIL),
        provenance=dataclasses.replace(
            one.provenance, versions={EVIL: EVIL}, request={"command": [EVIL, "--weak", EVIL]}
        ),
    )
    page = html(one)
    reader = read(page)
    assert "script" not in [tag for tag, _ in reader.tags]
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "alert(" in "".join(reader.words)


def test_tables_say_that_they_are_tables_even_as_cards():
    reader = read(html(ranking()))
    kinds = [tag for tag, _ in reader.tags]
    assert kinds.count("table") == 2
    assert kinds.count("caption") == 2
    for tag, role in (("table", "table"), ("tr", "row"), ("td", "cell")):
        assert all(attributes["role"] == role for kind, attributes in reader.tags if kind == tag)
    headers = [attributes for kind, attributes in reader.tags if kind == "th"]
    assert {attributes["scope"] for attributes in headers} == {"col", "row"}


def test_every_drawing_has_words_or_is_hidden_from_readers():
    reader = read(html(ranking()))
    hidden_rows = sum(attributes.get("aria-hidden") == "true" for tag, attributes in reader.tags if tag == "div")
    silent = [
        attributes
        for tag, attributes in reader.tags
        if tag == "svg" and "aria-label" not in attributes and attributes.get("aria-hidden") != "true"
    ]
    # axes and band labels sit in hidden rows; the chart's inner drawing lies inside a labelled one
    assert len(silent) == hidden_rows + 1
    assert 'aria-label="small#layer=6: 0.312 label variance, 90 % interval 0.281 to 0.349"' in html(ranking())


def plots_with_a_band(page: str) -> list[str]:
    figures = {piece.split("</strong>")[0]: piece for piece in page.split("<figcaption><strong>")[1:]}
    return [title for title, piece in figures.items() if "rows shuffled" in piece]


def test_the_band_stands_in_the_plot_of_its_own_quantity():
    assert plots_with_a_band(html(ranking())) == ["Predicted W2S error"]
    assert plots_with_a_band(html(ranking(rank_by="gain"))) == ["Predicted W2S error"]
    assert plots_with_a_band(html(by_estimator())) == ["Representation gap"]


def test_spectra_and_overlap_are_drawn_where_known_and_left_out_where_not():
    page = html(ranking())
    assert page.count("<polyline") == 4
    assert "overlap 0.70 · effective dimension 39" in page
    assert "Spectra and overlap" not in html(bare())


def test_estimates_name_their_direction_and_the_reason_of_gaps():
    page = html(ranking())
    assert "representation gap<small>↓ lower</small>" in page
    assert "parameter count<small>↑ higher<br>weights</small>" in page
    assert "misfit: needs weak labels." in page
    assert "<b>22,713,216</b>" in page


def test_failed_candidates_are_listed_with_reasons():
    page = html(ranking(failures=(failed("gone"),)))
    assert "NOT_FOUND · MODEL_NOT_FOUND" in page
    assert "it does not exist; check the path." in page


def test_the_command_that_repeats_it_is_quoted_for_a_shell():
    words = "".join(read(html(ranking())).words)
    assert "--weak 'small=./my model#layer=3,6' tiny=./tiny" in words
    assert "Run it again" in words


def test_a_hundred_candidates_are_shown():
    one = ranking()
    many = tuple(dataclasses.replace(one.candidates[0], name=f"m{i}", rank=i + 1, tie_group=i // 3) for i in range(100))
    page = html(dataclasses.replace(one, candidates=many))
    assert page.count('<div class="row') >= 200
    assert len(page) < 600_000


def test_wide_tables_wrap_on_paper():
    """Paper does not scroll: cells wrap, and the estimates of a candidate fill as many rows as they need."""
    paper = CSS.partition("@media print")[2]
    cells = re.search(r"main \.scroll th,main \.scroll td\{([^}]*)\}", paper)
    assert cells is not None
    assert {"min-width:0", "white-space:normal", "overflow-wrap:anywhere"} <= set(cells[1].replace("\n", "").split(";"))
    assert ".estimates tr{display:grid;grid-template-columns:repeat(auto-fill," in paper
    assert 'class="scroll"' in html(ranking())
