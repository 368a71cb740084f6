"""Left: candidates that a ranking in stages left behind, and their place in its answer."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from predictor.estimators.protocol import Estimator, Forecaster
from predictor.query.query import RankingQuery
from predictor.ranking.incremental_source import Staged
from predictor.ranking.racing_bounds import MIN_ROWS
from predictor.results.ranking import Candidate, Estimate, Ranking


@dataclass(frozen=True)
class Left:
    """A candidate that was left behind.

    Attributes:
        name, asked: as in the answer and in the request.
        stage: from 1.
        seen: rows.
        score: of the judge on these rows, lower is better.
        rival: whom it was behind.
        behind, low, high: by how much, and its bounds on all rows.
    """

    name: str
    asked: str
    stage: int
    seen: int
    score: float
    rival: str
    behind: float
    low: float
    high: float


def complete(
    ranking: Ranking,
    query: RankingQuery,
    staged: Staged,
    left: list[Left],
    judging: Estimator,
    why: str,
    confidence: float,
    stages: int,
) -> Ranking:
    """The answer with those who were left behind, the last to be left first."""
    rows, seen = len(query.pool), len(staged.read)
    ranked = [c for c in ranking.candidates if c.status == "ok"]
    failed = [c for c in ranking.candidates if c.status != "ok"]
    facts = {"rows_seen": float(seen)}
    ranked = [replace(c, diagnostics={**c.diagnostics, **facts}) for c in ranked]
    groups = max((c.tie_group or 0 for c in ranked), default=0)
    order = sorted(left, key=lambda one: (-one.stage, one.score))
    total = len(ranked) + len(left)
    for place, one in enumerate(order, 1):
        features = staged.models[one.name].features
        ranked.append(
            Candidate(
                one.name,
                "ok",
                rank=len(ranked) + 1,
                rank_low=total - len(left) + 1,
                rank_high=total,
                p_best=0.0,
                tie_group=groups + place,
                layer=features.layer,
                dim=features.dim,
                parameters=features.parameters,
                fingerprint=features.fingerprint,
                estimates=_estimate(one, judging, query),
                diagnostics={
                    **features.told,
                    "rows_seen": float(one.seen),
                    "stage_left": float(one.stage),
                    "behind_by": one.behind,
                    "behind_low": one.low,
                    "behind_high": one.high,
                },
                warnings=(
                    *features.warnings,
                    f"left behind at stage {one.stage} of {stages} after {one.seen} of {rows} rows: behind "
                    f"{one.rival!r} by {one.behind:.3f}, by {one.low:.3f} to {one.high:.3f} on all rows",
                ),
                timings={"features": features.seconds},
            )
        )
    asked = (1 + len(query.weak)) * rows
    spared = f", and models read {staged.forward_rows / asked:.0%} of what reading all would take"
    budget = query.settings.budget
    over = budget is not None and budget.share is not None and seen > max(1, round(budget.share * rows))
    least = f"; the first stage takes {MIN_ROWS} rows, or all, whatever the budget" if over else ""
    note = (
        f"read in stages at {confidence:.0%} confidence: {seen} of {rows} rows when {why}; {len(left)} of {total} "
        f"candidates were left behind{spared if staged.forward_rows else ''}{least}"
    )
    provenance = replace(
        ranking.provenance,
        request={
            **ranking.provenance.request,
            "weak": [spec.as_given for spec in query.weak],
            "budget": None if budget is None else asdict(budget),
            "confidence": query.settings.confidence,
            "training": asdict(query.settings.training),
        },
    )
    return replace(ranking, candidates=(*ranked, *failed), provenance=provenance, warnings=(note, *ranking.warnings))


def _estimate(one: Left, judging: Estimator, query: RankingQuery) -> dict[str, Estimate]:
    """The judge's value where it is the score itself."""
    if isinstance(judging, Forecaster) and query.settings.rank_by == "gain":
        return {}
    value = one.score if isinstance(judging, Forecaster) or judging.better == "lower" else -one.score
    return {judging.name: Estimate(value, judging.better, judging.unit, note=f"on {one.seen} rows")}
