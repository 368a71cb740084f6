"""Tables of `suggested_labels`: regret by number of labels, and labels needed to reach that of 200 random ones."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from predictor.ranking.deciding import TOLERANCE
from predictor.statistics.arrays import Array

RULES = ("suggested", "random", "variance")
REFERENCE = 200
RESAMPLES = 2000

Curves = Mapping[tuple[str, str], Mapping[str, Mapping[int, float]]]
"""Cell -> rule -> number of labels -> mean over draws and splits."""


def table(path: Path) -> str:
    """All tables of a result file, as Markdown."""
    regret, bias = curves(path, "regret"), curves(path, "bias")
    parts = [_means(regret, "mean regret"), _means(bias, "mean bias of the errors")]
    reached = {cell: rules["random"][REFERENCE] for cell, rules in regret.items()}
    parts.append(_paired(regret))
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


def _paired(found: Curves) -> str:
    """Labels after which the mean over cells is that of REFERENCE random ones, and mean regrets over the curve.

    Intervals are of cells drawn anew, with all rules of a cell together.
    """
    counts = sorted({n for rules in found.values() for curve in rules.values() for n in curve})
    whole = [rules for rules in found.values() if all(set(rules.get(rule, ())) >= {0, REFERENCE} for rule in RULES)]
    tables = {rule: np.array([_filled(rules[rule], counts) for rules in whole]) for rule in RULES}
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(whole), size=(RESAMPLES, len(whole)))
    lines = [
        f"| {len(whole)} cells | labels of the mean curve | 90 % | mean regret, 0 to {REFERENCE} labels | less than "
        "random | 90 % |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for rule, own in tables.items():
        random, weights = tables["random"], np.array(counts)
        level = float(random.mean(axis=0)[-1])
        area = [np.trapezoid(one, weights, axis=1) / weights[-1] for one in (own, random)]
        less = area[1] - area[0]
        labels = [crossing(own[i].mean(axis=0), counts, float(random[i].mean(axis=0)[-1])) for i in drawn]
        low, high = np.quantile(labels, [0.05, 0.95])
        least, most = np.quantile(less[drawn].mean(axis=1), [0.05, 0.95])
        at = crossing(own.mean(axis=0), counts, level)
        lines.append(
            f"| {rule} | {at:.0f} | {low:.0f} to {high:.0f} | {area[0].mean():.4f} | {less.mean():.4f} | "
            f"{least:.4f} to {most:.4f} |"
        )
    return "\n".join(lines)


def _filled(curve: Mapping[int, float], counts: Sequence[int]) -> list[float]:
    """Regrets at all counts, those that no training was possible at as at the count before."""
    found: list[float] = []
    for count in counts:
        found.append(curve.get(count, found[-1] if found else np.nan))
    return found


def crossing(curve: Array, counts: Sequence[int], level: float) -> float:
    """Labels from which on a curve stays at or below the level, by a line between counts; all of them where never."""
    last = len(counts) - 1
    if curve[last] > level + 1e-12:
        return float(counts[last])
    while last > 0 and curve[last - 1] <= level + 1e-12:
        last -= 1
    if last == 0:
        return float(counts[0])
    share = (curve[last - 1] - level) / (curve[last - 1] - curve[last])
    return float(counts[last - 1] + share * (counts[last] - counts[last - 1]))


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
