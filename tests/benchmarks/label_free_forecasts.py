"""Label-free forecasts of `truth` for every cell of the accuracy record, stored in the cache folder.

    W2S_DATA=FOLDER nice -n 15 python -m tests.benchmarks.label_free_forecasts

Continues where it was stopped. `tests.benchmarks.past_outcomes` reads what it stores.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from predictor.estimators.problem import Case, Representation
from predictor.estimators.protocol import Forecast
from predictor.estimators.truth import TruthForecast
from predictor.extraction.extractor import Extractor
from predictor.folders import cache_dir
from predictor.statistics.arrays import Array
from tests.benchmarks.lineup import SETS, TASKS, Cell, cells, data_folder, read

CELLS = (*TASKS, *SETS["second"], *SETS["third"])


@dataclass(frozen=True, eq=False)
class Stored:
    """Predicted errors and gains of m candidates: (m,) values and (m, R) draws of each."""

    names: tuple[str, ...]
    error: Array
    gain: Array
    error_draws: Array
    gain_draws: Array

    def forecast(self) -> Forecast:
        """As the estimator gave it, but for ceiling and null."""
        none = np.zeros(self.error_draws.shape[1])
        return Forecast(
            self.error, self.gain, 0.0, self.error_draws, self.gain_draws, none, np.empty((len(self.error), 0))
        )


def place(task: str, strong: str) -> Path:
    """Where a cell's forecast is stored."""
    return cache_dir() / "benchmarks" / "label_free" / f"{task}-{strong}.npz"


def load(home: Path) -> Stored | None:
    """A stored forecast; None where there is none."""
    if not home.exists():
        return None
    with np.load(home) as found:
        parts = [found[name].astype(np.float64) for name in ("error", "gain", "error_draws", "gain_draws")]
        return Stored(tuple(found["names"].tolist()), *parts)


def save(found: Forecast, names: Sequence[str], home: Path) -> None:
    """Store a forecast; draws in single precision."""
    home.parent.mkdir(parents=True, exist_ok=True)
    parts = {name: getattr(found, name) for name in ("error", "gain")}
    parts |= {name: getattr(found, name).astype(np.float32) for name in ("error_draws", "gain_draws")}
    np.savez_compressed(home, names=np.array(names), **parts)


def strong_name(cell: Cell) -> str:
    """As the record writes it."""
    return f"{cell.strong.name.partition('#')[0]}#layer={cell.strong.layer}"


def main() -> None:
    """Predict all cells that are not stored."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.label_free_forecasts", description=__doc__)
    parser.add_argument("--task", action="append", help="only these tasks")
    extractor = Extractor()
    for name in parser.parse_args().task or CELLS:
        if len(list(place(name, "").parent.glob(f"{name}-*.npz"))) == 3:
            continue
        for cell in cells(read(name, data_folder()), extractor):
            home = place(name, strong_name(cell))
            if not home.exists():
                weak = tuple(Representation.of(one) for one in cell.weak)
                found = TruthForecast(shuffles=1).forecast(Case(Representation.of(cell.strong), weak))
                save(found, [one.name for one in weak], home)
            print(home.name, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
