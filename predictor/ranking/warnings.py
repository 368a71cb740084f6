"""Warnings on the rows of a ranking, and on evidence that was given and not used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from predictor.estimators.combined import Combined
from predictor.estimators.hard_votes import are_classes
from predictor.estimators.protocol import Estimator, forecasts
from predictor.estimators.truth import TruthForecast
from predictor.query.evidence import Evidence
from predictor.query.label_column import MAX_CLASSES
from predictor.query.query import RankingQuery
from predictor.query.source import FeatureSet
from predictor.query.weak_label_tables import columns_of
from predictor.results.candidate import Candidate

FEW_ROWS = 200


def warnings_on_rows(query: RankingQuery, strong: FeatureSet, fingerprints: set[str]) -> tuple[str, ...]:
    """The strong model's own warnings, and unusual facts about the rows and the models.

    Args:
        query: as it was asked.
        strong: the student's features.
        fingerprints: of the candidates' features.
    """
    pool, found = query.pool, [f"{strong.name}: {warning}" for warning in strong.warnings]
    if strong.fingerprint in fingerprints:
        found.append("the strong model is also listed as a weak candidate; as its own teacher it has nothing to gain")
    if pool.empty_rows:
        found.append(f"{pool.empty_rows} row(s) of the pool are blank; they stay in the pool")
    if pool.duplicate_rows:
        found.append(f"{pool.duplicate_rows} row(s) of the pool repeat earlier ones; they stay in the pool and count")
    if len(pool) < FEW_ROWS:
        found.append(f"only {len(pool)} rows: intervals will be wide; some hundreds separate candidates better")
    if strong.truncated_rows:
        limit = strong.length_limit or query.settings.max_length
        found.append(f"{strong.truncated_rows} row(s) were cut at {limit} tokens for the strong model")
    return tuple(found)


def warnings_on_evidence(
    query: RankingQuery, requested: Estimator, used: Estimator, ranked: Sequence[Candidate]
) -> tuple[str, ...]:
    """That weak labels were given and did not make the order, or that some candidates have no value.

    Args:
        query: as it was asked.
        requested: the ranking estimator that was asked for.
        used: the one that made the order; another one where `requested` chooses by the evidence.
        ranked: the candidates with their estimates.
    """
    if query.knows_labels_in_words and used.name != "truth":
        return (f"descriptions and proxies did not make the order: {used.name} does not use them; truth does",)
    if isinstance(requested, Combined) and isinstance(used, TruthForecast) and used.weak_labels:
        return ()
    if isinstance(requested, Combined) and query.knows_weak_labels:
        if used.evidence >= Evidence.weak_labels:
            return ()
        estimates = (candidate.estimates.get("consensus_truth") for candidate in ranked)
        why = next((e.note for e in estimates if e is not None and e.note), "needs those of every candidate")
        return (f"the weak labels did not make the order: consensus_truth {why}",)
    if forecasts(requested):
        return ()
    absent = [e for e in (candidate.estimates[requested.name] for candidate in ranked) if e.value is None]
    if not absent:
        return ()
    return (f"{requested.name} has no value for {len(absent)} of {len(ranked)} candidates: {absent[0].note}",)


def warnings_on_codes(query: RankingQuery) -> tuple[str, ...]:
    """That weak labels may be codes of classes; without gold labels they are read as numbers."""
    if query.labels is not None:
        return ()
    coded = [
        name
        for name, table in query.weak_labels.items()
        if (table.ndim == 1 or table.shape[1] == 1)
        and len(np.unique(table)) <= MAX_CLASSES
        and bool(np.all(table == np.round(table)))
        and not are_classes(np.asarray(table, dtype=np.float64).reshape(-1, 1), None)
    ]
    if not coded:
        return ()
    return (
        f"the weak labels of {_some(coded)} are a few whole numbers and were read as numbers; if they are classes, "
        "give names of classes, or probabilities",
    )


def warnings_on_scales(query: RankingQuery) -> tuple[str, ...]:
    """That weak labels leave the range of probabilities beside others that do not, and what that makes of all."""
    tables = {name: table for name, table in query.weak_labels.items() if columns_of(table) == 1}
    inside = [name for name, table in tables.items() if np.min(table) >= 0.0 and np.max(table) <= 1.0]
    outside = [name for name in tables if name not in inside]
    if query.labels is not None or not (inside and outside):
        return ()
    least, most = min(np.min(tables[name]) for name in outside), max(np.max(tables[name]) for name in outside)
    return (
        f"the weak labels of {_some(outside)} go from {least:.3g} to {most:.3g} and those of {_some(inside)} from 0 to "
        "1, so all were read as numbers; if some are logits or other scores of classes, give probabilities",
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
