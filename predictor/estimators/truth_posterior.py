"""Truth posterior: outcomes of W2S training when the weak heads' own training labels D~ are at hand.

Ours; no paper states it. The linear-head pipeline is run for real (weak heads on D~, strong head on their weak labels)
and only the unknown truth is replaced by a Gaussian-process posterior given D~: no label of the predicted rows is used.
Of classes it predicts the accuracies of teacher and student too, in the details.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.estimators.cross_fit import CrossFitOutcome, cross_fit_outcome
from predictor.estimators.cross_fitted_students import as_trained, by_ridge, own_labels
from predictor.estimators.problem import Case
from predictor.estimators.protocol import AT_HAND, Forecast, forecast_estimates
from predictor.estimators.supervision import Supervision, shortfall, supervise
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate
from predictor.statistics.arrays import Array
from predictor.statistics.shuffles import SHUFFLES
from predictor.training.coding import Coding
from predictor.training.row_classes import RowClasses
from predictor.truth.class_truth import ClassTruth
from predictor.truth.posterior import TruthPosterior, truth_posterior


@dataclass(frozen=True)
class TruthPosteriorForecast:
    """Err_w2s = mean (f_sw − μ)² + posterior variance, gain = mean (f_w − μ)² − (f_sw − μ)², two-fold cross-fitted.

    Attributes:
        two_fold_splits: random two-fold splits of the unlabelled rows averaged over.
        draws: posterior draws of the truth per split, each with its own bootstrap of the rows.
        max_rows: unlabelled rows used at most (drawn by the seed), as their covariance is n × n.
    """

    two_fold_splits: int = 4
    draws: int = 64
    max_rows: int = 1600

    name: str = "truth_posterior"
    better: Better = "lower"
    unit: str = "label variance"
    evidence: Evidence = Evidence.few_labels
    source: str = "this project; no paper states it"
    summary: str = (
        "Expected test error of the student under a Gaussian-process posterior of the truth given the weak heads' "
        "training labels, through a sigmoid for classes; linear heads of the training's own loss, truth smooth in some "
        "mixture of the models' representations."
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
        centre, scale = gold.mean(axis=0), _deviation(gold)
        used = np.sort(rng.permutation(len(supervision.rows))[: self.max_rows])
        rows = supervision.rows[used]
        strong = case.strong.features
        posterior = truth_posterior(strong, [w.features for w in case.weak], (gold - centre) / scale, known, rows, rng)
        coding = Coding(centre, scale)
        weak = coding.labels(np.stack([p[used] for p in supervision.predictions if p is not None]))
        null = coding.labels(np.stack([p[:, used] for p in supervision.null if p is not None]))
        truth = _Truth.of(posterior) if case.labels.kind == "regression" else _Truth.of_classes(posterior, gold)
        train = by_ridge(strong[rows], case.training, rng, case.strong.device)
        run = CrossFitOutcome.mean(
            [
                cross_fit_outcome(train, weak, null, truth.mean, truth.draw(self.draws, rng), rng, truth.classes)
                for _ in range(self.two_fold_splits)
            ]
        )
        levels = np.maximum(
            truth.factor + truth.standard_error * rng.standard_normal(self.two_fold_splits * self.draws), 0.0
        )
        added = (levels - 1.0) * truth.spread
        base = truth.factor * truth.spread
        null, compared = run.null_draws + base, None
        if case.training != case.training.squared:
            compared = run.error + base
            run = self._as_trained(case, supervision, used, coding, truth)
        return Forecast(
            error=run.error + base,
            gain=run.gain,
            ceiling=float(np.mean(run.ceiling_draws)) + (truth.factor - 1.0) * truth.spread,
            error_draws=run.error_draws + added,
            gain_draws=run.gain_draws,
            ceiling_draws=run.ceiling_draws + added,
            null_draws=null,
            notes=(_note(case, posterior, truth), AT_HAND),
            warnings=shortfall(len(rows), case.training, len(known)),
            accuracy=run.accuracy,
            auroc=run.auroc,
            label_scale=scale if case.labels.kind == "regression" else None,
            null_error=compared,
        )

    def _as_trained(
        self, case: Case, supervision: Supervision, used: NDArray[np.intp], coding: Coding, truth: _Truth
    ) -> CrossFitOutcome:
        """Outcomes of heads that are no ridge heads on soft labels; the null is left to such."""
        rng, strong = case.rng("heads as trained"), case.strong.features[supervision.rows[used]]
        weak = coding.labels(np.stack([p[used] for p in own_labels(case, supervision) if p is not None]))
        train, gold = (
            as_trained(strong, case.training, coding, rng, case.seed, shared_ridge=shared) for shared in (False, True)
        )
        none = weak[:, None][:, :0]
        return CrossFitOutcome.mean(
            [
                cross_fit_outcome(train, weak, none, truth.mean, truth.draw(self.draws, rng), rng, truth.classes, gold)
                for _ in range(self.two_fold_splits)
            ]
        )


@dataclass(frozen=True, eq=False)
class _Truth:
    """Posterior labels of n rows, in units of the gold labels' deviation.

    Attributes:
        mean: (n, k).
        spread: variance of a row's label around it, mean over rows, summed over columns.
        factor, standard_error: what the squared error of gold rows left out is of that, and its standard error.
        draw: (n, k, R) plausible labels.
        classes: how labels name classes; None for numbers.
        fit: how it fared on gold rows left out, in words.
    """

    mean: Array
    spread: float
    factor: float
    standard_error: float
    draw: Callable[[int, np.random.Generator], Array]
    classes: RowClasses | None
    fit: str

    @classmethod
    def of(cls, posterior: TruthPosterior) -> _Truth:
        """Numbers: the posterior itself."""
        factor, standard_error = posterior.level
        spread = float(np.mean(posterior.variance)) * posterior.mean.shape[1]
        fit = f"squared errors on gold rows left out are {factor:.2f} ± {standard_error:.2f} of its own"
        return cls(posterior.mean, spread, factor, standard_error, posterior.draw, None, fit)

    @classmethod
    def of_classes(cls, posterior: TruthPosterior, gold: Array) -> _Truth:
        """Classes: probabilities by a sigmoid or softmax fitted to gold rows left out, which sets the level too."""
        classes = ClassTruth.of(posterior, gold)
        centre, scale = gold.mean(axis=0), _deviation(gold)
        return cls(
            (classes.mean - centre) / scale,
            classes.spread / scale**2,
            1.0,
            classes.standard_error,
            lambda count, rng: (classes.draw(count, rng) - centre[:, None]) / scale,
            RowClasses(Coding(centre, scale), classes.probability),
            "class probabilities fitted to left-out gold rows, their squared error known to "
            f"± {classes.standard_error:.0%}",
        )


def _deviation(gold: Array) -> float:
    return float(np.sqrt(np.sum(np.var(gold, axis=0))))


def _note(case: Case, posterior: TruthPosterior, truth: _Truth) -> str:
    """Which models the posterior trusts, and how it fared on gold rows left out."""
    names = [case.strong.name, *(w.name for w in case.weak)]
    leading = sorted(zip(posterior.weights, names, strict=True), reverse=True)[:3]
    trusted = ", ".join(f"{name} {weight:.2f}" for weight, name in leading if weight > 0.0)
    return (
        f"truth posterior from {len(posterior.left_out)} gold rows: weight {trusted}; length {posterior.length:g}, "
        f"noise {posterior.noise:.2g}; {truth.fit}"
    )
