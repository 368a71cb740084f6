"""Refining: the strong model, prompted, relabels some rows for every candidate, before candidates are judged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.hard_votes import are_classes, votes
from predictor.estimators.problem import Case, Refined
from predictor.estimators.somerstep2024 import MIN_CONTEXT, shared_contexts
from predictor.estimators.supervision import supervise
from predictor.query.query import RankingQuery
from predictor.query.source import FeatureSource
from predictor.ranking.labelling import labels_of
from predictor.statistics.arrays import Array
from predictor.steps import Steps

MAX_ROWS = 300
"""Unlabelled rows relabelled per candidate, drawn by the seed: each is read twice by the strong model."""

CONTEXT = 8
"""Rows in context."""


def relabel(query: RankingQuery, case: Case, source: FeatureSource) -> Steps[dict[str, Refined]]:
    """Refined labels per candidate that has classes to relabel; the others are left out.

    Two disjoint random batches of rows stand in context, each shared by all rows, so that it is read once. A row of
    one batch is relabelled by a third.

    Args:
        case: the candidates that can be judged, in the order of the query.

    Raises:
        W2SError: the strong model cannot be prompted, or the prompt does not fit it.
    """
    label_prompt = query.settings.label_prompt
    if label_prompt is None:
        raise TypeError("a query that prompts has a wording")
    prompted = labels_of(source, query.strong)
    supervision = supervise(case, case.rng("refinement"))
    kept = np.sort(case.rng("rows of prompted refinement").permutation(len(supervision.rows))[:MAX_ROWS])
    rows = supervision.rows[kept]
    size = min(CONTEXT, len(rows) // 3)
    found = {}
    for candidate, taught in zip(case.weak, supervision.predictions, strict=True):
        if taught is None or size < MIN_CONTEXT or not are_classes(taught, case.labels):
            continue
        weak = taught[kept]
        classes = votes(weak)
        if np.ptp(classes) == 0 or max(2, weak.shape[1]) != len(label_prompt.words):
            continue
        contexts = shared_contexts(classes, size, case.rng("contexts of refinement"))
        first, second = yield from prompted.refined(query.strong, query.pool.take(rows), query.settings, weak, contexts)
        found[candidate.name] = Refined(_spread(first, rows, case.rows), _spread(second, rows, case.rows))
    return found


def _spread(refined: NDArray[np.floating], rows: NDArray[np.intp], total: int) -> Array:
    """Refined labels of some rows as (total, k), NaN elsewhere."""
    table = np.full((total, refined.shape[1]), np.nan)
    table[rows] = refined
    return table
