"""Published trainings: what orders students that other people fine-tuned.

    W2S_DATA=FOLDER python -m tests.benchmarks.papers.published > tests/benchmarks/papers/published.md

Every file of FOLDER/outcomes is read by the code of `w2s outcomes import`. A cell is one student with one loss and
recipe, and three teachers or more. Nothing is tuned: accuracies of teachers and parameters order as they are.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from predictor.calibration.fit import MIN_TASKS, fit_line
from predictor.outcomes.importing.detect import import_outcomes
from predictor.outcomes.outcome import Outcome
from predictor.statistics.arrays import Array
from predictor.statistics.rank_correlation import rank_correlation
from tests.benchmarks.lineup import data_folder

FILES = {
    "GPT-2": ("mayankmahajan24_all_runs.csv", None),
    "Pythia": ("rokosbasilisk_pythia_checkpoints.csv", "not named by the source"),
    "BERT to ELECTRA": ("marco_sst2_bert_to_electra.csv", None),
    "Qwen": ("jeonseongjoon_sciq_qwen.csv", None),
    "Pythia, one teacher": ("baidicoot_pythia_transfer.json", "not named by the source"),
}
"""File, and what stands for the task where the file names none."""

MILLIONS = {
    "gpt2": 124.0,
    "gpt2-medium": 355.0,
    "gpt2-large": 774.0,
    "gpt2-xl": 1558.0,
    "prajjwal1/bert-tiny": 4.4,
    "prajjwal1/bert-mini": 11.2,
    "prajjwal1/bert-small": 28.8,
    "prajjwal1/bert-medium": 41.4,
    "Qwen/Qwen-1_8B": 1800.0,
    "Qwen/Qwen-7B": 7000.0,
}
COLUMNS = (
    *("source", "task", "student", "loss", "recipe", "teachers", "beat"),
    *("rho_weak", "rho_size", "rho_gain", "lost"),
)
SIGNS = {
    "rho_weak": "ρ of the teacher's accuracy with the student's",
    "rho_size": "ρ of the teacher's parameters with the student's accuracy",
    "rho_gain": "ρ of the teacher's accuracy with the gain",
    "lost": "accuracy points lost by the most accurate teacher",
}

Cell = dict[str, str | int | float | None]


def parameters(teacher: str) -> float:
    """Of the model that a teacher's name begins with, in millions."""
    name = teacher.split()[0]
    return 1000.0 * float(name.removeprefix("pythia-").removesuffix("b")) if name[:6] == "pythia" else MILLIONS[name]


def cells(source: str, outcomes: Sequence[Outcome]) -> list[Cell]:
    """One per student, loss and recipe with three teachers or more, whose accuracies are known."""
    groups: dict[tuple[str, ...], list[Outcome]] = defaultdict(list)
    for one in outcomes:
        if one.weak_accuracy is not None and one.w2s_accuracy is not None:
            groups[one.task, one.strong, one.loss, one.recipe].append(one)
    return [
        dict(zip(COLUMNS, (source, *key, len(group), *_figures(group)), strict=True))
        for key, group in groups.items()
        if len(group) >= 3
    ]


def _figures(group: Sequence[Outcome]) -> tuple[float | None, ...]:
    weak, student = (np.array([getattr(one, name) for one in group]) for name in ("weak_accuracy", "w2s_accuracy"))
    size = np.array([parameters(one.weak) for one in group])
    chosen = student[weak == weak.max()].mean()
    return (
        int(np.sum(student > weak)),
        rank_correlation(weak, student),
        rank_correlation(size, student),
        rank_correlation(weak, student - weak),
        100.0 * float(student.max() - chosen),
    )


def interval(values: Array) -> tuple[float, float, float]:
    """Mean and its 95 % range over resampled cells (seed 0)."""
    drawn = np.random.default_rng(0).choice(values, size=(2000, len(values))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def summary(found: Sequence[Cell]) -> str:
    """A line per source, loss and recipe."""
    lines = [
        "| source | loss | recipe | cells | students above their teacher | " + " | ".join(SIGNS.values()) + " |",
        "|---|---|---|---:|---:|" + "---:|" * len(SIGNS),
    ]
    for key in dict.fromkeys((c["source"], c["loss"], c["recipe"]) for c in found):
        rows = [c for c in found if (c["source"], c["loss"], c["recipe"]) == key]
        beat, all_of = (sum(int(str(c[name])) for c in rows) for name in ("beat", "teachers"))
        shown = [_spread([c[name] for c in rows], lowest=name != "lost") for name in SIGNS]
        lines.append(f"| {' | '.join(str(k) for k in key)} | {len(rows)} | {beat} of {all_of} | {' | '.join(shown)} |")
    return "\n".join(lines)


def _spread(values: Sequence[object], *, lowest: bool) -> str:
    held = np.array([float(str(v)) for v in values if v is not None])
    if not len(held):
        return "–"
    if len(held) == 1:
        return f"{held[0]:.2f}"
    mean, low, high = interval(held)
    return f"{mean:.2f} ({low:.2f} to {high:.2f}), worst {held.min() if lowest else held.max():.2f}"


def transferred(sources: Mapping[str, Sequence[Outcome]]) -> str:
    """A line from weak to W2S error fitted on one source, tested on another; students are its groups."""
    lines = [
        "| fitted on | tested on | students · pairs | line | error | error of W2S = weak | error of the mean of the "
        "first | in the 90 % interval |",
        "|---|---|---:|---|---:|---:|---:|---:|",
    ]
    for first, learned in sources.items():
        x, y, groups = _pairs(learned)
        if len(np.unique(groups)) < MIN_TASKS:
            continue
        line = fit_line(x, y, groups, same_unit=True)
        for second, tested in sources.items():
            u, v, others = _pairs(tested)
            if second == first or not len(u):
                continue
            off = np.abs(line.intercept + line.slope * u - v)
            lines.append(
                f"| {first} | {second} | {len(np.unique(others))} · {len(u)} | {line.intercept:+.3f} "
                f"{line.slope:+.2f} x | {off.mean():.3f} | {np.abs(u - v).mean():.3f} | "
                f"{np.abs(y.mean() - v).mean():.3f} | {np.mean(off <= line.spread):.0%} |"
            )
    return "\n".join(lines)


def _pairs(outcomes: Sequence[Outcome]) -> tuple[Array, Array, np.ndarray]:
    kept = [o for o in outcomes if o.loss == "xent" and o.recipe == "full" and o.weak_error is not None]
    names = {name: at for at, name in enumerate(dict.fromkeys((o.task, o.strong) for o in kept))}
    return (
        np.array([o.weak_error for o in kept], dtype=np.float64),
        np.array([o.w2s_error for o in kept], dtype=np.float64),
        np.array([names[o.task, o.strong] for o in kept], dtype=np.intp),
    )


def main() -> None:
    """Write the page to standard output and all cells beside this file."""
    sources = {}
    imported = []
    for name, (file, task) in FILES.items():
        found = import_outcomes(data_folder() / "outcomes" / file, task=task)
        sources[name] = found.outcomes
        left = "; ".join(found.unpaired) or "nothing"
        imported.append(f"| {name} | {file} | {len(found.outcomes)} | {left} |")
    every = [cell for name, outcomes in sources.items() for cell in cells(name, outcomes)]
    every.sort(key=lambda cell: float(str(cell["rho_weak"] if cell["rho_weak"] is not None else 2.0)))
    with Path(__file__).with_name("published.csv").open("w", newline="", encoding="utf-8") as written:
        sheet = csv.DictWriter(written, COLUMNS, lineterminator="\n")
        sheet.writeheader()
        for cell in every:
            sheet.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in cell.items()})
    plain = [cell for cell in every if cell["recipe"] == "full"]
    worst = "\n".join(f"| {' | '.join(_shown(cell[name]) for name in COLUMNS)} |" for cell in plain[:12])
    sys.stdout.write(PAGE.format(
        imported="\n".join(imported),
        plain=summary(sorted(plain, key=lambda cell: str(cell["source"]))),
        mixed=summary(sorted((c for c in every if c not in plain), key=lambda cell: str(cell["recipe"]))),
        worst=f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n{worst}",
        transferred=transferred(sources),
    ))  # fmt: skip


def _shown(value: object) -> str:
    return "–" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)


PAGE = """# Published trainings

What orders students that other people fine-tuned. Nobody here ran these trainings. Made by
`W2S_DATA=FOLDER python -m tests.benchmarks.papers.published`, which also writes every cell to
[published.csv](published.csv), the worst first.

| source | file | outcomes | not used |
|---|---|---:|---|
{imported}

A cell is one student with one loss and recipe, and three teachers or more. Seeds are averaged, as the importer does.
For BERT to ELECTRA the last epoch counts. Two files name no task and need `--task`. Values are means over cells with
a 95 % range over resampled cells, and the worst cell. Cells of one source share teachers, so the ranges are narrower
than those for new teachers would be.

## Students trained on weak labels alone

{plain}

## Weak labels mixed with gold labels (GPT-2)

The recipe is named as the source does; the number is the share of gold labels in percent.

{mixed}

## The worst twelve cells of weak labels alone

{worst}

## A correction fitted on one source, tested on another

The line from the teacher's error to its student's, cross-entropy, weak labels alone. It is fitted by the code of
`w2s calibrate`, whose groups are students here. Errors are mean absolute ones, in shares of rows.

{transferred}
"""


if __name__ == "__main__":
    main()
