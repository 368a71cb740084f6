"""The pipeline: features of every model, every estimator, one judge, one answer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from predictor.calibration.apply import calibrated, fits_for
from predictor.errors import W2SError
from predictor.estimators.problem import Case, Refined, Representation
from predictor.estimators.protocol import Estimator, Forecaster, JointEstimator
from predictor.estimators.supervision import check_probabilities, check_width
from predictor.query.evidence import Evidence
from predictor.query.query import RankingQuery
from predictor.query.source import FeatureSet, FeatureSource
from predictor.ranking import racing
from predictor.ranking.gathering import Found, Gathered, check_one_layer, gather
from predictor.ranking.ordering import Verdict, judge
from predictor.ranking.refining import relabel
from predictor.ranking.selection import calibrated_by, check_evidence, effects_of, estimators_for, judge_of
from predictor.ranking.warnings import remarks_on_codes, remarks_on_evidence, remarks_on_rows
from predictor.results.ranking import Candidate, Estimate, Failure, NullBand, Provenance, Ranking, StrongModel
from predictor.results.versions import versions
from predictor.steps import Progress, Steps
from predictor.training.splits import check_rows

SPECTRUM = 32
"""Leading eigenvalues shown per model."""

LEADING = 0.95
"""Share of energy that is a model's principal part in the diagnostics."""


@dataclass
class _Entry:
    """A candidate on its way through the pipeline."""

    name: str
    features: FeatureSet | None = None
    failure: Failure | None = None
    weak_labels: NDArray[np.float64] | None = None
    refined: Refined | None = None
    estimates: dict[str, Estimate] = field(default_factory=dict)
    diagnostics: dict[str, float] = field(default_factory=dict)


def ranking_steps(
    query: RankingQuery, source: FeatureSource, context_models: tuple[FeatureSet, ...] = ()
) -> Steps[Ranking]:
    """Rank the candidates of a query; yields progress, returns the ranking. Closing it cancels the work.

    A candidate's own fault (it cannot be loaded, its features are constant or not finite) stays in that candidate.

    Args:
        context models: models over the same rows that are not judged; see `predictor.estimators.problem.Case`.

    Raises:
        W2SError: the strong model or the request itself is at fault.
    """
    if query.labels is not None:
        query.labels.unlabelled()
    if any(isinstance(estimator, Forecaster) for estimator in estimators_for(query)):
        check_rows(len(query.pool))
    check_evidence(query)
    check_one_layer(query)
    if query.calibration is not None:
        fits_for(query.calibration, *calibrated_by(query))
    if racing.wanted(query):
        judging = judge_of(estimators_for(query))
        return (yield from racing.anytime_steps(query, source, judging, ranking_steps))
    gathered = replace((yield from gather(query, source)), context_models=context_models)
    if query.settings.refine == "prompted":
        gathered = yield from refining_steps(query, gathered, source)
    return (yield from judging_steps(query, gathered))


def refining_steps(query: RankingQuery, gathered: Gathered, source: FeatureSource) -> Steps[Gathered]:
    """Let the strong model relabel rows for every candidate that can be judged; see `predictor.ranking.refining`.

    Raises:
        W2SError: the strong model cannot be prompted.
    """
    strong = gathered.strong
    living = [entry for entry in (_entry(found, query) for found in gathered.candidates) if entry.failure is None]
    case = _case(query, Representation.of(strong), living)
    refined = yield from relabel(query, case, source)
    return replace(
        gathered, candidates=tuple(replace(one, refined=refined.get(one.name)) for one in gathered.candidates)
    )


def judging_steps(query: RankingQuery, gathered: Gathered) -> Steps[Ranking]:
    """The second half of `ranking_steps`: from features at hand to the answer.

    One BLAS thread: two are slower than one on a busy machine, and their sums differ in the last digits.
    """
    chosen = estimators_for(query)
    strong = gathered.strong
    entries = [_entry(found, query) for found in gathered.candidates]
    with threadpool_limits(limits=1, user_api="blas"):
        root = Representation.of(strong)
        living = [entry for entry in entries if entry.failure is None]
        root_diagnostics = _spectrum(root)
        judging = judge_of(chosen)
        for done, entry in enumerate(living):
            yield Progress(entry.name, "estimate", done, len(living) + 1)
            alone = [e for e in chosen if not isinstance(e, Forecaster | JointEstimator)]
            _estimate_one(entry, root, query, alone)
        living = [entry for entry in living if entry.failure is None]
        verdict = None
        if living:
            yield Progress("", "estimate", len(living), len(living) + 1)
            case = _case(query, root, living, gathered.context_models)
            learnt = effects_of(query, [entry.name for entry in living])
            verdict = judge(judging, case, query.settings.rank_by, [entry.estimates for entry in living], learnt)
            for forecaster in (e for e in chosen if isinstance(e, Forecaster)):
                for entry, estimate in zip(living, verdict.estimates_of(forecaster, case), strict=True):
                    entry.estimates[forecaster.name] = estimate
            for joint in (e for e in chosen if isinstance(e, JointEstimator)):
                for entry, estimate in zip(living, joint.estimate(case), strict=True):
                    entry.estimates[joint.name] = estimate
    yield Progress("", "done", len(living) + 1, len(living) + 1)
    answer = _answer(query, strong, root_diagnostics, entries, living, verdict, judging)
    if query.calibration is None:
        return answer
    name, kind = calibrated_by(query)
    if verdict is not None and verdict.speaking.name != name:
        lost = (
            f"calibration {query.calibration.reference} was left out: {name} could not judge the candidates that "
            f"remain, and {verdict.speaking.name} made the order"
        )
        return replace(answer, warnings=(*answer.warnings, lost))
    return calibrated(answer, query.calibration, name, kind)


def _entry(found: Found, query: RankingQuery) -> _Entry:
    """The candidate with its features and given weak labels, unless these do not fit the gold labels."""
    given = query.weak_labels.get(found.asked, found.weak_labels)
    if given is None or found.failure is not None:
        return _Entry(found.name, found.features, found.failure, refined=found.refined)
    table = np.asarray(given, dtype=np.float64)
    try:
        if query.labels is not None:
            check_width(table, query.labels.targets.shape[1], found.name)
            if query.settings.training.heads == "logistic":
                check_probabilities(table, found.name)
    except W2SError as error:
        return _Entry(found.name, failure=Failure(error.code, error.reason, error.message))
    return _Entry(found.name, found.features, weak_labels=table, refined=found.refined)


def _representation(entry: _Entry) -> Representation:
    if entry.features is None:
        raise TypeError("a failed candidate has no representation")
    return Representation.of(entry.features)


def _case(
    query: RankingQuery, strong: Representation, entries: list[_Entry], context_models: tuple[FeatureSet, ...] = ()
) -> Case:
    given = {entry.name: entry.weak_labels for entry in entries if entry.weak_labels is not None}
    weak = tuple(_representation(entry) for entry in entries)
    refined = {entry.name: entry.refined for entry in entries if entry.refined is not None}
    settings = query.settings
    prompted = settings.refine == "prompted"
    beside = tuple(Representation.of(one) for one in context_models)
    known = refined if prompted else None
    return Case(strong, weak, query.labels, given, settings.seed, known, settings.training, beside)


def _estimate_one(entry: _Entry, strong: Representation, query: RankingQuery, estimators: list[Estimator]) -> None:
    """Everything that concerns one candidate alone; its kernel is dropped again afterwards, to keep memory flat."""
    case = _case(query, strong, [entry])
    candidate = case.weak[0]
    try:
        shared = candidate.alignment(case.strong).shared_energy(LEADING)
        entry.diagnostics = _spectrum(candidate) | {"overlap_with_strong": shared}
        for estimator in estimators:
            entry.estimates[estimator.name] = estimator.estimate(case)[0]
    except W2SError as error:
        entry.failure = Failure(error.code, error.reason, error.message)


def _spectrum(model: Representation) -> dict[str, float]:
    values = model.kernel.values[:SPECTRUM] / model.kernel.values[0]
    named = {f"spectrum_{i + 1}": float(v) for i, v in enumerate(values)}
    tail = model.kernel.spectrum.keep(LEADING).tail_isotropy
    return named | {"effective_dimension": model.kernel.effective_dimension, "tail_isotropy": tail}


def _answer(
    query: RankingQuery,
    strong: FeatureSet,
    strong_diagnostics: dict[str, float],
    entries: list[_Entry],
    living: list[_Entry],
    verdict: Verdict | None,
    judging: Estimator,
) -> Ranking:
    ranked = [] if verdict is None else [verdict.place(_row(entry, query), i) for i, entry in enumerate(living)]
    ranked.sort(key=lambda candidate: candidate.rank or 0)
    failed = [_row(entry, query) for entry in entries if entry.failure is not None]
    forecast = None if verdict is None else verdict.forecast
    remarks = remarks_on_rows(query, strong, {entry.features.fingerprint for entry in entries if entry.features})
    if verdict is not None:
        remarks += remarks_on_evidence(query, judging, verdict.speaking, ranked)
        remarks += remarks_on_codes(query)
    return Ranking(
        rank_by=query.settings.rank_by if isinstance(judging, Forecaster) else judging.name,
        evidence=_evidence(query, judging if verdict is None else verdict.speaking),
        rows=len(query.pool),
        rows_sha256=query.pool.sha256,
        strong=StrongModel(
            strong.name, strong.layer, strong.dim, strong.fingerprint, {**strong_diagnostics, **strong.told}
        ),
        candidates=(*ranked, *failed),
        null=NullBand() if verdict is None else verdict.null,
        provenance=Provenance(versions(), query.settings.seed, _request(query)),
        warnings=remarks + (() if forecast is None else forecast.warnings),
    )


def _row(entry: _Entry, query: RankingQuery) -> Candidate:
    features = entry.features
    if features is None or entry.failure is not None:
        return Candidate(entry.name, "failed", error=entry.failure)
    warnings = list(features.warnings)
    if features.truncated_rows:
        limit = query.settings.max_length
        warnings.append(f"{features.truncated_rows} of {len(query.pool)} rows were cut at {limit} tokens")
    return Candidate(
        name=entry.name,
        status="ok",
        layer=features.layer,
        dim=features.dim,
        parameters=features.parameters,
        fingerprint=features.fingerprint,
        estimates=entry.estimates,
        diagnostics={**entry.diagnostics, **features.told},
        warnings=tuple(warnings),
        timings={"features": features.seconds},
    )


def _evidence(query: RankingQuery, judging: Estimator) -> str:
    """The evidence that the order rests on, not all that was sent: weak labels may come of heads taught gold ones."""
    if query.labels is not None and judging.evidence >= Evidence.weak_labels:
        return Evidence.few_labels.name
    return judging.evidence.name


def _request(query: RankingQuery) -> dict[str, Any]:
    """The request in words, enough to repeat it; arrays by name only."""
    labelled = 0 if query.labels is None else int(query.labels.known.sum())
    return {
        "strong": query.strong.as_given,
        "weak": [spec.as_given for spec in query.weak],
        "labelled_rows": labelled,
        "weak_labels": sorted(query.weak_labels),
        **query.settings.record(),
    }
