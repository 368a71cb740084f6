"""The answer of a ranking in stages: eliminated candidates follow the ranked ones, and the request is the full one."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from predictor.estimators.protocol import Estimator, forecasts
from predictor.query.query import RankingQuery
from predictor.ranking.candidate import Elimination, PendingCandidate
from predictor.ranking.incremental_features import IncrementalFeatures
from predictor.ranking.racing_bounds import MIN_ROWS
from predictor.results.candidate import Candidate, Estimate
from predictor.results.ranking import Ranking


@dataclass(frozen=True)
class Stages:
    """How the stages went.

    Attributes:
        count: stages that were scheduled.
        confidence: of the eliminations.
        reason: why no further stage was read.
    """

    count: int
    confidence: float
    reason: str


def with_eliminated(
    ranking: Ranking, query: RankingQuery, features: IncrementalFeatures, estimator: Estimator, stages: Stages
) -> Ranking:
    """The ranking of the remaining candidates with the eliminated ones, those of the last stage first.

    Args:
        ranking: over the rows read.
        query: of all rows.
        features: with all candidates.
        estimator: that ranks.
        stages: how the stages went.
    """
    seen = {"rows_seen": float(len(features.rows))}
    failed = [c for c in ranking.candidates if c.status != "ok"]
    ranked = [replace(c, diagnostics={**c.diagnostics, **seen}) for c in ranking.candidates if c not in failed]
    groups = max((c.tie_group or 0 for c in ranked), default=0)
    dropped = sorted(((one, one.elimination) for one in features.eliminated if one.elimination), key=_place)
    total = len(ranked) + len(dropped)
    for number, (one, why) in enumerate(dropped, 1):
        placed = Candidate(
            one.name,
            "ok",
            rank=len(ranked) + 1,
            rank_low=total - len(dropped) + 1,
            rank_high=total,
            p_best=0.0,
            tie_group=groups + number,
        )
        ranked.append(_described(placed, one, why, len(query.pool), ranking.rank_by, estimator, stages))
    provenance = replace(ranking.provenance, request={**ranking.provenance.request, **_request(query)})
    note = _note(query, features, stages, len(dropped), total)
    return replace(ranking, candidates=(*ranked, *failed), provenance=provenance, warnings=(note, *ranking.warnings))


def _place(dropped: tuple[PendingCandidate, Elimination]) -> tuple[int, float]:
    return -dropped[1].stage, dropped[1].score


def _described(
    placed: Candidate,
    one: PendingCandidate,
    why: Elimination,
    rows: int,
    rank_by: str,
    estimator: Estimator,
    stages: Stages,
) -> Candidate:
    features = one.known_features
    return replace(
        placed,
        layer=features.layer,
        dim=features.dim,
        parameters=features.parameters,
        fingerprint=features.fingerprint,
        estimates=_estimate(why, estimator, rank_by),
        diagnostics={
            **features.facts,
            "rows_seen": float(why.rows_seen),
            "stage_eliminated": float(why.stage),
            "behind_by": why.behind,
            "behind_low": why.low,
            "behind_high": why.high,
        },
        warnings=(
            *features.warnings,
            f"eliminated at stage {why.stage} of {stages.count} after {why.rows_seen} of {rows} rows: "
            f"behind {why.rival!r} by {why.behind:.3f}, by {why.low:.3f} to {why.high:.3f} on all rows",
        ),
        timings={"features": features.seconds},
    )


def _estimate(why: Elimination, estimator: Estimator, rank_by: str) -> dict[str, Estimate]:
    """The estimator's value where it is the score itself."""
    if forecasts(estimator) and rank_by != "w2s_error":
        return {}
    value = why.score if forecasts(estimator) or estimator.better == "lower" else -why.score
    return {estimator.name: Estimate(value, estimator.better, estimator.unit, note=f"on {why.rows_seen} rows")}


def _note(query: RankingQuery, features: IncrementalFeatures, stages: Stages, dropped: int, total: int) -> str:
    rows, seen, budget = len(query.pool), len(features.rows), query.settings.budget
    all_rows = (1 + len(query.weak)) * rows
    saved = f", and models read {features.forward_rows / all_rows:.0%} of what reading all would take"
    over = budget is not None and budget.share is not None and seen > max(1, round(budget.share * rows))
    minimum = f"; the first stage takes {MIN_ROWS} rows, or all if there are fewer, under any budget" if over else ""
    return (
        f"read in stages at {stages.confidence:.0%} confidence: {seen} of {rows} rows when {stages.reason}; {dropped} "
        f"of {total} candidates were eliminated{saved if features.forward_rows else ''}{minimum}"
    )


def _request(query: RankingQuery) -> dict[str, object]:
    """Parts of the query that the query of the remaining candidates over the rows read leaves out."""
    budget = query.settings.budget
    return {
        "weak": [spec.as_given for spec in query.weak],
        "budget": None if budget is None else asdict(budget),
        "confidence": query.settings.confidence,
        "training": asdict(query.settings.training),
    }
