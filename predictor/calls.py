"""Calls: rank and predict, the whole pipeline in one line of Python."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Unpack

from predictor.calibration.resolve import with_calibration
from predictor.engines.choice import LOCAL, open_engine
from predictor.intake.request import Model, Options, build_query
from predictor.pipeline.ranking import ranking_steps
from predictor.query import FeatureSource, Progress, RankingQuery
from predictor.result import Ranking
from predictor.store.arrays import ArraySource
from predictor.store.features import FeatureStore


def rank(
    *,
    strong: Model,
    weak: Model | Sequence[Model] | Mapping[str, Model],
    engine: str = LOCAL,
    **options: Unpack[Options],
) -> Ranking:
    """Rank weak supervisors for a strong student, in this process.

    Args:
        strong: a MODEL as on the command line, or an array (n, d) of features.
        weak: candidates: MODELs, arrays, or a mapping name -> either.
        engine: `local`, `dask` or `dask:HOST:PORT`; see `predictor.engines.choice.open_engine`.
        **options: `pool`, `labels`, `weak_labels`, `layer`, `pooling`, `max_rows`, `max_length`, `seed`, `estimators`,
            `rank_by`, `calibration`, `precision`, `budget`, `confidence`, `label_words`, `prompt`, `refine`,
            `weak_rows`, `student_rows`, `weak_ridge`, `student_ridge`, `text_column`, `id_column`; see
            `predictor.intake.request.build_query`.

    Returns:
        The ranking; a candidate that fails stands last with its reason instead of ending the call.

    Raises:
        InputError, NotFoundError: the request or the strong model is at fault.
    """
    query = with_calibration(build_query(strong=strong, weak=weak, **options))
    with open_engine(engine) as opened:
        return _drain(ranking_steps(query, source_of(query), opened))


def predict(
    *,
    strong: Model,
    weak: Model | Sequence[Model] | Mapping[str, Model],
    engine: str = LOCAL,
    **options: Unpack[Options],
) -> Ranking:
    """`rank` for arrays only: needs numpy, never loads a model library.

    Raises:
        InputError: also where a model would have to be run.
    """
    query = with_calibration(build_query(strong=strong, weak=weak, **options))
    with open_engine(engine) as opened:
        return _drain(ranking_steps(query, ArraySource(), opened))


def source_of(query: RankingQuery, store: FeatureStore | None = None) -> FeatureSource:
    """Where a query's features come from: arrays where it holds nothing else, models and the store otherwise.

    Args:
        query: what is asked.
        store: another feature store than this user's, such as a tenant's own.
    """
    if all(spec.values is not None or spec.reference.startswith("array:") for spec in (query.strong, *query.weak)):
        return ArraySource()
    from predictor.extraction.extractor import Extractor

    return Extractor(store=store)


def _drain(steps: Generator[Progress, None, Ranking]) -> Ranking:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            ranking: Ranking = end.value
            return ranking
