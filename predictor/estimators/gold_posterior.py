"""Gold posterior: distribution of the truth on unlabelled rows given the gold rows, and gains under it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.problem import Case, Representation
from predictor.estimators.supervision import supervise
from predictor.estimators.weak_probabilities import once_per_case
from predictor.heads.ridge import FactoredRidge
from predictor.statistics.arrays import Array
from predictor.truth.posterior import TruthPosterior, truth_posterior

MAX_GOLD = 400
"""Gold rows that the posterior is built from at most: the cost of its grid grows with their cube."""

MAX_ROWS = 1600
"""Unlabelled rows at most, as their covariance is n × n."""


@dataclass(frozen=True, eq=False)
class GoldPosterior:
    """One candidate's weak labels and the posterior of the truth, in units of the gold labels' standard deviation.

    Attributes:
        weak: (n, k) f_w on unlabelled rows, centred by the gold mean.
        truth: posterior on the same rows, from the strong model and this candidate alone.
        halves: the two halves of the rows, each as held-out rows and a strong head trained on the other half.
        ridge: of the student, a share of tr K; None where leave-one-out chooses it per half and column.
        notes: what the reader should know.
    """

    weak: Array
    truth: TruthPosterior
    halves: tuple[tuple[NDArray[np.intp], NDArray[np.intp], FactoredRidge], ...]
    ridge: float | None
    notes: tuple[str, ...]

    def student(self, ridge: float | None = None) -> Array:
        """(n, k) held-out predictions of the strong head trained on the weak labels, at its own ridge where None."""
        learned = np.empty_like(self.weak)
        for (test, rest, head), own in zip(self.halves, self.ridges(), strict=True):
            learned[test] = head.predict(self.weak[rest], own if ridge is None else ridge)
        return learned

    def ridges(self) -> tuple[Array, ...]:
        """(k,) ridges of the student per half, as shares of tr K."""
        if self.ridge is not None:
            return (np.full(self.weak.shape[1], self.ridge),) * len(self.halves)
        return tuple(head.loo_ridge(self.weak[rest]) for _, rest, head in self.halves)

    def error(self, prediction: Array) -> float:
        """Expected mean squared error of a prediction, noise of the labels included, in label variance."""
        spread = float(np.mean(self.truth.variance)) * float(prediction.shape[1])
        return float(np.mean(np.sum((prediction - self.truth.mean) ** 2, axis=1))) + spread

    def advantage(self, first: Array, second: Array) -> tuple[float, float]:
        """Expected Err(first) − Err(second) in label variance, and its standard error.

        ‖f − μ‖² − ‖g − μ‖² over n; the posterior's variance of it is 4 (f − g)ᵀ Σ (f − g) / n², to which the
        variation between rows adds.
        """
        apart = first - second
        rows = np.sum(apart * (first + second - 2.0 * self.truth.mean), axis=1)
        among = float(np.var(rows)) / len(rows)
        uncertain = 4.0 * float(np.sum(apart * (self.truth.covariance @ apart))) / len(rows) ** 2
        return float(np.mean(rows)), float(np.sqrt(among + max(uncertain, 0.0)))


@once_per_case
def gold_posteriors(case: Case) -> tuple[GoldPosterior, ...] | None:
    """A posterior per candidate; None without gold labels.

    Raises:
        InputError: too few rows without a gold label, or weak labels that do not fit the gold ones.
    """
    if case.labels is None:
        return None
    supervision = supervise(case, case.rng("weak heads"))
    rng = case.rng("beliefs")
    used = np.sort(rng.permutation(len(supervision.rows))[:MAX_ROWS])
    rows = supervision.rows[used]
    known = np.flatnonzero(case.labels.known)
    all_gold = case.labels.targets[known]
    centre, scale = all_gold.mean(axis=0), float(np.sqrt(np.sum(np.var(all_gold, axis=0))))
    shown = np.sort(rng.permutation(len(known))[:MAX_GOLD])
    gold = (all_gold[shown] - centre) / scale
    first, second = np.array_split(rng.permutation(len(rows)), 2)
    strong = case.strong.features
    halves = tuple(
        (test, rest, FactoredRidge.of(strong[rows[rest]], strong[rows[test]]))
        for test, rest in ((first, second), (second, first))
    )
    seed = int(rng.integers(2**32))

    def posterior(candidate: Representation) -> TruthPosterior:
        own = np.random.default_rng(seed)
        return truth_posterior(strong, [candidate.features], gold, known[shown], rows, own)

    notes = () if len(shown) == len(known) else (f"truth from {len(shown)} of {len(known)} gold rows",)
    return tuple(
        GoldPosterior(
            (labels[used] - centre) / scale, posterior(candidate), halves, case.training.squared.student_ridge, notes
        )
        for candidate, labels in zip(case.weak, supervision.predictions, strict=True)
        if labels is not None
    )
