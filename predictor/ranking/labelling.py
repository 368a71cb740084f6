"""Labels that a candidate's own model predicts, in the order of the gold classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from predictor.errors import InputError
from predictor.query.model_spec import ModelSpec
from predictor.query.query import RankingQuery
from predictor.query.source import FeatureSource, LabelSource, Predicted
from predictor.steps import Steps


def label(spec: ModelSpec, query: RankingQuery, source: FeatureSource) -> Steps[Predicted]:
    """Labels of the pool by a candidate's model, as its `labels` asks for them.

    Raises:
        W2SError: the candidate cannot label.
    """
    predicted = yield from labels_of(source, spec).labels(spec, query.pool, query.settings)
    return in_class_order(predicted, None if query.labels is None else query.labels.classes)


def labels_of(source: FeatureSource, spec: ModelSpec) -> LabelSource:
    """The source as one that lets models label rows.

    Raises:
        InputError: it holds arrays only.
    """
    if isinstance(source, LabelSource):
        return source
    raise InputError(
        f"{spec.name!r} is asked for labels, and only arrays are read here; give its predictions with --weak-labels.",
        reason="ARRAYS_ONLY",
        field="labels",
    )


def in_class_order(predicted: Predicted, classes: Sequence[str] | None) -> Predicted:
    """Columns in the order of the gold classes, where the model names the same classes, in any order and case.

    A model with other names, or none, is taken to have its columns in that order already.
    """
    if classes is None or predicted.classes is None:
        return predicted
    own = [name.casefold() for name in predicted.classes]
    wanted = [name.casefold() for name in classes]
    if sorted(own) != sorted(wanted) or len(set(own)) < len(own):
        return predicted
    order = [own.index(name) for name in wanted]
    return replace(predicted, values=predicted.values[:, order], classes=tuple(classes))
