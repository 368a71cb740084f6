"""Label-prior simulation: predicted outcomes of W2S training, averaged over the tasks that a prior holds plausible.

Ours; no paper states it. The pipeline runs exactly as the user would run it (weak head on D~, weak labels on D^, strong
head, test), out of sample: with the rows and ridges of the training that the user has in mind, and where none is named
in thirds of the pool, ridges chosen as leave-one-out cross-validation would choose them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from predictor.estimators.priors import FLAT_RIDGE, consensus_kernel, flat_kernel, power_kernel
from predictor.estimators.problem import Case
from predictor.estimators.protocol import Forecast, forecast_estimates
from predictor.heads.ridge import FactoredRidge
from predictor.query.evidence import Evidence
from predictor.query.training_plan import Training
from predictor.results.ranking import Better, Estimate
from predictor.statistics.arrays import Array
from predictor.statistics.shuffles import SHUFFLES
from predictor.training.simulation import LabelMoments, LabelPrior, Pipeline, head_map
from predictor.training.splits import Parts, check_rows, cut, fitted
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
        most_rounds: splits of each noise level at most, where rows are few.
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
        return forecast_estimates(self, self.forecast(case))

    def forecast(self, case: Case) -> Forecast:
        """Outcomes under every prior, each weighing the same.

        Differences between candidates are those under the prior of all models; the level of all of them is that under
        all priors. What a candidate loses when its rows are shuffled is asked on one split, at the middle level of
        noise, under the strong model's own priors together: in the prior of all models it has a part itself, and would
        know of its tasks even if it were noise.
        """
        rng, pool = case.rng(self.name), case.rows
        case = self.sample(case, rng)
        training, (weak_rows, student_rows) = case.training.squared, sizes_of(case)
        orders, own = self.priors(case), self.own_priors(case)
        priors = (*orders, *own)
        alone = LabelPrior.of("strong, even and easier", np.mean([prior.kernel for prior in own], axis=0), 0.0)
        rounds = self.rounds(case.rows)
        draws = max(2, self.draws // rounds)
        signals = [prior.draw(draws * len(self.noises) * rounds, rng) for prior in priors]
        runs, lost = [], np.zeros((len(case.weak), SHUFFLES))
        for split, noise in enumerate(self.noises * rounds):
            part = cut(case.rows, weak_rows, student_rows, rng)
            counts = rng.multinomial(len(part.test), np.full(len(part.test), 1 / len(part.test)), draws)
            weights = counts.T / len(part.test)
            strong = FactoredRidge.of(case.strong.features[part.student], case.strong.features[part.test])
            others = np.concatenate([part.student, part.test])
            weak = [FactoredRidge.of(w.features[part.weak], w.features[others]) for w in case.weak]
            mine = slice(split * draws, (split + 1) * draws)
            if split == len(self.noises) // 2:
                lost = _lost(strong, weak, part, alone.with_noise(noise), training, case.rng("shuffles"))
            for prior, signal in zip(priors, signals, strict=True):
                unexplained = rng.standard_normal((case.rows, draws))
                truth = np.sqrt(1.0 - noise) * signal[:, mine]
                labels = truth + np.sqrt(noise) * unexplained
                noisy = prior.with_noise(noise)
                runs.append(_run(strong, weak, part, noisy, training, labels, truth, weights))
        ordering = [run for place, run in enumerate(runs) if place % len(priors) < len(orders)]
        expected = np.mean([run.expected for run in ordering], axis=0)
        level = float(np.mean([run.expected[:, 1] for run in runs]) - np.mean(expected[:, 1]))
        drawn_errors = np.concatenate([run.drawn for run in runs], axis=2)
        return Forecast(
            error=expected[:, 1] + level,
            gain=expected[:, 0] - expected[:, 1],
            ceiling=float(np.mean([run.ceiling for run in runs])),
            error_draws=drawn_errors[:, 1],
            gain_draws=drawn_errors[:, 0] - drawn_errors[:, 1],
            ceiling_draws=np.concatenate([run.ceiling_drawn for run in runs]),
            null_draws=(expected[:, 1] + level)[:, None] + lost,
            notes=() if case.rows == pool else (_cut_to(case, pool),),
            warnings=_unlike(case),
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

        They tell candidates apart badly (whoever is most like the strong model is best), so they enter the level and
        the intervals, not the differences between candidates.
        """
        even = LabelPrior.of("strong, even", flat_kernel(case.strong.kernel, self.ridge), 0.0)
        easier = (
            LabelPrior.of(f"strong, to the power {power:g}", power_kernel(case.strong.kernel, power), 0.0)
            for power in self.powers
        )
        return (even, *easier)


def sizes_of(case: Case) -> tuple[int, int]:
    """Rows of D~ and D^ on which the case's training is simulated."""
    return fitted(case.rows, *case.training.sizes(case.rows))


def _cut_to(case: Case, pool: int) -> str:
    free = case.training.weak_rows is None and case.training.student_rows is None
    return f"simulated on {case.rows} of {pool} rows" + (", a third of them for each head" if free else "")


def _unlike(case: Case) -> tuple[str, ...]:
    """What was simulated, where it is not what was asked for."""
    asked, shown = case.training.sizes(case.rows), sizes_of(case)
    training, found = case.training, []
    if training != training.squared:
        found.append(
            f"simulated with ridge heads on soft labels, where {training.heads} heads on {training.label_form} ones "
            "are to be predicted"
        )
    if shown != asked:
        found.append(
            f"simulated with {shown[0]} rows for each weak head and {shown[1]} for the student, as {case.rows} rows "
            f"can show no more; with {asked[0]} and {asked[1]}, as is to be predicted, expect lower errors"
        )
    return tuple(found)


@dataclass(frozen=True, eq=False)
class _Run:
    """One split under one prior: expected (m, 2) and drawn (m, 2, R) errors of weak and W2S, and the ceiling."""

    expected: Array
    drawn: Array
    ceiling: float
    ceiling_drawn: Array


def _run(
    strong: FactoredRidge,
    weak: Sequence[FactoredRidge],
    part: Parts,
    prior: LabelPrior,
    training: Training,
    labels: Array,
    truth: Array,
    weights: Array,
) -> _Run:
    """Expected errors of every candidate, and those of drawn (n, R) labels on (n_t, R) bootstraps of the test rows.

    Heads are taught noisy labels; a test row is judged by its noiseless truth, and the noise's variance is added: what
    the noise of some test rows happens to be says nothing of a candidate.
    """
    truth = truth[part.test]
    gold = LabelMoments.of(strong.left, part.student, part.test, prior)
    ceiling = head_map(strong, gold, training.student_ridge)
    taught = labels[part.student]
    top = taught.mean(axis=0) + ceiling @ (strong.left.T @ taught)
    pipelines = [Pipeline.of(head, strong, part, prior, training) for head in weak]
    return _Run(
        expected=np.array([pipeline.expected_errors() for pipeline in pipelines]),
        drawn=np.array([[np.sum(weights * (truth - f) ** 2, axis=0) for f in p.predictions(labels)] for p in pipelines])
        + prior.noise,
        ceiling=gold.expected_error(ceiling),
        ceiling_drawn=np.sum(weights * (truth - top) ** 2, axis=0) + prior.noise,
    )


def _lost(
    strong: FactoredRidge,
    weak: Sequence[FactoredRidge],
    part: Parts,
    prior: LabelPrior,
    training: Training,
    rng: np.random.Generator,
) -> Array:
    """(m, SHUFFLES) expected Err_w2s of every candidate with its rows paired at random, less that with its own rows."""
    own = np.array([Pipeline.of(head, strong, part, prior, training).expected_errors()[1] for head in weak])
    mixed = [[head.shuffled(rng) for _ in range(SHUFFLES)] for head in weak]
    pipelines = [[Pipeline.of(head, strong, part, prior, training) for head in heads] for heads in mixed]
    lost: Array = np.array([[one.expected_errors()[1] for one in shuffled] for shuffled in pipelines]) - own[:, None]
    return lost
