"""Stages of a ranking: how many rows each one reads, and the scores of the candidates on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from predictor.errors import InputError
from predictor.estimators.problem import Case, Representation
from predictor.estimators.protocol import Estimator
from predictor.query.query import RankingQuery
from predictor.query.training_plan import Training
from predictor.ranking.candidate import PendingCandidate
from predictor.ranking.estimating import described_classes
from predictor.ranking.incremental_features import IncrementalFeatures
from predictor.ranking.point_scores import max_rows, scores
from predictor.ranking.point_values import some_rows
from predictor.ranking.racing_bounds import HALVES, StageScores, schedule
from predictor.ranking.selection import Selection
from predictor.spectral.spectra import Scale
from predictor.statistics.arrays import Ints
from predictor.statistics.threads import one_blas_thread

HALF_ROUNDS = 2
"""Splits per noise level of each random half: all halves are averaged, and noise of the splits only widens bounds."""

MIN_LABELS = 24
"""Gold labels that a stage needs."""


def stages_of(query: RankingQuery, order: Ints, estimator: Estimator) -> tuple[int, ...]:
    """Rows by the end of each stage; no more than the ranking estimator uses.

    Args:
        order: (n,) row numbers in the order in which they are read.

    Raises:
        InputError: heads cannot be trained on the gold labels of the rows that may be read.
    """
    rows, budget, labels = len(order), query.settings.budget, query.labels
    case = Case(Representation("", np.empty((rows, 0))), (), labels, {}, query.settings.seed)
    used = min(rows, max_rows(estimator, case) or rows)
    share = budget.share if budget is not None and budget.share is not None else 1.0
    stages = schedule(used, min(1.0, share * rows / used))
    if labels is None:
        return stages
    known = np.cumsum(labels.known[order])
    if not labels.take(order[: stages[-1]]).trainable:
        raise InputError(
            f"the {stages[-1]} rows that may be read carry {known[stages[-1] - 1]} gold labels, too few or all the "
            "same; raise --budget, or leave it out.",
            reason="TOO_FEW_LABELS",
            field="budget",
        )
    fit = (size for size in stages if known[size - 1] >= MIN_LABELS and labels.take(order[:size]).trainable)
    return tuple(fit) or stages[-1:]


def training_on_all_rows(query: RankingQuery, estimator: Estimator) -> Training:
    """The training that the estimator would simulate on all rows, which the rows read are to predict.

    Heads trained on a third of a quarter of the rows are other heads, and prefer other candidates.
    """
    asked = query.settings.training
    if query.labels is not None or query.weak_labels:
        return asked  # real heads are trained on real labels, as many as there are
    whole = Case(Representation("", np.empty((len(query.pool), 0))), ())
    weak, student = asked.sizes(min(whole.rows, max_rows(estimator, whole) or whole.rows))
    return replace(asked, weak_rows=weak, student_rows=student)


def varies(candidate: PendingCandidate) -> bool:
    """Whether any feature differs between rows; a constant candidate gets its error from the final ranking."""
    return bool(Scale.of(candidate.known_features.values).weight.any())


def stage_scores(
    query: RankingQuery,
    features: IncrementalFeatures,
    candidates: Mapping[str, PendingCandidate],
    selection: Selection,
    stage: int,
) -> StageScores:
    """The candidates scored on the rows read and on random halves of them.

    Args:
        selection: whose ranking estimator scores, on its device.
        stage: from 1, seeds the halves.
    """
    if features.student is None:
        raise TypeError("nothing was read yet")
    rows, rank_by, estimator = features.rows, query.settings.rank_by, selection.ranking_estimator
    if query.settings.calibration is not None:
        rank_by = rank_by or "w2s_error"  # what past outcomes correct
    case = Case(
        Representation.of(features.student, selection.device),
        tuple(one.representation(selection.device) for one in candidates.values()),
        None if query.labels is None else query.labels.take(rows),
        {
            name: np.asarray(query.weak_labels[one.spec.name], dtype=np.float64)[rows]
            for name, one in candidates.items()
            if one.spec.name in query.weak_labels
        },
        query.settings.seed,
        training=training_on_all_rows(query, estimator),
        voters=features.read_voters,
        described_classes=described_classes(query),
    )
    rng = np.random.default_rng([query.settings.seed, stage, *b"halves"])
    with one_blas_thread(), selection.device.running():
        in_order = case.take(np.argsort(rows))
        values = scores(estimator, in_order, rank_by)
        drawn = [np.sort(some_rows(in_order, len(rows) // 2, rng)) for _ in range(HALVES)]
        halves = np.stack([scores(estimator, in_order.take(half), rank_by, HALF_ROUNDS) for half in drawn], axis=1)
    used = min(len(query.pool), max_rows(estimator, case) or len(query.pool))
    return StageScores(len(rows), used, values, halves)
