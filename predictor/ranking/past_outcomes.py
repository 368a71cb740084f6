"""PastOutcomes: measured outcomes of the same candidates on other tasks, as evidence beside a forecast."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from predictor.estimators.protocol import Forecast
from predictor.outcomes.outcome import Outcome
from predictor.query.query import RankingQuery
from predictor.results.ranking import EvidenceUse
from predictor.statistics.arrays import Array
from predictor.training.predicted_measure import PredictedMeasure
from predictor.truth.past_tasks import MIN_CANDIDATES, PastTask, Standing, standing

KIND = "past_outcomes"

IN_VARIANCES = "label variance"
"""The forecast's unit of errors and gains."""

_Student = tuple[str, str, str, bool]
"""Its name, how it was trained, the unit of its errors, and whether that is the forecast's."""

Measure = Callable[[Outcome], tuple[float | None, bool]]
"""What was measured, and whether it is in the forecast's unit."""


@dataclass(frozen=True, eq=False)
class PastOutcomes:
    """Outcomes of any of a query's candidates.

    Attributes:
        outcomes: by the names under which candidates are known in them.
        also: candidate of the query -> the reference of its model, under which outcomes may know it.
    """

    outcomes: tuple[Outcome, ...]
    also: Mapping[str, str]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], query: RankingQuery) -> PastOutcomes:
        """Outcomes beside the candidates of a query."""
        return cls(tuple(outcomes), {one.name: one.reference for one in query.weak})

    def record(self) -> dict[str, Any]:
        """For the provenance: how many there are, of how many tasks, and a digest of them all."""
        digest = hashlib.sha256("".join(sorted(one.id for one in self.outcomes)).encode()).hexdigest()
        return {"outcomes": len(self.outcomes), "tasks": len({one.task for one in self.outcomes}), "sha256": digest}

    def added_to(self, forecast: Forecast, names: Sequence[str]) -> Forecast:
        """The forecast with the candidates' past outcomes as further evidence; as it is where none says anything.

        Errors, gains and accuracies are each moved by what was measured of their own kind.
        """
        past = self._tasks(_error, names)
        if not past:
            few = f"no past task has outcomes of {MIN_CANDIDATES} of these candidates; past outcomes were not used"
            return replace(forecast, warnings=(*forecast.warnings, few))
        error, error_draws, found = _moved(past, forecast.error, forecast.error_draws)
        use = EvidenceUse(KIND, _described(past, names, found), found.weight, found.reliability)
        gain, gain_draws, accuracy = forecast.gain, forecast.gain_draws, forecast.accuracy
        if gains := self._tasks(_gain, names):
            gain, gain_draws, _ = _moved(gains, gain, gain_draws)
        if accuracy is not None:
            students = self._tasks(_student, names)
            w2s, w2s_draws, _ = _moved(students, -accuracy.w2s, -accuracy.w2s_draws)
            weak, weak_draws = -accuracy.weak, -accuracy.weak_draws
            if teachers := self._tasks(_teacher, names):
                weak, weak_draws, _ = _moved(teachers, weak, weak_draws)
            accuracy = PredictedMeasure(-weak, -w2s, -weak_draws, -w2s_draws)
        return replace(
            forecast,
            error=error,
            gain=gain,
            error_draws=error_draws,
            gain_draws=gain_draws,
            accuracy=accuracy,
            evidence_kinds=(*forecast.evidence_kinds, use),
        )

    def _tasks(self, measure: Measure, names: Sequence[str]) -> list[PastTask]:
        """Past tasks with MIN_CANDIDATES of the candidates, not all alike."""
        places = {key: i for i, name in enumerate(names) for key in self._keys(name)}
        tasks: dict[str, dict[_Student, list[tuple[int, float, float]]]] = {}
        for one in self.outcomes:
            (value, same), place = measure(one), places.get(one.weak)
            if value is not None and place is not None:
                cell = (one.strong, one.recipe, one.unit, same)
                tasks.setdefault(one.task, {}).setdefault(cell, []).append((place, value, one.standard_error or 0.0))
        return [one for task, students in tasks.items() for one in _of_students(task, students, len(names))]

    def _keys(self, name: str) -> tuple[str, ...]:
        """A candidate's name, and its model's reference with the candidate's layer."""
        base, mark, layer = name.partition("#")
        reference = self.also.get(name, self.also.get(base, name)).partition("#")[0]
        return name, f"{reference}{mark}{layer}"


def _error(one: Outcome) -> tuple[float | None, bool]:
    """Lower is better."""
    if one.w2s_error is None:
        return _negative(one.w2s_accuracy), False
    return one.w2s_error, one.unit == IN_VARIANCES


def _gain(one: Outcome) -> tuple[float | None, bool]:
    """Higher is better, as in the forecast."""
    return (one.accuracy_gain, False) if one.gain is None else (one.gain, one.unit == IN_VARIANCES)


def _student(one: Outcome) -> tuple[float | None, bool]:
    """Of accuracies: lower is better."""
    return (one.w2s_error, False) if one.w2s_accuracy is None else (_negative(one.w2s_accuracy), True)


def _teacher(one: Outcome) -> tuple[float | None, bool]:
    return (one.weak_error, False) if one.weak_accuracy is None else (_negative(one.weak_accuracy), True)


def _negative(value: float | None) -> float | None:
    return None if value is None else -value


def _of_students(
    name: str, students: Mapping[_Student, Sequence[tuple[int, float, float]]], count: int
) -> Iterator[PastTask]:
    """A past task per student, which weighs 1 over their number: together they are one task."""
    found = []
    for (*_, same), outcomes in students.items():
        places, values, errors = (np.array(part) for part in zip(*outcomes, strict=True))
        times = np.bincount(places, minlength=count)
        own = np.where(times > 0, np.bincount(places, values, count) / np.maximum(times, 1), np.nan)
        spread = float(np.nanvar(own))
        if np.sum(times > 0) >= MIN_CANDIDATES and spread > 0.0:
            found.append((own, max(0.0, 1.0 - float(np.mean(errors**2)) / spread), same))
    yield from (PastTask(name, own, share / len(found), same) for own, share, same in found)


def _moved(past: Sequence[PastTask], mean: Array, draws: Array) -> tuple[Array, Array, Standing]:
    """(m,) expected values and (m, R) draws with past tasks; what all candidates share stays.

    Draws are moved and not narrowed: how far a forecast errs on one task is shared by its candidates in part.
    """
    found = standing(past, mean, np.var(draws - draws.mean(axis=0), axis=1))
    moved = mean.mean() + found.mean
    return moved, draws + (moved - mean)[:, None], found


def _described(past: Sequence[PastTask], names: Sequence[str], found: Standing) -> str:
    known = int(np.any([one.known for one in past], axis=0).sum())
    shares: dict[str, float] = {}
    for one, share in zip(past, found.tasks, strict=True):
        shares[one.name] = shares.get(one.name, 0.0) + float(share)
    nearest = max(shares, key=lambda name: shares[name])
    return f"{known} of {len(names)} candidates on {len(shares)} tasks, most on {nearest}"
