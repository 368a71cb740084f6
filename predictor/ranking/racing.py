"""Anytime: a ranking that reads rows in stages and leaves candidates behind that cannot be the best.

What is guaranteed and under which assumptions: `predictor.ranking.racing_bounds`. Eliminated candidates stay in the
answer, after the others, with the stage, the rows seen and how far behind they were.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from predictor.errors import InputError
from predictor.estimators.problem import Case, Representation
from predictor.estimators.protocol import Estimator, Forecaster
from predictor.query.query import RankingQuery
from predictor.query.source import FeatureSet, FeatureSource
from predictor.query.training_plan import Training
from predictor.ranking.eliminated import Left, complete
from predictor.ranking.incremental_source import Rows, Staged
from predictor.ranking.ordering import some_rows
from predictor.ranking.point_scores import max_rows, scores
from predictor.ranking.racing_bounds import HALVES, StageScores, level_of, schedule
from predictor.results.ranking import Ranking
from predictor.spectral.spectra import Scale
from predictor.steps import Progress, Steps

CONFIDENCE = 0.95
"""Of the decision where only a budget is given."""

INDIFFERENCE = 0.01
"""Label variance: without a budget, reading ends when no rival is bounded to be better than the leader by more.

A budget is spent instead: candidates may lie closer together than this, and more rows still tell them apart."""

HALF_ROUNDS = 2
"""Splits per noise level of each random half: all halves are averaged, and what their splits add only widens bounds."""

Finish = Callable[[RankingQuery, FeatureSource, tuple[FeatureSet, ...]], Steps[Ranking]]


def wanted(query: RankingQuery) -> bool:
    """Whether the request asks for stages."""
    return query.settings.budget is not None or query.settings.confidence is not None


def anytime_steps(query: RankingQuery, source: FeatureSource, judging: Estimator, finish: Finish) -> Steps[Ranking]:
    """Read in stages until one candidate is left, the rest is indifferent, or the budget is spent.

    Args:
        query: with a budget or a confidence.
        source: reads models over any rows.
        judging: whose order decides.
        finish: the ordinary ranking, of the candidates left over the rows read, the others as context models.

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
        scored = [name for name in staged.models if name in living and _varies(staged, name)]
        if not scored:
            continue  # the ordinary ranking says of each what is wrong with it
        lap, names = _run(query, staged, scored, judging, number)
        gone, settled = _outcome(lap, names, level, staged, number, 0.0 if budget else _unit(judging))
        left += gone
        staged.gone.update(one.name for one in gone)
        living -= staged.gone
        if settled:
            alone = len(scored) - len(gone) == 1
            why = "one candidate remained" if alone else "no rival can be noticeably better"
            break
        now = time.monotonic()
        ahead = (now - begun) * (stages[number] - size) / size if number < len(stages) else 0.0
        if budget is not None and budget.seconds is not None and now - started + ahead > budget.seconds:
            break
    ranking = yield from finish(_cut(query, staged, living, judging), staged, staged.context_models)
    return complete(ranking, query, staged, left, judging, why, confidence, len(stages))


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
    most = min(rows, max_rows(judging, case) or rows)
    share = budget.share if budget is not None and budget.share is not None else 1.0
    stages = schedule(most, min(1.0, share * rows / most))
    if labels is None:
        return stages
    known = np.cumsum(labels.known[order])
    if not labels.take(order[: stages[-1]]).teachable:
        raise InputError(
            f"the {stages[-1]} rows that may be read carry {known[stages[-1] - 1]} gold labels, too few or all the "
            "same; raise --budget, or leave it out.",
            reason="TOO_FEW_LABELS",
            field="budget",
        )
    fit = (size for size in stages if known[size - 1] >= 24 and labels.take(order[:size]).teachable)
    return tuple(fit) or stages[-1:]


def _training(query: RankingQuery, judging: Estimator) -> Training:
    """The training that the judge would simulate on all rows, which the rows read are to predict.

    Heads trained on a third of a quarter of the rows are other heads, and prefer other candidates.
    """
    asked = query.settings.training
    if query.labels is not None or query.weak_labels:
        return asked  # the judge trains real heads on real labels, as many as are there
    whole = Case(Representation("", np.empty((len(query.pool), 0))), ())
    weak, student = asked.sizes(min(whole.rows, max_rows(judging, whole) or whole.rows))
    return replace(asked, weak_rows=weak, student_rows=student)


def _varies(staged: Staged, name: str) -> bool:
    return bool(Scale.of(staged.models[name].features.values).weight.any())


def _run(
    query: RankingQuery, staged: Staged, names: list[str], judging: Estimator, stage: int
) -> tuple[StageScores, list[str]]:
    """The living candidates scored on the rows read and on random halves of them."""
    if staged.student is None:
        raise TypeError("nothing was read yet")
    rows = staged.read
    case = Case(
        Representation.of(staged.student),
        tuple(Representation.of(staged.models[name].features) for name in names),
        None if query.labels is None else query.labels.take(rows),
        {
            name: np.asarray(query.weak_labels[staged.models[name].spec.name], dtype=np.float64)[rows]
            for name in names
            if staged.models[name].spec.name in query.weak_labels
        },
        query.settings.seed,
        training=_training(query, judging),
    )
    rng = np.random.default_rng([query.settings.seed, stage, *b"halves"])
    rank_by = query.settings.rank_by
    with threadpool_limits(limits=1, user_api="blas"):
        in_order = case.take(np.argsort(rows))
        values = scores(judging, in_order, rank_by)
        drawn = [np.sort(some_rows(in_order, len(rows) // 2, rng)) for _ in range(HALVES)]
        halves = np.stack([scores(judging, in_order.take(half), rank_by, HALF_ROUNDS) for half in drawn], axis=1)
    most = min(len(query.pool), max_rows(judging, case) or len(query.pool))
    return StageScores(len(rows), most, values, halves), names


def _outcome(
    lap: StageScores, names: list[str], level: float, staged: Staged, stage: int, indifference: float
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


def _cut(query: RankingQuery, staged: Staged, living: set[str], judging: Estimator) -> RankingQuery:
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
        settings=replace(query.settings, budget=None, confidence=None, training=_training(query, judging)),
    )
