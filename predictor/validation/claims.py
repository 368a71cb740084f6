"""Claims: what was predicted of every candidate at each level of evidence, beside what the training then measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from predictor.estimators.protocol import Forecaster
from predictor.estimators.registry import ESTIMATORS
from predictor.query.evidence import Evidence
from predictor.results.candidate import Candidate, Interval
from predictor.results.ranking import Ranking
from predictor.training.outcomes import Outcomes

UNIT = "label variance"


@dataclass(frozen=True)
class Claim:
    """One candidate's student: predicted before, and measured after.

    Attributes:
        error: predicted Err_w2s, its value and 90 % interval means over the rankings compared; of label variance.
        w2s_error: measured, the mean over the trainings that these rankings predict.
    """

    name: str
    error: Interval
    w2s_error: float


@dataclass(frozen=True)
class Claims:
    """What one estimator claimed at one level of evidence, first choice first.

    Attributes:
        evidence: as in `Score`.
        estimator: whose predictions these are.
        rankings: how many the means run over: one, or one for each D~ whose labels were revealed.
    """

    evidence: str
    estimator: str
    rankings: int
    candidates: tuple[Claim, ...]

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Claims:
        """Read the JSON object back."""
        interval_of = tuple(Claim(c["name"], Interval(**c["error"]), c["w2s_error"]) for c in raw["candidates"])
        return cls(raw["evidence"], raw["estimator"], raw["rankings"], interval_of)


def claims_of(
    free: Ranking, shown: Sequence[Ranking], whole: Outcomes, parts: Sequence[Outcomes], names: Sequence[str]
) -> tuple[Claims, ...]:
    """Predictions without labels, by the consensus of weak labels, and given gold labels.

    Args:
        free: the label-free ranking, compared with `whole`.
        shown: one ranking for each D~ revealed, compared with `parts`, the trainings that have this D~.
        names: candidates that were both ranked and trained, in the order of the outcomes' rows.
    """
    found = [_claims(free.evidence, _ordering_estimator(free), [free], [whole], names, lambda c: c.predicted_w2s_error)]
    if shown:
        ordering, evidence = _ordering_estimator(shown[0]), shown[0].evidence
        consensus = "consensus_truth"
        found += [_claims(Evidence.weak_labels.name, consensus, shown, parts, names, lambda c: _error_by(c, consensus))]
        if ordering != consensus:
            found += [_claims(evidence, ordering, shown, parts, names, lambda c: c.predicted_w2s_error)]
    return tuple(one for one in found if one is not None)


def _ordering_estimator(ranking: Ranking) -> str | None:
    """The estimator whose forecasts the ranking carries."""
    if not ranking.candidates:
        return None
    return next((name for name in ranking.candidates[0].estimates if isinstance(ESTIMATORS[name], Forecaster)), None)


def _error_by(candidate: Candidate, estimator: str) -> Interval | None:
    one = candidate.estimates.get(estimator)
    return None if one is None else Interval(one.value, one.low, one.high, one.unit)


def _claims(
    evidence: str,
    estimator: str | None,
    rankings: Sequence[Ranking],
    outcomes: Sequence[Outcomes],
    names: Sequence[str],
    interval_of: Callable[[Candidate], Interval | None],
) -> Claims | None:
    """Of the candidates that were given an error in label variance with its interval; None where none was."""
    found = []
    for place, name in enumerate(names):
        intervals = [interval_of(c) for ranking in rankings for c in ranking.candidates if c.name == name]
        ends = [(i.value, i.low, i.high) for i in intervals if i is not None and i.unit == UNIT]
        if len(ends) < len(rankings) or any(end is None for one in ends for end in one):
            continue
        value, low, high = np.mean(np.array(ends, dtype=np.float64), axis=0)
        measured = float(np.mean([one.w2s[place].mean() for one in outcomes]))
        found.append(Claim(name, Interval(float(value), float(low), float(high), UNIT), measured))
    if estimator is None or not found:
        return None
    found.sort(key=lambda one: one.error.value or 0.0)
    return Claims(evidence, estimator, len(rankings), tuple(found))
