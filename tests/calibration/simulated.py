"""Worlds with a known truth: outcomes of tasks that share a random effect, and calibrations made of them."""

from __future__ import annotations

import numpy as np

from predictor.calibration.calibrate import calibrate
from predictor.calibration.calibration import Calibration
from predictor.outcomes.outcome import Outcome

ESTIMATORS = ("truth", "truth_posterior")


def outcomes(
    tasks: int = 6,
    candidates: int = 5,
    *,
    seed: int = 0,
    random_effect: float = 0.02,
    noise: float = 0.01,
    accuracies: bool = True,
    recipe: str = "ridge",
    estimators: tuple[str, ...] = ESTIMATORS,
    direct: bool = False,
) -> list[Outcome]:
    """Measured error = 0.1 + 0.8 predicted + what the task adds + noise; 50 points of accuracy per unit of gain.

    Where gains in accuracy are predicted too (`direct`), 0.8 of them come true, exactly.
    """
    rng = np.random.default_rng(seed)
    made = []
    for task in range(tasks):
        shared, base = rng.normal(scale=random_effect), rng.uniform(0.3, 0.7)
        for candidate in range(candidates):
            error, gain = base + rng.uniform(-0.1, 0.1), rng.uniform(-0.05, 0.15)
            measured = 0.1 + 0.8 * error + shared + rng.normal(scale=noise)
            gained = 0.9 * gain + rng.normal(scale=noise)
            points = 0.5 * gain + rng.normal(scale=noise / 4)
            reported = {"accuracy_gain": 100.0 * points / 0.8} if direct else {}
            made.append(
                Outcome(
                    f"task {task}",
                    "strong",
                    f"weak {candidate}",
                    recipe=recipe,
                    weak_error=measured + gained,
                    w2s_error=measured,
                    weak_accuracy=0.7 if accuracies else None,
                    w2s_accuracy=0.7 + points if accuracies else None,
                    predicted={name: {"value": error, "gain": gain} | reported for name in estimators},
                )
            )
    return made


def calibration(name: str = "past", **options: object) -> Calibration:
    return calibrate(name, outcomes(**options))  # type: ignore[arg-type]  # each option has its keyword's type
