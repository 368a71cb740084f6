"""Remarks: what a reader of a ranking should know of its rows, and of evidence that could not be used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from predictor.estimators.combined import Combined
from predictor.estimators.hard_votes import are_classes
from predictor.estimators.protocol import Estimator, Forecaster
from predictor.query.evidence import Evidence
from predictor.query.labels import MAX_CLASSES
from predictor.query.query import RankingQuery
from predictor.query.source import FeatureSet
from predictor.results.ranking import Candidate

FEW_ROWS = 200


def remarks_on_rows(query: RankingQuery, strong: FeatureSet, fingerprints: set[str]) -> tuple[str, ...]:
    """The strong model's own warnings, and what is odd about the rows and the models.

    Args:
        query: as it was asked.
        strong: the student's features.
        fingerprints: of the candidates' features.
    """
    pool, found = query.pool, list(strong.warnings)
    if strong.fingerprint in fingerprints:
        found.append("the strong model is also listed as a weak candidate; as its own teacher it has nothing to gain")
    if pool.empty_rows:
        found.append(f"{pool.empty_rows} row(s) of the pool are blank; they are kept")
    if pool.duplicate_rows:
        found.append(f"{pool.duplicate_rows} row(s) of the pool repeat earlier ones; they are kept and count")
    if len(pool) < FEW_ROWS:
        found.append(f"only {len(pool)} rows: intervals will be wide; some hundreds separate candidates better")
    if strong.truncated_rows:
        found.append(
            f"{strong.truncated_rows} row(s) were cut at {query.settings.max_length} tokens for the strong model"
        )
    return tuple(found)


def remarks_on_evidence(
    query: RankingQuery, judging: Estimator, speaking: Estimator, ranked: Sequence[Candidate]
) -> tuple[str, ...]:
    """That weak labels were given and did not make the order, or that the judge has no value for some candidates.

    Args:
        query: as it was asked.
        judging: the estimator that was asked for the order.
        speaking: the one that made it, where `judging` chooses by the evidence.
        ranked: the candidates with their estimates.
    """
    if isinstance(judging, Combined) and query.knows_weak_labels:
        if speaking.evidence >= Evidence.weak_labels:
            return ()
        told = (candidate.estimates.get("consensus_truth") for candidate in ranked)
        why = next((e.note for e in told if e is not None and e.note), "needs those of every candidate")
        return (f"the weak labels did not make the order: consensus_truth {why}",)
    if isinstance(judging, Forecaster):
        return ()
    silent = [e for e in (candidate.estimates[judging.name] for candidate in ranked) if e.value is None]
    if not silent:
        return ()
    return (f"{judging.name} has no value for {len(silent)} of {len(ranked)} candidates: {silent[0].note}",)


def remarks_on_codes(query: RankingQuery) -> tuple[str, ...]:
    """That weak labels may be codes of classes, and were read as numbers since no gold label says otherwise."""
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
    named = ", ".join(coded[:3]) + (f" and {len(coded) - 3} more" if len(coded) > 3 else "")
    return (
        f"the weak labels of {named} are a few whole numbers and were read as numbers; if they stand for classes, give "
        "names of classes, or a column of probabilities for each",
    )
