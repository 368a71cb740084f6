"""What was predicted of fine-tuned students, computed anew beside what `tests.benchmarks.finetuning` measured."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from predictor.errors import InputError
from predictor.query.settings import Settings
from predictor.statistics.arrays import Array
from predictor.statistics.rank_correlation import average_ranks, rank_correlation
from predictor.steps import drain
from predictor.training.learners import student_heads, weak_heads
from predictor.training.measures import squared_error
from predictor.training.outcomes import Outcomes
from predictor.training.recipe import Recipe
from predictor.training.runs import part_of, training_steps
from predictor.validation.validate import validation_steps
from tests.benchmarks.lineup import Cell, InMemory

if TYPE_CHECKING:
    from tests.benchmarks.finetuning import Bench

Row = Mapping[str, str]

FOLDS = 5
ASKED = ("combined", "truth_posterior", "logme", "representation_gap_frobenius", "width")

ERRORS = {
    "weak_error": "error of the weak head, test rows",
    "head_error": "measured heads, same loss",
    "ridge_error": "measured heads, ridge",
    "weak_cv": "error of the weak head, cross-validated on D~",
    "truth_posterior_error": "`truth_posterior`",
    "both": "mean rank of the two",
    "logme": "`logme`",
    "combined_error": "`combined`",
    "representation_gap_frobenius": "`representation_gap_frobenius`",
    "width": "`width`",
}
"""What fine-tuned errors are compared with, turned so that lower is better: three figures that were measured on the
test rows, four that need the gold labels of D~, three that need no label."""

GAINS = {
    "head_gain": "measured heads, same loss",
    "ridge_gain": "measured heads, ridge",
    "truth_posterior_gain": "`truth_posterior`",
    "combined_gain": "`combined`",
}

COLUMNS = (
    *("task", "strong", "recipe", "held_out", "splits", "candidate", "tuned_error", "tuned_error_se", "tuned_gain"),
    *("tuned_gain_se", "tuned_ceiling", "head_ceiling", "reliability_error", "reliability_gain", *ERRORS, *GAINS),
)

REPEATABLE = 0.5
"""Cells whose fine-tuned order agrees with itself less than this, half of the splits against the other, say nothing."""

SAME = 0.03
"""Largest difference between a weak head's error as kept and as computed again, in label variance: a seed deals the
folds that choose a logistic head's ridge."""


def write(path: Path, kept: Path, benches: Sequence[tuple[Bench, Cell]]) -> None:
    """Forecast these cells where two splits of them were measured; rows of other cells in the file stay as they are.

    Raises:
        InputError: what was kept was measured on other rows or models.
    """
    from tests.benchmarks.finetuning import BENCHES, measured_rows

    found = _by_cell(path) if path.exists() else {}
    for bench, cell in benches:
        rows = measured_rows(kept, bench)
        if len({row["split"] for row in rows}) > 1:
            found[tuple(bench.key.values())] = [
                {k: f"{v:.4f}" if isinstance(v, float) else str(v) for k, v in row.items()}
                for row in ranking_estimator(bench, cell, rows)
            ]
    places = {tuple(bench.key.values()): place for place, bench in enumerate(BENCHES)}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for key in sorted(found, key=lambda key: places.get(key, len(places))):
            writer.writerows(found[key])


def ranking_estimator(bench: Bench, cell: Cell, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """What was measured of one cell's candidates, best first, beside all that could have been said before."""
    names = [one.name for one in cell.weak]
    splits = sorted({int(row["split"]) for row in rows})
    at = {(row["candidate"], int(row["split"])): row for row in rows}
    kept = {
        figure: np.array([[float(at[name, split][figure]) for split in splits] for name in names])
        for figure in ("weak_error", "tuned_error", "tuned_ceiling")
    }
    sizes = Recipe(training=bench.recipe.training)
    classes = cell.task.labels.kind != "regression"
    alike = replace(sizes, method="logistic") if classes else sizes
    ridge, twin = (heads(cell, one, splits) for one in (sizes, alike))
    apart = float(np.abs(twin.weak - kept["weak_error"]).max())
    if apart > SAME:
        raise InputError(
            f"weak heads of {bench.key} err by up to {apart:.3f} otherwise than when they taught; the rows, the models "
            "or the heads are not those that were measured, so remove these rows from the file and train again.",
            reason="STALE_RECORD",
        )
    tuned, gain = kept["tuned_error"], kept["weak_error"] - kept["tuned_error"]
    known: dict[str, Array] = {
        "weak_error": kept["weak_error"].mean(axis=1),
        "head_error": twin.w2s.mean(axis=1),
        "head_gain": twin.gain.mean(axis=1),
        "ridge_error": ridge.w2s.mean(axis=1),
        "ridge_gain": ridge.gain.mean(axis=1),
        "weak_cv": cross_validated(cell, bench.recipe, splits),
        **forecasts(cell, alike, len(splits)),
    }
    known["both"] = (average_ranks(known["weak_cv"]) + average_ranks(known["truth_posterior_error"])) / 2.0
    about = {
        **bench.key,
        "held_out": "yes" if bench.held_out else "no",
        "splits": len(splits),
        "tuned_ceiling": float(kept["tuned_ceiling"][0].mean()),
        "head_ceiling": float(twin.ceiling.mean()),
        "reliability_error": reliability(tuned),
        "reliability_gain": reliability(gain),
    }
    return [
        about
        | {"candidate": names[i], **{figure: float(values[i]) for figure, values in known.items()}}
        | {"tuned_error": float(tuned[i].mean()), "tuned_error_se": _standard_error(tuned[i])}
        | {"tuned_gain": float(gain[i].mean()), "tuned_gain_se": _standard_error(gain[i])}
        for i in np.argsort(tuned.mean(axis=1), kind="stable")
    ]


def heads(cell: Cell, recipe: Recipe, splits: Sequence[int]) -> Outcomes:
    """Heads in place of the fine-tuned student, on the same splits from the same weak labels."""
    asked = recipe.for_labels(cell.task.labels.kind)
    student, weak = student_heads(cell.strong.values, asked), [one.values for one in cell.weak]
    parts = [part_of(len(cell.task.pool), asked, 0, split) for split in splits]
    found = [
        drain(training_steps(student, weak, cell.task.labels, asked, splits=1, seed=split, parts=[part]))
        for split, part in zip(splits, parts, strict=True)
    ]
    return Outcomes(
        np.concatenate([one.weak for one in found], axis=1),
        np.concatenate([one.w2s for one in found], axis=1),
        np.concatenate([one.ceiling for one in found]),
    )


def cross_validated(cell: Cell, recipe: Recipe, splits: Sequence[int]) -> Array:
    """(m,) error of each weak head on the fifth of D~ that it was not trained on, in label variance, over splits."""
    asked, gold = recipe.for_labels(cell.task.labels.kind), cell.task.labels.targets
    variance, missed = float(np.sum(np.var(gold, axis=0))), np.zeros((len(cell.weak), len(splits)))
    for j, split in enumerate(splits):
        known = part_of(len(cell.task.pool), asked, 0, split).weak
        folds = np.array_split(np.random.default_rng([split, FOLDS]).permutation(known), FOLDS)
        for i, one in enumerate(cell.weak):
            for k, left in enumerate(folds):
                rest = np.concatenate([fold for other, fold in enumerate(folds) if other != k])
                stated = weak_heads(one.values, asked).on(rest, left).learn(gold[rest], split, gold=True)
                missed[i, j] += squared_error(stated, gold[left]) * len(left) / len(known)
    mean: Array = missed.mean(axis=1) / variance
    return mean


def forecasts(cell: Cell, recipe: Recipe, splits: int) -> dict[str, Array]:
    """What estimators say of the recipe's heads, each (m,): those that need labels given D~ of each split in turn."""
    query, source = cell.query(Settings(estimators=ASKED)), InMemory(cell.models)
    shown = drain(
        validation_steps(query, cell.task.labels, source, splits=splits, labelled_splits=splits, recipe=recipe)
    )
    stated = {one.name: one.predicted for one in shown.trained}
    answers: dict[str, Array] = {}
    for figure in (*ERRORS, *GAINS):
        name, key = figure.removesuffix("_error").removesuffix("_gain"), "gain" if figure.endswith("_gain") else "value"
        if name in ASKED:
            values = np.array([stated[one.name].get(name, {}).get(key, np.nan) for one in cell.weak])
            answers[figure] = -values if name in ("logme", "width") else values
    return answers


def reliability(measured: Array) -> float:
    """Spearman's ρ between the means over half of the splits and over the others, mean over all ways to halve them.

    Args:
        measured: (m, splits ≥ 2).
    """
    splits = measured.shape[1]
    halves = [list(one) for one in combinations(range(splits), splits // 2)]
    rest = [[j for j in range(splits) if j not in half] for half in halves]
    found = [
        rank_correlation(measured[:, a].mean(axis=1), measured[:, b].mean(axis=1))
        for a, b in zip(halves, rest, strict=True)
    ]
    return float(np.mean([one for one in found if one is not None]))


def tables(path: Path) -> str:
    """Four tables in Markdown: the cells, how errors were ordered, how gains were, and what first choices lost."""
    numbered = {chr(65 + i): found for i, found in enumerate(_by_cell(path).values())}
    orders = (_orders(numbered, ERRORS, "error"), _orders(numbered, GAINS, "gain"))
    return "\n\n".join((_cells(numbered), *orders, _losses(numbered)))


def _by_cell(path: Path) -> dict[tuple[str, ...], list[Row]]:
    found: dict[tuple[str, ...], list[Row]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault((row["task"], row["strong"], row["recipe"]), []).append(row)
    return found


def _cells(numbered: Mapping[str, Sequence[Row]]) -> str:
    lines = [
        "| cell | task · student | recipe, D~/D^/test | held out | splits | teachers | teachers' error | fine-tuned "
        "error | less than heads by | ceiling: tuned / heads |",
        "|---|---|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for letter, found in numbered.items():
        first = found[0]
        weak, tuned, head = (_column(found, one) for one in ("weak_error", "tuned_error", "head_error"))
        ceilings = f"{float(first['tuned_ceiling']):.2f} / {float(first['head_ceiling']):.2f}"
        values = (
            *(letter, f"{first['task']} · {first['strong']}", first["recipe"], first["held_out"], first["splits"]),
            *(len(found), _range(weak), _range(tuned), f"{np.mean(head - tuned):.2f}", ceilings),
        )
        lines.append("| " + " | ".join(map(str, values)) + " |")
    return "\n".join(lines)


def _range(values: Array) -> str:
    return f"{values.min():.2f}–{values.max():.2f}"


def _orders(numbered: Mapping[str, Sequence[Row]], figures: Mapping[str, str], outcome: str) -> str:
    """ρ of every figure with the tuned outcome per cell, and the mean over repeatable cells, held out or all."""
    measured = {letter: _column(found, f"tuned_{outcome}") for letter, found in numbered.items()}
    again = {letter: float(found[0][f"reliability_{outcome}"]) for letter, found in numbered.items()}
    lines = [
        f"| Spearman's ρ with the tuned {outcome} | " + " | ".join(numbered) + " | mean | held out |",
        "|---|" + "---:|" * (len(numbered) + 2),
        _line("*itself: half of the splits against the others*", again, numbered, again),
    ]
    for figure, title in figures.items():
        found = {letter: rank_correlation(_column(rows, figure), measured[letter]) for letter, rows in numbered.items()}
        lines.append(_line(title, found, numbered, again))
    return "\n".join(lines)


def _losses(numbered: Mapping[str, Sequence[Row]]) -> str:
    """Tuned error of each figure's first choice above the best candidate's."""
    again = {letter: float(found[0]["reliability_error"]) for letter, found in numbered.items()}
    tuned = {letter: _column(found, "tuned_error") for letter, found in numbered.items()}
    lines = [
        "| tuned error lost by the first choice | " + " | ".join(numbered) + " | mean | held out |",
        "|---|" + "---:|" * (len(numbered) + 2),
        _line("*any candidate, mean*", {k: float(v.mean() - v.min()) for k, v in tuned.items()}, numbered, again),
    ]
    for figure, title in ERRORS.items():
        lost: dict[str, float | None] = {}
        for letter, rows in numbered.items():
            stated = _column(rows, figure)
            lost[letter] = float(tuned[letter][stated == stated.min()].mean() - tuned[letter].min())
        lines.append(_line(title, lost, numbered, again))
    return "\n".join(lines)


def _line(
    title: str, found: Mapping[str, float | None], numbered: Mapping[str, Sequence[Row]], again: Mapping[str, float]
) -> str:
    reported = {k: v for k, v in found.items() if v is not None and again[k] >= REPEATABLE}
    apart = [v for k, v in reported.items() if numbered[k][0]["held_out"] == "yes"]
    shown = [*found.values(), *(float(np.mean(v)) if v else None for v in (list(reported.values()), apart))]
    return f"| {title} | " + " | ".join("–" if one is None else f"{one:.2f}" for one in shown) + " |"


def _column(found: Sequence[Row], figure: str) -> Array:
    return np.array([float(row[figure]) for row in found])


def _standard_error(values: Array) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))
