"""What the labels may be given all evidence, and how much each voter is relied on for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from predictor.results.ranking import EvidenceUse
from predictor.statistics.arrays import Array, Ints
from predictor.training.coding import Coding
from predictor.training.row_classes import RowClasses
from predictor.truth.class_link import ClassLink, Smoother
from predictor.truth.class_probabilities import class_probabilities
from predictor.truth.conditioned import DrawnLabels, LabelPosterior
from predictor.truth.voters import Consensus, Voters, variances_of

Rows = NDArray[np.intp]

SURE = 0.05
"""Least probability of a class that voters leave."""


@dataclass(frozen=True, eq=False)
class LabelTruths:
    """What the labels may be, for the order of candidates and for the level of their errors.

    Attributes:
        alone: the one that no candidate has a part in, as far as that is known: it makes the null.
        coding: unit of all.
        voters, consensus: in that unit, without gold labels; None where nobody votes.
        classes: labels are class codes in that coding.
        known, gold: rows with gold labels, and these labels.
        uncertain: see `level_error`; 0 without gold labels.
    """

    order: LabelPosterior
    level: LabelPosterior
    alone: LabelPosterior
    coding: Coding
    voters: Voters | None
    consensus: Consensus | None
    classes: bool
    known: Rows
    gold: Array
    uncertain: float = 0.0

    def with_classes(
        self, drawn: Sequence[DrawnLabels], smoother: Smoother, rng: np.random.Generator
    ) -> tuple[DrawnLabels, ...]:
        """Drawn labels of all rows with the classes that they are of, those of gold rows in place; numbers as they are.

        Args:
            smoother: of the strong model's heads.
        """
        if not self.classes:
            return tuple(drawn)
        level, coding, shown = self.level, self.coding, None
        if len(self.known):
            left_out, mean, gold = (coding.codes(one) for one in (level.left_out, level.mean, self.gold))
            shown = class_probabilities(left_out, mean, gold)[1]
        truth = coding.centre[:, None] + coding.scale * np.concatenate([one.truth for one in drawn], axis=2)
        noise, total = (np.concatenate([getattr(one, name) for one in drawn]) for name in ("noise", "total"))
        found = ClassLink.of(coding.centre, smoother, shown).draw(truth, noise * truth.shape[1] / total, rng)
        found[self.known] = RowClasses(coding).named(self.gold)[:, None]
        ends = np.cumsum([len(one.noise) for one in drawn])[:-1]
        return tuple(replace(one, classes=own) for one, own in zip(drawn, np.split(found, ends, axis=1), strict=True))

    @property
    def finished(self) -> bool:
        """Whether weak labels vote: their heads were trained on other rows than those with gold labels."""
        return self.voters is not None and "weak" in self.voters.kinds

    def moments(self, truth: LabelPosterior) -> tuple[Array, Array]:
        """(n, k) expected labels and (n,) their variance, mean over columns; gold labels are what they are."""
        mean, variance = truth.mean.copy(), truth.variance.copy()
        mean[self.known], variance[self.known] = self.gold, 0.0
        return mean, variance

    def batches(
        self, drawn: Sequence[DrawnLabels], rows: Rows, parts: Sequence[Rows]
    ) -> list[tuple[Array, Ints | None]]:
        """Of some rows, (n, k, R) drawn labels with the gold ones in place, and (n, R) classes; None of numbers.

        Args:
            parts: the numbers of the draws of each batch.
        """
        labels = np.concatenate([one.labels for one in drawn], axis=2)
        labels[self.known] = self.gold[:, :, None]
        of = [one.classes for one in drawn if one.classes is not None]
        classes = np.concatenate(of, axis=1)[rows] if of else None
        return [(labels[rows][:, :, part], None if classes is None else classes[:, part]) for part in parts]

    @property
    def evidence_kinds(self) -> tuple[EvidenceUse, ...]:
        """How much each voter is relied on, and how it fits the gold labels."""
        if self.voters is None or self.consensus is None:
            return ()
        scores = self.voters.scores
        sizes = np.abs(self.consensus.weights) * np.sqrt(variances_of(scores))
        shares = sizes / max(float(sizes.sum()), 1e-12)
        gold = [_correlation(scores[self.known, j], self.gold) for j in range(len(shares))]
        rows = zip(self.voters.kinds, self.voters.names, shares, self.consensus.reliability, gold, strict=True)
        return tuple(EvidenceUse(kind, name, float(share), float(rely), fit) for kind, name, share, rely, fit in rows)

    @property
    def notes(self) -> tuple[str, ...]:
        """How much each voter is relied on; without voters, how many gold rows the truth is from."""
        if self.voters is None or self.consensus is None:
            return (f"truth from {len(self.known)} gold rows",) if len(self.known) else ()
        relied = zip(self.voters.names, self.consensus.reliability, strict=True)
        return ("truth from " + ", ".join(f"{name} {value:.2f}" for name, value in relied),)


def _correlation(scores: Array, gold: Array) -> float | None:
    """Of (n, k) scores with (n, k) gold labels over all columns; None without gold labels or without variance."""
    if len(gold) < 2:
        return None
    first, second = scores - scores.mean(axis=0), gold - gold.mean(axis=0)
    size = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.sum(first * second)) / size if size > 0.0 else None


def level_error(left_out: Array, gold: Array) -> float:
    """Standard error of the mean squared error on gold rows left out, of (l, k) predictions and labels."""
    return float(np.std(np.sum((left_out - gold) ** 2, axis=1)) / np.sqrt(len(gold)))


def class_noise(codes: Array) -> Array:
    """(n,) variance of a class label around its expectation, as a multiple of its mean over the rows.

    A label is p (1 − p) about its probability p: much where voters are unsure, and little where they are sure.

    Args:
        codes: (n, k) expected codes, kept SURE away from 0 and 1.
    """
    shares = np.clip(codes, SURE, 1.0 - SURE)
    variance = np.sum(shares * (1.0 - shares), axis=1)
    found: Array = variance / variance.mean()
    return found
