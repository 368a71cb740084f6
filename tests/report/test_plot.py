"""Plots of rankings and validations, read back from the axes."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes

from predictor.errors import UnavailableError
from predictor.results.candidate import SHARE, Interval
from predictor.results.plot import BLUE
from predictor.results.ranking import NullBand, Provenance, Ranking
from predictor.validation.claims import Claim, Claims
from predictor.validation.validation import Mean, Trained, Validation
from tests.report.rankings import failed, ranking

mpl.use("agg")
import matplotlib.pyplot as plt


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def points(ax: Axes, marker: str) -> list[tuple[float, float]]:
    """(row, value) of the marks of one kind."""
    found = (line for line in ax.lines if line.get_marker() == marker)
    return sorted((float(line.get_ydata()[0]), round(float(line.get_xdata()[0]), 4)) for line in found)


def names(ax: Axes) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


def legend(ax: Axes) -> list[str]:
    box = ax.get_legend()
    assert box is not None
    return [text.get_text() for text in box.get_texts()]


def by_accuracy() -> Ranking:
    shown = ranking()
    candidates = tuple(
        dataclasses.replace(
            one,
            predicted_accuracy=Interval(0.8 - 0.1 * place, 0.7 - 0.1 * place, 0.9 - 0.1 * place, SHARE),
            predicted_weak_accuracy=Interval(0.75, 0.7, 0.8, SHARE),
        )
        for place, one in enumerate(shown.candidates)
    )
    return dataclasses.replace(shown, candidates=candidates, rank_by="accuracy")


def test_a_point_with_its_interval_per_candidate() -> None:
    shown = ranking(failures=(failed("gone"),))
    ax = shown.plot()
    assert names(ax) == ["small#layer=6", "small#layer=3", "tiny"]
    assert points(ax, "o") == [(0.0, 0.312), (1.0, 0.331), (2.0, 0.583)]
    spans = [line for line in ax.lines if line.get_marker() == "None" and len(line.get_xdata()) == 2]
    assert [round(float(x), 3) for x in spans[0].get_xdata()] == [0.281, 0.349]
    assert points(ax, "D") == [(0.0, 0.395), (1.0, 0.397), (2.0, 0.562)]
    assert ax.get_ylim() == (2.5, -0.5)
    assert "predicted W2S error, label variance (lower is better)" in ax.get_xlabel()
    texts = [text.get_text() for text in ax.texts]
    assert texts == [
        "+0.083 [+0.041, +0.121]",
        "+0.066 [+0.024, +0.104]",
        "-0.021 [-0.063, +0.017]",
        "gain, label variance",
    ]
    assert legend(ax) == ["student, 90 % interval", "advised", "teacher itself", "rows shuffled"]


def test_gains_of_accuracies_are_points() -> None:
    """The null is a band of errors, and has no place beside accuracies."""
    ax = by_accuracy().plot()
    assert [text.get_text() for text in ax.texts] == ["+5.0", "-5.0", "-15.0", "gain, points"]
    assert "rows shuffled" not in legend(ax)
    assert ax.xaxis.get_major_formatter()(0.5, 0) == "50%"


def test_the_order_by_gain_has_its_zero() -> None:
    ax = dataclasses.replace(ranking(), rank_by="gain", null=NullBand()).plot()
    assert points(ax, "o")[0] == (0.0, 0.083)
    assert any(line.get_linestyle() == ":" and set(line.get_xdata()) == {0.0} for line in ax.lines)
    assert points(ax, "D") == []


@pytest.mark.parametrize(("style", "colour"), [("default", BLUE[0]), ("dark_background", BLUE[1])])
def test_the_advised_candidate_is_coloured_for_the_ground(style: str, colour: str) -> None:
    with plt.style.context(style):
        ax = ranking().plot()
    (mark,) = (line for line in ax.lines if line.get_marker() == "o" and line.get_color() == colour)
    assert list(mark.get_ydata()) == [0]


def test_axes_of_the_caller_are_used() -> None:
    _, (left, right) = plt.subplots(1, 2)
    assert ranking().plot(left) is left
    assert right.lines[:] == []


def test_nothing_ranked_is_an_empty_plot() -> None:
    ax = dataclasses.replace(ranking(), candidates=(failed("gone"),), decision=None).plot()
    assert names(ax) == []


def test_without_matplotlib_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(UnavailableError, match=r"pip install 'w2s-predictor\[plot\]'"):
        ranking().plot()


def test_a_validation_shows_what_was_measured_and_predicted() -> None:
    trained = (
        Trained("near", Mean(0.5, 0.01), Mean(0.3, 0.02), Mean(0.2, 0.01), 0.5),
        Trained("far", Mean(0.6, None), Mean(0.7, None), Mean(-0.1, None), None),
    )
    claims = Claims("representations", "x", 1, (Claim("far", Interval(0.65, 0.6, 0.7, "label variance"), 0.7),))
    found = Validation(
        "task", "strong", 90, 2, Mean(0.1, 0.0), None, trained, (), {}, Provenance({}, 0, {}), claims=(claims,)
    )
    ax = found.plot()
    assert names(ax) == ["near", "far"]
    assert points(ax, "o") == [(0.0, 0.3), (1.0, 0.7)]
    assert points(ax, "D") == [(0.0, 0.5), (1.0, 0.6)]
    assert points(ax, "x") == [(1.0, 0.65)]
    first = next(line for line in ax.lines if line.get_marker() == "None")
    np.testing.assert_allclose(first.get_xdata(), [0.3 - 1.645 * 0.02, 0.3 + 1.645 * 0.02])
    assert any(line.get_linestyle() == "--" and set(line.get_xdata()) == {0.1} for line in ax.lines)
    assert [text.get_text() for text in ax.texts] == ["+0.200 ± 0.010", "-0.100", "gain, label variance"]
