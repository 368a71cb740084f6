"""What a request is answered with: its estimators, the one that ranks, and the calibration that applies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from predictor.calibration.apply import calibrated, fits_for
from predictor.calibration.calibration import Calibration, Fit
from predictor.calibration.random_effects import of_candidates
from predictor.errors import InputError
from predictor.estimators.combined import Combined, joint_evidence, short_of_training
from predictor.estimators.protocol import Estimator, Forecaster, JointEstimator, compares, forecasts
from predictor.estimators.registry import BY_NAME_ONLY, ESTIMATORS, find
from predictor.estimators.vote_matrix import NEEDED
from predictor.outcomes.outcome import Outcome
from predictor.query.evidence import Evidence
from predictor.query.labels import Kind
from predictor.query.query import RankingQuery
from predictor.query.settings import RankBy
from predictor.ranking.candidate_effects import CandidateEffects
from predictor.ranking.ordering import Ordering
from predictor.ranking.past_outcomes import PastOutcomes
from predictor.results.ranking import Ranking
from predictor.statistics.device import HOST, Device


@dataclass(frozen=True, eq=False)
class AppliedCalibration:
    """A calibration and the part of it that applies to a request.

    Attributes:
        calibration: by name from a store.
        estimator: whose predicted outcomes it corrects.
        kind: of the gold labels, or None where none are known.
        error, gain: fits of both outcomes, None where there is none.
    """

    calibration: Calibration
    estimator: str | None
    kind: Kind | None
    error: Fit | None
    gain: Fit | None

    @classmethod
    def of(cls, calibration: Calibration, estimator: str | None, kind: Kind | None) -> AppliedCalibration:
        """The fits that apply.

        Raises:
            InputError: none does.
        """
        return cls(calibration, estimator, kind, *fits_for(calibration, estimator, kind))

    def without_effects(self) -> AppliedCalibration:
        """The same without effects of single candidates."""
        error, gain = (None if f is None else replace(f, random_effects={}, met={}) for f in (self.error, self.gain))
        return replace(self, error=error, gain=gain)

    def effects(self, names: Sequence[str]) -> CandidateEffects | None:
        """What past outcomes of these candidates add to their predictions."""
        if self.estimator is None:
            return None
        (error, error_se), (gain, gain_se) = (
            of_candidates(*(({}, {}) if fit is None else (fit.random_effects, fit.met)), names)
            for fit in (self.error, self.gain)
        )
        return CandidateEffects(self.estimator, error, gain, error_se, gain_se)

    def apply(self, ranking: Ranking, ordering: Ordering | None) -> Ranking:
        """The ranking in calibrated values; as it is, with a warning, where another estimator made the order."""
        if ordering is not None and ordering.estimator.name != self.estimator:
            warning = (
                f"calibration {self.calibration.reference} was left out: {self.estimator} has no value for the "
                f"candidates that remain, and {ordering.estimator.name} made the order"
            )
            return replace(ranking, warnings=(*ranking.warnings, warning))
        return calibrated(ranking, self.calibration, self.estimator, self.kind, self.error, self.gain)


@dataclass(frozen=True, eq=False)
class Selection:
    """Estimators and ranking rule of one request, chosen once, before anything is read.

    Attributes:
        estimators: as asked for; `combined` alone means all that the evidence allows.
        ranking_estimator: its values make the order: the first named that predicts outcomes, else the first named.
        rank_by: which predicted outcome makes the order; None as in `Settings`.
        evidence: the most that is known of any candidate.
        calibration: None where none was named.
        past: recorded outcomes of the candidates; None where they are not asked for.
        device: that computes, as the settings name it.
    """

    estimators: tuple[Estimator, ...]
    ranking_estimator: Estimator
    rank_by: RankBy | None
    evidence: Evidence
    calibration: AppliedCalibration | None = None
    past: PastOutcomes | None = None
    device: Device = HOST

    @classmethod
    def of(
        cls,
        query: RankingQuery,
        calibration: Calibration | None = None,
        outcomes: Sequence[Outcome] = (),
        device: Device = HOST,
    ) -> Selection:
        """What the query asks for. Past outcomes are evidence once: beside them, a calibration moves no candidate.

        Raises:
            InputError: an unknown estimator, one that needs labels where none were given, or a calibration that does
                not apply.
        """
        evidence = _evidence(query)
        estimators = _estimators(query, evidence)
        ranking = next((e for e in estimators if forecasts(e)), estimators[0])
        if calibration is not None and isinstance(ranking, Combined):
            ranking = _recorded(query, evidence) or ranking
        past = None if query.settings.past_outcomes is None else PastOutcomes.of(outcomes, query)
        selection = cls(estimators, ranking, query.settings.rank_by, evidence, past=past, device=device)
        if calibration is None:
            return selection
        applied = AppliedCalibration.of(calibration, *_calibrated(query, ranking))
        return replace(selection, calibration=applied if past is None else applied.without_effects())

    def __post_init__(self) -> None:
        ranking = self.ranking_estimator
        if not forecasts(ranking) or ranking.evidence <= self.evidence:
            return
        if ranking.evidence == Evidence.few_labels:
            raise InputError(
                f"{ranking.name} needs gold labels of some rows; give them with --labels FILE.",
                reason="LABELS_NEEDED",
                field="labels",
            )
        raise InputError(
            f"{ranking.name} needs every candidate's weak labels; give them with --weak-labels NAME=FILE, or the gold "
            "labels of their training rows with --labels FILE.",
            reason="WEAK_LABELS_NEEDED",
            field="weak_labels",
        )

    def narrowed(self, query: RankingQuery) -> Selection:
        """The selection for a part of the candidates and rows, with the same calibration."""
        past = () if self.past is None else self.past.outcomes
        calibration = None if self.calibration is None else self.calibration.calibration
        return Selection.of(query, calibration, past, self.device)

    def effects(self, names: Sequence[str]) -> CandidateEffects | None:
        """What past outcomes of these candidates add to their predictions."""
        return None if self.calibration is None else self.calibration.effects(names)

    @cached_property
    def forecasters(self) -> tuple[Forecaster, ...]:
        """Those that predict outcomes."""
        return tuple(e for e in self.estimators if forecasts(e))

    @cached_property
    def joint(self) -> tuple[JointEstimator, ...]:
        """Those that compare candidates with each other."""
        return tuple(e for e in self.estimators if compares(e))

    @cached_property
    def alone(self) -> tuple[Estimator, ...]:
        """Those whose value of a candidate depends on no other."""
        return tuple(e for e in self.estimators if not (forecasts(e) or compares(e)))


def _estimators(query: RankingQuery, evidence: Evidence) -> tuple[Estimator, ...]:
    named = [find(name) for name in query.settings.estimators]
    asked = [] if query.settings.refine is None else [find("refinement")]
    if [e.name for e in named] != ["combined"]:
        return (*named, *(e for e in asked if e not in named))
    return (*(e for e in ESTIMATORS.values() if e.evidence <= evidence and e.name not in BY_NAME_ONLY), *asked)


def _evidence(query: RankingQuery) -> Evidence:
    if query.labels is not None:
        return Evidence.few_labels
    if query.knows_weak_labels:
        return Evidence.weak_labels
    return Evidence.descriptions if query.knows_labels_in_words else Evidence.representations


def _recorded(query: RankingQuery, evidence: Evidence) -> Estimator | None:
    """Whose predictions outcomes are recorded with where weak labels alone are known; None elsewhere."""
    if evidence != Evidence.weak_labels or _joint(query):
        return None
    own = all(spec.labels is not None or spec.name in query.weak_labels for spec in query.weak)
    return find("consensus_truth") if own and len(query.weak) >= NEEDED else None


def _joint(query: RankingQuery) -> bool:
    """Whether the default estimator is the one for several kinds of evidence; see `Combined`."""
    asked = query.labels is not None and any(spec.labels is not None for spec in query.weak)
    bare = any(spec.labels_only for spec in query.weak)
    short = short_of_training(query.labels, query.settings.training)
    return bare or query.knows_labels_in_words or asked or short or joint_evidence(query.labels, query.weak_labels)


def _calibrated(query: RankingQuery, ranking: Estimator) -> tuple[str | None, Kind | None]:
    """Name of the estimator whose outcomes are predicted, None where none is, and the kind of labels known."""
    labels = query.labels
    if isinstance(ranking, Combined):
        known = Evidence.representations if labels is None else Evidence.few_labels
        ranking = ranking.part(known, joint=_joint(query))
    return ranking.name if forecasts(ranking) else None, None if labels is None else labels.kind
