"""Panel of judges: the estimators a query calls for, the one that makes the order, what it needs and has learnt."""

from __future__ import annotations

from collections.abc import Sequence

from predictor.calibration.apply import fits_for
from predictor.calibration.random_effects import of_candidates
from predictor.errors import InputError
from predictor.estimators.combined import Combined
from predictor.estimators.protocol import Estimator, Forecaster
from predictor.estimators.registry import BY_NAME_ONLY, ESTIMATORS, find
from predictor.estimators.vote_matrix import NEEDED
from predictor.query.evidence import Evidence
from predictor.query.labels import Kind
from predictor.query.query import RankingQuery
from predictor.ranking.ordering import CandidateEffects


def estimators_for(query: RankingQuery) -> list[Estimator]:
    """The estimators asked for; `combined` alone brings what the evidence allows, but for those asked by name only."""
    named = [find(name) for name in query.settings.estimators]
    asked = [] if query.settings.refine is None else [find("refinement")]
    if [e.name for e in named] != ["combined"]:
        return [*named, *(e for e in asked if e not in named)]
    held = _held(query)
    return [*(e for e in ESTIMATORS.values() if e.evidence <= held and e.name not in BY_NAME_ONLY), *asked]


def judge_of(chosen: list[Estimator]) -> Estimator:
    """The estimator whose values make the order: the first named that predicts outcomes, else the first named."""
    return next((e for e in chosen if isinstance(e, Forecaster)), chosen[0])


def _held(query: RankingQuery) -> Evidence:
    """The most that is known of any candidate."""
    if query.labels is not None:
        return Evidence.few_labels
    return Evidence.weak_labels if query.knows_weak_labels else Evidence.representations


def check_evidence(query: RankingQuery) -> None:
    """Refuse a judge that needs labels where none were sent, before anything is read for it.

    Raises:
        InputError: it needs gold labels, or weak ones.
    """
    judging, held = judge_of(estimators_for(query)), _held(query)
    if not isinstance(judging, Forecaster) or judging.evidence <= held:
        return
    if judging.evidence == Evidence.few_labels:
        raise InputError(
            f"{judging.name} needs gold labels of some rows; give them with --labels FILE.",
            reason="LABELS_NEEDED",
            field="labels",
        )
    raise InputError(
        f"{judging.name} needs every candidate's weak labels; give them with --weak-labels NAME=FILE, or the gold "
        "labels of their training rows with --labels FILE.",
        reason="WEAK_LABELS_NEEDED",
        field="weak_labels",
    )


def calibrated_by(query: RankingQuery) -> tuple[str | None, Kind | None]:
    """Name of the estimator whose outcomes are predicted, None where none is, and the kind of labels known."""
    judging, labels = judge_of(estimators_for(query)), query.labels
    if isinstance(judging, Combined):
        own = all(spec.labels is not None or spec.name in query.weak_labels for spec in query.weak)
        held = Evidence.weak_labels if own and len(query.weak) >= NEEDED else Evidence.representations
        judging = judging.part(Evidence.few_labels if labels is not None else held)
    return judging.name if isinstance(judging, Forecaster) else None, None if labels is None else labels.kind


def effects_of(query: RankingQuery, names: Sequence[str]) -> CandidateEffects | None:
    """What the query's calibration, if it has one, has learnt of these candidates."""
    if query.calibration is None:
        return None
    forecaster, kind = calibrated_by(query)
    (error, error_doubt), (gain, gain_doubt) = (
        of_candidates(*(({}, {}) if fit is None else (fit.random_effects, fit.met)), names)
        for fit in fits_for(query.calibration, forecaster, kind)
    )
    return None if forecaster is None else CandidateEffects(forecaster, error, gain, error_doubt, gain_doubt)
