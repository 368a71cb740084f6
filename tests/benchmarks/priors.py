"""Which tasks should the label-prior simulation hold plausible? Priors against measured weak-to-strong training.

    W2S_DATA=FOLDER python -m tests.benchmarks.priors -o tests/benchmarks/priors.csv
    W2S_DATA=FOLDER python -m tests.benchmarks.priors --set third -o tests/benchmarks/priors_third.csv
    python -m tests.benchmarks.priors --table tests/benchmarks/priors.csv

Nothing is trained: the order that each prior alone makes is compared with the errors of the accuracy records.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from predictor.estimators.priors import FLAT_RIDGE, consensus_kernel, flat_kernel, model_weights, power_kernel
from predictor.estimators.problem import Case, Representation
from predictor.extraction.extractor import Extractor
from predictor.spectral.spectra import Scale
from predictor.statistics.arrays import Array
from predictor.statistics.rank_correlation import rank_correlation
from predictor.training.label_prior import LabelPrior
from predictor.training.splits import Rows
from tests.benchmarks.accuracy import RECORDS, measured_beside
from tests.benchmarks.expected_outcomes import expected_outcomes
from tests.benchmarks.lineup import SETS, Cell, cells, data_folder, read
from tests.benchmarks.record import signal

COLUMNS = ("task", "strong", "prior", "spearman_error", "spearman_gain")
MEASURED = tuple(measured_beside(path) for path in RECORDS.values())


@dataclass(frozen=True, eq=False)
class Levels(LabelPrior):
    """Priors of other kernels at S levels of noise, for S splits."""

    each: tuple[LabelPrior, ...] = ()

    def between(self, rows: Rows, others: Rows) -> Array:
        """See `LabelPrior`."""
        return np.stack([prior.between(*places) for prior, *places in zip(self.each, rows, others, strict=True)])

    def variance(self, rows: Rows) -> Array:
        """See `LabelPrior`."""
        return np.stack([prior.variance(places) for prior, places in zip(self.each, rows, strict=True)])


@dataclass(frozen=True, eq=False)
class SignPrior(LabelPrior):
    """Two classes by the sign of a Gaussian task (probit): E sgn sgn = 2/π arcsin of the correlation, exactly."""

    def with_noise(self, noise: float | Array) -> LabelPrior:
        """The latent's noise; signs of what is left are noisier than that."""
        if isinstance(noise, np.ndarray):
            each = tuple(self.with_noise(float(level)) for level in noise)
            return Levels(self.name, self.noiseless, np.array([one.noise for one in each]), each=each)
        latent = LabelPrior(self.name, self.kernel, self.noise).with_noise(noise)
        deviation = np.sqrt(np.maximum(np.diag(latent.kernel), 0.0) + noise)
        together = np.clip(latent.kernel / np.outer(deviation, deviation), -1.0, 1.0)
        signs = 2.0 / np.pi * np.arcsin(together)
        return LabelPrior(self.name, signs, 1.0 - float(np.mean(np.diag(signs))))


def _rbf(model: Representation) -> Array:
    scaled = Scale.of(model.features).apply(model.features)
    norms = np.sum(scaled**2, axis=1)
    squared = np.maximum(norms[:, None] + norms - 2.0 * scaled @ scaled.T, 0.0)
    near: Array = np.exp(-squared / (2.0 * float(np.median(squared))))
    return near


def _all_rbf(case: Case) -> Array:
    models = (case.strong, *case.weak)
    total: Array = np.sum([share * _rbf(one) for one, share in zip(models, model_weights(models), strict=True)], axis=0)
    return total


def _one(name: str, kernel: Callable[[Case], Array]) -> Callable[[Case], tuple[LabelPrior, ...]]:
    return lambda case: (LabelPrior.of(name, kernel(case), 0.0),)


def _by_size(case: Case) -> Array:
    return consensus_kernel([replace(one, depth=None) for one in (case.strong, *case.weak)], FLAT_RIDGE)


def _even(case: Case) -> Array:
    return flat_kernel(case.strong.kernel, FLAT_RIDGE)


def _simulations(case: Case) -> tuple[LabelPrior, ...]:
    return (LabelPrior.of("by size and depth", consensus_kernel((case.strong, *case.weak), FLAT_RIDGE), 0.0),)


def _signs(case: Case) -> tuple[LabelPrior, ...]:
    return tuple(SignPrior(one.name, one.kernel, one.noise) for one in _simulations(case))


PRIORS: dict[str, Callable[[Case], tuple[LabelPrior, ...]]] = {
    "the strong model's own spectrum": _one("own", lambda case: power_kernel(case.strong.kernel, 1.0)),
    "RBF on the strong model": _one("rbf", lambda case: _rbf(case.strong)),
    "RBF on all models by size and depth": _one("all rbf", _all_rbf),
    "strong model, even": _one("strong", _even),
    "all models by size, even": _one("by size", _by_size),
    "these two together": lambda case: (LabelPrior.of("a", _even(case), 0.0), LabelPrior.of("b", _by_size(case), 0.0)),
    "all models by size and depth, even (the simulation's)": _simulations,
    "signs of these (probit classes)": _signs,
}


def run(cell: Cell, measured: dict[tuple[str, str, str], tuple[float, float]]) -> list[dict[str, object]]:
    """One row per prior."""

    strong = f"{cell.strong.name.partition('#')[0]}#layer={cell.strong.layer}"
    case = Case(Representation.of(cell.strong), tuple(map(Representation.of, cell.weak)))
    errors = np.array([measured[cell.task.name, strong, one.name] for one in cell.weak])
    rows: list[dict[str, object]] = []
    for name, chosen in PRIORS.items():
        weak, student = expected_outcomes(chosen(case), case).T
        order = rank_correlation(student, errors[:, 1])
        gain = rank_correlation(weak - student, errors[:, 0] - errors[:, 1])
        rows.append(dict(zip(COLUMNS, (cell.task.name, strong, name, order, gain), strict=True)))
    return rows


def table(path: Path) -> str:
    """A line per prior: mean and worst cell, over all cells and those with something to learn."""
    with path.open(newline="") as file:
        found = list(csv.DictReader(file))
    able = set().union(*map(signal, MEASURED))
    lines = [
        "| prior | W2S error: all cells | with something to learn | gain: all cells | with something to learn |",
        "|---|---:|---:|---:|---:|",
    ]
    for name in dict.fromkeys(row["prior"] for row in found):
        own = [row for row in found if row["prior"] == name]
        fitted = [row for row in own if (row["task"], row["strong"]) in able]
        reported = [_spread(rows, figure) for figure in COLUMNS[3:] for rows in (own, fitted)]
        lines.append(f"| {name} | " + " | ".join(reported) + " |")
    return "\n".join(lines)


def _spread(rows: Sequence[dict[str, str]], figure: str) -> str:
    held = [float(row[figure]) for row in rows if row[figure]]
    return f"{np.mean(held):.2f} / {min(held):.2f}"


def main() -> None:
    """Run, or print the table of an earlier run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.priors", description=__doc__)
    parser.add_argument("-o", type=Path, default=Path("priors.csv"), help="result file (CSV)")
    parser.add_argument("--task", action="append", help="only these tasks")
    parser.add_argument("--set", choices=SETS, default="first", help="which tasks (%(default)s)")
    parser.add_argument("--table", type=Path, help="print the table of this file")
    options = parser.parse_args()
    if options.table:
        print(table(options.table))
        return
    folder, extractor = data_folder(), Extractor()
    measured = {
        (row["task"], row["strong"], row["candidate"]): (float(row["weak_error"]), float(row["w2s_error"]))
        for path in MEASURED
        for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    }
    with options.o.open("w", newline="") as file:
        sheet = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        sheet.writeheader()
        for name in options.task or SETS[options.set]:
            for cell in cells(read(name, folder), extractor):
                for row in run(cell, measured):
                    sheet.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()})
                file.flush()


if __name__ == "__main__":
    main()
