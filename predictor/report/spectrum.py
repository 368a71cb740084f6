"""Spectrum plot: how fast each representation's variance falls off, and how much of it the student shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from predictor.report.axis import Axis, logarithmic
from predictor.report.markup import model, text
from predictor.results.ranking import Ranking
from predictor.results.text import compact, number

COLOURS = 8
"""Candidates drawn in a colour of their own; further ones are grey."""

COMPONENTS = 32
HEIGHT = 280


def spectra(ranking: Ranking) -> str:
    """Spectra of student and candidates, and each candidate's overlap with the student; nothing where unknown."""
    ranked = [candidate for candidate in ranking.candidates if candidate.rank is not None]
    curves = [
        (f"c{place}" if place < COLOURS else "rest", candidate.name, _curve(candidate.diagnostics))
        for place, candidate in enumerate(ranked)
    ]
    curves.append(("student", f"{ranking.strong.name} (student)", _curve(ranking.strong.diagnostics)))
    drawn = [curve for curve in curves if len(curve[2]) > 1]
    diagnostics = [*(candidate.diagnostics for candidate in ranked), ranking.strong.diagnostics]
    keys = [
        _key(style, name, known, bool(curve)) for (style, name, curve), known in zip(curves, diagnostics, strict=True)
    ]
    if not ranked or not (drawn or any("overlap_with_strong" in candidate.diagnostics for candidate in ranked)):
        return ""
    legend = f'<ul class="keys">{"".join([keys[-1], *keys[:-1]])}</ul>'
    return f'<div class="spectra">{_chart(drawn)}{legend}</div>'


def _curve(diagnostics: Mapping[str, float]) -> list[float]:
    values: list[float] = []
    for place in range(1, COMPONENTS + 1):
        value = diagnostics.get(f"spectrum_{place}")
        if value is None or value <= 0:
            break
        values.append(value)
    return values


def _chart(curves: Sequence[tuple[str, str, list[float]]]) -> str:
    if not curves:
        return ""
    across = logarithmic(1, COMPONENTS)
    lowest = max(1e-6, min(min(curve) for _, _, curve in curves))
    down = logarithmic(min(lowest, 0.5), 1.0)
    lines = "".join(_line(style, name, curve, across, down) for style, name, curve in curves)
    grid, labels = "", ""
    for tick in down.ticks:
        at = (100 - down.place(tick)) * HEIGHT / 100
        grid += f'<line class="grid" x1="0" x2="100%" y1="{at:.1f}" y2="{at:.1f}"/>'
        labels += f'<text x="0" y="{at - 5:.1f}">{tick:g}</text>'
    for tick in (1, 2, 4, 8, 16, 32):
        at = across.place(tick)
        anchor = "start" if at < 5 else "end" if at > 95 else "middle"
        labels += f'<text x="{at:.2f}%" y="{HEIGHT + 18}" text-anchor="{anchor}">{tick}</text>'
    summary = f"Eigenvalues relative to the largest, both axes logarithmic, for {len(curves)} models."
    return (
        f'<figure class="chart"><figcaption><strong>Spectra</strong> <span>eigenvalue relative to the largest, by '
        f'component; both axes logarithmic</span></figcaption><svg width="100%" height="{HEIGHT + 44}" role="img" '
        f'aria-label="{text(summary)}"><g transform="translate(0 20)">{grid}'
        f'<svg width="100%" height="{HEIGHT}" viewBox="0 0 100 100" preserveAspectRatio="none" overflow="visible">'
        f"{lines}</svg>{labels}</g></svg></figure>"
    )


def _line(style: str, name: str, curve: Sequence[float], across: Axis, down: Axis) -> str:
    points = " ".join(
        f"{across.place(component):.2f},{100 - down.place(value):.2f}" for component, value in enumerate(curve, start=1)
    )
    return f'<polyline class="curve {style}" points="{points}"><title>{text(name)}</title></polyline>'


def _key(style: str, label: str, diagnostics: Mapping[str, float], drawn: bool) -> str:
    overlap, dimension = diagnostics.get("overlap_with_strong"), diagnostics.get("effective_dimension")
    bar = ""
    if overlap is not None and style != "student":
        share = min(100.0, max(0.0, 100 * overlap))
        bar = (
            f'<svg class="overlap" width="100%" height="8" role="img" aria-label="overlap with the student '
            f'{number(overlap, 2)}"><rect class="track" width="100%" height="8" rx="4"/>'
            f'<rect class="{style}" width="{share:.1f}%" height="8" rx="4"/></svg>'
        )
    words = [f"overlap {number(overlap, 2)}"] if bar else []
    words += [f"effective dimension {compact(dimension)}"] if dimension is not None else []
    swatch = f'<i class="swatch {style if drawn else "none"}" aria-hidden="true"></i>'
    return (
        f'<li>{swatch}<span class="name">{model(label)}</span><span class="note">{" · ".join(words)}</span>{bar}</li>'
    )
