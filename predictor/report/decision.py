"""Decision section: what to launch, what it loses, costs and brings, and what would make it surer."""

from __future__ import annotations

from predictor.report.markup import model, section, text
from predictor.results.advice import amount, decision_lines
from predictor.results.decision import Decision
from predictor.results.ranking import Ranking

HEADINGS = {
    "loss": "Expected loss",
    "cost": "Cost",
    "gain": "Gain",
    "halving": "Partial trainings",
    "labels": "Weak labels",
    "next": "Next",
}


def decision_section(ranking: Ranking) -> str:
    """The section; nothing where nothing was decided."""
    decision = ranking.decision
    if decision is None:
        return ""
    found = [("Launch", _launch(decision)), ("As good", _as_good(decision)), ("One more", _one_more(decision))]
    found += [(HEADINGS[word], text(_sentence(line))) for word, line in decision_lines(ranking)]
    rows = "".join(f"<div><dt>{heading}</dt><dd>{value}</dd></div>" for heading, value in found if value)
    return section("Decision", f'<dl class="decision panel">{rows}</dl>')


def _launch(decision: Decision) -> str:
    if not decision.launch:
        return f"<strong>None yet</strong>: {text(decision.reason)}."
    names = ", ".join(f"<strong>{model(name)}</strong>" for name in decision.launch)
    chance = "" if decision.p_contains_best is None else f", {decision.p_contains_best:.0%} likely to hold the best"
    return f"{names}{chance}"


def _as_good(decision: Decision) -> str:
    names = ", ".join(model(name) for name in decision.as_good)
    limit = amount(decision.tolerance, decision.unit)
    return f"{names}: taking one of these instead is expected to lose less than {text(limit)}." if names else ""


def _one_more(decision: Decision) -> str:
    more = decision.one_more
    if more is None:
        return ""
    return f"{model(more.name)} would save {text(amount(more.saves, decision.unit))} of the expected loss."


def _sentence(line: str) -> str:
    return f"{line[:1].upper()}{line[1:]}."
