"""A candidate on its way through a ranking, from its model reference to its estimates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from predictor.estimators.problem import Refined, Representation
from predictor.query.model_spec import ModelSpec
from predictor.query.source import FeatureSet
from predictor.results.candidate import Estimate, Failure
from predictor.statistics.arrays import Array
from predictor.statistics.device import HOST, Device


@dataclass(frozen=True)
class Elimination:
    """Why a ranking in stages dropped a candidate.

    Attributes:
        stage: from 1.
        rows_seen: rows that the candidate was compared on.
        score: of the ranking estimator on these rows, lower is better.
        rival: name of the candidate that it was compared with.
        behind, low, high: score less that of the rival, and its bounds on all rows.
    """

    stage: int
    rows_seen: int
    score: float
    rival: str
    behind: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class PendingCandidate:
    """One model at one layer, with all that the ranking knows of it so far.

    Attributes:
        spec: the model in the request; several layers of one model share it.
        features: None where they could not be obtained.
        weak_labels: (n, k) that were given, or that the model itself predicted.
        refined: its labels as the prompted strong model refined them.
        estimates: by estimator.
        diagnostics: of its kernel.
        failure: why it gets no rank.
        elimination: why it was dropped before all rows were read.
    """

    spec: ModelSpec
    features: FeatureSet | None = None
    weak_labels: Array | None = None
    refined: Refined | None = None
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    failure: Failure | None = None
    elimination: Elimination | None = None

    @property
    def name(self) -> str:
        """As in the answer: `ALIAS#layer=3` where one model gives several layers."""
        return self.spec.name if self.features is None else self.features.name

    @property
    def active(self) -> bool:
        """Whether the candidate is still in the ranking."""
        return self.features is not None and self.failure is None and self.elimination is None

    @property
    def known_features(self) -> FeatureSet:
        """The features of a candidate that has some."""
        if self.features is None:
            raise TypeError(f"candidate {self.name!r} has no features")
        return self.features

    def representation(self, device: Device = HOST) -> Representation:
        """What an estimator needs of its features; made anew each time, so that its kernel is not stored."""
        return Representation.of(self.known_features, device)
