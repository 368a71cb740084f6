"""Truth: outcomes of W2S training under one posterior of the labels, made of all evidence at hand.

Ours; no paper states it. `predictor.truth` is the posterior of the labels, given any of descriptions, proxies, weak
labels and gold labels of some rows. The student is really trained where a candidate's weak labels are given,
or its head was trained on the gold rows; for the other candidates the whole training is simulated on that posterior.

Heads trained on the given gold rows are no voters: their labels repeat the noise of these rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.cross_fit import CrossFitOutcome, cross_fit_outcome
from predictor.estimators.cross_fitted_students import as_trained, by_ridge, own_labels
from predictor.estimators.joined_forecast import joined_forecast, of_uncertain_level
from predictor.estimators.label_bases import LabelBases, label_bases
from predictor.estimators.label_grid import label_free_first
from predictor.estimators.label_kernels import label_kernels, student_smoother
from predictor.estimators.label_truths import LabelTruths, class_noise, level_error
from predictor.estimators.problem import Case
from predictor.estimators.protocol import AT_HAND, FRESH, Forecast, forecast_estimates
from predictor.estimators.simulated_sizes import cut_to, sizes_of, unlike
from predictor.estimators.supervision import shortfall, supervise
from predictor.estimators.weak_voters import weak_voters
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate
from predictor.statistics.arrays import Array
from predictor.statistics.shuffles import SHUFFLES
from predictor.training.simulated import SimulatedOutcomes, Split, noises_of, simulated_outcomes, splits_of
from predictor.truth.conditioned import DrawnLabels, posterior
from predictor.truth.kernels import unit
from predictor.truth.model import NOISES, LabelModel
from predictor.truth.voters import Voters

Rows = NDArray[np.intp]

MAX_GOLD = 400
"""Gold rows that the posterior is built from at most: the cost of its grid grows with their cube."""


@dataclass(frozen=True)
class TruthForecast:
    """Expected Err_w2s and gain under one posterior of the labels.

    Attributes:
        halvings: random halvings of the rows, on which real students are trained.
        max_rounds: of five splits of the rows each, where training is simulated, at most; see `splits`.
        draws: of the labels per halving.
        max_rows: rows used at most (drawn by the seed): n × n covariances stay small.
        shuffles: pairings shuffled per candidate: with 19, luck lets some candidate beat those of all in 1 of 20
            rankings.
        weak_labels: whether given weak labels are evidence; False orders by the rows and models alone.
    """

    halvings: int = 4
    max_rounds: int = 8
    draws: int = 64
    max_rows: int = 1500
    shuffles: int = SHUFFLES
    weak_labels: bool = True

    name: str = "truth"
    better: Better = "lower"
    unit: str = "label variance"
    evidence: Evidence = Evidence.representations
    source: str = "this project; no paper states it"
    summary: str = (
        "Expected test error of the student under one Gaussian-process posterior of the labels, given descriptions, "
        "proxies, weak labels and gold labels, as far as given; the student is really trained where weak labels "
        "are, and simulated elsewhere."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Expected Err_w2s per candidate with its 90 % interval."""
        return forecast_estimates(self, self.forecast(case))

    def forecast(self, case: Case) -> Forecast:
        """Outcomes in units of the label variance.

        Raises:
            InputError: too few rows, gold labels of nearly all rows, or evidence that does not fit.
        """
        whole = self.prepared(case)
        taken, case = self.sampled(whole)
        known = np.empty(0, dtype=np.intp) if case.labels is None else np.flatnonzero(case.labels.known)
        gold = 0 if whole.labels is None else int(whole.labels.known.sum())
        trained = whole.labels is not None and (case.training.weak_rows or 0) <= gold
        real = [trained or one.name in case.weak_labels for one in case.weak]
        truths = self.truths(case, known)
        parts, drawn = [], self.labels_drawn(case, truths, simulated=not all(real))
        if any(real):
            parts.append((np.flatnonzero(real), self._trained(whole, taken, np.flatnonzero(real), truths, drawn)))
        if not all(real):
            places = np.flatnonzero(~np.array(real))
            parts.append((places, self._simulated(case, places, truths, drawn)))
        every_row = any(real) and _on_every_row(case, np.flatnonzero(real), truths)
        rows = case.rows if every_row else case.rows - len(known)
        warnings = shortfall(rows, case.training, gold if trained else None) if any(real) else ()
        notes = truths.notes
        if not all(real):
            warnings += unlike(case)
            notes += () if case is whole else (cut_to(case, whole.rows),)
        found = joined_forecast(len(case.weak), parts, (*notes, AT_HAND if all(real) else FRESH))
        return replace(
            of_uncertain_level(found, truths.uncertain, case.rng("truth level")),
            warnings=warnings,
            evidence_kinds=truths.evidence_kinds,
            label_scale=truths.coding.scale if case.labels is not None and not truths.classes else None,
        )

    def prepared(self, case: Case) -> Case:
        """The evidence used, weak labels in the coding of gold ones."""
        given = case.weak_labels if self.weak_labels else ()
        return replace(case, weak_labels={name: _table(case, name) for name in given})

    def sampled(self, case: Case) -> tuple[Rows, Case]:
        """At most `max_rows` of the rows, gold rows first, and the case on these."""
        if case.rows <= self.max_rows:
            return np.arange(case.rows), case
        rng = case.rng("truth rows")
        gold = np.empty(0, dtype=np.intp) if case.labels is None else np.flatnonzero(case.labels.known)
        gold = np.sort(rng.permutation(gold)[:MAX_GOLD])
        others = np.setdiff1d(np.arange(case.rows), gold)
        if case.labels is not None:
            others = others[~case.labels.known[others]]
        rows = np.sort(np.concatenate([gold, rng.permutation(others)[: self.max_rows - len(gold)]]))
        return rows, case.take(rows)

    def truths(self, case: Case, known: Rows) -> LabelTruths:
        """The posteriors that make the order and the level."""
        given, coding = weak_voters(case, known)
        voters = given if case.voters is None else case.voters if given is None else given.joined(case.voters)
        gold = np.empty((0, 1)) if case.labels is None else coding.labels(case.labels.targets[known])
        columns = gold.shape[1] if voters is None else voters.scores.shape[2]
        gold = gold if len(gold) else np.empty((0, columns))
        bases = LabelBases.none(case.rows, columns)
        if voters is not None:
            voters = voters.distinct().in_label_units()
        unitless = given is not None and not len(known) and not _are_classes(case)
        strong, rest, *others = self.kernels(case)
        mixed = unit(strong + rest)
        if voters is not None and voters.names:
            bases = self.bases(case, voters, mixed, unit=not unitless)
        if len(known):
            model, grid = label_free_first((mixed, strong, rest, *others), bases)
            agreed = bases.consensus
            uneven = None if agreed is None or not _are_classes(case) else class_noise(coding.codes(agreed.mean))[known]
            order = level = posterior(model, gold, known, grid, uneven)
        else:
            free = LabelModel.without_unit if bases.consensus is not None and unitless else LabelModel.of
            order = posterior(free((mixed,), *bases.whole), gold, known)
            level = posterior(free((strong, *others), *bases.whole), gold, known)
        classes, uncertain = _are_classes(case), level_error(level.left_out, gold) if len(known) else 0.0
        return LabelTruths(order, level, level, coding, voters, bases.consensus, classes, known, gold, uncertain)

    def bases(self, case: Case, voters: Voters, kernel: Array, *, unit: bool) -> LabelBases:
        """See `label_bases`."""
        return label_bases(case, voters, kernel, unit=unit)

    def kernels(self, case: Case) -> tuple[Array, ...]:
        """See `label_kernels`."""
        return label_kernels(case)

    def splits(self, rows: int) -> int:
        """One per level of noise, more often the fewer the rows: an order then hangs on how they are split."""
        return len(NOISES) * min(self.max_rounds, max(1, round((600 / rows) ** 2)))

    def heads(self, case: Case, places: Rows) -> Iterable[Split]:
        """Heads of the candidates at these places on random splits of the rows."""
        weak, training = [case.weak[i].features for i in places], case.training.squared
        count, rng = self.splits(case.rows), case.rng("truth splits")
        return splits_of(case.strong.features, weak, sizes_of(case), count, training, rng, case.strong.device)

    def labels_drawn(self, case: Case, truths: LabelTruths, *, simulated: bool) -> tuple[DrawnLabels, ...]:
        """Plausible labels of all rows: per split of a simulation, at its noise, or in one batch.

        Candidates with and without weak labels are compared on the same, so that they differ in nothing else.
        """
        rng, count = case.rng("truth draws"), self.halvings * self.draws
        if simulated:
            splits = self.splits(case.rows)
            drawn = truths.level.draw_at_noises(noises_of(truths.order, splits), max(2, count // splits), rng)
        else:
            drawn = (truths.level.draw(count, rng),)
        return truths.with_classes(drawn, student_smoother(case.strong.kernel), case.rng("truth classes"))

    def _simulated(
        self, case: Case, places: Rows, truths: LabelTruths, drawn: Sequence[DrawnLabels]
    ) -> SimulatedOutcomes:
        rng = case.rng("truth simulation")
        heads, order, alone = self.heads(case, places), truths.order, truths.alone
        return simulated_outcomes(heads, order, alone, drawn, rng, shuffles=self.shuffles)

    def _trained(
        self, case: Case, taken: Rows, places: Rows, truths: LabelTruths, drawn: Sequence[DrawnLabels]
    ) -> SimulatedOutcomes:
        """Students really trained on the weak labels of some candidates; errors are shares of the label variance.

        Errors are measured on every row, gold rows by their own labels, unless heads were trained on these: gold rows
        may have been chosen, and the others are then no sample of the pool. Heads are trained on all gold rows.

        Args:
            case: on all rows.
            taken: rows that truths are of.
        """
        every_row = _on_every_row(case, places, truths)
        supervision = supervise(case, case.rng("truth shuffles"), self.shuffles, every_row=every_row, among=taken)
        strong, rows = case.strong.features[supervision.rows], np.searchsorted(taken, supervision.rows)
        coding, training = truths.coding, case.training
        mean = truths.moments(truths.order)[0][rows]
        weak = coding.labels(np.stack([t for i in places if (t := supervision.predictions[i]) is not None]))
        mixed = np.array([supervision.null[i] for i in places]).reshape(len(places), self.shuffles, *weak.shape[1:])
        shuffled = case.rng("truth batches").permutation(sum(len(one.noise) for one in drawn))
        batches = truths.batches(drawn, rows, np.array_split(shuffled, self.halvings))
        rng = case.rng("truth students")
        teach, null = by_ridge(strong, training, rng, case.strong.device), coding.labels(mixed)
        run = CrossFitOutcome.mean(
            [cross_fit_outcome(teach, weak, null, mean, one, rng, coding, own) for one, own in batches]
        )
        lost = run.null_draws - run.error[:, None]
        if training != training.squared and truths.classes:
            own = own_labels(case, supervision)
            weak = coding.labels(np.stack([t for i in places if (t := own[i]) is not None]))
            teach, gold = (
                as_trained(strong, training, coding, rng, case.seed, shared_ridge=shared) for shared in (False, True)
            )
            none = weak[:, None][:, :0]
            run = CrossFitOutcome.mean(
                [cross_fit_outcome(teach, weak, none, mean, one, rng, coding, own, gold) for one, own in batches]
            )
        back, total = np.argsort(shuffled), np.concatenate([one.total for one in drawn])
        draws = (run.error_draws[:, back] / total, run.gain_draws[:, back] / total, run.ceiling_draws[back] / total)
        unit = truths.level.unit
        order, level = (
            float(np.mean(truths.moments(one)[1][rows])) * mean.shape[1] for one in (truths.order, truths.level)
        )
        accuracy, area = (None if one is None else one.take(back) for one in (run.accuracy, run.auroc))
        error, gain = unit * run.error + order, unit * run.gain
        return SimulatedOutcomes(error, gain, level - order, *draws, unit * lost, accuracy, area)


def _on_every_row(case: Case, places: Rows, truths: LabelTruths) -> bool:
    """Whether errors of these candidates can be measured on gold rows, too: no head was trained on them."""
    return truths.finished and all(case.weak[i].name in case.weak_labels for i in places)


def _are_classes(case: Case) -> bool:
    if case.labels is not None:
        return case.labels.kind != "regression"
    if case.described_classes:
        return True
    tables = case.weak_labels.values()
    return bool(tables) and all(table.min() >= 0.0 and table.max() <= 1.0 for table in tables)


def _table(case: Case, name: str) -> Array:
    """(n, k) given weak labels; probabilities of two classes as those of the second, the coding of `Labels`."""
    table = case.weak_labels[name]
    table = table[:, None] if table.ndim == 1 else table
    narrow = case.labels is None or case.labels.targets.shape[1] == 1
    if narrow and table.shape[1] == 2 and np.allclose(table.sum(axis=1), 1.0, atol=1e-3):
        return table[:, 1:]
    return table
