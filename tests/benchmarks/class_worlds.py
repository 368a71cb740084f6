"""Accuracy predicted of students in simulated worlds of 2 to 20 classes, against students that are really trained.

    python -m tests.benchmarks.class_worlds -o tests/benchmarks/class_worlds.csv
    python -m tests.benchmarks.class_worlds --table tests/benchmarks/class_worlds.csv > tests/benchmarks/class_worlds.md

Resumable: worlds that the file has are not computed again. 400 rows, heads of 133, six candidates. Classes are clusters
of the hidden directions, or drawn by logits along them. In `views`, each candidate sees a share of two blocks of
directions, and the labels are drawn by logits along one of them. Figures are means over candidates; `regret` is the
accuracy that the first choice loses.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.combined import Combined
from predictor.estimators.problem import Case, Representation
from predictor.heads.ridge import FactoredRidge
from predictor.query.labels import Labels
from predictor.query.training_plan import Training
from predictor.statistics.arrays import Array
from tests.benchmarks.decision_cells import trained
from tests.benchmarks.one_truth import shown
from tests.benchmarks.sheet import continued

ROWS, TRAINED_ON, TEACHERS, HIDDEN = 400, 133, 6, 12
KINDS, CLASSES, GOLD = ("clusters", "logits", "views"), (2, 3, 6, 20), (50, TRAINED_ON)
COLUMNS = (
    *("kind", "classes", "gold", "seed", "accuracy", "measured_accuracy", "weak_accuracy", "measured_weak_accuracy"),
    *("error", "measured_error", "regret"),
)


def world(kind: str, classes: int, seed: int) -> tuple[NDArray[np.intp], Array, list[Array]]:
    """Classes of the rows, and features of the strong model and of the candidates."""
    rng = np.random.default_rng([seed, classes, *kind.encode()])
    seen = rng.standard_normal((2, ROWS, HIDDEN))
    shares = rng.dirichlet(np.full(classes, 5.0))
    if kind == "clusters":
        named = rng.choice(classes, ROWS, p=shares)
        seen[0] += rng.uniform(0.6, 1.6) * rng.standard_normal((classes, HIDDEN))[named]
    else:
        logits = rng.uniform(0.4, 1.5) * seen[0] @ rng.standard_normal((HIDDEN, classes)) + np.log(shares)
        named = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    blocks = np.concatenate(seen, axis=1)

    def features(part: float, noise: float) -> Array:
        mixed = blocks * np.repeat([part, 1.0 - part], HIDDEN)
        found: Array = mixed @ rng.standard_normal((2 * HIDDEN, 64)) + noise * rng.standard_normal((ROWS, 64))
        return found

    strong = features(0.5, 0.5) if kind == "views" else features(1.0, 1.0)
    weak = [
        features(rng.uniform(0.0, 1.0), 1.0) if kind == "views" else features(1.0, rng.uniform(1.0, 6.0))
        for _ in range(TEACHERS)
    ]
    return named, strong, weak


def measured(kind: str, classes: int, gold: int, seed: int) -> dict[str, float | int | str]:
    """One world with that many gold labels."""
    named, strong, weak = world(kind, classes, seed)
    targets = named[:, None].astype(np.float64) if classes == 2 else np.eye(classes)[named]
    labels = Labels(targets, "binary" if classes == 2 else "multiclass", tuple(map(str, range(classes))))
    known, rest = np.split(np.arange(ROWS), [TRAINED_ON])
    models = tuple(Representation(f"teacher {i}", one) for i, one in enumerate(weak))
    training = Training(weak_rows=TRAINED_ON if gold < TRAINED_ON else None)
    case = Case(Representation("strong", strong), models, shown(labels, known[:gold]), seed=seed, training=training)
    forecast = Combined().forecast(case)
    tables = [FactoredRidge.of(one[known], one[rest]).predict(targets[known]) for one in weak]
    accuracy, weak_accuracy, error = trained(strong[rest], tables, targets[rest])
    predicted = forecast.accuracy
    if predicted is None:
        raise ValueError("no accuracy is predicted of classes; this benchmark compares it")
    values = (predicted.w2s.mean(), accuracy.mean(), predicted.weak.mean(), weak_accuracy.mean(), forecast.error.mean())
    lost = accuracy.max() - accuracy[np.argmax(predicted.w2s)]
    return dict(zip(COLUMNS, (kind, classes, gold, seed, *map(float, (*values, error.mean(), lost))), strict=True))


def table(path: Path) -> str:
    """Means over worlds, as Markdown."""
    found: dict[tuple[str, str, str], list[list[float]]] = defaultdict(list)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            found[row["gold"], row["kind"], row["classes"]].append([float(row[name]) for name in COLUMNS[4:]])
    lines = [
        "| gold labels | classes are | classes | worlds | student's accuracy | measured | bias | root mean square | "
        "teacher's | measured | error | measured | regret |",
        "|---:|---|---:|" + "---:|" * 10,
    ]
    for (gold, kind, classes), rows in sorted(
        found.items(), key=lambda one: (int(one[0][0]), one[0][1], int(one[0][2]))
    ):
        values = np.array(rows)
        apart = values[:, 0] - values[:, 1]
        mean = values.mean(axis=0)
        cells = (*mean[:2], apart.mean(), np.sqrt(np.mean(apart**2)), *mean[2:6])
        shown_cells = " | ".join(f"{one:.3f}" for one in cells)
        lines.append(f"| {gold} | {kind} | {classes} | {len(rows)} | {shown_cells} | {mean[6]:.4f} |")
    about = (__doc__ or "").strip("\n")
    return f"# Accuracy of students in worlds of many classes\n\n{about}\n\n" + "\n".join(lines)


def main() -> None:
    """Run, or print the table of an earlier run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.class_worlds", description=__doc__)
    parser.add_argument("-o", type=Path, default=Path("class_worlds.csv"), help="result file, continued if there")
    parser.add_argument("--worlds", type=int, default=8, help="of each kind (%(default)s)")
    parser.add_argument("--table", type=Path, help="print the table of this file")
    options = parser.parse_args()
    if options.table:
        sys.stdout.write(table(options.table) + "\n")
        return
    with continued(options.o, COLUMNS, COLUMNS[:4]) as sheet:
        for seed, gold, kind, classes in product(range(options.worlds), GOLD, KINDS, CLASSES):
            if (kind, str(classes), str(gold), str(seed)) not in sheet.done:
                sheet.write(measured(kind, classes, gold, seed))


if __name__ == "__main__":
    main()
