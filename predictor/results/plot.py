"""Plot: one point with its interval per candidate, on matplotlib axes. Needs the extra `plot`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from predictor.errors import UnavailableError
from predictor.results.candidate import SHARE, Candidate, Interval
from predictor.results.names import visible
from predictor.results.order import order_of
from predictor.results.ranking import NullBand, Ranking
from predictor.results.text import decimals_of, number, span

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE = ("#0072B2", "#56B4E9"), ("#D55E00", "#E69F00")
"""On light and on dark ground. Source: Okabe & Ito 2008, a palette for all kinds of colour vision."""

_ROW_INCHES, _WIDTH_INCHES = 0.42, 8.0


@dataclass(frozen=True)
class Dot:
    """One candidate's row.

    Attributes:
        interval: of its student; None where there is none.
        teacher: the same quantity of the candidate itself, drawn hollow; None where it is not known.
        note: at the right end of the row.
        marked: drawn in colour.
        cross: a second value of the student, such as the one predicted; None for none.
    """

    name: str
    interval: Interval | None
    teacher: float | None = None
    note: str = ""
    marked: bool = False
    cross: float | None = None


def ranking_plot(ranking: Ranking, ax: Axes | None = None) -> Axes:
    """What the candidates were ranked by, first at the top, and their gain in figures.

    Args:
        ax: axes to draw on; new ones in the current style (`plt.style`) where None.

    Raises:
        UnavailableError: matplotlib is not installed.
    """
    order = order_of(ranking)
    ranked = [one for one in ranking.candidates if one.rank is not None]
    chosen = () if ranking.decision is None else ranking.decision.launch
    teachers = [_teacher(one, ranking.rank_by) for one in ranked]
    gains = _gains(ranking.rank_by, ranked, teachers)
    dots = [
        Dot(visible(one.name), interval, teacher, gain, one.name in chosen)
        for one, interval, teacher, gain in zip(ranked, order.intervals, teachers, gains, strict=True)
    ]
    unit = next((one.unit for one in order.intervals if one is not None and one.unit), "")
    gain_unit = "points" if unit == SHARE else unit
    # The band of shuffled candidates is one of errors: it says nothing about accuracies or gains.
    band = None if ranking.rank_by in ("accuracy", "gain") else ranking.null
    about = f"{order.name}{f', {unit}' if unit and unit not in order.name else ''} ({order.better} is better)"
    return dot_plot(
        dots,
        about,
        ax=ax,
        band=band,
        zero=ranking.rank_by == "gain",
        percent=unit == SHARE,
        heading=f"gain, {gain_unit}" if any(gains) else "",
        marked="advised",
        names=("student", "teacher itself", ""),
    )


def dot_plot(
    dots: Sequence[Dot],
    about: str,
    *,
    ax: Axes | None,
    names: tuple[str, str, str],
    marked: str,
    band: NullBand | None = None,
    line: tuple[float, str] | None = None,
    zero: bool = False,
    percent: bool = False,
    heading: str = "",
) -> Axes:
    """Draw the rows, the first at the top.

    Args:
        about: what is along the axis.
        names: of the points, of the hollow points and of the crosses.
        marked: what a marked row is.
        band: of shuffled candidates, shaded.
        line: a value that all are compared with, and its name.
        zero: draw a line at 0.
        percent: values are shares.
        heading: below the notes.
    """
    ax = _axes(len(dots)) if ax is None else ax
    dark = _is_dark(ax)
    ink, blue, orange = ax.xaxis.label.get_color(), BLUE[dark], ORANGE[dark]
    for row, dot in enumerate(dots):
        colour = blue if dot.marked else ink
        if dot.interval is not None and dot.interval.value is not None:
            low, high = dot.interval.low, dot.interval.high
            if low is not None and high is not None:
                ax.plot([low, high], [row, row], color=colour, linewidth=2, solid_capstyle="round", alpha=0.75)
            ax.plot([dot.interval.value], [row], "o", color=colour, markersize=8)
        if dot.teacher is not None:
            ax.plot([dot.teacher], [row], "D", markerfacecolor="none", markeredgecolor=orange, markersize=7)
        if dot.cross is not None:
            ax.plot([dot.cross], [row], "x", color=orange, markersize=8, markeredgewidth=2)
        if dot.note:
            ax.annotate(dot.note, (1.02, row), xycoords=("axes fraction", "data"), va="center", annotation_clip=False)
    if heading and dots:
        ax.annotate(heading, (1.02, -0.03), xycoords="axes fraction", va="top", annotation_clip=False)
    if band is not None and band.low is not None and band.high is not None:
        ax.axvspan(band.low, band.high, color=ink, alpha=0.12, linewidth=0)
    if zero:
        ax.axvline(0.0, color=ink, linewidth=0.8, linestyle=":")
    if line is not None:
        ax.axvline(line[0], color=ink, linewidth=1.2, linestyle="--")
    ax.set_yticks(range(len(dots)), [dot.name for dot in dots])
    ax.set_ylim(max(len(dots), 1) - 0.5, -0.5)
    ax.set_xlabel(about)
    ax.grid(axis="x", alpha=0.25, linewidth=0.6)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    if percent:
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    shaded = band is not None and band.low is not None
    _legend(ax, dots, names, marked, (ink, blue, orange), line, "rows shuffled" if shaded else "")
    return ax


def _teacher(candidate: Candidate, rank_by: str) -> float | None:
    """The ranked quantity of the candidate itself."""
    if rank_by == "accuracy":
        return None if candidate.predicted_weak_accuracy is None else candidate.predicted_weak_accuracy.value
    error, gain = candidate.predicted_w2s_error, candidate.predicted_gain
    if rank_by != "w2s_error" or error is None or gain is None or error.unit != gain.unit:
        return None
    return None if error.value is None or gain.value is None else error.value + gain.value


def _gains(rank_by: str, ranked: Sequence[Candidate], teachers: Sequence[float | None]) -> list[str]:
    """What each student gains on its teacher, in the unit of the order; of accuracies in points."""
    if rank_by == "w2s_error":
        decimals = decimals_of([one.predicted_gain for one in ranked])
        return [span(one.predicted_gain, decimals, signed=True) for one in ranked]
    if rank_by != "accuracy":
        return ["" for _ in ranked]
    students = [None if one.predicted_accuracy is None else one.predicted_accuracy.value for one in ranked]
    return [
        "" if student is None or teacher is None else number(100.0 * (student - teacher), 1, signed=True)
        for student, teacher in zip(students, teachers, strict=True)
    ]


def _axes(rows: int) -> Axes:
    try:
        import matplotlib.pyplot as plt
    except ModuleNotFoundError as error:
        raise UnavailableError(
            "a plot needs matplotlib, not installed here: pip install 'w2s-predictor[plot]'.", reason="MISSING_PACKAGE"
        ) from error
    _, ax = plt.subplots(figsize=(_WIDTH_INCHES, 1.4 + _ROW_INCHES * max(rows, 1)), layout="constrained")
    return ax


def _is_dark(ax: Axes) -> bool:
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(ax.xaxis.label.get_color())
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5


def _legend(
    ax: Axes,
    dots: Sequence[Dot],
    names: tuple[str, str, str],
    marked: str,
    colours: tuple[Any, str, str],
    line: tuple[float, str] | None,
    shaded: str,
) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    ink, blue, orange = colours
    found: list[Any] = [Line2D([], [], color=ink, marker="o", linewidth=2, label=f"{names[0]}, 90 % interval")]
    if any(dot.marked for dot in dots):
        found.append(Line2D([], [], color=blue, marker="o", linewidth=2, label=marked))
    if any(dot.teacher is not None for dot in dots):
        hollow = Line2D([], [], marker="D", markeredgecolor=orange, linewidth=0, label=names[1])
        hollow.set_markerfacecolor("none")
        found.append(hollow)
    if any(dot.cross is not None for dot in dots):
        found.append(Line2D([], [], color=orange, marker="x", linewidth=0, markeredgewidth=2, label=names[2]))
    if line is not None:
        found.append(Line2D([], [], color=ink, linewidth=1.2, linestyle="--", label=line[1]))
    if shaded:
        found.append(Patch(color=ink, alpha=0.12, label=shaded))
    ax.legend(
        handles=found,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=len(found) if len(found) < 5 else 3,
        frameon=False,
    )
