"""Label-only candidates: annotators, an API, another lab's run. Their labels stand in for the features they lack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from predictor.errors import InputError
from predictor.query.model_spec import ModelSpec
from predictor.statistics.arrays import Floats


def with_labels_as_features(weak: Sequence[ModelSpec], weak_labels: Mapping[str, Floats]) -> tuple[ModelSpec, ...]:
    """The candidates, each `labels:` one with its weak labels as (n, k) features.

    Estimators that need features see a model whose features are its labels: a head on them corrects their scale.

    Raises:
        InputError: a `labels:` candidate has no weak labels.
    """
    return tuple(_with_features(one, weak_labels) if one.labels_only else one for one in weak)


def check_has_features(spec: ModelSpec, field: str) -> None:
    """Refuse a `labels:` model where features are needed.

    Raises:
        InputError: it is one.
    """
    if spec.labels_only:
        raise InputError(
            f"{spec.reference!r} has labels only, which no student and no describer is made of; give a model or an "
            "array of features. Labels are for candidates: --weak NAME=labels:FILE.",
            reason="LABELS_ONLY",
            field=field,
        )


def _with_features(spec: ModelSpec, weak_labels: Mapping[str, Floats]) -> ModelSpec:
    if spec.name not in weak_labels:
        raise InputError(
            f"candidate {spec.name!r} has labels only, and none are given; send its weak labels under that name.",
            reason="WEAK_LABELS_NEEDED",
            field="weak_labels",
        )
    table = np.asarray(weak_labels[spec.name], dtype=np.float64)
    return replace(spec, values=table.reshape(len(table), -1))
