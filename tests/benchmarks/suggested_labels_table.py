"""Tables of `suggested_labels`: regret by number of labels, and labels needed to reach that of 200 random ones."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from predictor.ranking.deciding import TOLERANCE

RULES = ("suggested", "random", "variance")
REFERENCE = 200

Curves = Mapping[tuple[str, str], Mapping[str, Mapping[int, float]]]
"""Cell -> rule -> number of labels -> mean over draws and splits."""


def table(path: Path) -> str:
    """All tables of a result file, as Markdown."""
    regret, bias = curves(path, "regret"), curves(path, "bias")
    parts = [_means(regret, "mean regret"), _means(bias, "mean bias of the errors")]
    reached = {cell: rules["random"][REFERENCE] for cell, rules in regret.items()}
    parts.append(_needed(regret, reached, f"regret of {REFERENCE} random"))
    parts.append(_needed(regret, dict.fromkeys(regret, TOLERANCE["w2s_error"]), "regret that counts as none"))
    return "\n\n".join(parts)


def curves(path: Path, figure: str) -> Curves:
    """One figure of complete cells."""
    found: dict[tuple[str, str], dict[str, dict[int, list[float]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            found[row["task"], row["strong"]][row["rule"]][int(row["labels"])].append(float(row[figure]))
    return {
        cell: {rule: {n: float(np.mean(values)) for n, values in sorted(one.items())} for rule, one in rules.items()}
        for cell, rules in found.items()
    }


def needed(curve: Mapping[int, float], level: float) -> int | None:
    """Fewest labels from which on the regret stays at or below the level; None where it never does."""
    reached = None
    for count, value in sorted(curve.items(), reverse=True):
        if value > level + 1e-9:
            break
        reached = count
    return reached


def _means(found: Curves, what: str) -> str:
    counts = sorted({n for rules in found.values() for curve in rules.values() for n in curve})
    lines = [f"| {what}, {len(found)} cells | {' | '.join(map(str, counts))} |", f"|---|{'---:|' * len(counts)}"]
    for rule in RULES:
        values = [[rules[rule][n] for rules in found.values() if n in rules.get(rule, {})] for n in counts]
        shown = (f"{np.mean(one):.4f}" if one else "–" for one in values)
        lines.append(f"| {rule} | {' | '.join(shown)} |")
    return "\n".join(lines)


def _needed(found: Curves, levels: Mapping[tuple[str, str], float], what: str) -> str:
    lines = [f"| task | strong | {what} | {' | '.join(RULES)} |", f"|---|---|---:|{'---:|' * len(RULES)}"]
    every: dict[str, list[int]] = {rule: [] for rule in RULES}
    for (task, strong), rules in sorted(found.items()):
        level = levels[task, strong]
        counts = {rule: needed(rules.get(rule, {}), level) for rule in RULES}
        for rule, count in counts.items():
            every[rule].append(REFERENCE if count is None else count)
        lines.append(f"| {task} | {strong} | {level:.4f} | {' | '.join(_shown(counts[rule]) for rule in RULES)} |")
    means = " | ".join(f"{np.mean(every[rule]):.0f}" for rule in RULES)
    lines.append(f"| mean, a miss as {REFERENCE} | | | {means} |")
    return "\n".join(lines)


def _shown(count: int | None) -> str:
    return "missed" if count is None else str(count)
