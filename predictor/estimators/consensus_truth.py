"""Consensus truth: outcomes of W2S training when nothing but the candidates' weak labels is at hand.

Ours; no paper states it. The student is really trained on every candidate's weak labels, and only the unknown truth is
replaced by its posterior given the weak labels of all candidates: see `predictor.truth.consensus`. No gold label is
looked at. What the candidates have in common because their heads were trained on the same gold rows is predicted by the
simulation of `label_prior_simulation`. Where the weak labels come from heads that were trained on given gold rows, it
still sees the heads' answers alone, and is a second opinion beside `truth_posterior`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.estimators.calibrated_votes import calibrated_votes, only_votes, read_as_classes
from predictor.estimators.cross_fit import CrossFitOutcome, cross_fit_outcome
from predictor.estimators.cross_fitted_students import as_trained, by_ridge, own_labels
from predictor.estimators.priors import FLAT_RIDGE, consensus_kernel, flat_root
from predictor.estimators.problem import Case
from predictor.estimators.protocol import AT_HAND, Forecast, forecast_estimates
from predictor.estimators.simulated_moments import simulated_moments
from predictor.estimators.supervision import Supervision, shortfall, supervise
from predictor.estimators.vote_matrix import NEEDED
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate
from predictor.statistics.arrays import Array
from predictor.statistics.shuffles import SHUFFLES
from predictor.training.coding import Coding
from predictor.training.row_classes import RowClasses
from predictor.truth.consensus import ConsensusTruth, WeakMoments


@dataclass(frozen=True)
class ConsensusForecast:
    """Err_w2s = mean (f_sw − T)² + what T leaves of the label variance; gain = mean (f_w − T)² − (f_sw − T)².

    Attributes:
        two_fold_splits: random two-fold splits of the rows averaged over.
        draws: plausible truths per split, each with its own bootstrap of the rows.
        max_rows: rows used at most (drawn by the seed).
    """

    two_fold_splits: int = 4
    draws: int = 64
    max_rows: int = 1600

    name: str = "consensus_truth"
    better: Better = "lower"
    unit: str = "label variance"
    evidence: Evidence = Evidence.weak_labels
    source: str = "this project; no paper states it"
    summary: str = (
        "Expected test error of the student under the posterior of the truth given the weak labels of at least three "
        "models, given what heads of the same gold rows have in common when such training is simulated; linear heads "
        "of the training's own loss; mistakes that all of them share are invisible."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Expected Err_w2s per candidate with its 90 % interval; absent where `lacks` gives a reason."""
        forecast = self._forecast(case, null=False)
        if isinstance(forecast, str):
            return tuple(Estimate(None, self.better, self.unit, note=forecast) for _ in case.weak)
        return forecast_estimates(self, forecast)

    def lacks(self, case: Case) -> str:
        """Why there is no consensus to speak of; empty where there is one.

        Raises:
            InputError: weak labels do not fit the gold labels, or these leave too few rows.
        """
        return _lacking(supervise(case, case.rng(self.name)))

    def forecast(self, case: Case) -> Forecast:
        """Outcomes on the rows without gold labels, in units of the label variance.

        The variance is that of the classes' shares; of numbers it is not known, and outcomes are averaged over five
        shares of it that no candidate explains.

        Raises:
            InputError: weak labels are missing, or carry no information together.
        """
        forecast = self._forecast(case, null=True)
        if isinstance(forecast, str):
            raise InputError(f"consensus_truth {forecast}.", reason="WEAK_LABELS_NEEDED", field="weak_labels")
        return forecast

    def _forecast(self, case: Case, *, null: bool) -> Forecast | str:
        """The forecast, or why there is none; with errors of shuffled pairings or without."""
        rng = case.rng(self.name)
        supervision = supervise(case, rng, SHUFFLES, null=null)
        missing = _lacking(supervision)
        if missing:
            return missing
        used = np.sort(rng.permutation(len(supervision.rows))[: self.max_rows])
        mixed = np.stack([p[:, used] for p in supervision.null if p is not None])
        plain = np.stack([p[used] for p in supervision.predictions if p is not None])
        weak = np.stack([p[used] for p in own_labels(case, supervision) if p is not None])
        calibrated, classes, note = _calibrated(weak, case)
        truth = ConsensusTruth.of(list(calibrated), self._simulated(case, supervision.rows[used]), classes=classes)
        student = case.strong.take(supervision.rows[used])
        root = flat_root(student.kernel, FLAT_RIDGE)
        train = by_ridge(student.features, case.training, rng, student.device)
        runs, totals, others = [], [], []
        own_rng, bare = case.rng("heads as trained"), Coding(np.zeros(weak.shape[2]), 1.0)
        training = replace(case.training, label_form="soft")
        named = RowClasses.of_codes(weak.shape[2]) if classes else None
        as_they_will = as_trained(student.features, training, bare, own_rng, case.seed)
        for _ in range(self.two_fold_splits):
            drawn, spread = truth.draw(self.draws, root, rng)
            runs.append(cross_fit_outcome(train, plain, mixed, truth.mean, drawn, rng, named))
            totals.append(spread)
            if classes and training != training.squared:
                others.append(
                    cross_fit_outcome(as_they_will, weak, mixed[:, :0], truth.mean, drawn, own_rng, named, train)
                )
        plainly = CrossFitOutcome.mean(runs)
        run = CrossFitOutcome.mean(others) if others else plainly
        spreads = truth.spreads
        unit = float(np.mean(1.0 / spreads))
        left = float(np.mean(np.maximum(spreads - truth.explained, 0.0) / spreads))
        total = np.concatenate(totals)
        return Forecast(
            error=run.error * unit + left,
            gain=run.gain * unit,
            ceiling=float(np.mean(run.ceiling_draws / total)),
            error_draws=run.error_draws / total,
            gain_draws=run.gain_draws / total,
            ceiling_draws=run.ceiling_draws / total,
            null_draws=plainly.null_draws * unit + left,
            notes=(note, AT_HAND),
            warnings=(*shortfall(len(used), case.training), *_unlike(case, classes)),
            null_error=plainly.error * unit + left if others else None,
            accuracy=run.accuracy,
            auroc=run.auroc,
        )

    def _simulated(self, case: Case, rows: NDArray[np.intp]) -> WeakMoments:
        """Moments of the candidates' weak labels in the simulation, over random cuts of these rows.

        Heads are trained on as many of the rows as there are gold rows, or are to be, at most nine tenths of them.
        """
        here = case.take(rows)
        gold = case.training.sizes(case.rows)[0] if case.labels is None else int(case.labels.known.sum())
        kernel = consensus_kernel((here.strong, *here.weak, *here.context_models), FLAT_RIDGE)
        return simulated_moments(here.weak, kernel, gold, case.training.squared, case.rng("simulated weak labels"))


def _unlike(case: Case, classes: bool) -> tuple[str, ...]:
    """Where the training is not as asked for: a consensus is too uncertain to predict students of hard labels."""
    found = []
    if case.training.heads == "logistic" and not classes:
        found.append("students were ridge heads, as the weak labels are no class probabilities")
    if case.training.label_form == "hard":
        found.append("students were trained on soft labels, not the hard ones asked for; give gold labels for these")
    return tuple(found)


def _lacking(supervision: Supervision) -> str:
    tables = [table for table in supervision.predictions if table is not None]
    if len(tables) < len(supervision.predictions):
        missing = len(supervision.predictions) - len(tables)
        return f"needs weak labels of every candidate, and {missing} have none: give --weak-labels or --labels"
    distinct = len({table.tobytes() for table in tables})
    if distinct < NEEDED:
        return f"needs at least {NEEDED} candidates whose weak labels differ, and there are {distinct}"
    if len({table.shape[1] for table in tables}) > 1:
        return "needs weak labels of one width, and the candidates' differ"
    if all(float(np.ptp(table, axis=0).max()) == 0.0 for table in tables):
        return "needs weak labels that differ between rows, and every candidate's are constant"
    return ""


def _calibrated(weak: Array, case: Case) -> tuple[Array, bool, str]:
    """(m, n, k) calibrated weak labels, whether they are probabilities, and what the reader should know."""
    if not read_as_classes(weak, case.labels):
        return weak, False, f"truth from the weak labels of {len(weak)} candidates, each taken as calibrated"
    if not only_votes(weak):
        return weak, True, f"truth from the class probabilities of {len(weak)} candidates, each taken as calibrated"
    note = f"truth from the votes of {len(weak)} candidates, with error rates by Dawid and Skene"
    return calibrated_votes(weak), True, note
