"""Representation gap with labels: what the weak supervisor hides of *this* task, from few gold labels or pseudo-labels.

Xue, Li, Mirzasoleiman 2025, arXiv:2502.00620, Theorem 3.8: PredGap ≈ ‖P_s(I − P_w) y‖² / n. With each model's shrinkage
D, C = U_sᵀU_w and B = D_s(U_sᵀ − C D_w U_wᵀ), (r_s, n), it is ‖B y‖² / n. No n × n matrix is formed.

Where only some rows carry a gold label, with M = BᵀB: U_s and U_w are orthogonal to the constant, so that M 1 = 0 and

    yᵀ M y = − Σ_{i<j} M_ij (y_i − y_j)²,

a sum over pairs without a diagonal. Each pair of a random subset of l of n rows is seen with probability
l(l − 1)/(n(n − 1)); dividing by it makes the sum over the subset's pairs unbiased (Horvitz, Thompson 1952, Journal of
the American Statistical Association 47), for any labels with any mean. The form for few labels is
derived here, no paper states it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.problem import Case, Representation
from predictor.estimators.supervision import cross_fitted
from predictor.estimators.xu2025 import resampled
from predictor.estimators.xue2025 import ENERGIES, RIDGES
from predictor.heads.ridge import FactoredRidge
from predictor.query.evidence import Evidence
from predictor.query.labels import Labels
from predictor.results.candidate import Better, Estimate
from predictor.spectral.kernels import Kernel
from predictor.spectral.moments import CHUNK_ROWS
from predictor.statistics.arrays import Array

FOLDS = 5

RESAMPLES = 20
"""Bootstraps of the gold rows behind the interval of the pseudo-labels' gap."""

SUBSETS = 199
"""Random subsets that the labelled rows are compared with."""

HEADLINE = (ENERGIES[1], RIDGES[1])


@dataclass(frozen=True, eq=False)
class HiddenMap:
    """B at several truncations and ridges for one pair of models, built from one C.

    Attributes:
        strong, weak: full kernels on the same n rows.
        cosines: (r_s, r_w) C, as far as the largest truncation reaches.
    """

    strong: Kernel
    weak: Kernel
    cosines: Array

    @classmethod
    def of(cls, strong: Representation, weak: Representation) -> HiddenMap:
        """Align two models.

        Raises:
            InputError: a model's features are constant, or the models have different rows.
        """
        return cls(strong.kernel, weak.kernel, weak.alignment(strong).truncate(ENERGIES[-1]).cosines)

    def at(self, energy: float, ridge: float, rows: NDArray[np.intp]) -> Array:
        """(r_s, l) columns of B at the given rows."""
        ranks = self.strong.spectrum.reach(energy), self.weak.spectrum.reach(energy)
        parts = (_vectors(k, rows, rank).T for k, rank in zip((self.strong, self.weak), ranks, strict=True))
        return self._hidden(ridge, *parts)

    def projected(self, labels: Array) -> tuple[Array, Array]:
        """U_sᵀ Y and U_wᵀ Y of (n, k) labels as far as `cosines` reach, for `of_projected`; rows are read in chunks."""
        left, right = (np.zeros((rank, labels.shape[1])) for rank in self.cosines.shape)
        for start in range(0, len(labels), CHUNK_ROWS):
            rows = np.arange(start, min(start + CHUNK_ROWS, len(labels)))
            left += _vectors(self.strong, rows, len(left)).T @ labels[rows]
            right += _vectors(self.weak, rows, len(right)).T @ labels[rows]
        return left, right

    def of_projected(self, energy: float, ridge: float, projected: tuple[Array, Array]) -> Array:
        """(r_s, k) B Y: what the strong model fits of each label column and the weak one hides."""
        left, right = projected
        return self._hidden(
            ridge, left[: self.strong.spectrum.reach(energy)], right[: self.weak.spectrum.reach(energy)]
        )

    def _hidden(self, ridge: float, left: Array, right: Array) -> Array:
        """D_s (left − C D_w right), at the ranks of both."""
        ability = self.strong.shrinkage(ridge)[: len(left), None]
        fit = self.weak.shrinkage(ridge)[: len(right), None]
        hidden: Array = ability * (left - self.cosines[: len(left), : len(right)] @ (fit * right))
        return hidden


def _vectors(kernel: Kernel, rows: NDArray[np.intp], rank: int) -> Array:
    """(l, rank) leading columns of U at the given rows."""
    leading: Array = kernel.scores(rows, rank) / np.sqrt(kernel.rows * kernel.values[:rank])
    return leading


def gap_from_subset(hidden: Array, labels: Array, rows: int) -> tuple[float, float]:
    """Unbiased estimate of ‖B y‖² / n from the labels of a random subset of rows, and its standard error.

    −(n − 1)/(l(l − 1)) Σ_{i<j} M_ij (y_i − y_j)², summed over label columns; the error is the jackknife's over
    labelled rows with the correction (1 − l/n) for a finite pool.

    Args:
        hidden: (r, l) B at the labelled rows.
        labels: (l, k), any offset; l ≥ 3.
        rows: n ≥ l.

    Returns:
        Squared label units. Unbiased, so that it may fall below 0 where little is hidden.
    """
    count = len(labels)
    centred = labels - labels.mean(axis=0)
    squares, ones = np.sum(centred**2, axis=1), hidden.sum(axis=1)
    # pairs_i = Σ_{j ≠ i} M_ij ‖y_i − y_j‖², through B alone.
    pairs = squares * (hidden.T @ ones) + hidden.T @ (hidden @ squares)
    pairs -= 2.0 * np.sum(centred * (hidden.T @ (hidden @ centred)), axis=1)
    total = float(pairs.sum()) / 2.0
    value = -(rows - 1.0) / (count * (count - 1.0)) * total
    left_out = -(rows - 1.0) / ((count - 1.0) * (count - 2.0)) * (total - pairs)
    variance = (count - 1.0) / count * float(np.sum((left_out - left_out.mean()) ** 2))
    return value, float(np.sqrt(variance * max(1.0 - count / rows, 0.0)))


def far_from_random(kernel: Kernel, known: NDArray[np.bool_], rng: np.random.Generator) -> bool:
    """Whether the labelled rows' mean is further out than that of each of 199 random subsets of as many rows.

    In the leading strong directions, each counted alike. A random subset is taken for a special one once in 200 times.
    """
    picks = np.stack([known, *(rng.permutation(known) for _ in range(SUBSETS))])
    rank = kernel.spectrum.reach(ENERGIES[0])
    sums = np.zeros((len(picks), rank))
    for start in range(0, kernel.rows, CHUNK_ROWS):
        rows = np.arange(start, min(start + CHUNK_ROWS, kernel.rows))
        sums += picks[:, rows].astype(np.float64) @ _vectors(kernel, rows, rank)
    own, *others = np.sum(sums**2, axis=1)
    return bool(own > max(others))


@dataclass(frozen=True)
class LabelledGap:
    """‖P_s(I − P_w) y‖² / n for the task's own labels, unbiased from the rows that carry one."""

    name: str = "representation_gap_labels"
    better: Better = "lower"
    unit: str = "share of label variance"
    evidence: Evidence = Evidence.few_labels
    source: str = "Xue et al. 2025, arXiv:2502.00620, Theorem 3.8; from few labels as derived here"
    summary: str = (
        "Part of the task's own labels, their noise included, that the strong model could fit and the weak one hides; "
        "unbiased where the labelled rows are a random subset, noisy where they are few, and below 0 now and then."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Per candidate at the grid's centre with a 90 % interval over labelled rows; each grid point in `details`."""
        labels = case.labels
        if labels is None:
            return tuple(_absent(self, "needs gold labels of some rows: --labels FILE") for _ in case.weak)
        rows = np.flatnonzero(labels.known)
        gold = labels.targets[rows]
        variance = float(np.sum(np.var(gold, axis=0)))
        special = far_from_random(case.strong.kernel, labels.known, case.rng(self.name))
        note = "the labelled rows are no random subset of the pool: it holds for rows like them" if special else ""
        answers = []
        for candidate in case.weak:
            hidden = HiddenMap.of(case.strong, candidate)
            grid = {at: gap_from_subset(hidden.at(*at, rows), gold, case.rows) for at in product(ENERGIES, RIDGES)}
            value, error = (part / variance for part in grid[HEADLINE])
            details = {_named(at): found / variance for at, (found, _) in grid.items()}
            spread = 1.645 * error
            answers.append(Estimate(value, self.better, self.unit, value - spread, value + spread, note, details))
        return tuple(answers)


@dataclass(frozen=True, eq=False)
class PseudoLabels:
    """Labels of every pool row from a strong head on the gold rows, in the gold labels' standard deviation.

    Attributes:
        labels: (n, k), gold rows predicted by heads of the other folds.
        in_sample: the same with gold rows predicted by the head that learned from them.
        redrawn: per bootstrap of the gold rows, as `in_sample`.
        strong_error: squared error on held-out gold rows, in label variances.
    """

    labels: Array
    in_sample: Array
    redrawn: tuple[Array, ...]
    strong_error: float

    @classmethod
    def of(
        cls, strong: NDArray[np.floating], gold: Labels, rng: np.random.Generator, own: float | None = None
    ) -> PseudoLabels:
        """Train the heads on (n, d) features and gold labels of some rows, ridge their own or by leave-one-out."""
        rows = np.flatnonzero(gold.known)
        targets = gold.targets[rows]
        scale = float(np.sqrt(np.sum(np.var(targets, axis=0))))
        held_out = cross_fitted(strong[rows], targets, FOLDS, rng, own)
        head = FactoredRidge.of(strong[rows], strong)
        ridge = head.loo_ridge(targets) if own is None else np.full(targets.shape[1], own)
        in_sample = head.predict(targets, ridge)
        labels = in_sample.copy()
        labels[rows] = held_out
        drawn = rng.multinomial(len(rows), np.full(len(rows), 1.0 / len(rows)), RESAMPLES).astype(np.float64)
        redrawn = tuple(resampled(head, targets, ridge, counts) / scale for counts in drawn)
        missed = float(np.mean(np.sum((held_out - targets) ** 2, axis=1))) / scale**2
        return cls(labels / scale, in_sample / scale, redrawn, missed)


@dataclass(frozen=True)
class PseudoLabelledGap:
    """‖P_s(I − P_w) y‖² / n for pseudo-labels of every row, from strong heads that never saw the row's gold label."""

    name: str = "representation_gap_pseudo_labels"
    better: Better = "lower"
    unit: str = "share of label variance"
    evidence: Evidence = Evidence.few_labels
    source: str = "Xue et al. 2025, arXiv:2502.00620, Theorem 3.8; cross-fitted pseudo-labels are ours"
    summary: str = (
        "Part of what a strong head makes of the gold rows that the weak model hides on the whole pool: free of label "
        "noise, blind to the part of the task that head has not learned."
    )

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Per candidate at the grid's centre; the interval is the 90 % spread over bootstraps of the gold rows.

        Absent where the head predicts held-out gold rows no better than their mean: its labels are then uninformative.
        """
        if case.labels is None:
            return tuple(_absent(self, "needs gold labels of some rows: --labels FILE") for _ in case.weak)
        pseudo = PseudoLabels.of(
            case.strong.features, case.labels, case.rng(self.name), case.training.squared.student_ridge
        )
        if pseudo.strong_error >= 1.0:
            why = f"a strong head's error on held-out gold rows is {pseudo.strong_error:.2f}: the mean does as well"
            return tuple(_absent(self, why) for _ in case.weak)
        return tuple(self._one(HiddenMap.of(case.strong, candidate), pseudo) for candidate in case.weak)

    def _one(self, hidden: HiddenMap, pseudo: PseudoLabels) -> Estimate:
        tables = (pseudo.labels, pseudo.in_sample, *pseudo.redrawn)
        projected = hidden.projected(np.concatenate(tables, axis=1))

        def gaps(at: tuple[float, float]) -> Array:
            """‖B y‖² / n of each table, summed over its columns."""
            energy = np.sum(hidden.of_projected(*at, projected) ** 2, axis=0)
            found: Array = energy.reshape(len(tables), -1).sum(axis=1) / hidden.strong.rows
            return found

        grid = {at: float(gaps(at)[0]) for at in product(ENERGIES, RIDGES)}
        value, in_sample, *redrawn = gaps(HEADLINE)
        # What another draw of the gold rows would change; its mean is the bootstrap's own bias and left out.
        low, high = value + np.quantile(np.array(redrawn) - np.mean(redrawn), [0.05, 0.95])
        details = {_named(at): found for at, found in grid.items()}
        details |= {"strong_error": pseudo.strong_error, "in_sample": float(in_sample)}
        return Estimate(float(value), self.better, self.unit, max(float(low), 0.0), float(high), details=details)


def _named(at: tuple[float, float]) -> str:
    return f"energy={at[0]:g},ridge={at[1]:g}"


def _absent(estimator: LabelledGap | PseudoLabelledGap, why: str) -> Estimate:
    return Estimate(None, estimator.better, estimator.unit, note=why)
