"""Label-prior simulation: predicted outcomes of W2S training, averaged over the tasks that are plausible under a prior.

Ours; no paper states it. The pipeline runs exactly as the user would run it (weak head on D~, weak labels on D^, strong
head, test), out of sample: with the rows and ridges of the training that the user has in mind, and where none is named
in thirds of the pool, ridges chosen as leave-one-out cross-validation would choose them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from predictor.estimators.priors import FLAT_RIDGE, consensus_kernel, flat_kernel, power_kernel
from predictor.estimators.problem import Case, Representation
from predictor.estimators.protocol import FRESH, Forecast, forecast_estimates
from predictor.estimators.simulated_sizes import cut_to, sizes_of, unlike
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate
from predictor.statistics.arrays import Array
from predictor.statistics.shuffles import SHUFFLES
from predictor.statistics.threads import in_order
from predictor.training.drawn_tasks import DrawnTasks, SplitTasks
from predictor.training.label_prior import LabelPrior
from predictor.training.simulated_split import NullSplit, SimulatedOutcome, SimulatedSplit, stacks
from predictor.training.splits import Rows, check_rows, cut
from predictor.truth.noise import NOISE_SHARES


@dataclass(frozen=True)
class LabelPriorSimulation:
    """Expected Err_w2s and gain over tasks drawn from several priors, with paired draws for intervals.

    Attributes:
        noises: σ², shares of the label variance that no row explains; `rounds` random splits for each.
        ridge: β of even priors: their tasks spread evenly over the directions whose variance is well above this share.
        powers: of the strong model's kernel, for easier tasks in few directions.
        draws: tasks per prior and noise level, shared out over its splits; each with its own bootstrap of test rows.
        max_rows: larger pools are cut to this many rows (drawn by the seed): n × n prior kernels stay small.
        max_rounds: splits of each noise level at most, where rows are few.
    """

    noises: tuple[float, ...] = NOISE_SHARES
    ridge: float = FLAT_RIDGE
    powers: tuple[float, ...] = (2.0, 4.0)
    draws: int = 16
    max_rows: int = 1500
    max_rounds: int = 8

    name: str = "label_prior_simulation"
    better: Better = "lower"
    unit: str = "label variance"
    evidence: Evidence = Evidence.representations
    source: str = "this project; no paper states it"
    summary: str = (
        "Expected test error of the student when labels spread evenly over what all models, by size and depth, see in "
        "the rows, at five levels of noise; linear heads, squared loss, on thirds of the rows or on as many as were "
        "named."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Expected Err_w2s per candidate with its 90 % interval."""
        return forecast_estimates(self, self._forecast(case, null=False))

    def forecast(self, case: Case) -> Forecast:
        """Outcomes under every prior, each weighing the same.

        Differences between candidates are those under the prior of all models; the level of all of them is that under
        all priors. What a candidate loses when its rows are shuffled is asked on one split, at the middle level of
        noise, under the strong model's own priors together: in the prior of all models it has a part itself, and would
        know of its tasks even if it were noise.
        """
        return self._forecast(case, null=True)

    def _forecast(self, case: Case, *, null: bool) -> Forecast:
        """With what shuffling rows loses each candidate, or with zeros in its place."""
        rng, pool = case.rng(self.name), case.rows
        case = self.sample(case, rng)
        training, (weak_rows, student_rows) = case.training.squared, sizes_of(case)
        orders, own = self.priors(case), self.own_priors(case)
        priors = (*orders, *own)
        alone = LabelPrior.of("strong, even and easier", np.mean([prior.kernel for prior in own], axis=0), 0.0)
        rounds = self.rounds(case.rows)
        draws = max(2, self.draws // rounds)
        in_order(lambda prior: prior.spread, priors)  # before anything is drawn, on all threads
        signals = np.stack([prior.draw(draws * len(self.noises) * rounds, rng) for prior in priors])
        levels = self.noises * rounds
        tasks = [
            SplitTasks.draw(signal, noise, cut(case.rows, weak_rows, student_rows, rng), rng)
            for signal, noise in zip(np.split(signals, len(levels), axis=2), levels, strict=True)
        ]
        middle = len(self.noises) // 2
        found, ceilings = [], []
        lost: Array = np.zeros((len(case.weak), SHUFFLES))
        shuffled = _shuffled(case, weak_rows)
        for places in stacks(range(len(levels)), len(priors) * max(weak_rows, student_rows) ** 2):
            part, noise, drawn = SplitTasks.stack([tasks[place] for place in places])
            split = SimulatedSplit.of(case.strong.features, part, [one.with_noise(noise) for one in priors], training)
            here = places.index(middle) if null and middle in places else None
            shuffles = None if here is None else split.null(here, alone.with_noise(levels[middle]))
            each = in_order(partial(_simulated, split, drawn, shuffles), shuffled)
            found.append([outcome for outcome, _ in each])
            lost = lost if shuffles is None else np.array([one for _, one in each])
            ceilings.append(split.ceiling(drawn))
        # (m, splits, priors, 2), and with the draws (m, 2, splits, priors, draws)
        expected = np.concatenate([[one.expected for one in each] for each in found], axis=1)
        errors = np.concatenate([[one.drawn for one in each] for each in found], axis=1)
        errors = np.moveaxis(errors, 3, 1).reshape(len(case.weak), 2, -1)
        order = expected[:, :, : len(orders)].mean(axis=(1, 2))
        error = order[:, 1] + float(expected[..., 1].mean() - order[:, 1].mean())
        return Forecast(
            error=error,
            gain=order[:, 0] - order[:, 1],
            ceiling=float(np.mean(np.concatenate([values for values, _ in ceilings]))),
            error_draws=errors[:, 1],
            gain_draws=errors[:, 0] - errors[:, 1],
            ceiling_draws=np.concatenate([values.ravel() for _, values in ceilings]),
            null_draws=error[:, None] + lost,
            notes=(FRESH,) if case.rows == pool else (FRESH, cut_to(case, pool)),
            warnings=unlike(case),
            order_draws=np.flatnonzero(np.tile(np.repeat(np.arange(len(priors)), draws), len(levels)) < len(orders)),
        )

    def sample(self, case: Case, rng: np.random.Generator) -> Case:
        """The case on at most `max_rows` of its rows.

        Raises:
            InputError: too few rows for three parts.
        """
        check_rows(case.rows)
        if case.rows <= self.max_rows:
            return case
        return case.take(np.sort(rng.choice(case.rows, self.max_rows, replace=False)))

    def rounds(self, rows: int) -> int:
        """How often each noise level is split anew, from 1 to `max_rounds`; it costs about what one does at 600 rows.

        The fewer the rows, the more an order hangs on how they happen to be split.
        """
        return min(self.max_rounds, max(1, round((600 / rows) ** 2)))

    def priors(self, case: Case) -> tuple[LabelPrior, ...]:
        """Noiseless tasks that make the order: spread evenly over what all models see, by their size and depth."""
        everyone = (case.strong, *case.weak, *case.context_models)
        return (LabelPrior.of("consensus, even", consensus_kernel(everyone, self.ridge), 0.0),)

    def own_priors(self, case: Case) -> tuple[LabelPrior, ...]:
        """Noiseless tasks of the strong model: spread evenly over what it sees, and easier ones in few directions.

        They separate candidates badly (the one most like the strong model always wins), so they enter the level and
        the intervals, not the differences between candidates.
        """
        even = LabelPrior.of("strong, even", flat_kernel(case.strong.kernel, self.ridge), 0.0)
        easier = (
            LabelPrior.of(f"strong, to the power {power:g}", power_kernel(case.strong.kernel, power), 0.0)
            for power in self.powers
        )
        return (even, *easier)


def _simulated(
    split: SimulatedSplit,
    drawn: DrawnTasks,
    null: NullSplit | None,
    shuffled: tuple[Representation, list[Rows]],
) -> tuple[SimulatedOutcome, Array | None]:
    """A candidate's outcomes on some splits, and what it loses with its rows in other orders, where that is asked."""
    weak, orders = shuffled
    teacher = split.teacher(weak.features)
    return split.outcome(teacher, drawn), None if null is None else null.lost(teacher.take(null.place), orders)


def _shuffled(case: Case, rows: int) -> list[tuple[Representation, list[Rows]]]:
    """Every candidate with the orders of its training rows that make the null."""
    rng = case.rng("shuffles")
    return [(weak, [rng.permutation(rows) for _ in range(SHUFFLES)]) for weak in case.weak]
