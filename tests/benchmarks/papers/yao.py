"""Yao's regression: gain against KL misfit in both directions, calibration bounds, and training for too long.

    python -m tests.benchmarks.papers.yao > tests/benchmarks/papers/yao.md

Yao, Yang, Wang, Lin, Liu 2025 (arXiv:2502.01458). Worlds are those of `worlds`; outputs are distributions over three
classes.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from predictor.estimators.yao2025_bounds import l1_bound
from predictor.heads.divergences import divergence, floored
from predictor.heads.mixture import fit_mixture, mixed
from predictor.statistics.arrays import Array
from predictor.statistics.rank_correlation import rank_correlation
from tests.benchmarks.papers.worlds import WIDTH, Kind, World, world

SEEDS, TASKS, CLASSES, PARTS = 3, 2, 3, 8
ROWS, FEW = 1_000, 60
"""Of D~, D^ and the test set, each; of D^ where training for too long is looked at."""

BINS = 10
PATH = (1, 3, 10, 30, 100, 300, 1_000, 3_000)
STUDENTS = ("mixture, reverse KL", "softmax, reverse KL", "softmax, forward KL")


@dataclass(frozen=True)
class Cell:
    """One student; errors and misfit in nats in the direction of its loss, `ece` in shares."""

    world: str
    seed: int
    task: int
    candidate: int
    student: str
    weak_error: float
    w2s_error: float
    misfit: float
    l1_change: float
    l1_bound: float
    ece_change: float
    fixed_bins_change: float

    @property
    def gain(self) -> float:
        """Err_w − Err_w2s."""
        return self.weak_error - self.w2s_error


def softmax(logits: Array) -> Array:
    """Rows that sum to 1, floored."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return floored(raised / raised.sum(axis=1, keepdims=True))


def fitted(features: Array, targets: Array, *, reverse: bool) -> Array:
    """(d, 3) softmax head of least KL(target ‖ head), or KL(head ‖ target) where reverse, by L-BFGS."""
    x, y = torch.from_numpy(features), torch.from_numpy(targets)
    weights = torch.zeros((x.shape[1], CLASSES), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe", tolerance_grad=1e-8)

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        log = torch.log_softmax(x @ weights, dim=1)
        rows = (log.exp() * (log - y.log())).sum(1) if reverse else -(y * log).sum(1)
        loss = rows.mean() + 1e-6 * (weights**2).sum()
        torch.autograd.backward(loss)
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]  # torch declares no types here
    return np.asarray(weights.detach().numpy())


def run(one: World, seed: int) -> list[Cell]:
    """All tasks, candidates and students of a world."""
    rows = {name: one.rows(ROWS) for name in ("weak", "pool", "test")}
    truth = {name: one.truth(x) for name, x in rows.items()}
    strong = {name: one.strong(x) for name, x in rows.items()}
    found = []
    for task in range(TASKS):
        parts = one.rng.standard_normal((PARTS, WIDTH + 1, CLASSES))
        shares = one.rng.dirichlet(np.ones(PARTS))
        components = {name: np.stack([softmax(h @ part) for part in parts], axis=1) for name, h in strong.items()}
        exact = {name: np.stack([softmax(h @ part) for part in parts], axis=1) for name, h in truth.items()}
        curved = {name: mixed(table, shares) for name, table in exact.items()}
        straight = {name: softmax(h @ parts[0]) for name, h in truth.items()}
        for at, map_ in enumerate(one.weak):
            weak = {name: map_(x) for name, x in rows.items()}
            for student in STUDENTS:
                target = curved if student.startswith("mixture") else straight
                head = fitted(weak["weak"], target["weak"], reverse=False)
                teacher = {name: softmax(weak[name] @ head) for name in ("pool", "test")}
                if student.startswith("mixture"):
                    learned = mixed(components["test"], fit_mixture(components["pool"], teacher["pool"]))
                else:
                    own = fitted(strong["pool"], teacher["pool"], reverse="reverse" in student)
                    learned = softmax(strong["test"] @ own)
                found.append(_cell((one.name, seed, task, at, student), target["test"], teacher["test"], learned, one))
    return found


def _cell(key: tuple[str, int, int, int, str], truth: Array, weak: Array, student: Array, one: World) -> Cell:
    first = student if "reverse" in key[4] else weak
    second = weak if "reverse" in key[4] else student
    pairs = ((truth, weak), (truth, student)) if "reverse" in key[4] else ((weak, truth), (student, truth))
    errors = [float(np.mean(divergence(a, b))) for a, b in pairs]
    misfit = float(np.mean(divergence(first, second)))
    either = min(misfit, float(np.mean(divergence(second, first))))
    l1 = [float(np.mean(np.abs(each - truth).sum(axis=1))) for each in (weak, student)]
    drawn = (one.rng.random((len(truth), 1)) < np.cumsum(truth, axis=1)).argmax(axis=1)
    fixed = np.argsort(np.argsort(truth[:, 0])) * BINS // len(truth)
    ece = [calibration_error(each, drawn, None) for each in (weak, student)]
    binned = [calibration_error(each, drawn, fixed) for each in (weak, student)]
    changes = (abs(l1[0] - l1[1]), l1_bound(either), abs(ece[0] - ece[1]), abs(binned[0] - binned[1]))
    return Cell(*key, errors[0], errors[1], misfit, *changes)


def calibration_error(given: Array, drawn: Array, bins: NDArray[np.intp] | None) -> float:
    """Mean |share right − confidence| over bins of the model's own confidence, or over given bins."""
    confident = given.max(axis=1)
    right = given.argmax(axis=1) == drawn
    places = np.minimum((confident * BINS).astype(int), BINS - 1) if bins is None else bins
    gaps = [abs(float(np.sum(right[places == b]) - np.sum(confident[places == b]))) for b in range(BINS)]
    return sum(gaps) / len(given)


def path(one: World, seed: int) -> list[tuple[str, int, int, int, float, float]]:
    """KL(f* ‖ student) and KL(teacher ‖ student) along gradient steps, few and many rows, of the middle candidate."""
    found = []
    for _, count in product(range(TASKS), (FEW, ROWS)):
        rows = {"weak": one.rows(ROWS), "pool": one.rows(count), "test": one.rows(ROWS)}
        part = one.rng.standard_normal((WIDTH + 1, CLASSES))
        truth = {name: softmax(one.truth(x) @ part) for name, x in rows.items()}
        weak = {name: one.weak[2](x) for name, x in rows.items()}
        head = fitted(weak["weak"], truth["weak"], reverse=False)
        teacher = {name: softmax(weak[name] @ head) for name in ("pool", "test")}
        x, y = torch.from_numpy(one.strong(rows["pool"])), torch.from_numpy(teacher["pool"])
        weights = torch.zeros((x.shape[1], CLASSES), dtype=torch.float64, requires_grad=True)
        optimiser = torch.optim.Adam([weights], lr=0.03)
        for step in range(1, PATH[-1] + 1):
            optimiser.zero_grad()
            torch.autograd.backward(-(y * torch.log_softmax(x @ weights, dim=1)).sum(1).mean())
            optimiser.step()
            if step in PATH:
                learned = softmax(one.strong(rows["test"]) @ weights.detach().numpy())
                error = float(np.mean(divergence(truth["test"], learned)))
                found.append((one.name, seed, count, step, error, float(np.mean(divergence(teacher["test"], learned)))))
    return found


def table(cells: Sequence[Cell]) -> str:
    """A line per world and student."""
    lines = [
        "| world | student | cells | gain / misfit, least squares | ρ of misfit with gain | gain ≥ misfit − .01 | "
        "mean gain |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for name, student in product(dict.fromkeys(c.world for c in cells), STUDENTS):
        rows = [c for c in cells if (c.world, c.student) == (name, student)]
        gain, misfit = np.array([c.gain for c in rows]), np.array([c.misfit for c in rows])
        lines.append(
            f"| {name} | {student} | {len(rows)} | {gain @ misfit / (misfit @ misfit):.3f} | "
            f"{rank_correlation(misfit, gain):.2f} | {np.mean(gain >= misfit - 0.01):.0%} | {gain.mean():.3f} |"
        )
    return "\n".join(lines)


def bounds(cells: Sequence[Cell]) -> str:
    """A line per student: how often each change stays within 2√(1 − exp(−d))."""
    lines = [
        "| student | cells | L1 distance to the truth: largest change / bound | changes of ECE above the bound of L1 | "
        "largest change of ECE / bound | of bins fixed on the rows |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for student in STUDENTS:
        rows = [c for c in cells if c.student == student]
        ratios = np.array([[c.l1_change, c.ece_change, c.fixed_bins_change] for c in rows])
        ratios /= np.array([c.l1_bound for c in rows])[:, None]
        largest = ratios.max(axis=0)
        lines.append(
            f"| {student} | {len(rows)} | {largest[0]:.2f} | {int(np.sum(ratios[:, 1] > 1.0))} | {largest[1]:.2f} | "
            f"{largest[2]:.2f} |"
        )
    return "\n".join(lines)


def curves(found: Sequence[tuple[str, int, int, int, float, float]]) -> str:
    """A line per world and number of rows: mean error along the path."""
    lines = [
        "| world | rows | " + " | ".join(f"{step:,} steps" for step in PATH) + " | best before the last |",
        "|---|---:|" + "---:|" * (len(PATH) + 1),
    ]
    for name, count in product(dict.fromkeys(f[0] for f in found), (FEW, ROWS)):
        rows = [f for f in found if (f[0], f[2]) == (name, count)]
        errors = np.array([f[4] for f in rows]).reshape(-1, len(PATH))
        distance = np.array([f[5] for f in rows]).reshape(-1, len(PATH)).mean(axis=0)
        shown = [f"{a:.3f} ({b:.3f})" for a, b in zip(errors.mean(axis=0), distance, strict=True)]
        early = np.mean(errors.min(axis=1) < errors[:, -1] - 1e-3)
        lines.append(f"| {name} | {count:,} | {' | '.join(shown)} | {early:.0%} of {len(errors)} |")
    return "\n".join(lines)


def means(found: Sequence[tuple[str, int, int, int, float, float]]) -> list[tuple[str, int, int, str, str]]:
    """World, rows, step, and the mean error and distance over seeds and tasks."""
    lines = []
    for name, count, step in product(dict.fromkeys(f[0] for f in found), (FEW, ROWS), PATH):
        both = np.mean([f[4:] for f in found if (f[0], f[2], f[3]) == (name, count, step)], axis=0)
        lines.append((name, count, step, f"{both[0]:.3f}", f"{both[1]:.3f}"))
    return lines


def main() -> None:
    """Write the page to standard output and every cell beside this file, the worst first."""
    kinds: tuple[Kind, ...] = ("perturbed", "pretrained")
    cells, steps = [], []
    for kind, realisable, seed in product(kinds, (True, False), range(SEEDS)):
        one = world(kind, realisable=realisable, seed=seed)
        cells += run(one, seed)
        steps += path(one, seed)
    with Path(__file__).with_name("yao.csv").open("w", newline="", encoding="utf-8") as file:
        sheet = csv.writer(file, lineterminator="\n")
        sheet.writerow([*(field.name for field in fields(Cell)), "gain"])
        for cell in sorted(cells, key=lambda c: c.gain - c.misfit):
            row = (*astuple(cell), cell.gain)
            sheet.writerow(f"{v:.4f}" if isinstance(v, float) else v for v in row)
    with Path(__file__).with_name("yao_paths.csv").open("w", newline="", encoding="utf-8") as file:
        sheet = csv.writer(file, lineterminator="\n")
        sheet.writerow(("world", "rows", "step", "error", "distance"))
        sheet.writerows(means(steps))
    sys.stdout.write(PAGE.format(table=table(cells), bounds=bounds(cells), curves=curves(steps)))


PAGE = """# Yao, Yang, Wang, Lin, Liu 2025: KL misfit, calibration, training for too long

[arXiv:2502.01458](https://arxiv.org/abs/2502.01458). Made by `python -m tests.benchmarks.papers.yao`, which writes
every cell to [yao.csv](yao.csv), those farthest below the claim first.

**Setting.** The worlds of [charikar.md](charikar.md); outputs are distributions over three classes. 2 tasks in 3
worlds of each kind, five weak models each, 1,000 rows each for the weak heads, the students and the test. Weak heads
are softmax heads on soft gold labels. Mixture students are the best convex combination of 8 fixed predictors in
reverse KL, and their truth is such a combination. Softmax students minimise KL in either direction, and their truth
is a softmax of h*.

Misfit is KL(student ‖ teacher) for reverse KL and KL(teacher ‖ student) for forward KL. The error is the divergence
of the truth in the same direction: KL(truth ‖ model), or KL(model ‖ truth). All in nats, on fresh rows.

**What differs from the paper.** Its constants were not at hand when this was written; sizes and tasks are ours.

![Gain against misfit per world and student; change of the L1 distance against its bound; error along training](yao.svg)

Made by `python -m tests.benchmarks.papers.plots`: a point is a cell, the line is gain = misfit or the bound. In the
last row, lines are the student's error along its training, mean over tasks, of 60 rows (dashed) and of 1,000.

## Gain against misfit

{table}

## Calibration

2√(1 − exp(−d)) bounds the change of the L1 distance to the truth. Calibration errors are measured with labels drawn
from the truth: ECE in ten bins of each model's own confidence, or in ten bins that depend on the row alone.

{bounds}

## Training for too long

Error of the student, KL(truth ‖ student), along its gradient steps on weak labels (Adam, 0.03), and in brackets its
distance from the teacher, KL(teacher ‖ student). Last column: tasks whose least error on the path is lower than that
at the end by a thousandth of a nat or more.

{curves}

## What it says

The inequality gain ≥ misfit held in every cell only where it is proved: mixture students in reverse KL. With the
truth in or near the class, softmax students came close in both directions, and one cell in ten lay below. Where
networks were pre-trained and the truth is outside, it held nowhere. Mixture students failed there: their 8 predictors
are heads made for h*, whose directions mean nothing in another network. ECE never exceeded the bound of the L1
distance here, although it can. Students of 60 rows were best before the last step in most tasks, by little; students
of 1,000 rows hardly.
"""


if __name__ == "__main__":
    main()
