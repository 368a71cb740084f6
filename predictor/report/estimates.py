"""Estimates: the estimators of a ranking, their value for every candidate and what each assumes."""

from __future__ import annotations

from collections.abc import Sequence

from predictor.estimators.registry import ESTIMATORS
from predictor.query.evidence import EVIDENCE
from predictor.report.markup import model, table, text
from predictor.results.candidate import Candidate
from predictor.results.text import compact

ARROWS = {"lower": "↓ lower is better", "higher": "↑ higher is better"}


def table_of_estimates(ranked: Sequence[Candidate]) -> str:
    """Every estimator's value for every candidate, as a table with the reasons for its gaps; nothing where none."""
    names = _names(ranked)
    if not names:
        return ""
    best = {name: _best(ranked, name) for name in names}
    headings = [
        "Candidate",
        *(f"{text(name.replace('_', ' '))}<small>{_orientation(ranked, name)}</small>" for name in names),
    ]
    rows = [[model(candidate.name), *(_cell(candidate, name, best[name]) for name in names)] for candidate in ranked]
    gaps = dict.fromkeys(
        f"{name.replace('_', ' ')}: {estimate.note}"
        for candidate in ranked
        for name, estimate in candidate.estimates.items()
        if estimate.value is None and estimate.note
    )
    why = f'<p class="lead after">{text("; ".join(gaps))}.</p>' if gaps else ""
    return table("Estimates by candidate and estimator", headings, rows, "estimates") + why


def _names(ranked: Sequence[Candidate]) -> list[str]:
    """Estimators used, in the registry's order; names of other versions last."""
    used = dict.fromkeys(name for candidate in ranked for name in candidate.estimates)
    return [name for name in ESTIMATORS if name in used] + [name for name in used if name not in ESTIMATORS]


def _orientation(ranked: Sequence[Candidate], name: str) -> str:
    estimate = next(candidate.estimates[name] for candidate in ranked if name in candidate.estimates)
    unit = f"<br>{text(estimate.unit)}" if estimate.unit else ""
    return f"{ARROWS[estimate.better].removesuffix(' is better')}{unit}"


def _best(ranked: Sequence[Candidate], name: str) -> float | None:
    known = [c.estimates[name] for c in ranked if name in c.estimates and c.estimates[name].value is not None]
    values = [estimate.value for estimate in known if estimate.value is not None]
    if len(set(values)) < 2:
        return None
    return min(values) if known[0].better == "lower" else max(values)


def _cell(candidate: Candidate, name: str, best: float | None) -> str:
    estimate = candidate.estimates.get(name)
    if estimate is None or estimate.value is None:
        return compact(None)
    shown = text(compact(estimate.value))
    spread = ""
    if estimate.low is not None and estimate.high is not None:
        spread = f"<small>{text(compact(estimate.low))} to {text(compact(estimate.high))}</small>"
    return (f"<b>{shown}</b>" if estimate.value == best else shown) + spread


def assumptions(ranked: Sequence[Candidate]) -> str:
    """Definition list of the estimators used: what each measures, what it needs, and its source."""
    names = _names(ranked)
    known = [ESTIMATORS[name] for name in names if name in ESTIMATORS]
    return "".join(
        f"<div><dt>{text(one.name.replace('_', ' '))}</dt><dd>{text(one.summary)}"
        f"<small>{ARROWS[one.better]} · needs {EVIDENCE[one.evidence].needs} · "
        f"{text(one.source)}</small></dd></div>"
        for one in known
    )
