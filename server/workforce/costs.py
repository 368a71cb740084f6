"""Costs: what a query declares, checked against the limits before anything is stored or computed."""

from __future__ import annotations

from predictor.errors import InputError, LimitError
from predictor.estimators.registry import find
from predictor.query.query import RankingQuery
from server.config import Limits

_LETTERS = 4
"""Of a token."""

_TOKEN_SECONDS = 1.5e-4
_LOAD_SECONDS = 5.0
_CANDIDATE_SECONDS = 0.1
_FLOP_SECONDS = 1e-9


def declared_values(query: RankingQuery) -> int:
    """Numbers in the features that travel with the query: rows times dimensions, over all models."""
    return sum(
        int(spec.values.size) for spec in (query.strong, *query.weak, *query.describers) if spec.values is not None
    )


def declared_seconds(query: RankingQuery) -> float:
    """Time of one core that the query will take, very roughly: for the order of jobs, and for nothing else.

    Model sizes are not known before models are opened, so every model counts as a small one.
    """
    rows = len(query.pool)
    letters = sum(min(len(text), query.settings.max_length * _LETTERS) for text in query.pool.texts)
    seconds = 0.0
    for spec in (query.strong, *query.weak, *query.describers):
        dims = 768
        if spec.values is not None:
            dims = spec.values.shape[-1] if spec.values.ndim == 2 else 1
        elif spec.layered:
            seconds += _LOAD_SECONDS + letters / _LETTERS * _TOKEN_SECONDS
        seconds += _CANDIDATE_SECONDS + (rows * dims**2 + dims**3) * _FLOP_SECONDS
    return seconds


def check_query(query: RankingQuery, limits: Limits) -> None:
    """Refuse what this server would never run.

    Raises:
        LimitError: too many rows or candidates, too long a row, or too wide an array.
        InputError: an estimator that does not exist.
    """
    _check_limit(len(query.pool), limits.max_rows, "rows in the pool", "pool")
    _check_limit(len(query.weak), limits.max_candidates, "candidates", "weak")
    for place, text in enumerate(query.pool.texts):
        # No character takes more than 4 bytes, so that a short text need not be encoded to be known short.
        if len(text) * 4 > limits.max_text_bytes:
            _check_limit(len(text.encode()), limits.max_text_bytes, f"bytes in row {place}", "pool.texts")
    for spec in (query.strong, *query.weak, *query.describers):
        if spec.values is not None and spec.values.ndim == 2:
            _check_limit(spec.values.shape[1], limits.max_dimensions, f"dimensions in {spec.name!r}", "values")
    for name in query.settings.estimators:
        find(name)


def check_prediction(query: RankingQuery, limits: Limits) -> None:
    """Refuse what cannot be answered while the caller waits.

    Raises:
        InputError: a model that would have to be read.
        LimitError: more numbers than the declared cost allows.
    """
    for spec in (query.strong, *query.weak, *query.describers):
        if spec.values is None:
            raise InputError(
                f"{spec.name!r} has no values; Predict takes arrays only. Create a ranking job to have models read.",
                reason="ARRAYS_ONLY",
                field="values",
            )
    _check_limit(declared_values(query), limits.max_predict_values, "numbers in one Predict", "values")


def _check_limit(found: int, limit: int, what: str, field: str) -> None:
    if found > limit:
        raise LimitError(
            f"{found} {what}; this server takes at most {limit}. Send fewer, or run without a server.",
            reason="OVER_LIMIT",
            field=field,
        )
