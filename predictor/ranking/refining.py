"""Refinement: the prompted strong model relabels some rows for every candidate, before candidates are ranked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.hard_votes import are_classes, votes
from predictor.estimators.problem import Refined
from predictor.estimators.somerstep2024 import MIN_CONTEXT, shared_contexts
from predictor.estimators.supervision import supervise
from predictor.query.query import RankingQuery
from predictor.query.source import FeatureSource
from predictor.ranking.estimating import case_of, with_given_labels
from predictor.ranking.gathering import Gathered
from predictor.ranking.labelling import labels_of
from predictor.statistics.arrays import Array
from predictor.steps import Steps

MAX_ROWS = 300
"""Unlabelled rows relabelled per candidate, drawn by the seed: each is read twice by the strong model."""

CONTEXT = 8
"""Rows in context."""


def refine(query: RankingQuery, gathered: Gathered, source: FeatureSource) -> Steps[Gathered]:
    """The same with refined labels of every candidate that has classes to relabel.

    Two disjoint random batches of rows serve as context, each shared by all rows, so that it is read once. A row of one
    batch is relabelled with a third batch as context.

    Raises:
        W2SError: the strong model cannot be prompted, or the prompt does not fit it.
    """
    label_prompt = query.settings.label_prompt
    if label_prompt is None:
        raise TypeError("a query that prompts has a prompt")
    prompted = labels_of(source, query.strong)
    candidates = [one for one in with_given_labels(gathered.candidates, query) if one.active]
    case = case_of(query, gathered.strong, candidates)
    supervision = supervise(case, case.rng("refinement"))
    drawn = np.sort(case.rng("rows of prompted refinement").permutation(len(supervision.rows))[:MAX_ROWS])
    rows = supervision.rows[drawn]
    size = min(CONTEXT, len(rows) // 3)
    found: dict[str, Refined] = {}
    for candidate, predictions in zip(candidates, supervision.predictions, strict=True):
        if predictions is None or size < MIN_CONTEXT or not are_classes(predictions, case.labels):
            continue
        weak = predictions[drawn]
        classes = votes(weak)
        if np.ptp(classes) == 0 or max(2, weak.shape[1]) != len(label_prompt.words):
            continue
        contexts = shared_contexts(classes, size, case.rng("contexts of refinement"))
        first, second = yield from prompted.refined(query.strong, query.pool.take(rows), query.settings, weak, contexts)
        found[candidate.name] = Refined(_spread(first, rows, case.rows), _spread(second, rows, case.rows))
    refined = tuple(replace(one, refined=found.get(one.name)) for one in gathered.candidates)
    return replace(gathered, candidates=refined)


def _spread(refined: NDArray[np.floating], rows: NDArray[np.intp], total: int) -> Array:
    """Refined labels of some rows as (total, k), NaN elsewhere."""
    table = np.full((total, refined.shape[1]), np.nan)
    table[rows] = refined
    return table
