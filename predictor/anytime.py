"""Anytime: a ranking that reads rows in stages and leaves candidates behind that cannot be the best.

What is guaranteed and under which assumptions stands in `predictor.race`. Candidates that are left stay in the answer,
after the others, with the stage, the rows seen and how far behind they were.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from predictor.errors import InputError
from predictor.estimators.case import Case, Representation
from predictor.estimators.protocol import Estimator, Forecaster
from predictor.query import FeatureSource, Progress, RankingQuery
from predictor.race import HALVES, Lap, level_of, schedule
from predictor.result import Candidate, Estimate, Ranking
from predictor.scores import most_rows, scores
from predictor.staged import Rows, Staged

CONFIDENCE = 0.95
"""Of the decision where only a budget is given."""

INDIFFERENCE = 0.01
"""Label variance: with no rival bounded to be better than the leader by more, reading on would gain nothing."""

Finish = Callable[[RankingQuery, FeatureSource], Generator[Progress, None, Ranking]]


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


def wanted(query: RankingQuery) -> bool:
    """Whether the request asks for stages."""
    return query.settings.budget is not None or query.settings.confidence is not None


def anytime_steps(
    query: RankingQuery, source: FeatureSource, judging: Estimator, finish: Finish
) -> Generator[Progress, None, Ranking]:
    """Read in stages until one candidate is left, the rest is indifferent, or the budget is spent.

    Args:
        query: with a budget or a confidence.
        source: reads models over any rows.
        judging: whose order decides.
        finish: the ordinary ranking, of the candidates left over the rows read.

    Raises:
        W2SError: the strong model or the request is at fault.
    """
    started = time.monotonic()
    _check(query)
    settings = query.settings
    confidence = settings.confidence or CONFIDENCE
    budget = settings.budget
    order = np.random.default_rng([settings.seed, *b"anytime"]).permutation(len(query.pool))
    stages = _stages(query, order, judging)
    staged = Staged(source, query.strong, query.pool, settings)
    left: list[Left] = []
    living: set[str] = set()
    why = "the budget was spent"
    for number, size in enumerate(stages, 1):
        begun = time.monotonic()
        yield from staged.extend(query.weak, living, order[len(staged.read) : size])
        living = {name for name in staged.models if name not in {one.name for one in left}}
        if not living or size == len(query.pool):
            why = "all rows were read" if living else "no candidate could be read"
            break
        yield Progress("", "estimate", number - 1, len(stages))
        tests = sum(one < len(query.pool) for one in stages)
        level = level_of(confidence, tests, len(living) + len(left))
        lap, names = _run(query, staged, sorted(living, key=list(staged.models).index), judging, number)
        gone, settled = _outcome(lap, names, level, staged, number, _unit(judging))
        left += gone
        living -= {one.name for one in gone}
        if len(living) == 1 or settled:
            why = "one candidate was left" if len(living) == 1 else "no rival can be noticeably better"
            break
        now = time.monotonic()
        ahead = (now - begun) * (stages[number] - size) / size if number < len(stages) else 0.0
        if budget is not None and budget.seconds is not None and now - started + ahead > budget.seconds:
            break
    ranking = yield from finish(_cut(query, staged, living), staged)
    return _complete(ranking, query, staged, left, judging, why, confidence, len(stages))


def _check(query: RankingQuery) -> None:
    labelling = [spec.name for spec in query.weak if spec.labels] or query.settings.refine == "prompted"
    if labelling:
        raise InputError(
            "models that label or relabel rows are read in full; leave out --budget and --confidence, or the labels.",
            reason="BAD_USAGE",
            field="budget",
        )


def _stages(query: RankingQuery, order: Rows, judging: Estimator) -> tuple[int, ...]:
    """Rows by the end of each stage; a judge that reads a limited number of rows is given no more."""
    rows, budget = len(order), query.settings.budget
    labels = query.labels
    case = Case(Representation("", np.empty((rows, 0))), (), labels, {}, query.settings.seed)
    most = min(rows, most_rows(judging, case) or rows)
    share = budget.share if budget is not None and budget.share is not None else 1.0
    stages = schedule(most, min(1.0, share * rows / most))
    if labels is None:
        return stages
    known = np.cumsum(labels.known[order])
    return tuple(size for size in stages if known[size - 1] >= 24) or stages[-1:]


def _run(
    query: RankingQuery, staged: Staged, names: list[str], judging: Estimator, stage: int
) -> tuple[Lap, list[str]]:
    """The living candidates scored on the rows read and on random halves of them."""
    if staged.student is None:
        raise TypeError("nothing was read yet")
    rows = staged.read
    case = Case(
        Representation(staged.student.name, staged.student.values, staged.student.parameters),
        tuple(Representation(name, staged.models[name].features.values) for name in names),
        None if query.labels is None else query.labels.take(rows),
        {
            name: np.asarray(query.weak_labels[staged.models[name].spec.name], dtype=np.float64)[rows]
            for name in names
            if staged.models[name].spec.name in query.weak_labels
        },
        query.settings.seed,
    )
    rng = np.random.default_rng([query.settings.seed, stage, *b"halves"])
    rank_by = query.settings.rank_by
    with threadpool_limits(limits=1, user_api="blas"):
        in_order = case.take(np.argsort(rows))
        values = scores(judging, in_order, rank_by)
        drawn = [np.sort(rng.permutation(len(rows))[: len(rows) // 2]) for _ in range(HALVES)]
        halves = np.stack([scores(judging, in_order.take(half), rank_by) for half in drawn], axis=1)
    most = min(len(query.pool), most_rows(judging, case) or len(query.pool))
    return Lap(len(rows), most, values, halves), names


def _outcome(
    lap: Lap, names: list[str], level: float, staged: Staged, stage: int, indifference: float
) -> tuple[list[Left], bool]:
    """Who is left behind, and whether nobody who stays can be noticeably better than the leader."""
    low, high = lap.bounds(level)
    leader = int(np.argmin(lap.values))
    rival = np.argmax(low, axis=1)
    gone = np.flatnonzero(low[np.arange(len(names)), rival] > 0.0)
    gone = gone[gone != leader]
    stay = [i for i in range(len(names)) if i not in set(gone.tolist())]
    settled = all(high[leader, i] <= indifference for i in stay if i != leader)
    left = [
        Left(
            names[i],
            staged.models[names[i]].spec.name,
            stage,
            lap.seen,
            float(lap.values[i]),
            names[rival[i]],
            float(lap.values[i] - lap.values[rival[i]]),
            float(low[i, rival[i]]),
            float(high[i, rival[i]]),
        )
        for i in gone
    ]
    return left, settled


def _unit(judging: Estimator) -> float:
    return INDIFFERENCE if isinstance(judging, Forecaster) else 0.0


def _cut(query: RankingQuery, staged: Staged, living: set[str]) -> RankingQuery:
    """The ordinary question, of the candidates left over the rows read. Failed models stay in it and fail again."""
    rows = np.sort(staged.read)
    kept = {staged.models[name].spec.name for name in living} | set(staged.failures)
    weak = tuple(spec for spec in query.weak if spec.name in kept)
    return replace(
        query,
        weak=weak,
        pool=query.pool.take(rows),
        labels=None if query.labels is None else query.labels.take(rows),
        weak_labels={name: values[rows] for name, values in query.weak_labels.items() if name in kept},
        settings=replace(query.settings, budget=None, confidence=None),
    )


def _complete(
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
                    **features.diagnostics,
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
    note = (
        f"read in stages at {confidence:.0%} confidence: {seen} of {rows} rows when {why}; {len(left)} of {total} "
        f"candidates were left behind, and models read {staged.forward_rows / asked:.0%} of what reading all would take"
    )
    provenance = replace(
        ranking.provenance,
        request={
            **ranking.provenance.request,
            "weak": [spec.spelled for spec in query.weak],
            "budget": _budget(query),
            "confidence": query.settings.confidence,
        },
    )
    return replace(ranking, candidates=(*ranked, *failed), provenance=provenance, warnings=(note, *ranking.warnings))


def _budget(query: RankingQuery) -> dict[str, float | None] | None:
    budget = query.settings.budget
    return None if budget is None else {"share": budget.share, "seconds": budget.seconds}


def _estimate(one: Left, judging: Estimator, query: RankingQuery) -> dict[str, Estimate]:
    """The judge's value where it is the score itself."""
    if isinstance(judging, Forecaster) and query.settings.rank_by == "gain":
        return {}
    value = one.score if isinstance(judging, Forecaster) or judging.better == "lower" else -one.score
    return {judging.name: Estimate(value, judging.better, judging.unit, note=f"on {one.seen} rows")}
