"""SciQ: four finished GPT-2 teachers, ordered by their weak labels, against students really fine-tuned on them.

    W2S_DATA=FOLDER python -m tests.benchmarks.papers.sciq > tests/benchmarks/papers/sciq.md

The teachers' soft labels of the rows that students were trained on are published, and so are the gold labels of these
rows; the models' features are not. So every order here is made from labels alone, as of teachers behind an API.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.problem import Case, Representation
from predictor.estimators.registry import find
from predictor.estimators.truth import TruthForecast
from predictor.outcomes.importing.detect import import_outcomes
from predictor.outcomes.outcome import Outcome
from predictor.query.labels import Labels
from predictor.ranking.past_outcomes import PastOutcomes
from predictor.statistics.arrays import Array
from predictor.statistics.rank_correlation import rank_correlation
from tests.benchmarks.lineup import data_folder

TEACHERS = ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl")
SEEDS = range(5)
HOME = Path(__file__).with_suffix(".csv")
GOLD, DRAWS, MODELLED = 50, 200, 5
ROWS = 800
"""Rows drawn for `truth`, the first GOLD of them with gold labels; rules without gold rows take all."""


@dataclass(frozen=True)
class Cell:
    """One order against the teachers of one student; `right` of `pairs` are in the right order."""

    seed: int
    student: str
    loss: str
    order: str
    rho: float | None
    right: float
    pairs: int
    lost: float


@dataclass(frozen=True, eq=False)
class Seed:
    """What one seed published.

    Attributes:
        gold: (n,) 0 or 1.
        weak: (4, n) probabilities of 1, in the order of TEACHERS.
        students: (student, loss) -> teacher -> test accuracy of the student.
    """

    number: int
    gold: Array
    weak: Array
    students: Mapping[tuple[str, str], Mapping[str, float]]


def read(seed: int) -> Seed:
    """Weak labels of teachers trained with cross-entropy, as students were trained on."""
    folder = data_folder() / "outcomes"
    with np.load(folder / "mayankmahajan24_sciq_weak_labels.npz") as found:
        gold = found[f"sciq_seed{seed}/gold"].astype(np.float64)
        weak = np.stack([found[f"sciq_seed{seed}_xent_{name}/p1"].astype(np.float64) for name in TEACHERS])
    students: dict[tuple[str, str], dict[str, float]] = {}
    with (folder / "mayankmahajan24_all_runs.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            here = row["family"] == "baseline" and row["dataset"] == "sciq" and row["seed"] == str(seed)
            if here and row["weak"]:
                students.setdefault((row["student"], row["loss"]), {})[row["weak"]] = float(row["r_accuracy"])
    return Seed(seed, gold, weak, students)


def orders(one: Seed) -> dict[str, Callable[[], Array]]:
    """Rule -> (draws, 4) predicted errors of the teachers, lower is better; draws differ in their rows."""
    rng = np.random.default_rng(one.number)
    drawn = [rng.permutation(len(one.gold))[:ROWS] for _ in range(DRAWS)]
    few = drawn[:MODELLED]
    return {
        "parameters": lambda: -np.arange(4.0)[None],
        "mean confidence": lambda: -np.abs(one.weak - 0.5).mean(axis=1)[None],
        "measured on BoolQ": lambda: _measured_on_boolq()[None],
        "`agreement_error`": lambda: _estimated("agreement_error", one.weak, None)[None],
        "`consensus_truth`": lambda: np.stack([_estimated("consensus_truth", one.weak[:, rows], None) for rows in few]),
        "`truth`": lambda: np.stack([_estimated("truth", one.weak[:, rows], None) for rows in few]),
        "`truth`, past outcomes on BoolQ": lambda: _with_boolq(one.weak[:, few[0]])[None],
        f"`truth`, {GOLD} gold rows": lambda: np.stack(
            [_estimated("truth", one.weak[:, rows], one.gold[rows]) for rows in few]
        ),
        f"accuracy on {GOLD} gold rows": lambda: np.stack([_wrong(one, rows[:GOLD]) for rows in drawn]),
        "accuracy on all rows (unknown beforehand)": lambda: _wrong(one, np.arange(len(one.gold)))[None],
    }


def _wrong(one: Seed, rows: NDArray[np.intp]) -> Array:
    return np.asarray(np.mean((one.weak[:, rows] >= 0.5) != one.gold[rows], axis=1))


@cache
def boolq() -> tuple[Outcome, ...]:
    """Outcomes of the same teachers on BoolQ, students trained on their labels alone by cross-entropy."""
    found = import_outcomes(data_folder() / "outcomes" / "mayankmahajan24_all_runs.csv", task=None).outcomes
    return tuple(o for o in found if (o.task, o.recipe, o.loss) == ("boolq", "full", "xent") and o.weak in TEACHERS)


def _measured_on_boolq() -> Array:
    """(4,) errors there of the largest student, which has all four teachers."""
    largest = [one for one in boolq() if one.strong == TEACHERS[-1]]
    return np.array([np.mean([-(o.w2s_accuracy or 0.0) for o in largest if o.weak == name]) for name in TEACHERS])


def _with_boolq(weak: Array) -> Array:
    """(4,) errors that `truth` predicts with outcomes on BoolQ beside the weak labels."""
    return PastOutcomes(boolq(), {}).added_to(TruthForecast().forecast(_case(weak, None)), TEACHERS).error


def _estimated(name: str, weak: Array, gold: Array | None) -> Array:
    """By an estimator of the product, the first rows' gold labels given."""
    return np.array([one.value for one in find(name).estimate(_case(weak, gold))], dtype=np.float64)


def _case(weak: Array, gold: Array | None) -> Case:
    """The teachers with their weak labels; see the page for the student's features."""
    logits = np.log(np.clip(weak, 1e-3, 1 - 1e-3) / np.clip(1 - weak, 1e-3, 1 - 1e-3))
    labels = None if gold is None else Labels.of([*gold[:GOLD], *[None] * (len(gold) - GOLD)])
    return Case(
        Representation("student", logits.T),
        tuple(Representation(teacher, logits[[at]].T) for at, teacher in enumerate(TEACHERS)),
        labels,
        {teacher: table[:, None] for teacher, table in zip(TEACHERS, weak, strict=True)},
    )


def scored(one: Seed) -> Iterator[Cell]:
    """Every order against every student that has two teachers or more, means over the draws."""
    known = {cell.order for cell in stored() if cell.seed == one.number}
    for rule, order in orders(one).items():
        if rule in known:
            continue
        errors = order()
        for (student, loss), reached in one.students.items():
            places = [at for at, name in enumerate(TEACHERS) if name in reached]
            if len(places) < 2:
                continue
            measured = np.array([reached[TEACHERS[at]] for at in places])
            found = [_against(row[places], measured) for row in errors]
            rho = [each[0] for each in found if each[0] is not None]
            right, lost = (float(np.mean([each[at] for each in found])) for at in (1, 2))
            pairs = len(places) * (len(places) - 1) // 2
            yield Cell(one.number, student, loss, rule, float(np.mean(rho)) if rho else None, right, pairs, lost)


@cache
def stored() -> tuple[Cell, ...]:
    """Cells of the file: their rules are not applied again."""
    if not HOME.exists():
        return ()
    with HOME.open(newline="", encoding="utf-8") as file:
        return tuple(
            Cell(
                int(row["seed"]),
                *(row[name] for name in ("student", "loss", "order")),
                float(row["rho"]) if row["rho"] else None,
                float(row["right"]),
                int(row["pairs"]),
                float(row["lost"]),
            )
            for row in csv.DictReader(file)
        )


def _against(errors: Array, measured: Array) -> tuple[float | None, float, float]:
    """ρ, pairs in the right order (ties count half), accuracy points lost by the first choice."""
    first, second = np.triu_indices(len(errors), 1)
    agree = np.sign(errors[first] - errors[second]) * np.sign(measured[second] - measured[first])
    chosen = measured[errors == errors.min()].mean()
    right = float(np.sum((agree + 1.0) / 2.0))
    return rank_correlation(-errors, measured), right, 100.0 * float(measured.max() - chosen)


def table(found: Sequence[Cell]) -> str:
    """A line per order and loss."""
    lines = [
        "| order by | loss | teacher pairs in the right order | of the largest student: ρ | worst seed | "
        "points lost, mean of all students | worst |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for loss in ("xent", "logconf"):
        for rule in dict.fromkeys(c.order for c in found):
            rows = [c for c in found if (c.order, c.loss) == (rule, loss)]
            seeds = np.array([[c.right, c.pairs] for c in rows])
            four = [c.rho for c in rows if c.student == TEACHERS[-1] and c.rho is not None]
            lost = [c.lost for c in rows]
            lines.append(
                f"| {rule} | {loss} | {seeds[:, 0].sum() / seeds[:, 1].sum():.0%} of {seeds[:, 1].sum():.0f} | "
                f"{np.mean(four):.2f} | {min(four):.2f} | {np.mean(lost):.2f} | {max(lost):.2f} |"
            )
    return "\n".join(lines)


def levels(every: Sequence[Seed]) -> str:
    """Accuracy of each teacher on the rows, and what agreement makes of it."""
    lines = ["| seed | " + " | ".join(TEACHERS) + " |", "|---:|" + "---|" * len(TEACHERS)]
    for one in every:
        true, guessed = _wrong(one, np.arange(len(one.gold))), _estimated("agreement_error", one.weak, None)
        shown = [f"{1 - t:.3f}, by agreement {1 - g:.3f}" for t, g in zip(true, guessed, strict=True)]
        lines.append(f"| {one.number} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def main() -> None:
    """Write the page to standard output and every cell beside this file, the worst first."""
    every = [read(seed) for seed in SEEDS]
    found = [*stored(), *(cell for one in every for cell in scored(one))]
    rules = list(orders(every[0]))
    found.sort(key=lambda c: rules.index(c.order))
    worst_first = sorted(found, key=lambda c: c.right / c.pairs)
    with HOME.open("w", newline="", encoding="utf-8") as file:
        sheet = csv.writer(file, lineterminator="\n")
        sheet.writerow(field.name for field in fields(Cell))
        for cell in worst_first:
            sheet.writerow(f"{v:.4f}" if isinstance(v, float) else v for v in astuple(cell))
    sys.stdout.write(PAGE.format(table=table(found), levels=levels(every)))


PAGE = """# SciQ: finished teachers

Made by `W2S_DATA=FOLDER python -m tests.benchmarks.papers.sciq`, which writes every cell to [sciq.csv](sciq.csv), the
worst first.

**Setting.** Four GPT-2 models were fine-tuned on half of SciQ by others, with five seeds. Their soft labels of the
other half, 5,840 rows, are published, and so are the accuracies of all students fine-tuned on these. Nobody here
trained anything. A student is at least as large as its teacher: there are four teachers of the largest student, three
of the next and two of the third, ten pairs a seed and loss.

**Orders.** From the weak labels alone or with 50 gold rows. `truth` and `consensus_truth` take 800 rows, drawn five
times a seed; the accuracy on 50 gold rows is the mean over 200 draws. No features of GPT-2 are published. Where an
estimator needs those of the student, it was given the logits of the four teachers: less than what a student sees.
*Measured on BoolQ* is the order of the same teachers by their GPT-2 XL students there, which the same authors trained;
as past outcomes beside the weak labels it is added as `--past-outcomes` adds it, on one draw of rows a seed.

{table}

**Levels.** Accuracy on the 5,840 rows, and the one that `agreement_error` concludes from the weak labels alone.

{levels}

## What it says

Where agreement errs, it errs upwards, by up to 20 points: teachers of one family share mistakes. The order survives
that. Fifty gold rows are too few to compare teachers by accuracy, whose standard error is then 6 points: that orders
fewer pairs right than the weak labels alone. `truth` with both loses fewer points than with the weak labels alone,
but orders no more pairs right. What the same teachers did on BoolQ orders 74 % of the pairs alone, and costs up to 23
points where a large teacher had failed here; beside the weak labels it orders one pair in a hundred more, and costs
no more than they do alone. Parameters order as many pairs right and cost the most in the worst case, where a
large teacher had failed.
"""


if __name__ == "__main__":
    main()
