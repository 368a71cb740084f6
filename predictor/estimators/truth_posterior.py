"""Truth posterior: outcomes of W2S training when the weak heads' own training labels D~ are at hand.

Ours; no paper states it. The linear-head pipeline is run for real (weak heads on D~, strong head on their weak labels)
and only the unknown truth is replaced by a Gaussian-process posterior given D~: no label of the predicted rows is used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.estimators.case import Case
from predictor.estimators.protocol import Evidence, Forecast, forecast_estimates
from predictor.estimators.rehearsal import rehearse
from predictor.estimators.supervision import shortfall, supervise
from predictor.result import Better, Estimate
from predictor.worlds.posterior import TruthPosterior, truth_posterior

Array = NDArray[np.float64]

SHUFFLES = 19
"""Shuffled pairings per candidate: one that beats them all does so by luck once in 20 times."""


@dataclass(frozen=True)
class TruthPosteriorForecast:
    """Err_w2s = mean (f_sw − μ)² + posterior variance, gain = mean (f_w − μ)² − (f_sw − μ)², cross-fitted over halves.

    Attributes:
        halvings: random halvings of the unlabelled rows averaged over.
        draws: posterior draws of the truth per halving, each with its own bootstrap of the rows.
        max_rows: unlabelled rows used at most (drawn by the seed), as their covariance is n × n.
    """

    halvings: int = 4
    draws: int = 64
    max_rows: int = 1600

    name: str = "truth_posterior"
    better: Better = "lower"
    unit: str = "label variance"
    evidence: Evidence = Evidence.few_labels
    source: str = "this project; no paper states it"
    summary: str = (
        "Expected test error of the student under a Gaussian-process posterior of the truth given the weak heads' "
        "training labels; linear heads, squared loss, truth smooth in some mixture of the models' representations."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Expected Err_w2s per candidate with its 90 % interval; absent without gold labels."""
        if case.labels is None:
            return tuple(
                Estimate(None, self.better, self.unit, note="needs gold labels of some rows: --labels FILE")
                for _ in case.weak
            )
        return forecast_estimates(self, self.forecast(case))

    def forecast(self, case: Case) -> Forecast:
        """Outcomes on the unlabelled rows, in units of the gold labels' variance.

        Raises:
            InputError: no gold labels, or none of the rows left unlabelled.
        """
        if case.labels is None:
            raise InputError(
                "truth_posterior needs gold labels of some rows; give them with --labels FILE.",
                reason="LABELS_NEEDED",
                field="labels",
            )
        rng = case.rng(self.name)
        supervision = supervise(case, rng, SHUFFLES)
        known = np.flatnonzero(case.labels.known)
        gold = case.labels.targets[known]
        centre, scale = gold.mean(axis=0), float(np.sqrt(np.sum(np.var(gold, axis=0))))
        kept = np.sort(rng.permutation(len(supervision.rows))[: self.max_rows])
        rows = supervision.rows[kept]
        strong = case.strong.features
        posterior = truth_posterior(strong, [w.features for w in case.weak], (gold - centre) / scale, known, rows, rng)
        weak = np.stack([(p[kept] - centre) / scale for p in supervision.predictions if p is not None])
        null = np.stack([(p[:, kept] - centre) / scale for p in supervision.null if p is not None])
        student = strong[rows]
        runs = [
            rehearse(student, weak, null, posterior.mean, posterior.draw(self.draws, rng), case.training, rng)
            for _ in range(self.halvings)
        ]
        spread = float(np.mean(posterior.variance)) * gold.shape[1]
        factor, doubt = posterior.level
        levels = np.maximum(factor + doubt * rng.standard_normal(self.halvings * self.draws), 0.0)
        return Forecast(
            error=np.mean([run.error for run in runs], axis=0) + factor * spread,
            gain=np.mean([run.gain for run in runs], axis=0),
            ceiling=float(np.mean([run.ceiling for run in runs])) + (factor - 1.0) * spread,
            error_draws=np.concatenate([run.error_draws for run in runs], axis=1) + (levels - 1.0) * spread,
            gain_draws=np.concatenate([run.gain_draws for run in runs], axis=1),
            ceiling_draws=np.concatenate([run.ceiling_draws for run in runs]) + (levels - 1.0) * spread,
            null_draws=np.mean([run.null_draws for run in runs], axis=0) + factor * spread,
            notes=(self._note(case, posterior, len(known)), *shortfall(len(rows), case.training)),
        )

    def _note(self, case: Case, posterior: TruthPosterior, gold: int) -> str:
        """Which models the posterior trusts, and how its own variance fared on gold rows left out."""
        names = [case.strong.name, *(w.name for w in case.weak)]
        leading = sorted(zip(posterior.weights, names, strict=True), reverse=True)[:3]
        trusted = ", ".join(f"{name} {weight:.2f}" for weight, name in leading if weight > 0.0)
        factor, doubt = posterior.level
        return (
            f"truth posterior from {gold} gold rows: weight {trusted}; length {posterior.length:g}, noise "
            f"{posterior.noise:.2g}; squared errors on gold rows left out are {factor:.2f} ± {doubt:.2f} of its own"
        )
