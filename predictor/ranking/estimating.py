"""Estimates of every candidate, and the case that estimators are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from predictor.estimators.problem import Case, Representation
from predictor.estimators.protocol import Estimator, forecasts
from predictor.estimators.supervision import check_probabilities, check_width
from predictor.intake.predictions import second_of_two
from predictor.query.description import names_ends
from predictor.query.query import RankingQuery
from predictor.query.source import FeatureSet
from predictor.query.weak_label_tables import check_class_scores, check_same_columns
from predictor.ranking.boundary import CandidateBoundary
from predictor.ranking.candidate import PendingCandidate
from predictor.ranking.ordering import Ordering
from predictor.ranking.selection import Selection
from predictor.results.candidate import Estimate
from predictor.statistics.arrays import Array
from predictor.truth.voters import Voters

SPECTRUM = 32
"""Leading eigenvalues shown per model."""

LEADING = 0.95
"""Share of energy that is a model's principal part in the diagnostics."""


def with_given_labels(candidates: Sequence[PendingCandidate], query: RankingQuery) -> list[PendingCandidate]:
    """The candidates with the weak labels that the query or their own models give; failed where these do not fit.

    Without gold labels and descriptions, those fit that have as many columns as the first.
    """
    tables = {one.name: table for one in candidates if (table := _table(one, query)) is not None}
    first = dict(list(tables.items())[:1])
    return [_with_labels(one, tables[one.name], first, query) if one.name in tables else one for one in candidates]


def _table(candidate: PendingCandidate, query: RankingQuery) -> Array | None:
    given = query.weak_labels.get(candidate.spec.name, candidate.weak_labels)
    if given is None or not candidate.active:
        return None
    return second_of_two(np.asarray(given, dtype=np.float64), None if query.labels is None else query.labels.classes)


def _with_labels(
    candidate: PendingCandidate, table: Array, first: Mapping[str, Array], query: RankingQuery
) -> PendingCandidate:
    with CandidateBoundary(candidate.spec) as boundary:
        if query.columns is None:
            check_same_columns({**first, candidate.name: table})
        else:
            check_width(table, query.columns, candidate.name)
        if query.labels is not None and query.labels.kind != "regression":
            check_class_scores(table, candidate.name)
        if query.labels is not None and query.settings.training.heads == "logistic":
            check_probabilities(table, candidate.name)
    return replace(candidate, weak_labels=table, failure=boundary.failure)


def case_of(
    query: RankingQuery,
    strong: FeatureSet | Representation,
    candidates: Sequence[PendingCandidate],
    context_models: Sequence[FeatureSet] = (),
    voters: Voters | None = None,
) -> Case:
    """What the estimators are given of these candidates; all have features, and the device of the strong model."""
    settings, strong = query.settings, strong if isinstance(strong, Representation) else Representation.of(strong)
    refined = {one.name: one.refined for one in candidates if one.refined is not None}
    return Case(
        strong,
        tuple(one.representation(strong.device) for one in candidates),
        query.labels,
        {one.name: one.weak_labels for one in candidates if one.weak_labels is not None},
        settings.seed,
        refined if settings.refine == "prompted" else None,
        settings.training,
        tuple(Representation.of(one, strong.device) for one in context_models),
        voters,
        described_classes(query),
    )


def described_classes(query: RankingQuery) -> int:
    """Classes that are described in words; 0 where none are, or the labels are numbers."""
    return 0 if names_ends(query.descriptions) else len(query.descriptions)


def estimate_alone(
    candidate: PendingCandidate, strong: Representation, query: RankingQuery, estimators: Sequence[Estimator]
) -> PendingCandidate:
    """The candidate with the estimates and diagnostics that depend on no other candidate.

    Its kernel is dropped afterwards, so that memory does not grow with the number of candidates.
    """
    diagnostics: dict[str, float] = {}
    estimates: dict[str, Estimate] = {}
    with CandidateBoundary(candidate.spec) as boundary:
        case = case_of(query, strong, [candidate])
        model = case.weak[0]
        shared = model.alignment(strong).shared_energy(LEADING)
        diagnostics = spectrum(model) | {"overlap_with_strong": shared}
        for estimator in estimators:
            estimates[estimator.name] = estimator.estimate(case)[0]
    return replace(candidate, estimates=estimates, diagnostics=diagnostics, failure=boundary.failure)


def estimate_together(
    candidates: Sequence[PendingCandidate], selection: Selection, case: Case, ordering: Ordering
) -> tuple[PendingCandidate, ...]:
    """The candidates with the estimates that compare them with each other, those that make the order among them."""
    estimates = [dict(one.estimates) for one in candidates]
    maker = [ordering.estimator] if forecasts(ordering.estimator) else []
    for forecaster in dict.fromkeys((*selection.forecasters, *maker)):
        for known, estimate in zip(estimates, ordering.estimates_of(forecaster, case), strict=True):
            known[forecaster.name] = estimate
    for joint in selection.joint:
        for known, estimate in zip(estimates, joint.estimate(case), strict=True):
            known[joint.name] = estimate
    return tuple(replace(one, estimates=known) for one, known in zip(candidates, estimates, strict=True))


def spectrum(model: Representation) -> dict[str, float]:
    """Leading eigenvalues as shares of the first, and the shape of the rest."""
    values = model.kernel.values[:SPECTRUM] / model.kernel.values[0]
    named = {f"spectrum_{i + 1}": float(v) for i, v in enumerate(values)}
    tail = model.kernel.spectrum.truncate(LEADING).tail_isotropy
    return named | {"effective_dimension": model.kernel.effective_dimension, "tail_isotropy": tail}
