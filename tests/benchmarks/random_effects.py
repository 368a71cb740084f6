"""What past outcomes of the same models are worth to an order made without any label.

    python -m tests.benchmarks.random_effects

Reads the measured candidates of all three sets of tasks (`accuracy….measured.csv`), which were really trained, as
outcomes of one user with what `label_prior_simulation` had predicted of them. Each task is left out in turn; then it is
asked how many past tasks it takes, by calibrations on random tasks and the order on all others. Nothing is trained.
"""

from __future__ import annotations

import argparse
import csv

import numpy as np

from predictor.calibration.calibrate import calibrate
from predictor.outcomes.outcome import Outcome
from predictor.statistics.rank_correlation import rank_correlation
from tests.benchmarks.accuracy import RECORDS, measured_beside

RANKING_ESTIMATOR = "label_prior_simulation"
TARGETS = {"w2s_error": "value", "gain": "gain"}
COUNTS = (4, 6, 8, 12, 16)
DRAWS = 10


def outcomes() -> list[Outcome]:
    """Every measured candidate of every cell, in label variance."""
    found = []
    for path in RECORDS.values():
        with measured_beside(path).open(newline="") as file:
            for row in csv.DictReader(file):
                stated = {"value": float(row[RANKING_ESTIMATOR]), "gain": float(row["predicted_gain"])}
                errors = {name: float(row[name]) for name in ("weak_error", "w2s_error", "ceiling_error")}
                about = (row["task"], row["strong"], row["candidate"])
                found.append(Outcome(*about, predicted={RANKING_ESTIMATOR: stated}, **errors))
    return found


def kinds(found: list[Outcome]) -> dict[str, list[Outcome]]:
    """All, and those of tasks with the candidates of a kind: no model was asked about both."""
    molecules = {one.task for one in found if one.weak.startswith("rxnfp")}
    return {
        "all": found,
        "molecules": [one for one in found if one.task in molecules],
        "texts": [one for one in found if one.task not in molecules],
    }


def left_out() -> str:
    """Each task left out in turn: order and error with and without what the others say of the candidates."""
    lines = [
        "| tasks | quantity | past tasks | ρ as predicted | ρ calibrated | error as predicted | error calibrated |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for kind, chosen in kinds(outcomes()).items():
        for target in TARGETS:
            fit = calibrate("past", chosen).fit_of(RANKING_ESTIMATOR, target)  # type: ignore[arg-type]  # a key of TARGETS
            assert fit is not None
            test = fit.backtest
            lines.append(
                f"| {kind} | {target.replace('_', ' ')} | {fit.line.tasks - 1} | {test.order_as_predicted:.2f} "
                f"| {test.order:.2f} | {test.mae_as_predicted:.3f} | {test.mae:.3f} |"
            )
    return "\n".join(lines)


def by_count() -> str:
    """Mean ρ on the tasks that a calibration on some random others had not seen."""
    lines = [
        "| past tasks | error: ρ as predicted | with what they say | fitted from | gain: ρ as predicted "
        "| with what they say | fitted from |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    found, rng = outcomes(), np.random.default_rng(0)
    names = np.unique([one.task for one in found])
    for count in COUNTS:
        rows: dict[str, list[tuple[float, float, bool]]] = {target: [] for target in TARGETS}
        for _ in range(DRAWS):
            past = set(rng.permutation(names)[:count].tolist())
            made = calibrate("past", [one for one in found if one.task in past])
            for target, given in TARGETS.items():
                fit = made.fit_of(RANKING_ESTIMATOR, target)  # type: ignore[arg-type]  # a key of TARGETS
                assert fit is not None
                rest = [one for one in found if one.task not in past]
                plain, moved = _orders(rest, target, given, {}), _orders(rest, target, given, fit.random_effects)
                rows[target].append((plain, moved, bool(fit.random_effects)))
        cells = [f"{np.mean(column):.2f}" for target in TARGETS for column in zip(*rows[target], strict=True)]
        cells[2], cells[5] = (f"{float(cells[i]):.0%}" for i in (2, 5))
        lines.append(f"| {count} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _orders(found: list[Outcome], target: str, given: str, random_effects: dict[str, float]) -> float:
    """Mean ρ over students of tasks."""
    groups: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for one in found:
        stated = one.predicted[RANKING_ESTIMATOR][given] + random_effects.get(one.weak, 0.0)
        groups.setdefault((one.task, one.strong), []).append((stated, getattr(one, target)))
    return float(np.mean([rank_correlation(*np.array(pairs).T) or 0.0 for pairs in groups.values()]))


def main() -> None:
    """Print both tables."""
    argparse.ArgumentParser(prog="python -m tests.benchmarks.random_effects", description=__doc__).parse_args()
    print(f"{left_out()}\n\n{by_count()}")


if __name__ == "__main__":
    main()
