"""Text population: teachers of many different models, on text tasks, without and with descriptions of the classes.

    W2S_DATA=FOLDER nice -n 19 python -m tests.benchmarks.papers.text_population > \\
        tests/benchmarks/papers/text_population.md

Cells are measured once and stored in the cache folder; the command continues where it was stopped. FOLDER is the one
that `tests.benchmarks.registry_tasks` writes, with the task files beside.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from predictor.extraction.extractor import Extractor
from predictor.statistics.arrays import Array
from predictor.statistics.rank_correlation import rank_correlation
from tests.benchmarks.descriptions import DESCRIPTIONS
from tests.benchmarks.lineup import TEXT_STRONG, data_folder, read
from tests.benchmarks.papers.population import (
    APART,
    BOTH,
    HINDSIGHT,
    ONE_ORDER,
    STATIC,
    Figure,
    Measured,
    cellwise,
    figures,
    quoted,
    summary,
    with_past,
    write,
)
from tests.benchmarks.papers.population_cell import (
    ALONE,
    LEFT_OUT,
    NOTHING,
    TURTLE,
    WORDS,
    PopulationCell,
    forecasts,
    load,
)
from tests.benchmarks.papers.pretrain import trained
from tests.benchmarks.papers.text_cells import SPLITS, measure, stored
from tests.benchmarks.papers.zoo import TEXT

TASKS = (*DESCRIPTIONS, "opinions")
STUDENTS = tuple(name for name, _ in TEXT_STRONG)
SHOWN = (
    *(quoted(NOTHING), with_past(NOTHING), quoted(WORDS), with_past(WORDS), quoted(ALONE), LEFT_OUT, BOTH, TURTLE),
    *(HINDSIGHT, STATIC, ONE_ORDER),
)
LEARNABLE = 0.9
"""Cells whose ceiling is above this have nothing to learn."""

MARKS = {NOTHING: 0.8, WORDS: 0.9}


def best_layers(cells: Sequence[PopulationCell]) -> str:
    """One layer a model by rule, by prediction and in hindsight, a line per task and evidence."""
    lines = [
        "| task · student | evidence | layers | ρ: by rule | ρ: predicted best | ρ: measured best | mean W2S error: by "
        "rule · predicted best · measured best |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for cell in cells:
        error = np.array([one.w2s_error for one in cell.candidates])
        models = [[i for i, c in enumerate(cell.candidates) if c.model == name] for name in _models(cell)]
        rule = np.array([next(i for i in of if cell.candidates[i].one) for of in models])
        best = np.array([of[int(np.argmin(error[of]))] for of in models])
        for name, predicted in cell.layers.items():
            said: Array = np.array(predicted.error)
            chosen = np.array([of[int(np.argmin(said[of]))] for of in models])
            lowest = said[chosen]
            rho = [
                rank_correlation(lowest if places is best else said[places], error[places])
                for places in (rule, chosen, best)
            ]
            lines.append(
                f"| {cell.task} · {cell.student} | {quoted(name)} | {len(error)} | "
                + " | ".join("–" if one is None else f"{one:.2f}" for one in rho)
                + f" | {error[rule].mean():.3f} · {error[chosen].mean():.3f} · {error[best].mean():.3f} |"
            )
    return "\n".join(lines)


def small_models(cells: Sequence[PopulationCell]) -> str:
    """Errors of the students of the text zoo, a line per cell: how far its models differ."""
    lines = [
        "| task · student | median W2S error | least | standard deviation | standard error of one |",
        "|---|---:|---:|---:|---:|",
    ]
    names = {one.name for one in TEXT.members}
    for cell in cells:
        own = [one for one in cell.candidates if one.one and one.model in names]
        error, about = (np.array([getattr(one, name) for one in own]) for name in ("w2s_error", "standard_error"))
        lines.append(
            f"| {cell.task} · {cell.student} | {np.median(error):.3f} | {error.min():.3f} | {error.std():.3f} | "
            f"{np.median(about):.3f} |"
        )
    return "\n".join(lines)


def _models(cell: PopulationCell) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.model for one in cell.candidates))


def marks(cells: Sequence[PopulationCell], found: Sequence[Figure]) -> str:
    """Mean and worst against what was asked for, of all cells and of those with something to learn."""
    learnable = {(one.task, one.student) for one in cells if one.ceiling < LEARNABLE}
    lines = ["| order | cells | mean ρ | mark | missed by | worst |", "|---|---|---:|---:|---:|---:|"]
    for name, mark in MARKS.items():
        for which in ("all", "with something to learn"):
            rho = [
                f.rho or 0.0
                for f in found
                if f.order == quoted(name) and (which == "all" or (f.task, f.student) in learnable)
            ]
            if rho:
                mean = float(np.mean(rho))
                missed = f"{mark - mean:.2f}" if mean < mark else "reached"
                lines.append(
                    f"| {quoted(name)} | {len(rho)}, {which} | {mean:.2f} | {mark} | {missed} | {min(rho):.2f} |"
                )
    return "\n".join(lines)


def main() -> None:
    """Write the page to standard output and every figure beside this file, the worst first."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.papers.text_population", description=__doc__)
    parser.add_argument("--first", type=int, default=1_000, help="only the first N trained members of the zoo")
    parser.add_argument("--student", nargs="+", choices=STUDENTS, default=STUDENTS[:2], help="students (%(default)s)")
    parser.add_argument("--task", action="append", choices=TASKS, help="only these tasks")
    parser.add_argument("--stored", action="store_true", help="only cells that were measured before")
    options = parser.parse_args()
    extractor, members = Extractor(), len(trained(TEXT)[: options.first])
    cells = []
    for name in options.task or TASKS:
        if options.stored:
            paths = [stored(name, student, members) for student in options.student]
            cells += [load(path) for path in paths if path.exists()]
        else:
            cells += measure(read(name, data_folder()), extractor, members, options.student)
            print(f"{name}: {len(cells)} cells", file=sys.stderr, flush=True)
    found = figures([(cell, forecasts(stored(cell.task, cell.student, members))) for cell in cells])
    write(Path(__file__).with_name("text_population.csv"), found)
    sys.stdout.write(
        PAGE.format(
            count=len(Measured.of(cells[0]).names),
            own=members,
            tasks=", ".join(dict.fromkeys(cell.task for cell in cells)),
            closer=" and ".join(dict.fromkeys(cell.task for cell in cells if cell.layers)),
            students=", ".join(f"{name} (layer {layer})" for name, layer in TEXT_STRONG if name in options.student),
            splits=SPLITS,
            apart=APART,
            marks=marks(cells, found),
            summary=summary(found),
            cellwise=cellwise(cells, found, SHOWN),
            small=small_models(cells),
            layers=best_layers([one for one in cells if one.layers]),
        )
    )


PAGE = """# Xue, Li, Mirzasoleiman 2025: a population of different text models

[arXiv:2502.00620](https://arxiv.org/abs/2502.00620). Made by `W2S_DATA=FOLDER python -m
tests.benchmarks.papers.text_population`, which writes every figure to [text_population.csv](text_population.csv), the
worst first.

**Setting.** Teachers are {count} different models: the known text models without the student, and {own} small masked
and causal transformers of the [text zoo](zoo.py), pre-trained on [sentences](text_corpus.py) of registry packages.
What these are and how far they were trained is in [zoo_text.csv](zoo_text.csv). Each is there with the layer nearest
two thirds of its depth, mean-pooled. Students: {students}. Tasks have a [description](../descriptions.py), and 800
rows each: {tasks}.
Every teacher of every cell is really trained: ridge heads on thirds, {splits} random splits. Predictions see no label.
ρ is Spearman's; ranges are over resampled cells. Regret is in label variances. Pairs apart are those of teachers whose
students' errors differ by more than {apart} label variances; chance orders half of them. Past outcomes are those of the
same teachers on the other tasks, of both students, as `--past-outcomes` adds them; the task itself is left out.

**What differs from the paper.** It ranks 22 published embedding models and 28 language models, by fine-tuned heads of
large students. No model hub is used here, so most teachers are small models of our own, hardly trained in part. Ridge
heads replace fine-tuning.

**Peers.** The left-out share and Gaussian sufficiency are [second moments](peers_gaussian.py) of the student and a
teacher. [TURTLE](turtle.py) labels the rows by what the student finds easy; students are then really trained on these
labels, and the error is the prediction. It was run on {closer} with the first student. FLARE (Jiang and others 2026,
arXiv:2604.17344) estimates the same sufficiency with normalizing flows; its code was not to be had, and it was not
measured.

## Marks

{marks}

## Orders

*One order for all tasks* is the mean rank of a teacher in all tasks, the cell's own among them. It is known in
hindsight alone, and is about the most that an order can reach which is the same whatever the labels mean.

{summary}

## Cells, the worst first

Ceiling is the error of a student trained on gold labels. Reach is what a perfect order would correlate with: the root
of the reliability of the measured means, over splits of the same rows. On [other rows](fresh_rows.md) an order
repeats less.

{cellwise}

## Students of the small models

The error of a constant answer is 1.

{small}

## One layer of each model, or its best

On {closer}, with the first student, all layers were trained and predicted. A model's best layer is the one with the
lowest predicted error, without any label. "Measured best" is chosen in hindsight.

{layers}

## What it says

Written of six tasks and two students.

* **The marks are missed by far.** Without words the mean is .39, with descriptions .58. Of pairs of teachers that are
  apart `truth` orders .91 right, with descriptions .98. The 56 small models were pre-trained for six CPU minutes in
  all. In eight of twelve cells the median student of theirs is worse than a constant, and they differ by .001 to .014
  label variances: whoever chooses among them loses nothing, and ρ is made by their order. The teachers' own measured
  errors, which nobody knows beforehand, have .69 only.
* **An order that knows nothing of the labels' meaning** has .67 if it is the best one for all tasks, each cell's own
  outcomes among them. From the other tasks alone it has .49.
* **Past outcomes** move `truth` from .39 to .45, pairs apart from .91 to .96, and gains from .04 to .20; the order of
  the other tasks alone is above that. Its first choices lose less, too (.021 against .041). Beside descriptions past
  outcomes harm the order (.58 to .53) and leave the first choice as it was.
* **Peers**: with the first student the left-out share is ahead of `truth`; with SmolLM2 it is behind in five of six
  tasks, and in the mean it is below. Xue's operator at the centre of its grid is ahead by .03 and behind in pairs
  apart. Its form by Frobenius norms and the effective dimension, which does not know the student, order better. Of
  these the first chooses as well as `truth`, the second much worse. Gaussian sufficiency orders and chooses better
  than `truth`. CKA orders nothing here.
* **What poor models cost `truth`.** It draws tasks from the student's kernel and from a mixture of the teachers', by
  size, depth and agreement with all others. With the student's kernel alone it orders better in every cell, by .05 in
  the mean, pairs apart and gains by more. On [molecules](molecules.md) order and pairs are equal and gains worse, and
  on the accuracy record the mixture orders gains far better ([priors](../priors.md)). So nothing was changed in the
  product.
* **TURTLE's labelings** are ahead on the two tasks where they were run.
* **The mean rank** of `truth` and the left-out share was written down before any cell was measured. It is no better
  than `truth`.
* **The best layer** of each model by prediction changes the order and the mean error by almost nothing.
* **Chosen after looking**: 24 thirds instead of 8, since reach was .82 to .98 with 8, and the second student after
  the first. The count of pairs apart was added after a first cell had been looked at; the marks were not moved.
* **Not measured**: imdb, ethics_justice and opinions, with which the command continues; other students; the models of
  npm packages and GloVe; FLARE.
"""

if __name__ == "__main__":
    main()
