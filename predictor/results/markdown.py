"""Outline: a ranking as Markdown, for issues, notes and pull requests."""

from __future__ import annotations

from collections.abc import Sequence

from predictor.query.evidence import evidence_text
from predictor.results.advice import decision_lines
from predictor.results.candidate import Candidate
from predictor.results.columns import columns_of
from predictor.results.command import command
from predictor.results.names import visible
from predictor.results.order import null_line, order_of
from predictor.results.ranking import Ranking
from predictor.results.suggestion import in_words
from predictor.results.text import (
    compact,
    evidence_lines,
    layer_of,
    percent,
    ranks,
    right_of,
    span,
    unit_of,
)

SPECIAL = "\\`*_{}[]<>#|~!&"
"""Characters that Markdown or its HTML would read; each is preceded by a backslash."""


def markdown(ranking: Ranking) -> str:
    """The ranking as GitHub-flavoured Markdown, ending in a newline."""
    ranked = [candidate for candidate in ranking.candidates if candidate.rank is not None]
    failed = [candidate for candidate in ranking.candidates if candidate.rank is None]
    strong, order, decided = ranking.strong, order_of(ranking), decision_lines(ranking)
    about = ", ".join(part for part in (layer_of(strong.layer), f"{strong.dim} dimensions") if part)
    parts = [
        "# Weak-to-strong ranking",
        f"**{plain(ranking.advice())}**",
        f"Student {plain(strong.name)} ({plain(about)}), {ranking.rows:,} rows, ranked by {plain(order.sentence)}.",
        *([_ranking(ranked, ranking)] if ranked else []),
        *(["\n".join(f"- {word.capitalize()}: {plain(line)}." for word, line in decided)] if decided else []),
        "\n".join(f"- {note}" for note in _notes(ranking, ranked)),
    ]
    if failed:
        reasons = (f"- {plain(c.name)}: {plain(c.error.message if c.error else 'no reason was given')}" for c in failed)
        parts += ["## Failed candidates", "\n".join(reasons)]
    names = list(dict.fromkeys(name for candidate in ranked for name in candidate.estimates))
    if names:
        parts += ["## Estimates", _estimates(ranked, names)]
    shell = command(ranking.provenance.request)
    if shell:
        parts += ["## Run it again", f"```sh\n{shell}\n```"]
    versions = ", ".join(f"{plain(name)} {plain(version)}" for name, version in ranking.provenance.versions.items())
    parts.append(f"Seed {ranking.provenance.seed}; {versions}; rows SHA-256 `{ranking.rows_sha256}`.")
    return "\n\n".join(parts) + "\n"


def plain(text: str) -> str:
    """The text with everything that Markdown would read escaped."""
    return "".join(f"\\{letter}" if letter in SPECIAL else letter for letter in visible(text))


def _ranking(ranked: Sequence[Candidate], ranking: Ranking) -> str:
    columns = {
        one.name[:1].upper() + one.name[1:]: [span(i, one.decimals, one.signed) for i in one.intervals]
        for one in columns_of(ranking)
    }
    lines = [
        f"| Rank | 90 % | Candidate | P(best) | {' | '.join(plain(name) for name in columns)} |",
        f"| --: | :-- | :-- | --: |{' :-- |' * len(columns)}",
    ]
    lines += [
        f"| {c.rank} | {ranks(c.rank_low, c.rank_high)} | {plain(c.name)} | {plain(percent(c.p_best))} | "
        f"{' | '.join(column[row] for column in columns.values())} |"
        for row, c in enumerate(ranked)
    ]
    return "\n".join(lines)


def _notes(ranking: Ranking, ranked: Sequence[Candidate]) -> list[str]:
    unit = next((c.predicted_w2s_error.unit for c in ranked if c.predicted_w2s_error), "")
    notes = [f"Evidence: {evidence_text(ranking.evidence).sentence}", *evidence_lines(ranking)]
    notes += [f"Unit: {unit_of(unit)}; intervals are 90 %."] if unit else []
    notes += [f"Null: {null_line(ranking)}."] if ranking.null.value is not None else []
    notes += [f"Right answers: {plain(right_of(c))}." for c in ranked[:1] if right_of(c)]
    notes += [f"Labels: {plain(in_words(ranking.value_of_labels))}"] if ranking.value_of_labels else []
    notes += [f"Warning: {plain(notice)}" for notice in ranking.notices]
    return notes


def _estimates(ranked: Sequence[Candidate], names: Sequence[str]) -> str:
    def cell(candidate: Candidate, name: str) -> str:
        estimate = candidate.estimates.get(name)
        return compact(None if estimate is None else estimate.value)

    arrows = {"lower": "↓", "higher": "↑"}
    better = {name: e.better for c in reversed(ranked) for name, e in c.estimates.items()}
    lines = [
        "| Candidate | " + " | ".join(f"{plain(name)} {arrows[better[name]]}" for name in names) + " |",
        "| :-- |" + " --: |" * len(names),
    ]
    lines += [f"| {plain(c.name)} | " + " | ".join(cell(c, name) for name in names) + " |" for c in ranked]
    return "\n".join(lines)
