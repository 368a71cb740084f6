"""Validation: really train every candidate's student, and say how wrong each estimator was."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.estimators import BY_NAME_ONLY, ESTIMATORS
from predictor.estimators.protocol import Evidence
from predictor.gathering import gather
from predictor.labels import Labels
from predictor.query import FeatureSource, Progress, RankingQuery
from predictor.ranking import judging_steps
from predictor.result import Failure, Provenance
from predictor.scoring import Score, rank_correlation, scores
from predictor.splits import thirds
from predictor.training import Outcomes, train_w2s
from predictor.versions import versions

SCHEMA = "w2s.validation.v1"


@dataclass(frozen=True)
class Mean:
    """A mean over splits with its standard error (None for one split)."""

    value: float
    standard_error: float | None


@dataclass(frozen=True)
class Trained:
    """Measured outcomes of one candidate, errors in units of the label variance.

    Attributes:
        pgr: of the mean errors; None where the ceiling does not beat the weak model.
        weak_accuracy, w2s_accuracy: None for regression.
    """

    name: str
    weak_error: Mean
    w2s_error: Mean
    gain: Mean
    pgr: float | None
    weak_accuracy: Mean | None = None
    w2s_accuracy: Mean | None = None


@dataclass(frozen=True)
class Validation:
    """What was measured, and each estimator's score against it.

    Attributes:
        rows, splits: pool rows and random thirds trained on.
        ceiling_error: the strong head trained on gold labels of the same rows.
        reliability: rank correlation of Err_w2s between odd and even splits: no estimator can be expected to do much
            better than this.
        trained: candidates by measured Err_w2s, best first.
        scores: label-free estimators against all splits first; then, against the splits whose third was revealed, those
            that use its labels, with `label_prior_simulation` once more for comparison on the same trainings.
    """

    task: str
    strong: str
    rows: int
    splits: int
    ceiling_error: Mean
    reliability: float | None
    trained: tuple[Trained, ...]
    scores: tuple[Score, ...]
    failed: dict[str, Failure]
    provenance: Provenance
    schema: str = SCHEMA

    def to_dict(self) -> dict[str, Any]:
        """The JSON object; absent values are None."""
        raw = asdict(self)
        return {"schema": raw.pop("schema"), **raw}

    def to_json(self, path: str | Path | None = None) -> str:
        """The JSON text; also written to `path` where one is given."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text


def validation_steps(
    query: RankingQuery,
    labels: Labels,
    source: FeatureSource,
    *,
    task: str = "",
    splits: int = 12,
    labelled_splits: int = 3,
) -> Generator[Progress, None, Validation]:
    """Train weak head → weak labels → strong head for every candidate, and score every estimator against it.

    The label-free ranking is compared with the mean over all splits. For the ranking with `--labels`, the gold labels
    of D~ of the first `labelled_splits` splits are revealed, one split at a time, and each forecast is compared with
    the trainings on exactly those thirds.

    Args:
        query: without labels.
        labels: gold labels of every row of the query's pool.
        splits: ≥ 2 random thirds.

    Raises:
        W2SError: the request or the strong model is at fault; an unlabelled row; no candidate left.
    """
    if not labels.known.all():
        row = int(np.argmin(labels.known))
        raise InputError(
            f"row {query.pool.ids[row]!r} of the task has no label; validation trains on every row, so label it or "
            "leave it out.",
            reason="UNLABELLED_ROW",
            field="task",
        )
    if splits < 2:
        raise InputError(f"splits is {splits}; at least 2 are needed.", reason="OUT_OF_RANGE", field="splits")
    gathered = yield from gather(query, source)
    free = yield from judging_steps(query, gathered)
    failed = {c.name: c.error for c in free.candidates if c.error is not None}
    living = [one for one in gathered.living if one.name not in failed]
    if not living:
        raise InputError(
            "no candidate is left to train: " + "; ".join(f"{name}: {fault.message}" for name, fault in failed.items()),
            reason="NO_CANDIDATE",
        )
    yield Progress("", "train", 0, splits)
    seed = query.settings.seed
    outcomes = train_w2s(gathered.strong.values, [one.values for one in living], labels, splits=splits, seed=seed)
    yield Progress("", "train", splits, splits)
    names = [one.name for one in living]
    shown, parts = [], []
    for split in range(min(labelled_splits, splits)):
        revealed = reveal(labels, len(query.pool), seed, split)
        shown.append((yield from judging_steps(_with_labels(query, revealed, seed + split), gathered)))
        parts.append(outcomes.of_split(split))
    found = scores([free], [outcomes], names)
    if shown:
        again = {score.estimator for score in found} - {"combined", "label_prior_simulation"}
        found += tuple(s for s in scores(shown, parts, names) if s.estimator not in again)
    return Validation(
        task=task,
        strong=f"{gathered.strong.name} (layer {gathered.strong.layer})",
        rows=len(query.pool),
        splits=splits,
        ceiling_error=_mean(outcomes.ceiling),
        reliability=rank_correlation(outcomes.w2s[:, ::2].mean(axis=1), outcomes.w2s[:, 1::2].mean(axis=1)),
        trained=_trained(names, outcomes),
        scores=found,
        failed=failed,
        provenance=Provenance(versions(), seed, free.provenance.request),
    )


def reveal(labels: Labels, rows: int, seed: int, split: int) -> Labels:
    """The gold labels that the weak heads of one split are trained on, all others hidden."""
    part = thirds(rows, np.random.default_rng([seed, split]))
    targets = np.full_like(labels.targets, np.nan)
    targets[part.weak] = labels.targets[part.weak]
    return Labels(targets, labels.kind, labels.classes)


def _with_labels(query: RankingQuery, labels: Labels, seed: int) -> RankingQuery:
    """The query with labels; by default it asks for what they can change, and for the simulation to compare."""
    asked = query.settings.estimators
    if asked == ("combined",):
        asked = tuple(
            name
            for name, estimator in ESTIMATORS.items()
            if name in ("combined", "label_prior_simulation")
            or (estimator.evidence > Evidence.representations and name not in BY_NAME_ONLY)
        )
    return replace(query, labels=labels, settings=replace(query.settings, estimators=asked, seed=seed))


def _trained(names: Sequence[str], outcomes: Outcomes) -> tuple[Trained, ...]:
    ceiling = float(outcomes.ceiling.mean())
    found = []
    for i, name in enumerate(names):
        weak, gain = _mean(outcomes.weak[i]), _mean(outcomes.gain[i])
        headroom = weak.value - ceiling
        found.append(
            Trained(
                name,
                weak,
                _mean(outcomes.w2s[i]),
                gain,
                gain.value / headroom if headroom > 0.0 else None,
                None if outcomes.weak_accuracy is None else _mean(outcomes.weak_accuracy[i]),
                None if outcomes.w2s_accuracy is None else _mean(outcomes.w2s_accuracy[i]),
            )
        )
    return tuple(sorted(found, key=lambda one: one.w2s_error.value))


def _mean(values: NDArray[np.float64]) -> Mean:
    error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return Mean(float(np.mean(values)), error)
