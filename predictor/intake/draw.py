"""Draw: a query cut to some rows of its pool, with everything that belongs to those rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError, W2SError
from predictor.folders import cache_dir
from predictor.query.model_spec import ModelSpec
from predictor.query.query import RankingQuery
from predictor.query.row_sample import Drawn
from predictor.query.settings import Pooling
from predictor.store.array_files import read_array
from predictor.store.arrays import rows_digest
from predictor.store.features import FeatureStore


def draw(query: RankingQuery, store: FeatureStore | None = None, *, remote: bool = False) -> RankingQuery:
    """The query cut to `max_rows` rows, drawn uniformly without replacement by its seed; their order is preserved.

    Labels, weak labels, arrays and stored features are cut alike.

    Args:
        query: over the whole pool.
        store: of stored features; this user's own where None.
        remote: stored features are on a server; they are not cut here, and `drawn` records how to cut them there.

    Raises:
        InputError: gold labels were given, and fewer than 4 of the drawn rows carry one or all theirs are the same.
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
    if labels is not None and np.ptp(labels.targets[labels.known], axis=0).max() == 0.0:
        raise InputError(
            f"the {labels.known.sum()} gold labels of the {wanted} rows drawn are all the same; at least two different "
            "values are needed. Raise --max-rows, label more rows, or draw others by --seed.",
            reason="ONE_CLASS",
            field="labels",
        )
    drawn = Drawn(chosen, rows, rows_digest(query.pool) if query.pool.texts else None)
    return dataclasses.replace(
        _cut_models(query, drawn, None if remote else store or own_store()),
        pool=query.pool.take(chosen),
        labels=labels,
        weak_labels={name: values[chosen] for name, values in query.weak_labels.items()},
        proxies={name: values[chosen] for name, values in query.proxies.items()},
        drawn=drawn if remote else None,
    )


def cut_stored(query: RankingQuery, store: FeatureStore) -> RankingQuery:
    """A query that was drawn elsewhere, with the features stored here cut to its rows."""
    if query.drawn is None:
        return query
    return dataclasses.replace(_cut_models(query, query.drawn, store), drawn=None)


def own_store() -> FeatureStore:
    """This user's own stored features."""
    return FeatureStore(cache_dir() / "features")


def _cut_models(query: RankingQuery, drawn: Drawn, store: FeatureStore | None) -> RankingQuery:
    # The pool is replaced after this, since rows are compared with the one that they were drawn from.
    cut = [_cut(spec, drawn, store, query.settings.pooling) for spec in (query.strong, *query.weak)]
    return dataclasses.replace(query, strong=cut[0], weak=tuple(cut[1:]))


def _cut(spec: ModelSpec, drawn: Drawn, store: FeatureStore | None, pooling: Pooling) -> ModelSpec:
    """An array cut to the drawn rows; a model that must be run reads just those rows anyway."""
    try:
        found = values_at_hand(spec, store, pooling)
    except W2SError:
        return spec  # The error is the candidate's own, and is reported where its features are extracted.
    if found is None:
        return spec
    values, about = found
    recorded = about.get("rows_sha256")
    if len(values) != drawn.of or (recorded and drawn.rows_sha256 and recorded != drawn.rows_sha256):
        return spec  # As above.
    still_true = {key: value for key, value in about.items() if key != "rows_sha256"}
    return dataclasses.replace(spec, values=np.asarray(values)[drawn.rows], about=still_true)


def values_at_hand(
    spec: ModelSpec, store: FeatureStore | None, pooling: Pooling = "mean"
) -> tuple[NDArray[np.generic], Mapping[str, str]] | None:
    """Values that come with the request, from an array file or from a stored feature set, and their metadata.

    None for a model that has to be run, and for a feature set where no store is given.
    """
    if spec.values is not None:
        return spec.values, spec.about
    reference = spec.parsed
    if spec.is_array:
        named = read_array(reference.locator, spec.pooling or pooling)
        return named.values, named.about
    if reference.kind == "features" and store is not None:
        stored = store.pull(reference.locator)
        return stored.values, stored.about
    return None
