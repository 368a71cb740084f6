"""The label model given gold labels of some rows, or none: its posterior, levels of noise, and drawn labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from predictor.statistics.arrays import Array, Ints
from predictor.statistics.once import once
from predictor.truth.model import NEGLIGIBLE, Hypothesis, LabelModel, Rows
from predictor.truth.seen import Seen

KEPT_ROWS = 500
"""Rows up to which covariances of all levels are in memory."""


@dataclass(frozen=True, eq=False)
class NoiseLevel:
    """The truth at one level of noise, under one kernel or a mixture of them.

    Attributes:
        weight: of the level, all together 1.
        noise: σ² per label column.
        mean: (n, k) of the truth.
        covariance: (n, n) of the truth per column, mean over columns; grid points' means differ, which is included.
    """

    weight: float
    noise: float
    mean: Array
    covariance: Array

    def second_moment(self) -> Array:
        """(n, n) E T Tᵀ, mean over columns, T centred over the rows."""
        centred = self.mean - self.mean.mean(axis=0)
        found: Array = self.covariance + centred @ centred.T / self.mean.shape[1]
        return found

    @once
    def root(self) -> Array:
        """(n, n) of the covariance."""
        jitter = 1e-10 * max(float(np.trace(self.covariance)) / len(self.mean), 1e-12)
        return _root(self.covariance, jitter)

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """(n, k, count) truths without noise, Gaussian with the level's moments."""
        rows, columns = self.mean.shape
        smooth = (self.root @ rng.standard_normal((rows, columns * count))).reshape(rows, columns, count)
        found: Array = self.mean[:, :, None] + smooth
        return found


@dataclass(frozen=True, eq=False)
class LabelPosterior:
    """The truth given all evidence: a mixture. Covariances are made level by level, as they are asked for.

    Attributes:
        model: the prior.
        seen: gold labels under each of its kernels.
        hypotheses, weights: grid points and their weights (G,).
        mean: (n, k) expected truth.
        variance: (n,) variance of a label per column, noise included, mean over columns; a share of the label variance.
        left_out: (l, k) prediction of each gold row from all the others; empty without gold labels.
    """

    model: LabelModel
    seen: tuple[Seen, ...]
    hypotheses: tuple[Hypothesis, ...]
    weights: Array
    mean: Array
    variance: Array
    left_out: Array
    _levels: dict[tuple[int, float], NoiseLevel] = field(init=False, repr=False, default_factory=dict)
    _roots: dict[int, Array] = field(init=False, repr=False, default_factory=dict)

    @property
    def unit(self) -> float:
        """Expected 1 / label variance."""
        return float(sum(weight / at.total for weight, at in self._points))

    @property
    def same_kernel(self) -> bool:
        """Whether labels at every level of noise have the same expectation and the same kernel, but for its scale."""
        return not (len(self.seen[0].known) or self.model.linear) and len(self.model.kernels) == 1

    @property
    def noises(self) -> tuple[tuple[float, float], ...]:
        """Every σ² with its weight, rising."""
        found: dict[float, float] = {}
        for weight, at in self._points:
            found[at.noise] = found.get(at.noise, 0.0) + weight
        return tuple(sorted(found.items()))

    @property
    def noise(self) -> float:
        """Expected σ² per column."""
        return float(sum(weight * noise for noise, weight in self.noises))

    def at_noise(self, noise: float) -> NoiseLevel:
        """The truth at one of `noises`, kernels merged."""
        return self._level([(weight, at) for weight, at in self._points if at.noise == noise])

    def heaviest(self, count: int) -> NoiseLevel:
        """The truth under the grid points of most weight, merged, at the expected noise."""
        points = sorted(self._points, key=lambda point: -point[0])[:count]
        found = self._level(points)
        return NoiseLevel(found.weight, self.noise, found.mean, found.covariance)

    def draw(self, count: int, rng: np.random.Generator) -> DrawnLabels:
        """Labels; noises and kernels are drawn in proportion to their weights."""
        drawn = self._drawn([[at for _, at in self._points]], count, rng)[0]
        return drawn.take(rng.permutation(count))

    def draw_at_noises(self, noises: Sequence[float], count: int, rng: np.random.Generator) -> tuple[DrawnLabels, ...]:
        """So many labels at each of some of `noises`; kernels are drawn in proportion to their weights."""
        points = {noise: [at for _, at in self._points if at.noise == noise] for noise in dict.fromkeys(noises)}
        return self._drawn([points[noise] for noise in noises], count, rng)

    def _drawn(
        self, batches: Sequence[Sequence[Hypothesis]], count: int, rng: np.random.Generator
    ) -> tuple[DrawnLabels, ...]:
        if not self.seen[0].known.size:
            return self._drawn_from_prior(batches, count, rng)
        return tuple(self._drawn_given_gold(points, count, rng) for points in batches)

    def _drawn_given_gold(self, points: Sequence[Hypothesis], count: int, rng: np.random.Generator) -> DrawnLabels:
        keys = sorted({(at.kernel, at.noise) for at in points})
        levels = [[(w, at) for w, at in self._points if (at.kernel, at.noise) == key] for key in keys]
        shares = np.array([sum(weight for weight, _ in level) for level in levels])
        counts = rng.multinomial(count, shares / shares.sum())
        parts = zip(keys, levels, counts, strict=True)
        truths = [self._kept(key, level).draw(int(n), rng) for key, level, n in parts if n]
        truth = np.concatenate(truths, axis=2)
        noise = np.repeat([at for _, at in keys], counts)
        total = np.full(count, self.model.totals[0])
        return DrawnLabels(truth, noise, truth + np.sqrt(noise) * rng.standard_normal(truth.shape), total)

    def _drawn_from_prior(
        self, batches: Sequence[Sequence[Hypothesis]], count: int, rng: np.random.Generator
    ) -> tuple[DrawnLabels, ...]:
        """Each draw from a grid point of its own, with the label variance that is known, not about that.

        Nothing was seen that ties rows to each other but the kernels. Random numbers are drawn batch by batch, and
        labels made of them all at once: a product for each kernel.
        """
        (rows, columns), chosen, spread = self.mean.shape, list[Hypothesis](), list[Array]()
        places: dict[int, list[int]] = {}
        normal: dict[int, list[Array]] = {}
        truth = np.empty((rows, columns, len(batches) * count))
        linear = np.zeros_like(truth) if self.model.linear else 0.0
        for points in batches:
            some, start = [points[i] for i in np.sort(rng.integers(len(points), size=count)).tolist()], len(chosen)
            for kernel in sorted({at.kernel for at in some}):
                here = [r for r, at in enumerate(some, start) if at.kernel == kernel]
                places.setdefault(kernel, []).extend(here)
                normal.setdefault(kernel, []).append(rng.standard_normal((rows, columns, len(here))))
                if isinstance(linear, np.ndarray):
                    linear[:, :, here] = np.stack([self._linear(some[r - start], rng) for r in here], axis=2)
            spread.append(rng.standard_normal((rows, columns, count)))
            chosen += some
        for kernel, where in places.items():
            smooth = self._kernel_root(kernel) @ np.concatenate(normal.pop(kernel), axis=2).reshape(rows, -1)
            truth[:, :, where] = smooth.reshape(rows, columns, -1) * np.sqrt([chosen[r].smooth for r in where])
        truth += linear
        noise, total = np.array([at.noise for at in chosen]), np.array([at.total for at in chosen])
        size = total / (np.sum(np.var(truth, axis=0), axis=0) + columns * noise)
        truth, noise = truth * np.sqrt(size), noise * size
        whole = DrawnLabels(truth, noise, truth + np.sqrt(noise) * np.concatenate(spread, axis=2), total)
        return tuple(whole.take(slice(start, start + count)) for start in range(0, len(chosen), count))

    def _linear(self, at: Hypothesis, rng: np.random.Generator) -> Array:
        """(n, k) linear part of one truth before gold labels."""
        directions = self.model.directions(at)
        steps = np.einsum("npk,p->nk", directions, rng.standard_normal(directions.shape[1]))
        found: Array = self.model.prior_mean(at) + steps
        return found

    def _kernel_root(self, kernel: int) -> Array:
        """A root of one of the model's kernels; kept as levels are."""
        found = self._roots.get(kernel)
        found = _root(self.model.kernels[kernel], 1e-10) if found is None else found
        if len(self.mean) <= KEPT_ROWS:
            self._roots[kernel] = found
        return found

    def _kept(self, key: tuple[int, float], points: Sequence[tuple[float, Hypothesis]]) -> NoiseLevel:
        """The level of a kernel and a noise; of few rows it is made once, as many splits ask for it."""
        found = self._levels.get(key) or self._level(points)
        if len(self.mean) <= KEPT_ROWS:
            self._levels[key] = found
        return found

    @once
    def _points(self) -> list[tuple[float, Hypothesis]]:
        return [(float(w), at) for w, at in zip(self.weights, self.hypotheses, strict=True) if w > 0.0]

    def _level(self, points: Sequence[tuple[float, Hypothesis]]) -> NoiseLevel:
        """The mixture's moments at points of one noise."""
        weight = sum(one for one, _ in points)
        found = [(one / weight, at, self.seen[at.kernel].moments(self.model, at).mean) for one, at in points]
        mean: Array = np.sum([share * one for share, _, one in found], axis=0)
        covariance = np.zeros((len(mean), len(mean)))
        for share, at, one in found:
            apart = one - mean
            covariance += share * (self.seen[at.kernel].covariance(self.model, at) + apart @ apart.T / mean.shape[1])
        return NoiseLevel(weight, points[0][1].noise, mean, covariance)


@dataclass(frozen=True, eq=False)
class DrawnLabels:
    """R plausible truths and labels.

    Attributes:
        truth, labels: (n, k, R) without and with noise.
        noise: (R,) σ² per column.
        total: (R,) label variance, summed over columns.
        classes: (n, R) of the rows, where labels are of classes.
    """

    truth: Array
    noise: Array
    labels: Array
    total: Array
    classes: Ints | None = None

    def take(self, draws: Rows | slice) -> DrawnLabels:
        """Some of the draws."""
        classes = None if self.classes is None else self.classes[:, draws]
        return DrawnLabels(
            self.truth[:, :, draws], self.noise[draws], self.labels[:, :, draws], self.total[draws], classes
        )


def posterior(
    model: LabelModel,
    gold: Array,
    known: Rows,
    weighed: Sequence[tuple[float, Hypothesis]] | None = None,
    uneven: Array | None = None,
) -> LabelPosterior:
    """Condition on gold labels.

    Args:
        gold: (l, k) centred labels in units of their standard deviation (summed over columns); l may be 0.
        known: (l,) their rows.
        weighed: grid points with their weights before gold labels, > 0; None for the model's own, all alike.
        uneven: (l,) noise variance of each gold label as a multiple of σ²; None where all are alike.
    """
    uneven = np.ones(len(known)) if uneven is None else uneven
    own = [(1.0, at) for at in model.grid(gold=bool(len(known)))]
    before, grid = zip(*(own if weighed is None else weighed), strict=True)
    seen = tuple(Seen.of(model, kernel, gold, known, uneven) for kernel in range(len(model.kernels)))
    logs = np.array([seen[at.kernel].evidence(model, at) for at in grid]) if len(known) else np.zeros(len(grid))
    logs = logs + np.log(before)
    weights = np.exp(logs - logs.max())
    weights = np.where(weights < NEGLIGIBLE * weights.max(), 0.0, weights)
    weights /= weights.sum()
    points = [(float(w), at) for w, at in zip(weights, grid, strict=True) if w > 0.0]
    found = [(w, at, seen[at.kernel].moments(model, at)) for w, at in points]
    mean: Array = np.sum([w * one.mean for w, _, one in found], axis=0)
    variance: Array = np.sum(
        [w / at.total * (one.variance + at.noise + np.mean((one.mean - mean) ** 2, axis=1)) for w, at, one in found],
        axis=0,
    )
    left_out: Array = np.sum([w * one.left_out for w, _, one in found], axis=0)
    return LabelPosterior(model, seen, grid, weights, mean, variance, left_out)


def _root(covariance: Array, jitter: float) -> Array:
    """Some root of a covariance: Cholesky's where rounding allows it."""
    for lifted in (jitter, 1e4 * jitter):
        try:
            return np.asarray(np.linalg.cholesky(covariance + lifted * np.eye(len(covariance))), dtype=np.float64)
        except np.linalg.LinAlgError:
            continue
    values, vectors = np.linalg.eigh(covariance)
    found: Array = vectors * np.sqrt(np.maximum(values, 0.0))
    return found
