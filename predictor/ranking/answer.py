"""The answer of a ranking, from features and labels of every model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from predictor.estimators.problem import Representation
from predictor.estimators.protocol import Estimator, Forecaster
from predictor.estimators.truth import TruthForecast
from predictor.query.evidence import Evidence
from predictor.query.query import RankingQuery
from predictor.ranking.boundary import StrongBoundary
from predictor.ranking.candidate import PendingCandidate
from predictor.ranking.deciding import decide, flags_of
from predictor.ranking.estimating import case_of, estimate_alone, estimate_together, spectrum, with_given_labels
from predictor.ranking.gathering import Gathered
from predictor.ranking.ordering import Ordering, order
from predictor.ranking.request_record import request_record
from predictor.ranking.selection import Selection
from predictor.ranking.suggesting import NONE, suggestions_for
from predictor.ranking.warnings import warnings_on_codes, warnings_on_evidence, warnings_on_rows, warnings_on_scales
from predictor.results.candidate import Candidate
from predictor.results.ranking import NullBand, Provenance, Ranking, StrongModel
from predictor.results.versions import versions
from predictor.statistics.threads import in_order, one_blas_thread, usable_threads
from predictor.steps import Progress, Steps


def answer_steps(query: RankingQuery, selection: Selection, gathered: Gathered) -> Steps[Ranking]:
    """Estimate every candidate, order them, and answer.

    One BLAS thread: two are slower than one on a busy machine, and their sums differ in the last digits.

    Raises:
        W2SError: the strong model failed, or the request is wrong.
    """
    candidates = with_given_labels(gathered.candidates, query)
    pending = [i for i, one in enumerate(candidates) if one.active]
    ordering, suggested = None, NONE
    with one_blas_thread(), selection.device.running():
        strong = Representation.of(gathered.strong, selection.device)
        with StrongBoundary(query.strong):
            strong_diagnostics = spectrum(strong)
        threads = usable_threads()
        for start in range(0, len(pending), threads):
            some = pending[start : start + threads]
            for done, i in enumerate(some, start):
                yield Progress(candidates[i].name, "estimate", done, len(pending) + 1)
            found = in_order(
                lambda one: estimate_alone(one, strong, query, selection.alone), [candidates[i] for i in some]
            )
            for i, one in zip(some, found, strict=True):
                candidates[i] = one
        active: Sequence[PendingCandidate] = [one for one in candidates if one.active]
        if active:
            yield Progress("", "estimate", len(active), len(active) + 1)
            case = case_of(query, strong, active, gathered.context_models, gathered.voters)
            effects = selection.effects([one.name for one in active])
            known = [one.estimates for one in active]
            ordering = order(selection.ranking_estimator, case, selection.rank_by, known, effects, selection.past)
            active = estimate_together(active, selection, case, ordering)
            suggested = suggestions_for(query, case, ordering)
    yield Progress("", "done", len(active) + 1, len(active) + 1)
    failed = [one for one in candidates if not one.active]
    ranking = _ranking(query, selection, gathered, strong_diagnostics, active, failed, ordering)
    ranking = replace(ranking, suggested_labels=suggested.rows, value_of_labels=suggested.values)
    return ranking if selection.calibration is None else selection.calibration.apply(ranking, ordering)


def _ranking(
    query: RankingQuery,
    selection: Selection,
    gathered: Gathered,
    strong_diagnostics: dict[str, float],
    active: Sequence[PendingCandidate],
    failed: Sequence[PendingCandidate],
    ordering: Ordering | None,
) -> Ranking:
    requested, strong = selection.ranking_estimator, gathered.strong
    ranked = [] if ordering is None else [ordering.place(_row(one, query), i) for i, one in enumerate(active)]
    ranked.sort(key=lambda candidate: candidate.rank or 0)
    ranked = [replace(one, flags=flags_of(one)) for one in ranked]
    evidence = _evidence(query, requested if ordering is None else ordering.estimator, selection.evidence)
    known = {one.features.fingerprint for one in (*active, *failed) if one.features is not None}
    warnings = warnings_on_rows(query, strong, known) + gathered.warnings
    if ordering is not None:
        warnings += warnings_on_evidence(query, requested, ordering.estimator, ranked)
        warnings += warnings_on_codes(query) + warnings_on_scales(query)
        warnings += () if ordering.forecast is None else ordering.forecast.warnings
    return Ranking(
        rank_by=_rank_by(selection, ordering),
        evidence=evidence,
        rows=len(query.pool),
        rows_sha256=query.pool.sha256,
        strong=StrongModel(
            strong.name, strong.layer, strong.dim, strong.fingerprint, {**strong_diagnostics, **strong.facts}
        ),
        candidates=(*ranked, *(Candidate(one.name, "failed", error=one.failure) for one in failed)),
        null=NullBand() if ordering is None else ordering.null,
        provenance=Provenance(versions(), query.settings.seed, request_record(query, selection.past, selection.device)),
        warnings=warnings,
        decision=None if ordering is None else decide(query, ordering, ranked, strong.parameters, evidence),
        evidence_kinds=() if ordering is None or ordering.forecast is None else ordering.forecast.evidence_kinds,
    )


def _rank_by(selection: Selection, ordering: Ordering | None) -> str:
    """What made the order, or what was to make it where no candidate is left."""
    if not isinstance(selection.ranking_estimator, Forecaster):
        return selection.ranking_estimator.name
    made = None if ordering is None else ordering.rank_by
    return made or selection.rank_by or "w2s_error"


def _row(candidate: PendingCandidate, query: RankingQuery) -> Candidate:
    features = candidate.known_features
    warnings = list(features.warnings)
    if features.truncated_rows:
        limit = features.length_limit or query.settings.max_length
        warnings.append(f"{features.truncated_rows} of {len(query.pool)} rows were cut at {limit} tokens")
    return Candidate(
        name=candidate.name,
        status="ok",
        layer=features.layer,
        dim=features.dim,
        parameters=features.parameters,
        fingerprint=features.fingerprint,
        estimates=candidate.estimates,
        diagnostics={**candidate.diagnostics, **features.facts},
        warnings=tuple(warnings),
        timings={"features": features.seconds},
    )


def _evidence(query: RankingQuery, estimator: Estimator, given: Evidence) -> str:
    """The evidence that the order rests on, which may be less than what was given.

    Weak labels may come from heads that were trained on gold ones, so they count as gold labels where there are any.
    """
    if isinstance(estimator, TruthForecast) and estimator.weak_labels:
        return given.name  # it uses all evidence that there is
    if query.labels is not None and estimator.evidence >= Evidence.weak_labels:
        return Evidence.few_labels.name
    return estimator.evidence.name
