"""Consensus truth: outcomes of W2S training when nothing but the candidates' weak labels is at hand.

Ours; no paper states it. The student is really trained on every candidate's weak labels, and only the unknown truth is
replaced by its posterior given the weak labels of all candidates: see `predictor.truth.consensus`. No gold label is
looked at. What the candidates have in common because their heads were trained on the same gold rows is predicted by the
simulation of `label_prior_simulation`. Where the weak labels come from heads that were trained on given gold rows, it
still sees the heads' answers alone, and is a second opinion beside `truth_posterior`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.estimators.cross_fit import CrossFitOutcome, cross_fit_outcome
from predictor.estimators.cross_fitted_students import as_trained, by_ridge, own_labels
from predictor.estimators.dawid1979 import dawid_skene
from predictor.estimators.hard_votes import are_classes, votes
from predictor.estimators.priors import FLAT_RIDGE, consensus_kernel, flat_root
from predictor.estimators.problem import Case, Representation
from predictor.estimators.protocol import Forecast, forecast_estimates
from predictor.estimators.supervision import Supervision, shortfall, supervise
from predictor.estimators.vote_matrix import NEEDED
from predictor.heads.ridge import FactoredRidge
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate
from predictor.statistics.arrays import Array
from predictor.statistics.shuffles import SHUFFLES
from predictor.statistics.threads import in_order
from predictor.training.coding import Coding
from predictor.training.label_prior import LabelPrior
from predictor.training.row_classes import RowClasses
from predictor.training.splits import TEST_SHARE, Parts, cut
from predictor.training.weak_moments import weak_moments
from predictor.truth.consensus import ConsensusTruth, WeakMoments
from predictor.truth.noise import MIDDLE_SHARE


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
        truth = ConsensusTruth.of(calibrated, self._simulated(case, supervision.rows[used]), classes=classes)
        student = case.strong.take(supervision.rows[used])
        root = flat_root(student.kernel, FLAT_RIDGE)
        train = by_ridge(student.features, case.training, rng)
        runs, totals, others = [], [], []
        own_rng, bare = case.rng("heads as trained"), Coding(np.zeros(weak.shape[2]), 1.0)
        training = replace(case.training, label_form="soft")
        named = RowClasses.of_codes(len(used), weak.shape[2]) if classes else None
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
            notes=(note,),
            warnings=(*shortfall(len(used), case.training), *_unlike(case, classes)),
            null_error=plainly.error * unit + left if others else None,
            accuracy=run.accuracy,
            auroc=run.auroc,
        )

    def _simulated(self, case: Case, rows: NDArray[np.intp]) -> WeakMoments:
        """Moments of the candidates' weak labels in the simulation, over random cuts of these rows.

        Heads are trained on as many of the rows as there are gold rows, or are to be, at most nine tenths of them.
        """
        rng, here = case.rng("simulated weak labels"), case.take(rows)
        asked = case.training.sizes(case.rows)[0] if case.labels is None else int(case.labels.known.sum())
        gold = max(1, min(asked, len(rows) - round(TEST_SHARE * len(rows))))
        everyone = (here.strong, *here.weak, *here.context_models)
        prior = LabelPrior.of("consensus, even", consensus_kernel(everyone, FLAT_RIDGE), 0.0).with_noise(MIDDLE_SHARE)
        found = []
        for _ in range(self.two_fold_splits):
            part = cut(len(rows), gold, 0, rng)
            heads = in_order(partial(_head, part), here.weak)
            found.append(weak_moments(heads, part.weak, part.test, prior, case.training.squared))
        return WeakMoments(np.mean([m.spread for m in found], axis=0), np.mean([m.with_truth for m in found], axis=0))


def _head(part: Parts, weak: Representation) -> FactoredRidge:
    return FactoredRidge.of(weak.features[part.weak], weak.features[part.test])


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


def _calibrated(weak: Array, case: Case) -> tuple[list[Array], bool, str]:
    """(n, k) calibrated weak labels per candidate, whether they are probabilities, and what the reader should know."""
    shares = all(are_classes(table, case.labels) for table in weak) and _sums_to_one(weak)
    if not shares:
        return list(weak), False, f"truth from the weak labels of {len(weak)} candidates, each taken as calibrated"
    if not np.isin(weak, (0.0, 1.0)).all():
        return (
            list(weak),
            True,
            f"truth from the class probabilities of {len(weak)} candidates, each taken as calibrated",
        )
    voted = np.stack([votes(table) for table in weak], axis=1)
    columns = weak.shape[2]
    consensus = dawid_skene(voted, max(columns, 2))
    joint = consensus.prior[None, :, None] * consensus.confusion
    given = joint / joint.sum(axis=1, keepdims=True)
    tables = [given[i][:, voted[:, i]].T for i in range(voted.shape[1])]
    note = f"truth from the votes of {len(weak)} candidates, with error rates by Dawid and Skene"
    return [table[:, 1:] if columns == 1 else table for table in tables], True, note


def _sums_to_one(weak: Array) -> bool:
    """Whether several columns are shares of one whole, as probabilities are and logits are not."""
    return weak.shape[2] == 1 or bool(np.allclose(weak.sum(axis=2), 1.0, atol=1e-3))
