"""How good the decisions are: on really trained cells, and in simulated worlds whose truth is known.

    W2S_DATA=FOLDER python -m tests.benchmarks.decision -o tests/benchmarks/decision.csv
    python -m tests.benchmarks.decision --table tests/benchmarks/decision.csv > tests/benchmarks/decision.md

Cells: `tests.benchmarks.decision_cells`. The file has one row per cell, evidence and candidate. A simulated world
(`world` in the column `task`) has teachers that see the student's hidden directions through noise, or, as `null`, see
nothing of them; students are trained on the labels that real heads give. Nothing is tuned on what is measured here.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from predictor.decision.launch import best_launch
from predictor.decision.regret import p_contains_best, shortfalls
from predictor.estimators.combined import Combined
from predictor.estimators.problem import Case, Representation
from predictor.heads.ridge import FactoredRidge
from predictor.query.labels import Labels
from predictor.ranking.deciding import TOLERANCE, as_good
from predictor.ranking.null_scores import above_null
from predictor.ranking.ordering import ordered_by, rank_by_of
from predictor.ranking.uncertainty import standing
from predictor.statistics.arrays import Array
from tests.benchmarks.decision_cells import EVIDENCE, TASKS, Answered, answered, trained
from tests.benchmarks.lineup import data_folder
from tests.benchmarks.one_truth import shown

COLUMNS = (
    *("task", "strong", "evidence", "split", "candidate", "rank", "rank_by_error", "p_best", "control", "above_null"),
    *("launched", "pair", "as_good", "expected_regret", "pair_regret", "p_pair", "predicted", "measured"),
    "measured_teacher",
)
WORLDS = 200
WORLD_ROWS, GOLD, TEACHERS = 240, 80, 5
BINS = np.linspace(0.0, 1.0, 6)


def rows_of(one: Answered) -> Iterator[dict[str, Any]]:
    """One row a candidate: what was decided, and what was measured."""
    where = standing(one.order, one.draws.T, one.above)
    allowed = [i for i in range(len(one.names)) if one.above[i] and not one.control[i]]
    even = np.ones(len(one.names))
    single = best_launch(one.draws, allowed, 1, even) if allowed else None
    pair = best_launch(one.draws, allowed, 2, even) if allowed else None
    level = "representations" if one.evidence == "none" else one.evidence
    lost = None if single is None else shortfalls(one.draws, single.chosen[0])
    equal = () if single is None or lost is None else as_good(lost, allowed, single, _tolerance(one), level)
    by_error = np.argsort(np.argsort(one.error, kind="stable")) + 1
    for i, name in enumerate(one.names):
        yield {
            "task": one.task,
            "strong": one.strong,
            "evidence": one.evidence,
            "split": one.split,
            "candidate": name,
            "rank": int(where.rank[i]),
            "rank_by_error": int(by_error[i]),
            "p_best": float(where.p_best[i]),
            "control": int(one.control[i]),
            "above_null": int(one.above[i]),
            "launched": int(single is not None and i in single.chosen),
            "pair": int(pair is not None and i in pair.chosen),
            "as_good": int(i in equal),
            "expected_regret": None if single is None else single.regret,
            "pair_regret": None if pair is None else pair.regret,
            "p_pair": None if pair is None else p_contains_best(where.p_best, pair.chosen),
            "predicted": None if np.isnan(one.accuracy[i]) else float(one.accuracy[i]),
            "measured": float(one.measured[i]),
            "measured_teacher": float(one.measured_weak[i]),
        }


def _tolerance(one: Answered) -> float:
    return TOLERANCE["w2s_error" if np.isnan(one.accuracy).any() else "accuracy"]


def simulations(kind: str, count: int) -> Iterator[Answered]:
    """Simulated rankings with gold labels of GOLD rows: `world`, or `null` where no teacher sees anything."""
    for seed in range(count):
        rng = np.random.default_rng([seed, *kind.encode()])
        hidden = rng.standard_normal((WORLD_ROWS, 6))
        strong = hidden @ rng.standard_normal((6, 20)) + 0.3 * rng.standard_normal((WORLD_ROWS, 20))
        seen = hidden if kind == "world" else rng.standard_normal((TEACHERS, WORLD_ROWS, 6))
        weak = [
            (seen if kind == "world" else seen[i]) @ rng.standard_normal((6, 12))
            + noise * rng.standard_normal((WORLD_ROWS, 12))
            for i, noise in enumerate(rng.uniform(0.5, 4.0, TEACHERS))
        ]
        truth = (hidden @ rng.standard_normal(6) + 0.8 * rng.standard_normal(WORLD_ROWS) > 0.0).astype(float)[:, None]
        yield _world(kind, seed, strong, weak, truth)


def _world(kind: str, seed: int, strong: Array, weak: Sequence[Array], truth: Array) -> Answered:
    known = np.arange(GOLD)
    rest = np.arange(GOLD, len(truth))
    names = tuple(f"teacher {i}" for i in range(len(weak)))
    labels = shown(Labels(truth, "binary", ("0", "1")), known)
    models = tuple(Representation(name, one) for name, one in zip(names, weak, strict=True))
    forecast = Combined().forecast(Case(Representation("strong", strong), models, labels, seed=seed))
    order, draws = ordered_by(rank_by_of(None, forecast), forecast)
    tables = [FactoredRidge.of(one[known], one[rest]).predict(truth[known]) for one in weak]
    measured = trained(strong[rest], tables, truth[rest])
    accuracy = np.full(len(weak), np.nan) if forecast.accuracy is None else forecast.accuracy.w2s
    return Answered(
        kind,
        "simulated",
        "D~",
        seed,
        names,
        order,
        forecast.centred(order, draws).T,
        above_null(forecast.error, forecast.null_draws),
        np.zeros(len(weak), dtype=bool),
        accuracy,
        forecast.error,
        measured[0],
        measured[1],
        measured[2],
        np.full(len(weak), np.nan),
    )


Rows = Sequence[Mapping[str, str]]


def table(path: Path) -> str:
    """All figures as Markdown."""
    with path.open(newline="") as file:
        every = list(csv.DictReader(file))
    rankings: dict[tuple[str, ...], list[Mapping[str, str]]] = {}
    for row in every:
        rankings.setdefault(tuple(row[key] for key in ("task", "strong", "evidence", "split")), []).append(row)
    real = {key: rows for key, rows in rankings.items() if key[0] not in ("world", "null")}
    worlds_ = {name: [rows for key, rows in rankings.items() if key[0] == name] for name in ("world", "null")}
    by_evidence = {name: [rows for key, rows in real.items() if key[2] == name] for name in EVIDENCE}
    by_evidence = {name: found for name, found in by_evidence.items() if found}
    both = {**by_evidence, "all real cells": list(real.values()), "simulated worlds": worlds_["world"]}
    parts = [
        "# Decisions against real training",
        (__doc__ or "").partition("\n\n")[2].strip("\n"),
        "## What the first choice loses",
        "Accuracy lost against the best of all candidates, in shares of rows: mean (worst).",
        "\n".join(_losses(both)),
        "## Reliability of P(best)",
        "Mean predicted → share that was the best (candidates), by bins of the prediction.",
        "\n".join(_reliability(both, _p_best)),
        "## Reliability of p_contains_best of the pair",
        "Mean predicted → share of rankings in which the pair held the best (rankings), by bins of the prediction.",
        "\n".join(_reliability(both, _pair)),
        "## Advice",
        "\n".join(_advice(both, worlds_["null"])),
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
        "| evidence | rankings | first rank | first by error | advised | pair | expected of the advised | any |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, found in groups.items():
        cells = [
            _mean([_lost(rows, lambda row: row["rank"] == "1") for rows in found]),
            _mean([_lost(rows, lambda row: row["rank_by_error"] == "1") for rows in found]),
            _mean([_lost(rows, lambda row: row["launched"] == "1") for rows in found]),
            _mean([_lost(rows, lambda row: row["pair"] == "1") for rows in found]),
            _mean([float(rows[0]["expected_regret"]) if rows[0]["expected_regret"] else None for rows in found]),
            _mean([float(np.max(_measured(rows)) - np.mean(_measured(rows))) for rows in found]),
        ]
        lines.append(f"| {name} | {len(found)} | {' | '.join(cells)} |")
    return lines


def _measured(rows: Rows) -> Array:
    return np.array([float(row["measured"]) for row in rows])


def _mean(values: Iterable[float | None]) -> str:
    found = [value for value in values if value is not None]
    return f"{np.mean(found):.4f} ({max(found):.3f})" if found else "–"


def _wins(rows: Rows) -> Array:
    measured = _measured(rows)
    best = measured == measured.max()
    share: Array = best / best.sum()
    return share


def _p_best(rows: Rows) -> list[tuple[float, float]]:
    return list(zip((float(row["p_best"]) for row in rows), _wins(rows).tolist(), strict=True))


def _pair(rows: Rows) -> list[tuple[float, float]]:
    if not rows[0]["p_pair"]:
        return []
    held = sum(win for row, win in zip(rows, _wins(rows), strict=True) if row["pair"] == "1")
    return [(float(rows[0]["p_pair"]), float(held))]


def _reliability(groups: Mapping[str, Sequence[Rows]], of: Callable[[Rows], list[tuple[float, float]]]) -> list[str]:
    edges = [f"{low:.1f}–{high:.1f}" for low, high in pairwise(BINS)]
    lines = [f"| evidence | {' | '.join(edges)} | calibration error |", "|---|" + "---:|" * (len(edges) + 1)]
    for name, found in groups.items():
        pairs = np.array([pair for rows in found for pair in of(rows)])
        if not len(pairs):
            continue
        place = np.clip(np.digitize(pairs[:, 0], BINS) - 1, 0, len(edges) - 1)
        cells, error = [], 0.0
        for i in range(len(edges)):
            own = pairs[place == i]
            error += 0.0 if not len(own) else len(own) / len(pairs) * abs(float(own[:, 0].mean() - own[:, 1].mean()))
            cells.append(f"{own[:, 0].mean():.2f} → {own[:, 1].mean():.2f} ({len(own)})" if len(own) else "–")
        lines.append(f"| {name} | {' | '.join(cells)} | {error:.3f} |")
    return lines


def _advice(groups: Mapping[str, Sequence[Rows]], null: Sequence[Rows]) -> list[str]:
    real = groups["all real cells"]
    controls = sum(row["control"] == "1" and "1" in (row["launched"], row["pair"], row["as_good"])
                   for rows in real for row in rows)  # fmt: skip
    given_up = [
        max(float(one["measured"]) for one in rows if one["launched"] == "1") - float(row["measured"])
        for rows in real
        for row in rows
        if row["as_good"] == "1"
    ]
    none = sum(not any(row["launched"] == "1" for row in rows) for rows in real)
    false = [any(row["launched"] == "1" for row in rows) for rows in null]
    lost = f"{np.mean(given_up):.4f} (worst {max(given_up):.3f})" if given_up else "–"
    junk = f"{np.mean(false):.3f} of {len(false)}" if false else "–"
    return [
        f"* Random-weights controls that were launched or called as good: {controls}, of "
        f"{sum(row['control'] == '1' for rows in real for row in rows)} times that one was a candidate.",
        f"* Candidates called as good as the first: {len(given_up)}; accuracy lost by taking them instead: {lost}.",
        f"* Rankings in which nothing was advised: {none} of {len(real)}.",
        f"* Simulated nulls, teachers that see nothing: something was advised in {junk}.",
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


def main() -> None:
    """Run, or print the tables of an earlier run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.decision", description=__doc__)
    parser.add_argument("-o", type=Path, default=Path("decision.csv"), help="result file (CSV)")
    parser.add_argument("--task", action="append", choices=TASKS, help="only these tasks")
    parser.add_argument("--worlds", type=int, default=WORLDS, help="simulated worlds of each kind (%(default)s)")
    parser.add_argument("--table", type=Path, help="print the tables of this file")
    options = parser.parse_args()
    if options.table:
        sys.stdout.write(table(options.table) + "\n")
        return
    with options.o.open("w", newline="") as file:
        sheet = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        sheet.writeheader()
        simulated = (one for kind in ("world", "null") for one in simulations(kind, options.worlds))
        for group in (answered(data_folder(), options.task or TASKS, EVIDENCE), simulated):
            for one in group:
                for row in rows_of(one):
                    sheet.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()})
                file.flush()


if __name__ == "__main__":
    main()
