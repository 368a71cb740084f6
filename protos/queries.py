"""Queries: RankingQuery to and from its wire form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.intake.predictions import second_of_two
from predictor.query.description import Description
from predictor.query.label_only import with_labels_as_features
from predictor.query.labels import Kind, Labels
from predictor.query.model_reference import LabelsBy, check_prefix
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.row_sample import Drawn
from protos.checks import code_of, text_of, texts_of, word_of
from protos.settings import POOLING, settings_from_proto, settings_to_proto
from protos.tensors import tensor_from_proto, tensor_to_proto
from protos.w2s.v1 import query_pb2 as pb

_LABELS_BY: dict[int, LabelsBy] = {pb.LabelsBy.Value(f"LABELS_BY_{name.upper()}"): name for name in get_args(LabelsBy)}
_KINDS: dict[int, Kind] = {pb.LabelKind.Value(f"LABEL_KIND_{name.upper()}"): name for name in get_args(Kind)}


def query_to_proto(query: RankingQuery) -> pb.RankingQuery:
    """The query as a message.

    Raises:
        InputError: a text that is no Unicode, a number beyond 63 bits, or an array that cannot be sent.
    """
    return pb.RankingQuery(
        strong=_spec_to_proto(query.strong, "strong"),
        weak=[_spec_to_proto(spec, f"weak[{i}]") for i, spec in enumerate(query.weak)],
        pool=pb.Pool(ids=texts_of(query.pool.ids, "pool.ids"), texts=texts_of(query.pool.texts, "pool.texts")),
        labels=None if query.labels is None else _labels_to_proto(query.labels),
        weak_labels=[
            pb.WeakLabels(
                candidate=text_of(name, "weak_labels"),
                predictions=tensor_to_proto(np.asarray(values), f"weak_labels[{name!r}]"),
            )
            for name, values in query.weak_labels.items()
        ],
        settings=settings_to_proto(query.settings),
        descriptions=[
            pb.Description(
                name=text_of(one.name, f"descriptions[{i}].name"),
                texts=texts_of(one.texts, f"descriptions[{i}].texts"),
            )
            for i, one in enumerate(query.descriptions)
        ],
        describers=[_spec_to_proto(spec, f"describers[{i}]") for i, spec in enumerate(query.describers)],
        proxies=[
            pb.Proxy(name=text_of(name, "proxies"), values=tensor_to_proto(np.asarray(values), f"proxies[{name!r}]"))
            for name, values in query.proxies.items()
        ],
        drawn=None if query.drawn is None else _drawn_to_proto(query.drawn),
    )


def query_from_proto(message: pb.RankingQuery) -> RankingQuery:
    """The query, validated.

    Raises:
        InputError: a part is missing, malformed or contradicts another.
    """
    for name in ("strong", "pool"):
        if not message.HasField(name):
            raise InputError(f"the request has no {name}; it is required.", reason="MISSING_FIELD", field=name)
    pool = Pool(tuple(message.pool.ids), tuple(message.pool.texts))
    labels = _labels_from_proto(message.labels) if message.HasField("labels") else None
    weak_labels: dict[str, NDArray[Any]] = {}
    for i, entry in enumerate(message.weak_labels):
        field = f"weak_labels[{i}]"
        if entry.candidate in weak_labels:
            raise InputError(
                f"{field} names {entry.candidate!r} again; name each candidate once.",
                reason="DUPLICATE_CANDIDATE",
                field=field,
            )
        values = tensor_from_proto(entry.predictions, field)
        if len(values) != len(pool):
            raise InputError(
                f"{field} ({entry.candidate!r}) has {len(values)} rows, the pool has {len(pool)}; they must agree.",
                reason="ROWS_DIFFER",
                field=field,
            )
        weak_labels[entry.candidate] = second_of_two(values, None if labels is None else labels.classes)
    return RankingQuery(
        strong=_spec_from_proto(message.strong, "strong"),
        weak=with_labels_as_features(
            [_spec_from_proto(spec, f"weak[{i}]") for i, spec in enumerate(message.weak)], weak_labels
        ),
        pool=pool,
        labels=labels,
        weak_labels=weak_labels,
        settings=settings_from_proto(message.settings),
        descriptions=tuple(Description(one.name, tuple(one.texts)) for one in message.descriptions),
        describers=tuple(_spec_from_proto(spec, f"describers[{i}]") for i, spec in enumerate(message.describers)),
        proxies=_proxies_from_proto(message.proxies),
        drawn=_drawn_from_proto(message.drawn, len(pool)) if message.HasField("drawn") else None,
    )


def _proxies_from_proto(entries: Iterable[pb.Proxy]) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    for i, entry in enumerate(entries):
        if not entry.name or entry.name in found:
            raise InputError(
                f"proxies[{i}] has the name {entry.name!r}; give each proxy a name of its own.",
                reason="BAD_PROXY",
                field=f"proxies[{i}]",
            )
        found[entry.name] = tensor_from_proto(entry.values, f"proxies[{i}]")
    return found


def _drawn_to_proto(drawn: Drawn) -> pb.Drawn:
    rows = tensor_to_proto(np.asarray(drawn.rows, dtype=np.int64), "drawn.rows")
    return pb.Drawn(rows=rows, of=drawn.of, rows_sha256=drawn.rows_sha256)


def _drawn_from_proto(message: pb.Drawn, expected: int) -> Drawn:
    rows = tensor_from_proto(message.rows, "drawn.rows")
    if rows.dtype != np.int64 or rows.shape != (expected,):
        raise InputError(
            f"drawn.rows is {rows.dtype.name} of shape {rows.shape}; it must be int64 of shape ({expected},), one "
            "number per row of the pool.",
            reason="BAD_ROWS",
            field="drawn",
        )
    return Drawn(rows, message.of, message.rows_sha256 if message.HasField("rows_sha256") else None)


def _spec_to_proto(spec: ModelSpec, field: str) -> pb.ModelSpec:
    return pb.ModelSpec(
        name=text_of(spec.name, f"{field}.name"),
        reference=text_of(spec.reference, f"{field}.reference"),
        layer=spec.layer,
        pooling=code_of(POOLING, spec.pooling, f"{field}.pooling"),
        values=None
        if spec.values is None or spec.labels_only
        else tensor_to_proto(np.asarray(spec.values), f"{field}.values"),
        about=spec.about,
        labels=code_of(_LABELS_BY, spec.labels, f"{field}.labels"),
        prefix=None if spec.prefix is None else text_of(spec.prefix, f"{field}.prefix"),
    )


def _spec_from_proto(message: pb.ModelSpec, field: str) -> ModelSpec:
    for name in ("name", "reference"):
        if not getattr(message, name):
            raise InputError(f"{field}.{name} is empty; it is required.", reason="MISSING_FIELD", field=field)
    return ModelSpec(
        name=message.name,
        reference=message.reference,
        layer=message.layer if message.HasField("layer") else None,
        pooling=word_of(POOLING, message.pooling, f"{field}.pooling"),
        values=tensor_from_proto(message.values, f"{field}.values") if message.HasField("values") else None,
        about=dict(message.about),
        labels=word_of(_LABELS_BY, message.labels, f"{field}.labels"),
        prefix=check_prefix(message.prefix) if message.HasField("prefix") else None,
    )


def _labels_to_proto(labels: Labels) -> pb.Labels:
    return pb.Labels(
        targets=tensor_to_proto(np.asarray(labels.targets, dtype=np.float64), "labels.targets"),
        kind=code_of(_KINDS, labels.kind, "labels.kind"),
        classes=texts_of(labels.classes or (), "labels.classes"),
    )


def _labels_from_proto(message: pb.Labels) -> Labels:
    targets = tensor_from_proto(message.targets, "labels.targets")
    kind = word_of(_KINDS, message.kind, "labels.kind")
    if kind is None or targets.ndim != 2 or targets.dtype != np.float64:
        raise InputError(
            f"labels are {targets.dtype.name} of shape {targets.shape} and kind {kind}; they must be float64 of shape "
            "(rows, columns) and kind regression, binary or multiclass.",
            reason="BAD_LABELS",
            field="labels",
        )
    columns = len(message.classes) if kind == "multiclass" else 1
    classes = {"regression": 0, "binary": 2}.get(kind, len(message.classes))
    if targets.shape[1] != columns or len(message.classes) != classes:
        raise InputError(
            f"{kind} labels have {targets.shape[1]} column(s) and {len(message.classes)} class name(s); "
            "regression has 1 and 0, binary 1 and 2, multiclass one column a class.",
            reason="BAD_LABELS",
            field="labels",
        )
    if np.isinf(targets).any():
        raise InputError("a gold label is infinite; give finite numbers.", reason="NOT_FINITE", field="labels")
    return Labels(targets, kind, tuple(message.classes) or None)
