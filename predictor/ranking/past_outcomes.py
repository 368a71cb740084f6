"""PastOutcomes: measured outcomes of the same candidates on other tasks, as evidence beside a forecast."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
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

Measure = Callable[[Outcome], float | None]


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
        error, error_draws, found = _moved(forecast, past, forecast.error, forecast.error_draws)
        use = EvidenceUse(KIND, _described(past, names, found), found.weight, found.reliability)
        gain, gain_draws, accuracy = forecast.gain, forecast.gain_draws, forecast.accuracy
        if gains := self._tasks(_gain, names):
            gain, gain_draws, _ = _moved(forecast, gains, gain, gain_draws)
        if accuracy is not None:
            w2s, w2s_draws, _ = _moved(forecast, past, -accuracy.w2s, -accuracy.w2s_draws)
            weak, weak_draws = -accuracy.weak, -accuracy.weak_draws
            if teachers := self._tasks(_weak, names):
                weak, weak_draws, _ = _moved(forecast, teachers, weak, weak_draws)
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
        """Past tasks with MIN_CANDIDATES of the candidates, not all alike; students of a task are averaged."""
        places = {key: i for i, name in enumerate(names) for key in self._keys(name)}
        tasks: dict[str, dict[tuple[str, str, str], list[tuple[int, float, float]]]] = {}
        for one in self.outcomes:
            value, place = measure(one), places.get(one.weak)
            if value is not None and place is not None:
                cell = (one.strong, one.recipe, one.unit if one.w2s_error is not None else "accuracy")
                tasks.setdefault(one.task, {}).setdefault(cell, []).append((place, value, one.standard_error or 0.0))
        found = (_past_task(task, list(cells.values()), len(names)) for task, cells in tasks.items())
        return [one for one in found if one is not None]

    def _keys(self, name: str) -> tuple[str, ...]:
        """A candidate's name, and its model's reference with the candidate's layer."""
        base, mark, layer = name.partition("#")
        reference = self.also.get(name, self.also.get(base, name)).partition("#")[0]
        return name, f"{reference}{mark}{layer}"


def _error(one: Outcome) -> float | None:
    accuracy = one.w2s_accuracy
    return one.w2s_error if one.w2s_error is not None else None if accuracy is None else -accuracy


def _weak(one: Outcome) -> float | None:
    accuracy = one.weak_accuracy
    return one.weak_error if one.weak_error is not None else None if accuracy is None else -accuracy


def _gain(one: Outcome) -> float | None:
    return one.gain if one.gain is not None else one.accuracy_gain


def _past_task(name: str, cells: Sequence[Sequence[tuple[int, float, float]]], count: int) -> PastTask | None:
    found, shares = [], []
    for cell in cells:
        places, values, errors = (np.array(part) for part in zip(*cell, strict=True))
        own = np.bincount(places, values, count) / np.maximum(np.bincount(places, minlength=count), 1)
        one = PastTask(name, np.where(np.bincount(places, minlength=count) > 0, own, np.nan))
        spread = float(np.nanvar(one.values))
        if one.known.sum() >= MIN_CANDIDATES and spread > 0.0:
            found.append(np.where(one.known, one.standardised(), np.nan))
            shares.append(max(0.0, 1.0 - float(np.mean(errors**2)) / spread))
    if not found:
        return None
    known = np.sum(~np.isnan(found), axis=0)
    mean = np.where(known > 0, np.nansum(found, axis=0) / np.maximum(known, 1), np.nan)
    return PastTask(name, mean, float(np.mean(shares))) if float(np.nanvar(mean)) > 0.0 else None


def _moved(forecast: Forecast, past: Sequence[PastTask], mean: Array, draws: Array) -> tuple[Array, Array, Standing]:
    """(m,) expected values and (m, R) draws with past tasks, lower is better; what all candidates share stays."""
    comparing = draws if forecast.order_draws is None else draws[:, forecast.order_draws]
    found = standing(past, mean, np.var(comparing - comparing.mean(axis=0), axis=1))
    shared = draws.mean(axis=0)
    apart = draws - shared
    around = apart.mean(axis=1, keepdims=True)
    shift = (found.mean - (mean - mean.mean()))[:, None]
    return mean.mean() + found.mean, shared + around + shift + (apart - around) * found.shrunk[:, None], found


def _described(past: Sequence[PastTask], names: Sequence[str], found: Standing) -> str:
    known = int(np.any([one.known for one in past], axis=0).sum())
    nearest = past[int(np.argmax(found.tasks))].name
    return f"{known} of {len(names)} candidates on {len(past)} tasks, most on {nearest}"
