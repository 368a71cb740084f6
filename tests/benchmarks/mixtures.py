"""Would a fitted mixture of label-free estimators beat its best part? Leave-one-task-out, on the accuracy record.

Values are standardised within a cell, non-negative weights are fitted by least squares to the measured Err_w2s of the
candidates of *other* tasks, and scored by Spearman on the task left out; once from all other tasks, once from those of
the other kind of rows alone (text for molecules and the other way round).
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from predictor.estimators.registry import ESTIMATORS
from predictor.statistics.arrays import Array
from predictor.statistics.rank_correlation import rank_correlation
from tests.benchmarks.lineup import ALL_SMILES

MIXTURES = (
    ("label_prior_simulation",),
    ("representation_gap_frobenius",),
    ("label_prior_simulation", "representation_gap_frobenius"),
    ("label_prior_simulation", "parameter_count"),
    (
        "label_prior_simulation",
        "representation_gap",
        "representation_gap_frobenius",
        "representation_gap_prior",
        "cka",
        "parameter_count",
        "width",
        "effective_dimension",
    ),
)

SHRINKAGE = 0.1
"""Ridge on the weights, per candidate."""


@dataclass(frozen=True, eq=False)
class Cell:
    """Standardised values (lower is better) and measured errors of one cell's candidates."""

    task: str
    values: dict[str, Array]
    errors: Array

    def design(self, names: tuple[str, ...]) -> Array:
        """(m, k) values; 0 where an estimator says nothing."""
        return np.stack([self.values.get(name, np.zeros(len(self.errors))) for name in names], axis=1)


def read(path: Path) -> list[Cell]:
    """The cells of a record of candidates."""
    with path.open(newline="") as file:
        found = list(csv.DictReader(file))
    cells = []
    for key in dict.fromkeys((r["task"], r["strong"]) for r in found):
        rows = [r for r in found if (r["task"], r["strong"]) == key]
        values = {}
        for name in dict.fromkeys(name for mixture in MIXTURES for name in mixture):
            reported = np.array([float(r[name]) if r[name] else np.nan for r in rows])
            if np.isnan(reported).all():
                continue
            reported = np.where(np.isnan(reported), np.nanmean(reported), reported)
            if np.ptp(reported) > 0.0:
                values[name] = _standardised(reported) * (1.0 if ESTIMATORS[name].better == "lower" else -1.0)
        cells.append(Cell(key[0], values, np.array([float(r["w2s_error"]) for r in rows])))
    return cells


def _standardised(values: Array) -> Array:
    scaled: Array = (values - values.mean()) / values.std()
    return scaled


def scored_cells(
    cells: list[Cell], names: tuple[str, ...], others: list[Cell], elsewhere: Callable[[str, str], bool]
) -> list[float]:
    """Spearman per cell of the mixture fitted on those of `others` that `elsewhere` says."""
    answers = []
    for cell in cells:
        student_labels = [one for one in others if elsewhere(one.task, cell.task)]
        design = np.concatenate([one.design(names) for one in student_labels])
        target = np.concatenate([_standardised(one.errors) for one in student_labels])
        damped = np.sqrt(SHRINKAGE * len(target)) * np.eye(len(names))
        weights, _ = nnls(np.concatenate([design, damped]), np.concatenate([target, np.zeros(len(names))]))
        found = rank_correlation(cell.design(names) @ weights, cell.errors)
        answers.append(np.nan if found is None else found)
    return answers


def mixtures(cells: list[Cell], others: list[Cell]) -> str:
    """A line per mixture, fitted on other tasks of `others`, and on those with rows of another kind."""
    lines = ["| mixture | other tasks: mean | worst | other kind of rows: mean | worst |", "|---|---:|---:|---:|---:|"]
    for names in MIXTURES:
        shown = []
        for elsewhere in (lambda a, b: a != b, lambda a, b: (a in ALL_SMILES) != (b in ALL_SMILES)):
            found = scored_cells(cells, names, others, elsewhere)
            shown += [f"{np.nanmean(found):.2f}", f"{np.nanmin(found):.2f}"]
        lines.append(f"| {' + '.join(f'`{name}`' for name in names)} | " + " | ".join(shown) + " |")
    return "\n".join(lines)
