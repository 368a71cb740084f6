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
from predictor.estimators.protocol import Evidence, Forecast
from predictor.estimators.supervision import shortfall, supervise, taught
from predictor.result import Better, Estimate
from predictor.worlds.posterior import TruthPosterior, truth_posterior
from predictor.worlds.training import Training

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
        return self.estimates_of(self.forecast(case))

    def estimates_of(self, forecast: Forecast) -> tuple[Estimate, ...]:
        """The forecast's errors as estimates with 90 % intervals."""
        low, high = np.quantile(forecast.error_draws, [0.05, 0.95], axis=1)
        note = "; ".join(forecast.notes)
        return tuple(
            Estimate(float(v), self.better, self.unit, float(a), float(b), note, {"gain": float(g)})
            for v, a, b, g in zip(forecast.error, low, high, forecast.gain, strict=True)
        )

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
            self._halving(student, weak, null, posterior.mean, posterior.draw(self.draws, rng), case.training, rng)
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

    def _halving(
        self,
        strong: NDArray[np.floating],
        weak: Array,
        null: Array,
        mean: Array,
        truth: Array,
        training: Training,
        rng: np.random.Generator,
    ) -> Forecast:
        """Students on halves of (m, n, k) weak labels, judged by the truth's (n, k) mean and (n, k, R) draws.

        `null` holds (m, S, n, k) weak labels of shuffled pairings.
        """
        rows = weak.shape[1]
        lessons = np.concatenate([weak[:, None], null], axis=1)
        stacked = lessons.transpose(2, 0, 1, 3)
        students = taught(strong, stacked.reshape(rows, -1), training, rng).reshape(stacked.shape)
        learned, mixed = students[:, :, 0].transpose(1, 0, 2), students[:, :, 1:]
        top = taught(strong, truth.reshape(rows, -1), training, rng).reshape(truth.shape)
        weights = rng.multinomial(rows, np.full(rows, 1 / rows), truth.shape[2]).T / rows
        w2s_draws = np.stack([_drawn_error(f, truth, weights) for f in learned])
        weak_draws = np.stack([_drawn_error(f, truth, weights) for f in weak])
        ceiling_draws = np.sum(weights * np.sum((top - truth) ** 2, axis=1), axis=0)
        error = np.mean(np.sum((learned - mean) ** 2, axis=2), axis=1)
        return Forecast(
            error=error,
            gain=np.mean(np.sum((weak - mean) ** 2, axis=2), axis=1) - error,
            ceiling=float(np.mean(ceiling_draws)),
            error_draws=w2s_draws,
            gain_draws=weak_draws - w2s_draws,
            ceiling_draws=ceiling_draws,
            null_draws=np.mean(np.sum((mixed - mean[:, None, None]) ** 2, axis=3), axis=0),
        )


def _drawn_error(prediction: Array, truth: Array, weights: Array) -> Array:
    """(R,) squared error of (n, k) predictions against each of (n, k, R) truths on its bootstrap of the rows."""
    errors: Array = np.sum(weights * np.sum((prediction[:, :, None] - truth) ** 2, axis=1), axis=0)
    return errors
