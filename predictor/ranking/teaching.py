"""Teaching: the labels that a chosen teacher gives to the rows that its student is trained on."""

from __future__ import annotations

import numpy as np

from predictor.errors import InputError
from predictor.heads.divergences import class_probabilities
from predictor.query.query import RankingQuery
from predictor.query.source import FeatureSource
from predictor.ranking.labelling import label
from predictor.results.training_set import TrainingSet
from predictor.statistics.arrays import Array, Floats
from predictor.steps import Steps
from predictor.training.learners import LogisticHeads, RidgeHeads


def training_set(query: RankingQuery, source: FeatureSource) -> Steps[TrainingSet]:
    """The rows without a gold label, with the labels of the query's one candidate.

    Raises:
        W2SError: the candidate cannot label, several layers were asked for, or there are neither weak nor gold labels.
    """
    if len(query.weak) != 1:
        raise InputError(
            f"the teacher is {len(query.weak)} models ({query.weak[0].name}, …); name one of them.",
            reason="SEVERAL_TEACHERS",
            field="teacher",
        )
    (teacher,) = query.weak
    if not query.pool.texts:
        raise InputError(
            "a training set has texts, and none were given; name the rows with --pool.",
            reason="POOL_MISSING",
            field="pool",
        )
    gold = query.labels
    rows = np.arange(len(query.pool)) if gold is None else np.flatnonzero(~gold.known)
    if not len(rows):
        raise InputError(
            "every row has a gold label; a training set has the rows without. Leave their labels out.",
            reason="NO_UNLABELLED_ROWS",
            field="labels",
        )
    classes = None if gold is None else gold.classes
    given = query.weak_labels.get(teacher.name)
    if given is not None:
        values, origin = given[rows], "its weak labels as given"
    elif teacher.labels is not None:
        predicted = yield from label(teacher, query, source)
        values, origin = predicted.values[rows], f"its own labels, by {teacher.labels}"
        classes = classes or predicted.classes
    else:
        values, origin = yield from _head(query, source, rows)
    if gold is not None and gold.kind == "regression":
        numbers, classes = values.reshape(len(rows), -1)[:, 0], None
    else:
        table = np.asarray(values, dtype=np.float64).reshape(len(rows), -1)
        shares = class_probabilities(table)
        numbers = table[:, 0] if shares is None else shares
        if shares is None and classes is not None:
            raise InputError(
                f"the weak labels of {teacher.name!r} are no class probabilities, and the gold labels are classes; "
                "give shares from 0 to 1 that sum to 1, or class names.",
                reason="BAD_WEAK_LABELS",
                field="weak_labels",
            )
        classes = None if shares is None else classes or tuple(str(code) for code in range(shares.shape[1]))
    ids, texts = query.pool.ids, query.pool.texts
    return TrainingSet(
        teacher.name,
        tuple(ids[row] for row in rows),
        tuple(texts[row] for row in rows),
        numbers,
        classes,
        origin,
    )


def _head(query: RankingQuery, source: FeatureSource, rows: np.ndarray) -> Steps[tuple[Floats, str]]:
    """Labels by a head on the teacher's features, trained on the gold rows."""
    gold = query.labels
    if gold is None:
        raise InputError(
            f"{query.weak[0].name!r} has nothing to label with; give --labels for the rows that its head is trained "
            "on, its own --weak-labels, or ask it by #labels=logits.",
            reason="NO_LABELS",
            field="labels",
        )
    found = yield from source.features(query.weak[0], query.pool, query.settings)
    if len(found) != 1:
        raise InputError(
            f"{query.weak[0].name!r} has {len(found)} layers; a head is trained on one. Name it with #layer=.",
            reason="SEVERAL_LAYERS",
            field="layer",
        )
    known = np.flatnonzero(gold.known)
    settings = query.settings
    kind = RidgeHeads if gold.kind == "regression" else LogisticHeads
    learner = kind(found[0].values, settings.training.weak_ridge).on(known, rows)
    targets: Array = gold.targets[known]
    values = learner.learn(targets, settings.seed, gold=True)
    heads = "ridge" if gold.kind == "regression" else "logistic"
    features = "its features" if found[0].layer == "given" else f"its layer {found[0].layer}"
    return values, f"a {heads} head on {features}, trained on {len(known)} gold labels"
