"""The whole weak-to-strong pipeline on labels drawn from a prior: expectations in closed form, and paired draws.

Weak head on D~, weak labels on D^, strong head on those, errors on test rows. With ridges fixed, every step is linear
in the labels of D~, so a prediction on the test rows is  1 ȳ + M q  with q = U_wᵀ y~, and

    E (y_t − ȳ − M q)²  =  K_tt + σ²  −  2 [ȳ; q] covariances with y_t  +  variance of ȳ + M q

for y ~ N(0, K + σ² I). Ridges are the user's own, or those that minimise the *expected* error on rows left out one by
one, so nothing is tuned on an outcome. Derived here; no paper states it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from predictor.heads.ridge import FactoredRidge
from predictor.query.training_plan import FREE, Training
from predictor.statistics.arrays import Array
from predictor.training.splits import Parts, Rows
from predictor.truth.consensus import WeakMoments

_CHUNK = 64
"""Rows whose responses to the gold labels are held of all models at a time."""


@dataclass(frozen=True, eq=False)
class LabelPrior:
    """Labels y ~ N(0, K + σ² I) over the pool, unit variance in all.

    Attributes:
        name: for reports.
        kernel: (n, n) K, centred, mean diagonal 1 − σ².
        noise: σ² in [0, 1), the share of label variance that no row explains.
    """

    name: str
    kernel: Array
    noise: float

    @classmethod
    def of(cls, name: str, kernel: Array, noise: float) -> LabelPrior:
        """Centre a kernel (the label mean is free) and scale it so that labels have unit variance."""
        means = kernel.mean(axis=0)
        centred = kernel - means[:, None] - means[None, :] + means.mean()
        return cls(name, centred * ((1.0 - noise) / float(np.mean(np.diag(centred)))), noise)

    def with_noise(self, noise: float) -> LabelPrior:
        """The same tasks with another share of unexplained variance."""
        return LabelPrior(self.name, self.kernel * ((1.0 - noise) / (1.0 - self.noise)), noise)

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """(n, count) label vectors."""
        values, vectors = np.linalg.eigh(self.kernel)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        smooth = root @ rng.standard_normal((len(root), count))
        drawn: Array = smooth + np.sqrt(self.noise) * rng.standard_normal(smooth.shape)
        return drawn


@dataclass(frozen=True, eq=False)
class LabelMoments:
    """Second moments, under a prior, of what a head is taught and of the labels it is tested on.

    The head sees labels y of its n training rows through q = Uᵀ y and ȳ; U is orthogonal to the constant vector.

    Attributes:
        spread: (r, r) E q qᵀ.
        with_mean: (r,) E q ȳ.
        of_mean: E ȳ².
        total: E ‖y − ȳ‖².
        with_test: (r, n_t) E q y_tᵀ.
        mean_with_test: mean over test rows of E ȳ y_t.
        of_test: mean over test rows of E y_t².
    """

    spread: Array
    with_mean: Array
    of_mean: float
    total: float
    with_test: Array
    mean_with_test: float
    of_test: float

    @classmethod
    def of(cls, left: Array, rows: Rows, test: Rows, prior: LabelPrior) -> LabelMoments:
        """Moments for a head with training rows `rows` and left factor U = `left`."""
        count = len(rows)
        among = prior.kernel[np.ix_(rows, rows)]
        across = prior.kernel[np.ix_(rows, test)]
        summed = float(among.sum())
        return cls(
            spread=left.T @ (among @ left) + prior.noise * np.eye(left.shape[1]),
            with_mean=left.T @ among.mean(axis=1),
            of_mean=(summed / count + prior.noise) / count,
            total=float(np.trace(among)) - summed / count + prior.noise * (count - 1),
            with_test=left.T @ across,
            mean_with_test=float(across.mean()),
            of_test=float(np.mean(np.diag(prior.kernel)[test])) + prior.noise,
        )

    def expected_error(self, chain: Array) -> float:
        """E mean (y_t − ȳ − M q)² for M = `chain` (n_t, r), in units of the label variance."""
        count = len(chain)
        variance = (
            self.of_mean
            + 2.0 * float(np.mean(chain @ self.with_mean))
            + float(np.sum((chain @ self.spread) * chain)) / count
        )
        covariance = self.mean_with_test + float(np.sum(chain * self.with_test.T)) / count
        return self.of_test - 2.0 * covariance + variance


def head_map(head: FactoredRidge, taught: LabelMoments, ridge: float | None = None) -> Array:
    """(m, r) M of a head trained on gold labels.

    Args:
        ridge: a share of tr K; None for the one that minimises its expected error on rows left out.
    """
    if ridge is None:
        ridge = float(head.expected_loo_ridge(np.diag(taught.spread)[:, None], np.array([taught.total]))[0])
    weighted: Array = head.transfer * head.shrinkage(ridge)
    return weighted


def weak_moments(
    heads: Sequence[FactoredRidge], taught: Rows, other: Rows, prior: LabelPrior, training: Training = FREE
) -> WeakMoments:
    """Expected moments, over the `other` rows, of weak labels of heads that were taught the same gold rows.

    With q_i = U_iᵀ y~ and M_i centred over the rows, cov(f_i, f_j) = tr M_i U_iᵀ (K + σ² I) U_j M_jᵀ / m, and
    cov(f_i, y) = tr M_i U_iᵀ K_cross / m. What heads share of the noise of their gold rows is in the former alone.

    Args:
        heads: of each model, trained on `taught` and transferring to `other`.
        taught: D~.
        other: m rows.
        training: whose ridge is used.
    """
    among = prior.kernel[np.ix_(taught, taught)] + prior.noise * np.eye(len(taught))
    across, root = prior.kernel[np.ix_(taught, other)], np.linalg.cholesky(among)
    responses, with_truth = [], []
    for head in heads:
        chain = head_map(head, LabelMoments.of(head.left, taught, other, prior), training.weak_ridge)
        chain -= chain.mean(axis=0)
        with_truth.append(float(np.sum(chain * (head.left.T @ across).T)) / len(other))
        responses.append((chain, head.left.T @ root))
    spread: Array = np.zeros((len(heads), len(heads)))
    for start in range(0, len(other), _CHUNK):
        block = np.stack([(chain[start : start + _CHUNK] @ seen).ravel() for chain, seen in responses])
        spread += block @ block.T
    return WeakMoments(spread / len(other), np.array(with_truth))


def student_map(strong: FactoredRidge, lessons: Array, taught: LabelMoments, ridge: float | None = None) -> Array:
    """(n_t, r) M of the strong head trained on weak labels ȳ + `lessons` q of D^.

    Args:
        strong: trained on D^, transferring to the test rows.
        lessons: (n^, r) the weak head's map to D^.
        taught: moments of the weak head's gold labels.
        ridge: a share of tr K; None for the one that minimises its expected error on rows left out.
    """
    mean_lesson = lessons.mean(axis=0)
    coefficients = strong.left.T @ lessons
    if ridge is None:
        centred = lessons - mean_lesson
        energy = np.sum((coefficients @ taught.spread) * coefficients, axis=1)
        total = float(np.sum((centred @ taught.spread) * centred))
        ridge = float(strong.expected_loo_ridge(energy[:, None], np.array([total]))[0])
    learned: Array = mean_lesson + strong.transfer @ (strong.shrinkage(ridge)[:, None] * coefficients)
    return learned


@dataclass(frozen=True, eq=False)
class Pipeline:
    """One weak-to-strong training under one prior: linear maps of the gold labels of D~ to the test rows.

    Attributes:
        rows, left: D~ and the weak head's U.
        weak, student: (n_t, r) maps of the weak head and of the student it taught.
        taught: moments of the gold labels of D~.
    """

    rows: Rows
    left: Array
    weak: Array
    student: Array
    taught: LabelMoments

    @classmethod
    def of(
        cls, weak: FactoredRidge, strong: FactoredRidge, part: Parts, prior: LabelPrior, training: Training = FREE
    ) -> Pipeline:
        """Set up the training of one candidate.

        Args:
            weak: trained on D~, transferring to D^ followed by the test rows.
            strong: trained on D^, transferring to the test rows.
            training: whose ridges are used.
        """
        taught = LabelMoments.of(weak.left, part.weak, part.test, prior)
        everywhere = head_map(weak, taught, training.weak_ridge)
        lessons, tested = np.split(everywhere, [len(part.student)])
        return cls(part.weak, weak.left, tested, student_map(strong, lessons, taught, training.student_ridge), taught)

    def expected_errors(self) -> tuple[float, float]:
        """Expected Err_w and Err_w2s on the test rows, in units of the label variance."""
        return self.taught.expected_error(self.weak), self.taught.expected_error(self.student)

    def predictions(self, labels: Array) -> tuple[Array, Array]:
        """(n_t, k) predictions of the weak head and of the student for (n, k) labels of the whole pool."""
        gold = labels[self.rows]
        mean, seen = gold.mean(axis=0), self.left.T @ gold
        return mean + self.weak @ seen, mean + self.student @ seen
