"""The accuracy record as tables: every estimator, every cell, and what a fitted mixture would have made of it.

python -m tests.benchmarks.record tests/benchmarks/accuracy.csv -o tests/benchmarks/accuracy.md
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from predictor.estimators.registry import ESTIMATORS
from predictor.query.evidence import Evidence
from predictor.statistics.rank_correlation import rank_correlation
from tests.benchmarks.accuracy import measured_beside
from tests.benchmarks.mixtures import mixtures, read

Row = Mapping[str, str]

LOWER_IS_BETTER = ("regret", "regret_gain", "mae_error", "mae_gain", "mae_accuracy", "mae_accuracy_gain")

SUMMARY = (
    ("spearman_error", "Spearman"),
    ("kendall_error", "Kendall"),
    ("weighted_tau_error", "weighted τ"),
    ("regret", "regret"),
    ("mae_error", "MAE"),
    ("spearman_gain", "gain: Spearman"),
    ("mae_gain", "gain: MAE"),
    ("coverage_error", "coverage"),
    ("coverage_gain", "gain: coverage"),
    ("mae_accuracy", "accuracy: MAE"),
    ("mae_accuracy_gain", "accuracy gain: MAE"),
)
"""Figures of the summary, each as mean over cells and worst cell."""

CELLWISE = (
    ("spearman_error", "Spearman with the measured W2S error"),
    ("spearman_gain", "Spearman with the measured gain"),
    ("regret", "Measured W2S error of the first choice above the best candidate's, in label variance"),
    ("coverage_error", "Share of candidates whose measured W2S error lies in the 90 % interval"),
)

SIGNAL = 0.9
"""Cells whose ceiling, the student taught gold labels, errs by more than this share of the label variance have next to
nothing to learn: all candidates lie together there, and their order is mostly chance."""

ELSEWHERE = "measured elsewhere"
"""Reference, no estimator: the mean measured Err_w2s, standardised, of the same candidates on all other tasks."""


def summary(found: Sequence[Row]) -> str:
    """A line per estimator: mean over cells and, after a slash, the worst cell; figures nobody has are left out."""
    shown = [(figure, title) for figure, title in SUMMARY if any(r.get(figure) for r in found)]
    lines = [
        "| estimator | cells | " + " | ".join(title for _, title in shown) + " |",
        "|---|" + "---:|" * (len(shown) + 1),
    ]
    for name in dict.fromkeys(r["estimator"] for r in found):
        rows = [r for r in found if r["estimator"] == name]
        lines.append(f"| `{name}` | {len(rows)} | " + " | ".join(_spread(rows, figure) for figure, _ in shown) + " |")
    return "\n".join(lines)


def _spread(rows: Sequence[Row], figure: str) -> str:
    held = [float(r[figure]) for r in rows if r.get(figure)]
    if not held:
        return "–"
    worst = max(held) if figure in LOWER_IS_BETTER else min(held)
    digits = 3 if figure.startswith("mae_accuracy") else 2
    return f"{np.mean(held):.{digits}f} / {worst:.{digits}f}"


def cellwise(found: Sequence[Row], figure: str, references: Mapping[str, Sequence[str]]) -> str:
    """A line per cell and a column per estimator that has the figure."""
    heads = _heads(found)
    at = {(r["task"], r["strong"], r["estimator"]): r[figure] for r in found}
    names = dict.fromkeys(r["estimator"] for r in found)
    columns: dict[str, Sequence[str]] = {n: [at.get((task, strong, n), "") for task, strong, _ in heads] for n in names}
    columns = {n: values for n, values in columns.items() if any(values)} | dict(references)
    lines = ["| task · strong (candidates) | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for place, (task, strong, count) in enumerate(heads):
        shown = [f"{float(v[place]):.2f}" if v[place] else "–" for v in columns.values()]
        lines.append(f"| {task} · {strong.partition('#')[0]} ({count}) | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def _heads(found: Sequence[Row]) -> list[tuple[str, str, str]]:
    return list(dict.fromkeys((r["task"], r["strong"], r["candidates"]) for r in found))


def elsewhere(path: Path, heads: Sequence[tuple[str, str, str]]) -> list[str]:
    """Per cell, how well the order measured on all other tasks of the same strong model fits this task's own."""
    with path.open(newline="") as file:
        found = list(csv.DictReader(file))
    errors: dict[tuple[str, str], dict[str, float]] = {}
    for row in found:
        errors.setdefault((row["task"], row["strong"]), {})[row["candidate"]] = float(row["w2s_error"])
    answers = []
    for task, strong, _ in heads:
        own = errors[task, strong]
        names = sorted(own)
        others = [e for (t, s), e in errors.items() if s == strong and t != task and e.keys() == own.keys()]
        if not others:
            answers.append("")
            continue
        tables = np.array([[e[name] for name in names] for e in others])
        order = np.mean((tables - tables.mean(axis=1)[:, None]) / tables.std(axis=1)[:, None], axis=0)
        answers.append(str(rank_correlation(order, np.array([own[name] for name in names]))))
    return answers


def signal(path: Path) -> set[tuple[str, str]]:
    """(task, strong) of the cells in which there is something to learn."""
    with path.open(newline="") as file:
        return {(r["task"], r["strong"]) for r in csv.DictReader(file) if float(r["ceiling_error"]) <= SIGNAL}


def _reference(found: Sequence[float]) -> str:
    if not found:
        return "No candidate was measured on a second task, so there is no reference."
    return (
        "Reference, no estimator: the order *measured on all other tasks* of the same models reaches "
        f"{np.mean(found):.2f} / {min(found):.2f} Spearman."
    )


def _key(row: Row) -> tuple[str, str]:
    return row["task"], row["strong"]


def page(path: Path, fitted_on: Path) -> str:
    """All tables of a record, with mixtures fitted on a record."""
    with path.open(newline="") as file:
        found = [r for r in csv.DictReader(file) if r["estimator"] in ESTIMATORS]
    free = [r for r in found if r["evidence"] == Evidence.representations.name]
    weakly = [r for r in found if r["evidence"] == Evidence.weak_labels.name]
    labelled = [r for r in found if r["evidence"] == Evidence.few_labels.name]
    heads = _heads(free)
    once = {(r["task"], r["strong"], r["candidates"]): r["reliability"] for r in free}
    known = elsewhere(measured_beside(path), heads)
    references = ({ELSEWHERE: known} if any(known) else {}) | {"reliability": [once[head] for head in heads]}
    able = signal(measured_beside(path))
    reported = [(float(v), head[:2] in able) for v, head in zip(known, heads, strict=True) if v]
    both, student_labels = [v for v, _ in reported], [v for v, has in reported if has]
    parts = [
        "# How well estimators predict measured weak-to-strong training",
        f"{len({h[0] for h in heads})} tasks × 3 strong models, {len(heads)} cells; every candidate really trained "
        "(ridge heads). Mean over cells / worst cell. Made by `python -m tests.benchmarks.record` from "
        f"`{path.name}` and `{measured_beside(path).name}`, which `python -m tests.benchmarks.accuracy` writes.",
        *(
            (
                f"In {len(heads) - len(able)} cells ("
                + ", ".join(sorted({h[0] for h in heads if h[:2] not in able}))
                + ") "
                f"the ceiling itself errs by more than {SIGNAL} of the label variance: there is next to nothing to "
                "learn, and candidates lie together. Figures are given over all cells and over the others.",
            )
            if len(able) < len(heads)
            else ()
        ),
        "## Without labels, all cells",
        summary(free),
        _reference(both),
        *(
            (
                f"## Without labels, the {len(able)} cells with something to learn",
                summary([r for r in free if _key(r) in able]),
                _reference(student_labels),
            )
            if len(able) < len(heads)
            else ()
        ),
        *(
            (
                "## With the candidates' weak labels and no gold label",
                *(("All cells, then those with something to learn.",) if len(able) < len(heads) else ()),
                summary(weakly),
                *((summary([r for r in weakly if _key(r) in able]),) if len(able) < len(heads) else ()),
            )
            if weakly
            else ()
        ),
        "## With the labels of D~, all cells",
        summary(labelled),
        *(
            (
                f"## With the labels of D~, the {len(able)} cells with something to learn",
                summary([r for r in labelled if _key(r) in able]),
            )
            if len(able) < len(heads)
            else ()
        ),
    ]
    reported_of = read(measured_beside(path))
    if all("label_prior_simulation" in cell.values for cell in reported_of):
        parts += [
            "## Would a mixture of label-free estimators be better?",
            mixtures(reported_of, read(measured_beside(fitted_on))),
        ]
    reported_by = (
        (free, "without labels"),
        *(((weakly, "with weak labels alone"),) if weakly else ()),
        (labelled, "with the labels of D~"),
    )
    for rows, title in reported_by:
        for figure, words in CELLWISE:
            own = references if figure == "spearman_error" and rows is free else {}
            parts += [f"## {words}, {title}", cellwise(rows, figure, own)]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.record", description=__doc__)
    parser.add_argument("record", type=Path)
    parser.add_argument("-o", type=Path, required=True)
    parser.add_argument(
        "--fitted-on", type=Path, help="record that mixtures are fitted on (the same, other tasks of it)"
    )
    options = parser.parse_args()
    options.o.write_text(page(options.record, options.fitted_on or options.record), encoding="utf-8")


if __name__ == "__main__":
    main()
