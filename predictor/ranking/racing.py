"""A ranking that reads rows in stages and eliminates candidates that cannot be the best.

What is guaranteed, and under which assumptions: `predictor.ranking.racing_bounds`. Eliminated candidates stay in the
answer, after the others, with the stage, the rows seen and how far behind they were.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from predictor.errors import InputError
from predictor.estimators.protocol import Estimator, forecasts
from predictor.query.query import RankingQuery
from predictor.query.source import FeatureSource
from predictor.ranking.answer import answer_steps
from predictor.ranking.candidate import Elimination
from predictor.ranking.incremental_features import IncrementalFeatures
from predictor.ranking.racing_bounds import StageScores, level_of
from predictor.ranking.selection import Selection
from predictor.ranking.staged_answer import Stages, with_eliminated
from predictor.ranking.stages import stage_scores, stages_of, training_on_all_rows, varies
from predictor.results.ranking import Ranking
from predictor.steps import Progress, Steps

CONFIDENCE = 0.95
"""Of the decision where only a budget is given."""

INDIFFERENCE = 0.01
"""Label variance: without a budget, reading ends when no rival can be better than the leader by more than this.

A budget is spent instead: candidates may be closer together than this, and more rows still separate them."""


def wanted(query: RankingQuery) -> bool:
    """Whether the request asks for stages."""
    return query.settings.budget is not None or query.settings.confidence is not None


def race_steps(query: RankingQuery, selection: Selection, source: FeatureSource) -> Steps[Ranking]:
    """Read in stages, eliminate, and rank the remaining candidates over the rows read.

    Args:
        query: with a budget or a confidence.
        selection: its ranking estimator decides.
        source: gives features of models over any rows.

    Raises:
        W2SError: the strong model failed, or the request is wrong.
    """
    _check(query)
    estimator = selection.ranking_estimator
    features = IncrementalFeatures(query, source)
    yield from features.describe()
    stages = yield from _read(query, features, selection)
    remaining = _remaining(query, features, estimator)
    ranking = yield from answer_steps(remaining, selection.narrowed(remaining), features.gathered())
    return with_eliminated(ranking, query, features, estimator, stages)


def _read(query: RankingQuery, features: IncrementalFeatures, selection: Selection) -> Steps[Stages]:
    """Read until one candidate remains, the others are not noticeably better, or the budget is spent."""
    started, settings, budget = time.monotonic(), query.settings, query.settings.budget
    confidence = settings.confidence or CONFIDENCE
    order = np.random.default_rng([settings.seed, *b"anytime"]).permutation(len(query.pool))
    estimator = selection.ranking_estimator
    sizes = stages_of(query, order, estimator)
    indifference = INDIFFERENCE if budget is None and forecasts(estimator) else 0.0
    comparisons = sum(size < len(query.pool) for size in sizes)
    reason = "the budget was spent"
    for stage, size in enumerate(sizes, 1):
        begun = time.monotonic()
        yield from features.extend(order[len(features.rows) : size])
        if not features.active or size == len(query.pool):
            reason = "all rows were read" if features.active else "no candidate could be read"
            break
        yield Progress("", "estimate", stage - 1, len(sizes))
        scored = {name: one for name, one in features.active.items() if varies(one)}
        if not scored:
            continue
        level = level_of(confidence, comparisons, len(features.active) + len(features.eliminated))
        scores = stage_scores(query, features, scored, selection, stage)
        eliminated, decided = _compared(scores, list(scored), level, stage, indifference)
        features.eliminate(eliminated)
        if decided:
            alone = len(scored) - len(eliminated) == 1
            reason = "one candidate remained" if alone else "no rival can be noticeably better"
            break
        now = time.monotonic()
        next_stage = (now - begun) * (sizes[stage] - size) / size if stage < len(sizes) else 0.0
        if budget is not None and budget.seconds is not None and now - started + next_stage > budget.seconds:
            break
    return Stages(len(sizes), confidence, reason)


def _check(query: RankingQuery) -> None:
    if any(spec.labels for spec in query.weak) or query.settings.refine == "prompted":
        raise InputError(
            "models that label or relabel rows are read in full; leave out --budget and --confidence, or the labels.",
            reason="BAD_USAGE",
            field="budget",
        )


def _compared(
    scores: StageScores, names: list[str], level: float, stage: int, indifference: float
) -> tuple[dict[str, Elimination], bool]:
    """Candidates to eliminate, and whether no remaining one can be noticeably better than the leader."""
    low, high = scores.bounds(level)
    leader = int(np.argmin(scores.values))
    rival = np.argmax(low, axis=1)
    worse = np.flatnonzero(low[np.arange(len(names)), rival] > 0.0)
    worse = worse[worse != leader]
    remaining = [i for i in range(len(names)) if i not in set(worse.tolist())]
    decided = all(high[leader, i] <= indifference for i in remaining if i != leader)
    eliminated = {
        names[i]: Elimination(
            stage,
            scores.seen,
            float(scores.values[i]),
            names[rival[i]],
            float(scores.values[i] - scores.values[rival[i]]),
            float(low[i, rival[i]]),
            float(high[i, rival[i]]),
        )
        for i in worse
    }
    return eliminated, decided


def _remaining(query: RankingQuery, features: IncrementalFeatures, estimator: Estimator) -> RankingQuery:
    """The question of the remaining and the failed candidates over the rows read."""
    rows = np.sort(features.rows)
    names = {one.spec.name for one in features.active.values()} | set(features.failed)
    return replace(
        query,
        weak=tuple(spec for spec in query.weak if spec.name in names),
        pool=query.pool.take(rows),
        labels=None if query.labels is None else query.labels.take(rows),
        weak_labels={name: values[rows] for name, values in query.weak_labels.items() if name in names},
        proxies={name: values[rows] for name, values in query.proxies.items()},
        settings=replace(
            query.settings,
            budget=None,
            confidence=None,
            training=training_on_all_rows(query, estimator),
            costs={name: cost for name, cost in query.settings.costs.items() if name.partition("#")[0] in names},
        ),
    )
