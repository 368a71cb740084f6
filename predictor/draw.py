"""Draw: a query cut to some rows of its pool, with everything that belongs to those rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import check_rows, read_array
from predictor.errors import InputError, W2SError
from predictor.features import FeatureStore
from predictor.folders import cache_dir
from predictor.pools import Pool
from predictor.query import ModelSpec, RankingQuery


def draw(query: RankingQuery) -> RankingQuery:
    """The query cut to `max_rows` rows, drawn uniformly without replacement by its seed; their order is kept.

    Labels, weak labels, arrays and stored features are cut alike.

    Raises:
        InputError: gold labels were given and fewer than 4 of the drawn rows carry one.
    """
    wanted, rows = query.settings.max_rows, len(query.pool)
    if wanted is None or wanted >= rows:
        return query
    chosen = np.sort(np.random.default_rng(query.settings.seed).choice(rows, wanted, replace=False))
    labels = None if query.labels is None else query.labels.take(chosen)
    if labels is not None and labels.known.sum() < 4:
        raise InputError(
            f"{labels.known.sum()} of the {wanted} rows drawn carry a gold label; at least 4 are needed. Raise "
            "--max-rows or label more rows.",
            reason="TOO_FEW_LABELS",
            field="labels",
        )
    return dataclasses.replace(
        query,
        strong=_cut(query.strong, query.pool, chosen),
        weak=tuple(_cut(spec, query.pool, chosen) for spec in query.weak),
        pool=query.pool.take(chosen),
        labels=labels,
        weak_labels={name: values[chosen] for name, values in query.weak_labels.items()},
    )


def _cut(spec: ModelSpec, pool: Pool, chosen: NDArray[np.integer]) -> ModelSpec:
    """An array cut to the drawn rows; a model that must be run reads just those rows anyway."""
    try:
        found = values_at_hand(spec)
        if found is None:
            return spec
        values, about = found
        check_rows(about.get("rows_sha256"), pool, spec.name)
    except W2SError:
        return spec  # A candidate's own fault: whoever reads its features reports it there.
    if len(values) != len(pool):
        return spec
    still_true = {key: value for key, value in about.items() if key != "rows_sha256"}
    return dataclasses.replace(spec, values=np.asarray(values)[chosen], about=still_true)


def values_at_hand(spec: ModelSpec) -> tuple[NDArray[np.generic], Mapping[str, str]] | None:
    """Values that come with the request, from an array file or from a stored feature set, and what is said of them.

    None for a model that has to be run.
    """
    if spec.values is not None:
        return spec.values, spec.about
    kind, _, place = spec.reference.partition(":")
    if kind == "array":
        named = read_array(place)
        return named.values, named.about
    if kind == "features":
        stored = FeatureStore(cache_dir() / "features").pull(place)
        return stored.values, stored.about
    return None
