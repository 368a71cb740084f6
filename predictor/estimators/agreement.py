"""Agreement: the error of each weak model from how three or more of them agree on the pool.

Classes: 0–1 error by Dawid–Skene, beside the spectral balanced error and, with gold labels, agreement-on-the-line.
Numbers: squared error by the three-cornered hat. All assume errors independent between candidates: what all of them
get wrong together is invisible, so that layers of one model, or a majority class that everyone falls back on, look
better than they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.case import Case
from predictor.estimators.dawid1979 import dawid_skene
from predictor.estimators.parisi2014 import balanced_errors
from predictor.estimators.protocol import Evidence, Foretells
from predictor.estimators.supervision import cross_taught, supervise
from predictor.estimators.three_cornered_hat import distances, squared_errors
from predictor.estimators.votes import are_classes, votes
from predictor.result import Better, Estimate

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

FOLDS = 5
RARE = 1e-6
"""Share of a class below which the other one is the only class."""

NEEDED = 3
"""Candidates whose agreement says something of each: two that differ do not say who is wrong."""


@dataclass(frozen=True, eq=False)
class Panel:
    """Weak labels of the candidates that have any, on the rows without gold labels.

    Attributes:
        rows: pool rows.
        seats: places of these candidates among the case's.
        tables: per candidate (n, k).
        classes: number of classes, 0 for numbers.
    """

    rows: Ints
    seats: tuple[int, ...]
    tables: tuple[Array, ...]
    classes: int

    @classmethod
    def of(cls, case: Case, purpose: str) -> Panel:
        """Gather weak labels, given or from heads trained on the gold labels."""
        supervision = supervise(case, case.rng(purpose))
        held = [(i, table) for i, table in enumerate(supervision.predictions) if table is not None]
        tables = tuple(table for _, table in held)
        named = bool(tables) and all(are_classes(table, case.labels) for table in tables)
        count = max((max(table.shape[1], 2) for table in tables), default=0) if named else 0
        return cls(supervision.rows, tuple(i for i, _ in held), tables, count)

    def votes(self) -> Ints:
        """(n, m) classes."""
        return np.stack([votes(table) for table in self.tables], axis=1)

    def stacked(self) -> Array | None:
        """(m, n, k), None where the candidates' tables differ in width."""
        widths = {table.shape[1] for table in self.tables}
        return np.stack(self.tables) if len(widths) == 1 else None

    def scale(self, case: Case) -> tuple[float, str]:
        """Unit of squared errors, one for all candidates: variance of the gold labels, else mean of the weak ones'."""
        if case.labels is not None:
            return float(np.sum(np.var(case.labels.targets[case.labels.known], axis=0))), "label variance"
        mean = float(np.mean([np.sum(np.var(table, axis=0)) for table in self.tables]))
        return mean, "mean weak-label variance"


def on_the_line(votes_gold: Ints, gold: Ints, votes_pool: Ints) -> tuple[Array, float]:
    """(m,) 0–1 errors on the pool by agreement-on-the-line, and R² of the line.

    Φ⁻¹(agreement on pool) = a Φ⁻¹(agreement on gold rows) + c is fitted over pairs of voters and carried over to
    accuracies: error = 1 − Φ(a Φ⁻¹(accuracy on gold rows) + c). With gold rows and pool drawn alike it tells no more
    than the accuracy on the gold rows; it is for pools that differ.

    Args:
        votes_gold: (g, m) held-out votes on the gold rows, m ≥ 3.
        gold: (g,) true classes.
        votes_pool: (n, m).

    Source: Baek, Jiang, Raghunathan, Kolter 2022, arXiv:2206.13089 (their ALine-S).
    """
    left, right = np.triu_indices(votes_gold.shape[1], 1)
    known = _probit(np.mean(votes_gold[:, left] == votes_gold[:, right], axis=0), len(gold))
    found = _probit(np.mean(votes_pool[:, left] == votes_pool[:, right], axis=0), len(votes_pool))
    slope, offset = _line(known, found)
    accuracy = _probit(np.mean(votes_gold == gold[:, None], axis=0), len(gold))
    errors = np.array([1.0 - NormalDist().cdf(float(x)) for x in slope * accuracy + offset])
    spread = float(np.sum((found - found.mean()) ** 2))
    missed = float(np.sum((found - slope * known - offset) ** 2))
    return errors, 1.0 - missed / spread if spread > 0.0 else 0.0


def _probit(shares: Array, rows: int) -> Array:
    """Φ⁻¹ of shares of rows, half a row away from 0 and 1."""
    return np.array([NormalDist().inv_cdf(float(x)) for x in np.clip(shares, 0.5 / rows, 1.0 - 0.5 / rows)])


def _line(x: Array, y: Array) -> tuple[float, float]:
    """Least squares; the line of slope 1 where x does not vary."""
    centred = x - x.mean()
    energy = float(centred @ centred)
    slope = float(centred @ y) / energy if energy > 1e-12 else 1.0
    return slope, float(y.mean() - slope * x.mean())


@dataclass(frozen=True)
class AgreementError:
    """Err_w of each candidate without a gold label of the rows: 0–1 error for classes, squared error for numbers."""

    name: str = "agreement_error"
    better: Better = "lower"
    unit: str = "share of rows"
    evidence: Evidence = Evidence.weak_labels
    foretells: Foretells = "weak_error"
    source: str = (
        "Dawid, Skene 1979; Parisi et al. 2014, PNAS 111(4); Baek et al. 2022, arXiv:2206.13089; Gray, Allan 1974"
    )
    summary: str = (
        "Error of each weak model from how at least three of them agree on the pool, if they err independently; "
        "mistakes that all of them share are invisible, which makes values too low and can turn the order."
    )
    joint: Literal[True] = True

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Per candidate; every other way to the same error that applies is in the details."""
        panel = Panel.of(case, self.name)
        answers = [Estimate(None, self.better, self.unit, note=too_few(panel)) for _ in case.weak]
        if len(panel.seats) < NEEDED:
            return tuple(answers)
        found = self._of_classes(panel, case) if panel.classes else self._of_numbers(panel, case)
        for seat, estimate in zip(panel.seats, found, strict=True):
            answers[seat] = estimate
        return tuple(answers)

    def _of_classes(self, panel: Panel, case: Case) -> list[Estimate]:
        cast = panel.votes()
        consensus = dawid_skene(cast, panel.classes)
        errors = consensus.errors()
        details: list[dict[str, float]] = [{"majority_error": x} for x in _against_majority(cast, panel.classes)]
        shares = consensus.prior
        if panel.classes == 2 and RARE < shares[0] < 1.0 - RARE:
            signs: Array = 2.0 * cast.astype(np.float64) - 1.0
            balanced = balanced_errors(signs, float(shares[1] - shares[0]))
            for one, error in zip(details, balanced, strict=True):
                one["spectral_balanced_error"] = float(error)
        self._add_line(panel, case, cast, details)
        alike = float(np.mean(np.all(cast == cast[:, :1], axis=1)))
        note = f"all candidates agree on {alike:.0%} of the rows" if alike > 0.8 else ""
        return [
            Estimate(float(error), self.better, self.unit, note=note, details=one)
            for error, one in zip(errors, details, strict=True)
        ]

    def _add_line(self, panel: Panel, case: Case, cast: Ints, details: list[dict[str, float]]) -> None:
        labels = case.labels
        if labels is None:
            return
        lesson = labels.targets[labels.known]
        guessed = []
        for seat in panel.seats:
            candidate = case.weak[seat]
            if candidate.name in case.weak_labels:
                return
            guessed.append(votes(cross_taught(candidate.features[labels.known], lesson, FOLDS, case.rng("line"))))
        held_out, gold = np.stack(guessed, axis=1), votes(lesson)
        errors, fit = on_the_line(held_out, gold, cast)
        for i, one in enumerate(details):
            one["held_out_error"] = float(np.mean(held_out[:, i] != gold))
            one["line_error"], one["line_fit"] = float(errors[i]), fit

    def _of_numbers(self, panel: Panel, case: Case) -> list[Estimate]:
        stacked, (variance, unit) = panel.stacked(), panel.scale(case)
        if stacked is None or variance <= 0.0:
            return [Estimate(None, self.better, unit, note=unfit(stacked)) for _ in panel.seats]
        return [Estimate(float(e), self.better, unit) for e in squared_errors(distances(stacked)) / variance]


def too_few(panel: Panel) -> str:
    """The note of candidates that cannot be judged by agreement."""
    have = len(panel.seats)
    if have < NEEDED:
        return f"needs weak labels of at least {NEEDED} candidates, has {have}: give --labels or more --weak-labels"
    return "needs --weak-labels for this candidate, or --labels"


def unfit(stacked: Array | None) -> str:
    """The note of candidates whose tables have no squared distances to speak of."""
    return "the candidates' weak labels differ in width" if stacked is None else "the weak labels are constant"


def _against_majority(cast: Ints, classes: int) -> Array:
    counts = np.eye(classes)[cast].sum(axis=1)
    astray: Array = np.mean(cast != counts.argmax(axis=1)[:, None], axis=0)
    return astray


@dataclass(frozen=True)
class AgreementSelection:
    """Charikar's rule without gold labels of the rows: Err_w by the three-cornered hat, minus held-out misfit.

    Squared loss throughout, on numbers as on the codes of classes, in one unit for all candidates: the rule subtracts
    a squared distance, so that a 0–1 error would not fit into it.
    """

    name: str = "agreement_selection"
    better: Better = "lower"
    unit: str = "label variance"
    evidence: Evidence = Evidence.weak_labels
    source: str = "Charikar et al. 2024, arXiv:2405.15116 (minimise Err_w − misfit); Gray, Allan 1974"
    summary: str = (
        "Bound on Err_w2s up to an amount that all candidates share, squared loss: error by agreement of at least "
        "three weak models that err independently, minus what a ridge student refuses; needs a convex strong class "
        "that holds the truth, which ridge heads do not guarantee."
    )
    joint: Literal[True] = True

    def estimate(self, case: Case) -> tuple[Estimate, ...]:
        """Per candidate; `weak_error` and `misfit` in the details. May be negative: the shared part is missing."""
        panel = Panel.of(case, self.name)
        answers = [Estimate(None, self.better, self.unit, note=too_few(panel)) for _ in case.weak]
        if len(panel.seats) < NEEDED:
            return tuple(answers)
        stacked, (variance, unit) = panel.stacked(), panel.scale(case)
        if stacked is None or variance <= 0.0:
            found = [Estimate(None, self.better, unit, note=unfit(stacked)) for _ in panel.seats]
        else:
            errors = squared_errors(distances(stacked)) / variance
            misfits = self._misfits(stacked, panel, case) / variance
            found = [
                Estimate(float(e - m), self.better, unit, details={"weak_error": float(e), "misfit": float(m)})
                for e, m in zip(errors, misfits, strict=True)
            ]
        for seat, estimate in zip(panel.seats, found, strict=True):
            answers[seat] = estimate
        return tuple(answers)

    def _misfits(self, stacked: Array, panel: Panel, case: Case) -> Array:
        count, rows, columns = stacked.shape
        lessons = stacked.transpose(1, 0, 2).reshape(rows, -1)
        learned = cross_taught(case.strong.features[panel.rows], lessons, FOLDS, case.rng(self.name))
        missed: Array = np.sum((learned - lessons) ** 2, axis=0).reshape(count, columns).sum(axis=1) / rows
        return missed
