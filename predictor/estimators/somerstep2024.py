"""Refinement: relabel every row by the strong model conditioned on a few weakly labelled rows, or fine-tune naively?

Somerstep et al. 2024, "A transfer learning framework for weak-to-strong generalization", arXiv:2405.16236: labels come
from a mixture of latent concepts; naive fine-tuning on weak labels is limited, relabelling in context overcomes it
(their abstract). The signals below are derived here. What relabels is a `Refiner`: this file has the linear one;
the prompted language model is `predictor.extraction.prompted_refiner`, and runs before estimators do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.hard_votes import are_classes, votes
from predictor.estimators.problem import Case
from predictor.estimators.protocol import Predicts
from predictor.estimators.supervision import supervise
from predictor.estimators.trusted_rows import TRUSTED, trusted_rows
from predictor.heads.ridge import FactoredRidge
from predictor.query.evidence import Evidence
from predictor.results.candidate import Better, Estimate
from predictor.spectral.spectra import Scale
from predictor.statistics.arrays import Array, Ints
from predictor.truth.posterior import truth_posterior

MIN_CONTEXT = 4
"""Fewer rows in context than this name no concept."""


@runtime_checkable
class Refiner(Protocol):
    """A strong model that relabels rows given others in context."""

    def relabel(self, weak_labels: Array, contexts: Ints) -> Array:
        """(n, k) refined labels: row i given rows `contexts[i]` with their weak labels, and nothing of its own label.

        Args:
            weak_labels: (n, k).
            contexts: (n, b) row numbers, none of them i in row i.
        """
        ...


@dataclass(frozen=True, eq=False)
class LinearRefiner:
    """Posterior-weighted mean of linear concepts β ~ N(0, I) on strong features, labels βᵀφ + N(0, noise).

    Attributes:
        kernel: (n, n) φ φᵀ of standardised features, mean diagonal 1.
        noise: (k,) per column, in the kernel's unit.
    """

    kernel: Array
    noise: Array

    @classmethod
    def of(cls, strong: NDArray[np.floating], weak_labels: Array) -> LinearRefiner:
        """The concept prior of (n, d) strong features; noise n β, β by leave-one-out on the weak labels."""
        scaled = Scale.of(strong).apply(strong)
        ridge = FactoredRidge.of(strong, strong[:1]).loo_ridge(weak_labels)
        return cls(scaled @ scaled.T, ridge * len(strong))

    def relabel(self, weak_labels: Array, contexts: Ints) -> Array:
        """ȳ + k_iB (K_BB + noise I)⁻¹ (y_B − ȳ) for B = contexts[i]; with every row in B, one EM step P_s y."""
        mean = weak_labels.mean(axis=0)
        among = self.kernel[contexts[:, :, None], contexts[:, None, :]]
        across = np.take_along_axis(self.kernel, contexts, axis=1)
        shown = (weak_labels - mean)[contexts]
        refined = np.empty_like(weak_labels)
        for one in np.unique(self.noise):
            columns = self.noise == one
            weighted = np.linalg.solve(among + one * np.eye(contexts.shape[1]), shown[:, :, columns])
            refined[:, columns] = mean[columns] + np.einsum("nb,nbk->nk", across, weighted)
        return refined


def em_step(strong: NDArray[np.floating], labels: Array) -> Array:
    """P_s y with an intercept: the posterior mean of the concept given all rows, ridge by leave-one-out."""
    head = FactoredRidge.of(strong, strong)
    return head.predict(labels)


def disjoint_contexts(rows: int, size: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Two (rows, size) arrays of other rows, drawn for each row without replacement; 2 size < rows."""
    drawn = np.argsort(rng.random((rows, rows - 1)), axis=1)[:, : 2 * size]
    drawn += drawn >= np.arange(rows)[:, None]
    return drawn[:, :size], drawn[:, size:]


def shared_contexts(classes: Ints, size: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Two (n, size) arrays of other rows: two disjoint random batches that rows share, so that each is read once.

    A third batch replaces the first where a row is in the first, for the second where it is in the second.
    Classes come in equal numbers as far as they go: a batch of one class names no concept.

    Args:
        classes: (n,) of each row, n ≥ 3 size.
    """
    order = rng.permutation(len(classes))
    round_of = np.empty(len(classes), dtype=np.intp)
    for one in np.unique(classes):
        mine = order[classes[order] == one]
        round_of[mine] = np.arange(len(mine))
    dealt = order[np.argsort(round_of[order], kind="stable")]
    batches = [dealt[round_of[dealt] % 3 == i][:size] for i in range(3)]
    left = dealt[~np.isin(dealt, np.concatenate(batches))]
    filled = []
    for batch in batches:
        short, left = left[: size - len(batch)], left[size - len(batch) :]
        filled.append(rng.permutation(np.concatenate([batch, short])))
    first, second, third = filled
    one, other = np.tile(first, (len(classes), 1)), np.tile(second, (len(classes), 1))
    one[first], other[second] = third, third
    return one, other


def distance(left: Array, right: Array) -> float:
    """1 − correlation of (n, k) labels, columns centred, in [0, 2]: blind to how far a posterior mean is shrunk.

    1 where either side is constant.
    """
    one, other = left - left.mean(axis=0), right - right.mean(axis=0)
    energy = float(np.sum(one**2) * np.sum(other**2))
    return 1.0 - float(np.sum(one * other)) / float(np.sqrt(energy)) if energy > 0.0 else 1.0


@dataclass(frozen=True)
class Refinement:
    """E d(weak, refined) − λ E d(refined₁, refined₂) over disjoint random contexts; above 0: refine.

    In squared distance the first part is the refined labels' systematic difference from the weak ones plus their
    variance over contexts, the second twice that variance: at λ = 1 the difference must exceed the variance.

    Attributes:
        context: rows in context (n_icl), at least 4; fewer where the pool has no two disjoint contexts of that size.
        penalty: λ.
        max_rows: unlabelled rows used at most, drawn by the seed: the linear refiner needs an n × n kernel.
    """

    context: int = 16
    penalty: float = 1.0
    max_rows: int = 1200

    name: str = "refinement"
    better: Better = "higher"
    unit: str = "1 − correlation"
    evidence: Evidence = Evidence.weak_labels
    predicts: Predicts = "gain"
    source: str = "Somerstep et al. 2024, arXiv:2405.16236; signals derived here"
    summary: str = (
        "Whether to relabel in context before training (above 0) or to train on the weak labels as they are: "
        "relabelled rows must agree across contexts more than with the weak labels; relabelled by linear concepts on "
        "strong features, or by prompting the strong model."
    )
    joint: Literal[True] = True

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Score per candidate.

        Details: `weak_vs_refined`, `refined_vs_refined` (both signals), `retention` (share of rows that keep their
        class, or correlation with the weak numbers: losing the concept is how refinement fails), and with gold labels
        `gain_naive`, `gain_refined`, `gain_em_step`, `gain_filtered` of each route on linear heads, in label variances:
        the labels as they are, refined, after one EM step, or of the trusted rows alone. The note advises by them where
        they exist: measured, the score is often wrong (tests/benchmarks/refinement.md).
        """
        supervision = supervise(case, case.rng(self.name))
        if case.refined is not None:
            truths: dict[bytes, tuple[Array, float] | None] = {}
            return tuple(
                self._prompted(case, candidate.name, supervision.rows, labels, truths)
                for candidate, labels in zip(case.weak, supervision.predictions, strict=True)
            )
        rng = case.rng(f"rows of {self.name}")
        used = np.sort(rng.permutation(len(supervision.rows))[: self.max_rows])
        rows = supervision.rows[used]
        size = min(self.context, (len(rows) - 1) // 2)
        contexts = disjoint_contexts(len(rows), size, rng)
        strong = case.strong.features[rows]
        truth = self._truth(case, rows)
        answers = []
        for labels in supervision.predictions:
            if labels is None:
                answers.append(self._absent("needs --weak-labels for this candidate, or --labels"))
            elif size < MIN_CONTEXT:
                answers.append(self._absent(f"needs two disjoint contexts of {MIN_CONTEXT} rows, has {len(rows)} rows"))
            elif np.ptp(labels[used], axis=0).max() <= 0.0:
                answers.append(self._absent("the weak labels are constant"))
            else:
                refiner: Refiner = LinearRefiner.of(strong, labels[used])
                first, second = (refiner.relabel(labels[used], context) for context in contexts)
                answers.append(self._of(labels[used], strong, first, second, truth, case))
        return tuple(answers)

    def _prompted(
        self, case: Case, name: str, rows: Ints, labels: Array | None, truths: dict[bytes, tuple[Array, float] | None]
    ) -> Estimate:
        """The estimate on the rows that the prompted strong model relabelled; `truths` has the truth by rows."""
        refined = None if case.refined is None else case.refined.get(name)
        if labels is None:
            return self._absent("needs --weak-labels for this candidate, or --labels")
        if refined is None:
            return self._absent("the strong model was not prompted for it: its labels are no classes, or all the same")
        known = np.isfinite(refined.first[rows]).all(axis=1)
        if known.sum() < MIN_CONTEXT:
            return self._absent("too few rows were relabelled by the strong model")
        shown = rows[known]
        first, second = refined.first[shown], refined.second[shown]
        strong = case.strong.features[shown]
        if shown.tobytes() not in truths:
            truths[shown.tobytes()] = self._truth(case, shown)
        found = self._of(labels[known], strong, first, second, truths[shown.tobytes()], case)
        return replace(found, note=f"{found.note}; {len(shown)} rows relabelled by prompts")

    def _of(
        self,
        weak: Array,
        strong: NDArray[np.floating],
        first: Array,
        second: Array,
        truth: tuple[Array, float] | None,
        case: Case,
    ) -> Estimate:
        moved = (distance(weak, first) + distance(weak, second)) / 2.0
        spread = distance(first, second)
        if are_classes(weak, case.labels):
            retention = float(np.mean(votes(weak) == votes(first)))
        else:
            retention = 1.0 - distance(weak, first)
        score = moved - self.penalty * spread
        details = {"weak_vs_refined": moved, "refined_vs_refined": spread, "retention": retention}
        advised, reason = score, ""
        if truth is not None:
            details |= route_gains(strong, weak, first, *truth, case.rng("routes"), case.training.squared.student_ridge)
            advised, reason = details["gain_refined"] - details["gain_naive"], ", by predicted gains"
        note = "refine before training" if advised > 0.0 else "train on the weak labels as they are"
        if truth is not None and details["gain_filtered"] > max(details["gain_refined"], details["gain_naive"]):
            note = f"train on the {TRUSTED:.0%} of rows whose weak labels the student expects"
        return Estimate(score, self.better, self.unit, note=note + reason, details=details)

    def _truth(self, case: Case, rows: Ints) -> tuple[Array, float] | None:
        """Posterior mean of the truth on the rows, in the gold labels' unit, and their variance."""
        if case.labels is None:
            return None
        known = np.flatnonzero(case.labels.known)
        gold = case.labels.targets[known]
        centre, variance = gold.mean(axis=0), float(np.sum(np.var(gold, axis=0)))
        scaled = (gold - centre) / np.sqrt(variance)
        weak = [w.features for w in case.weak]
        posterior = truth_posterior(case.strong.features, weak, scaled, known, rows, case.rng("truth of refinement"))
        return centre + posterior.mean * np.sqrt(variance), variance

    def _absent(self, why: str) -> Estimate:
        return Estimate(None, self.better, self.unit, note=why)


def route_gains(
    strong: NDArray[np.floating],
    weak: Array,
    refined: Array,
    truth: Array,
    variance: float,
    rng: np.random.Generator,
    ridge: float | None = None,
) -> dict[str, float]:
    """mean (f_w − μ)² − (f_sw − μ)² of students by what they are trained on.

    That is the weak labels, the refined ones, one EM step of them, and the weak labels of the trusted rows alone.

    Students are ridge heads two-fold cross-fitted; the EM step sees only the half that the student is trained on.

    Args:
        strong: (n, d).
        weak, refined: (n, k).
        truth: (n, k) μ, posterior mean of the truth.
        variance: of a gold label; gains are divided by it.
        ridge: of the students, a share of tr K; None for leave-one-out.
    """
    names = ("gain_naive", "gain_refined", "gain_em_step", "gain_filtered")
    learned = {name: np.empty_like(weak) for name in names}
    order = rng.permutation(len(weak))
    halves = np.array_split(order, 2)
    for test, rest in (halves, halves[::-1]):
        head = FactoredRidge.of(strong[rest], strong[test])
        for name, labels in zip(names[:3], (weak[rest], refined[rest], em_step(strong[rest], weak[rest])), strict=True):
            learned[name][test] = head.predict(labels, ridge)
        kept = rest[trusted_rows(strong[rest], weak[rest])]
        learned["gain_filtered"][test] = FactoredRidge.of(strong[kept], strong[test]).predict(weak[kept], ridge)
    before = float(np.mean(np.sum((weak - truth) ** 2, axis=1)))
    after = {name: float(np.mean(np.sum((student - truth) ** 2, axis=1))) for name, student in learned.items()}
    return {name: (before - error) / variance for name, error in after.items()}
