"""Tables of the decision benchmark: losses, reliability, advice, and every ranking."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from predictor.statistics.arrays import Array
from tests.benchmarks.decision_cells import EVIDENCE
from tests.benchmarks.decision_worlds import GOLD

WINS = (
    "A prediction is of one training and its test rows, which are finite: both decide which student comes out best. So "
    "the measurement is a share too: of trainings on other halves of the rows, each with resampled test rows, in which "
    "the student was the best by the outcome that makes the order, ties shared."
)

BINS = np.linspace(0.0, 1.0, 6)
RESAMPLES = 2000

Rows = Sequence[Mapping[str, str]]


def table(path: Path, about: str) -> str:
    """All figures as Markdown.

    Args:
        about: what was measured.
    """
    with path.open(newline="") as file:
        every = list(csv.DictReader(file))
    rankings: dict[tuple[str, ...], list[Mapping[str, str]]] = {}
    for row in every:
        rankings.setdefault(tuple(row[key] for key in ("task", "strong", "evidence", "split")), []).append(row)
    real = {key: rows for key, rows in rankings.items() if key[0] not in ("world", "null")}
    worlds, nulls = (
        {
            f"simulated, {one}": [rows for key, rows in rankings.items() if key[0] == kind and key[2] == one]
            for one in GOLD
        }
        for kind in ("world", "null")
    )
    by_evidence = {name: [rows for key, rows in real.items() if key[2] == name] for name in EVIDENCE}
    by_evidence = {name: found for name, found in by_evidence.items() if found}
    both = {**by_evidence, "all real cells": list(real.values()), **worlds}
    parts = [
        "# Decisions against real training",
        about,
        "## What the first choice loses",
        "Accuracy lost against the best of all candidates, in shares of rows: mean (worst). The advised is the first "
        "rank wherever any is; `first by error` and `pair` are of the same rankings. `would lose` is what the first "
        "rank would have lost where the advice is to train none of them.",
        "\n".join(_losses(both)),
        "## Reliability of P(best)",
        WINS,
        "Mean predicted → mean share of trainings in which it was the best (candidates), by bins of the prediction.",
        "\n".join(_reliability(both, _p_best)),
        "## Reliability of p_contains_best of the pair",
        "Mean predicted → mean share of trainings in which the pair held the best (rankings), by bins. The mean "
        "difference has a 90 % interval of tasks drawn anew, as rankings of one task are alike.",
        "\n".join(_reliability(both, _pair, apart=True)),
        "## Accuracy of students",
        "Predicted → measured, mean over students and candidates; – where no accuracy is predicted or there are no "
        "descriptions.",
        "\n".join(_accuracies(real)),
        "## Advice",
        "\n".join(_advice(both, nulls)),
        "## Every ranking",
        "Accuracy of the advised, of the better of the pair and of the best, with the chances that were predicted.",
        "\n".join(_each(real)),
    ]
    return "\n\n".join(parts)


def _lost(rows: Rows, chosen: Callable[[Mapping[str, str]], bool]) -> float | None:
    taken = [float(row["measured"]) for row in rows if chosen(row)]
    return max(float(row["measured"]) for row in rows) - max(taken) if taken else None


def _losses(groups: Mapping[str, Sequence[Rows]]) -> list[str]:
    lines = [
        "| evidence | advised | loses | first by error | pair | expected | not advised | would lose | any, of all |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, found in groups.items():
        advised, refused = ([rows for rows in found if _is_advised(rows) == one] for one in (True, False))
        cells = [
            _mean([_lost(rows, lambda row: row["launched"] == "1") for rows in advised]),
            _mean([_lost(rows, lambda row: row["rank_by_error"] == "1") for rows in advised]),
            _mean([_lost(rows, lambda row: row["pair"] == "1") for rows in advised]),
            _mean([float(rows[0]["expected_regret"]) for rows in advised]),
            str(len(refused)),
            _mean([_lost(rows, lambda row: row["rank"] == "1") for rows in refused]),
            _mean([float(np.max(_measured(rows)) - np.mean(_measured(rows))) for rows in found]),
        ]
        lines.append(f"| {name} | {len(advised)} | {' | '.join(cells)} |")
    return lines


def _is_advised(rows: Rows) -> bool:
    return any(row["launched"] == "1" for row in rows)


def _measured(rows: Rows) -> Array:
    return np.array([float(row["measured"]) for row in rows])


def _mean(values: Iterable[float | None]) -> str:
    found = [value for value in values if value is not None]
    return f"{np.mean(found):.4f} ({max(found):.3f})" if found else "–"


def _wins(rows: Rows) -> Array:
    return np.array([float(row["wins"]) for row in rows])


def _p_best(rows: Rows) -> list[tuple[float, float]]:
    return list(zip((float(row["p_best"]) for row in rows), _wins(rows).tolist(), strict=True))


def _pair(rows: Rows) -> list[tuple[float, float]]:
    if not rows[0]["p_pair"]:
        return []
    held = sum(win for row, win in zip(rows, _wins(rows), strict=True) if row["pair"] == "1")
    return [(float(rows[0]["p_pair"]), float(held))]


def _reliability(
    groups: Mapping[str, Sequence[Rows]], of: Callable[[Rows], list[tuple[float, float]]], *, apart: bool = False
) -> list[str]:
    """By bins; with the mean difference where shares of one ranking need not sum to 1."""
    edges = [f"{low:.1f}–{high:.1f}" for low, high in pairwise(BINS)]
    lines = [
        f"| evidence | {' | '.join(edges)} | calibration error |{' predicted − measured |' if apart else ''}",
        "|---|" + "---:|" * (len(edges) + 1 + apart),
    ]
    for name, found in groups.items():
        by_task: dict[str, list[tuple[float, float]]] = {}
        for rows in found:
            by_task.setdefault(_task(rows), []).extend(of(rows))
        pairs = np.array([pair for one in by_task.values() for pair in one])
        if not len(pairs):
            continue
        place = np.clip(np.digitize(pairs[:, 0], BINS) - 1, 0, len(edges) - 1)
        cells, error = [], 0.0
        for i in range(len(edges)):
            own = pairs[place == i]
            error += 0.0 if not len(own) else len(own) / len(pairs) * abs(float(own[:, 0].mean() - own[:, 1].mean()))
            cells.append(f"{own[:, 0].mean():.2f} → {own[:, 1].mean():.2f} ({len(own)})" if len(own) else "–")
        mean = f" {_apart(list(by_task.values()))} |" if apart else ""
        lines.append(f"| {name} | {' | '.join(cells)} | {error:.3f} |{mean}")
    return lines


def _task(rows: Rows) -> str:
    """The task; of a simulated world the world itself."""
    return rows[0]["task"] if rows[0]["task"] != "world" else f"world {rows[0]['split']}"


def _apart(by_task: Sequence[Sequence[tuple[float, float]]]) -> str:
    """Mean difference with its 90 % interval over tasks drawn anew: rankings of one task are alike."""
    sums = np.array([(sum(p - m for p, m in one), len(one)) for one in by_task])
    drawn = sums[np.random.default_rng(0).integers(len(sums), size=(RESAMPLES, len(sums)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / np.maximum(drawn[:, 1], 1.0), [0.05, 0.95])
    return f"{sums[:, 0].sum() / sums[:, 1].sum():+.3f} ({low:+.3f} to {high:+.3f})"


def _accuracies(real: Mapping[tuple[str, ...], Rows]) -> list[str]:
    lines = [f"| task | {' | '.join(EVIDENCE)} |", "|---|" + "---:|" * len(EVIDENCE)]
    for task in dict.fromkeys(key[0] for key in real):
        cells = []
        for evidence in EVIDENCE:
            rows = [row for key, found in real.items() if (key[0], key[2]) == (task, evidence) for row in found]
            known = [(float(row["predicted"]), float(row["measured"])) for row in rows if row["predicted"]]
            cells.append("{:.3f} → {:.3f}".format(*np.mean(known, axis=0)) if known else "–")
        lines.append(f"| {task} | {' | '.join(cells)} |")
    return lines


def _advice(groups: Mapping[str, Sequence[Rows]], nulls: Mapping[str, Sequence[Rows]]) -> list[str]:
    real = groups["all real cells"]
    controls = sum(row["control"] == "1" and "1" in (row["launched"], row["pair"], row["as_good"])
                   for rows in real for row in rows)  # fmt: skip
    given_up = [
        max(float(one["measured"]) for one in rows if one["launched"] == "1") - float(row["measured"])
        for rows in real
        for row in rows
        if row["as_good"] == "1"
    ]
    none = sum(not _is_advised(rows) for rows in real)
    other = sum(row["launched"] == "1" and row["rank"] != "1" for rows in real for row in rows)
    lost = f"{np.mean(given_up):.4f} (worst {max(given_up):.3f})" if given_up else "–"
    return [
        f"* Random-weights controls that were launched or called as good: {controls}, of "
        f"{sum(row['control'] == '1' for rows in real for row in rows)} times that one was a candidate.",
        f"* Candidates called as good as the first: {len(given_up)}; accuracy lost by taking them instead: {lost}.",
        f"* Rankings in which nothing was advised: {none} of {len(real)}.",
        f"* Rankings in which another candidate than the first rank was advised: {other}.",
        *(
            f"* Nulls ({name}), teachers that see nothing: something was advised in "
            f"{np.mean([_is_advised(rows) for rows in found]):.3f} of {len(found)}."
            for name, found in nulls.items()
            if found
        ),
    ]


def _each(real: Mapping[tuple[str, ...], Rows]) -> list[str]:
    lines = [
        "| task | student | evidence | advised | P(best) | its accuracy | pair's | best | regret | p(pair) |",
        "|---|---|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for (task, strong, evidence, _), rows in sorted(real.items()):
        first = next((row for row in rows if row["launched"] == "1"), None)
        if first is None:
            lines.append(f"| {task} | {strong} | {evidence} | none |  |  |  | {_measured(rows).max():.3f} |  |  |")
            continue
        pair = max(float(row["measured"]) for row in rows if row["pair"] == "1")
        best, own = _measured(rows).max(), float(first["measured"])
        lines.append(
            f"| {task} | {strong} | {evidence} | {first['candidate']} | {float(first['p_best']):.2f} | {own:.3f} | "
            f"{pair:.3f} | {best:.3f} | {best - own:.3f} | {float(first['p_pair']):.2f} |"
        )
    return lines
