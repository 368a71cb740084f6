"""Page: a ranking as one self-contained HTML document that loads nothing."""

from __future__ import annotations

from collections.abc import Sequence

from predictor.query.evidence import evidence_text
from predictor.report.decision import decision_section
from predictor.report.estimates import assumptions, table_of_estimates
from predictor.report.intervals import Row, interval_plot
from predictor.report.label_value import labels_section
from predictor.report.markup import facts, model, section, table, text
from predictor.report.spectrum import spectra
from predictor.report.style import CSS
from predictor.results.candidate import Candidate, Interval
from predictor.results.columns import Column, columns_of
from predictor.results.command import command, settings
from predictor.results.order import null_line, order_of
from predictor.results.ranking import Ranking
from predictor.results.text import (
    evidence_lines,
    layer_of,
    number,
    percent,
    points_of,
    ranks,
    right_of,
    unit_of,
)

# The page runs no script and loads nothing; a browser enforces that even if an escape were missed.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def html(ranking: Ranking) -> str:
    """The whole page as text; write it as UTF-8."""
    ranked = [candidate for candidate in ranking.candidates if candidate.rank is not None]
    failed = [candidate for candidate in ranking.candidates if candidate.rank is None]
    title = f"{ranked[0].name} first of {len(ranked)}" if ranked else "no candidate ranked"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{text(POLICY)}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>Weak-to-strong ranking: {text(title)}</title><style>{CSS}</style></head><body><main>"
        f"{_header(ranking, ranked)}{decision_section(ranking)}{_ranking(ranking, ranked)}{labels_section(ranking)}"
        f"{_plots(ranking, ranked)}"
        f"{section('Spectra and overlap', spectra(ranking), lead=SPECTRA)}"
        f"{section('Estimates', table_of_estimates(ranked), lead=ESTIMATES)}"
        f"{_evidence(ranking, ranked)}{_failed(failed)}{_repeat(ranking)}</main></body></html>\n"
    )


LONG = 110
"""Letters of advice above which it is set smaller."""

SPECTRA = (
    "Directions in which both models vary alike are those in which the candidate can teach the student something; "
    "what the student varies in and the candidate does not, it cannot pass on."
)
ESTIMATES = "Each column is one published or derived measure. Arrows show the better direction; bold marks the best."


def _header(ranking: Ranking, ranked: Sequence[Candidate]) -> str:
    strong = ranking.strong
    quantity, _, direction = order_of(ranking).sentence.partition(", ")
    about = " · ".join(part for part in (text(layer_of(strong.layer)), f"{strong.dim} dimensions") if part)
    student = f"{model(strong.name)}<small>{about}</small>"
    pairs = [
        ("Student", student),
        ("Rows", f"{ranking.rows:,}"),
        ("Candidates", f"{len(ranked)} ranked<small>{len(ranking.candidates) - len(ranked)} failed</small>"),
        ("Ranked by", f"{text(quantity)}<small>{text(direction)}</small>"),
        ("Evidence", text(evidence_text(ranking.evidence).short)),
    ]
    notices = "".join(f"<li>{text(notice)}</li>" for notice in ranking.notices)
    notes = f'<ul class="notes">{notices}</ul>' if notices else ""
    size = ' class="long"' if len(ranking.advice()) > LONG else ""
    return (
        f'<header><p class="eyebrow">Weak-to-strong ranking</p><h1{size}>{text(ranking.advice())}</h1>'
        f"{facts(pairs)}{notes}</header>"
    )


def _ranking(ranking: Ranking, ranked: Sequence[Candidate]) -> str:
    if not ranked:
        return ""
    first = ranked[0].tie_group
    order = order_of(ranking)
    present = {one.name: one for one in columns_of(ranking, pgr=True) if one.present}
    teachers = {one.name: present.pop(one.teacher) for one in list(present.values()) if one.teacher in present}
    columns = list(present.values())
    unit = next((i.unit for i in order.intervals if i is not None), "")
    headings = ["Candidate", "Rank<small>90 %</small>", "P(best)", *(_heading(one) for one in columns)]
    rows = [
        [
            _name(candidate, candidate.tie_group is not None and candidate.tie_group == first),
            ranks(candidate.rank_low, candidate.rank_high),
            _meter(candidate.p_best),
            *(_pair(one, teachers.get(one.name), row) for one in columns),
        ]
        for row, candidate in enumerate(ranked)
    ]
    lead = "Predicted before any training" + (f", in units of {text(unit_of(unit))}" if unit else "") + "."
    tied = sum(candidate.tie_group is not None and candidate.tie_group == first for candidate in ranked)
    lead += " Candidates with a filled number are not separable from the first." if tied > 1 else ""
    lead += f" W{text(null_line(ranking)[1:])}." if ranking.null.value is not None else ""
    right = right_of(ranked[0])
    lead += f" {text(right[0].upper() + right[1:])}." if right else ""
    return section("Ranking", table("Candidates in rank order", headings, rows, "ranking"), lead=lead)


def _heading(column: Column) -> str:
    return f"{text(column.name[:1].upper() + column.name[1:])}<small>{text(column.about)}</small>"


def _name(candidate: Candidate, tied: bool) -> str:
    about = [text(layer_of(candidate.layer))] if layer_of(candidate.layer) else []
    about += [f"{candidate.dim} dimensions"] if candidate.dim is not None else []
    about += [f"{_short(candidate.parameters)} weights"] if candidate.parameters is not None else []
    small = f"<small>{' · '.join(about)}</small>" if about else ""
    mark = "place tied" if tied else "place"
    return (
        f'<span class="who"><span class="{mark}">{candidate.rank}</span>'
        f"<span>{model(candidate.name)}{small}</span></span>"
    )


def _short(count: int) -> str:
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.3g} {letter}"
    return str(count)


def _meter(p_best: float | None) -> str:
    if p_best is None:
        return percent(p_best)
    return (
        f'<span>{text(percent(p_best))}<svg class="meter" width="64" height="8" aria-hidden="true">'
        f'<rect class="track" width="64" height="8" rx="4"/><rect class="fill" width="{64 * p_best:.1f}" height="8" '
        'rx="4"/></svg></span>'
    )


def _pair(column: Column, teacher: Column | None, row: int) -> str:
    """The student's figure, and below it that of its teacher."""
    own = _figure(column.intervals[row], column.decimals, column.signed)
    other = None if teacher is None else teacher.intervals[row]
    if teacher is None or other is None or other.value is None:
        return own
    value = f"<small>teacher {number(other.value, teacher.decimals)}</small>"
    if other.low is None or other.high is None:
        return f"<span>{own}{value}</span>"
    low, high = (number(end, teacher.decimals) for end in (other.low, other.high))
    return f"<span>{own}{value}<small>{low} to {high}</small></span>"


def _figure(interval: Interval | None, decimals: int, signed: bool) -> str:
    if interval is None or interval.value is None:
        return number(None)
    value = number(interval.value, decimals, signed)
    if interval.low is None or interval.high is None:
        return value
    low, high = number(interval.low, decimals, signed), number(interval.high, decimals, signed)
    return f"<span>{value}<small>{low} to {high}</small></span>"


def _plots(ranking: Ranking, ranked: Sequence[Candidate]) -> str:
    order = order_of(ranking)
    best = ranked[0].tie_group if ranked else None

    def rows(intervals: Sequence[Interval | None]) -> list[Row]:
        return [
            Row(candidate.name, interval, candidate.tie_group is not None and candidate.tie_group == best)
            for candidate, interval in zip(ranked, intervals, strict=True)
        ]

    unit = next((interval.unit for interval in order.intervals if interval is not None), "")
    if not order.forecast:
        caption = ", ".join(part for part in (unit, f"{order.better} is better") if part)
        title = order.name[:1].upper() + order.name[1:]
        return _figures(interval_plot(title, caption, rows(order.intervals), null=ranking.null))
    unit = next((c.predicted_w2s_error.unit for c in ranked if c.predicted_w2s_error is not None), unit)
    gained = points_of(c.predicted_gain for c in ranked) or unit
    return _figures(
        interval_plot(
            "Predicted accuracy of the student",
            "share of rows, higher is better; 90 % intervals",
            rows([candidate.predicted_accuracy for candidate in ranked]),
        ),
        interval_plot(
            "Predicted W2S error",
            f"{unit}, lower is better; 90 % intervals",
            rows([candidate.predicted_w2s_error for candidate in ranked]),
            null=ranking.null,
        ),
        interval_plot(
            "Predicted gain over the weak model",
            f"{gained}, right of zero the student outgrows its teacher",
            rows([candidate.predicted_gain for candidate in ranked]),
            zero=True,
        ),
    )


def _figures(*plots: str) -> str:
    inside = "".join(plots)
    return section("How far apart they are", f'<div class="plots">{inside}</div>') if inside else ""


def _evidence(ranking: Ranking, ranked: Sequence[Candidate]) -> str:
    words = f"<dt>Evidence</dt><dd>{text(evidence_text(ranking.evidence).sentence)}</dd>"
    words += "".join(f"<dd>{text(line)}</dd>" for line in evidence_lines(ranking))
    return section("What this rests on", f'<dl class="words panel"><div>{words}</div>{assumptions(ranked)}</dl>')


def _failed(failed: Sequence[Candidate]) -> str:
    items = "".join(
        f"<li><strong>{model(candidate.name)}</strong><small>"
        + (f"{text(candidate.error.code)} · {text(candidate.error.reason)}" if candidate.error else "")
        + f"</small>{text(candidate.error.message) if candidate.error else 'No reason was given.'}</li>"
        for candidate in failed
    )
    return section("Failed candidates", f'<ul class="failed">{items}</ul>') if items else ""


def _repeat(ranking: Ranking) -> str:
    shell = command(ranking.provenance.request)
    pairs = [(package, text(version)) for package, version in ranking.provenance.versions.items()]
    pairs += [("seed", str(ranking.provenance.seed)), ("rows, SHA-256", f"<code>{text(ranking.rows_sha256)}</code>")]
    asked = [(key.replace("_", " "), text(value)) for key, value in settings(ranking.provenance.request)]
    lines = "\n".join(text(line) for line in shell.split("\n"))
    shown = (
        f'<pre class="copy" title="click to select"><code>{lines}</code></pre>' if shell else facts(asked, "versions")
    )
    return section("Run it again", shown, facts(pairs, "versions"))
