"""Queries: RankingQuery to and from its wire form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.intake.drawn import Drawn
from predictor.intake.request import read_budget
from predictor.labels import Kind, Labels
from predictor.pools import Pool
from predictor.query import LabelsBy, ModelSpec, RankingQuery
from predictor.settings import Budget, Pooling, Precision, RankBy, RefineBy, Settings
from predictor.wording import Wording
from protos.calibrations import calibration_from_proto, calibration_to_proto
from protos.tensors import tensor_from_proto, tensor_to_proto
from protos.w2s.v1 import query_pb2 as pb

_RANK_BY: dict[int, RankBy] = {pb.RankBy.Value(f"RANK_BY_{name.upper()}"): name for name in get_args(RankBy)}
_POOLING: dict[int, Pooling] = {pb.Pooling.Value(f"POOLING_{name.upper()}"): name for name in get_args(Pooling)}
_PRECISION: dict[int, Precision] = {pb.Precision.Value(f"PRECISION_{p.upper()}"): p for p in get_args(Precision)}
_LABELS_BY: dict[int, LabelsBy] = {pb.LabelsBy.Value(f"LABELS_BY_{name.upper()}"): name for name in get_args(LabelsBy)}
_REFINE_BY: dict[int, RefineBy] = {pb.RefineBy.Value(f"REFINE_BY_{name.upper()}"): name for name in get_args(RefineBy)}
_KINDS: dict[int, Kind] = {pb.LabelKind.Value(f"LABEL_KIND_{name.upper()}"): name for name in get_args(Kind)}
_MOST = (1 << 63) - 1


def query_to_proto(query: RankingQuery) -> pb.RankingQuery:
    """The query as a message.

    Raises:
        InputError: a text that is no Unicode, a number beyond 63 bits, or an array that cannot be sent.
    """
    return pb.RankingQuery(
        strong=_spec_to_proto(query.strong, "strong"),
        weak=[_spec_to_proto(spec, f"weak[{i}]") for i, spec in enumerate(query.weak)],
        pool=pb.Pool(ids=_texts(query.pool.ids, "pool.ids"), texts=_texts(query.pool.texts, "pool.texts")),
        labels=None if query.labels is None else _labels_to_proto(query.labels),
        weak_labels=[
            pb.WeakLabels(
                candidate=_text(name, "weak_labels"),
                predictions=tensor_to_proto(np.asarray(values), f"weak_labels[{name!r}]"),
            )
            for name, values in query.weak_labels.items()
        ],
        settings=_settings_to_proto(query.settings),
        calibration=None if query.calibration is None else calibration_to_proto(query.calibration),
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
    weak_labels: dict[str, NDArray[Any]] = {}
    for entry in message.weak_labels:
        field = f"weak_labels[{entry.candidate!r}]"
        if entry.candidate in weak_labels:
            raise InputError(f"{field} is given twice; give it once.", reason="DUPLICATE_CANDIDATE", field=field)
        values = tensor_from_proto(entry.predictions, field)
        if len(values) != len(pool):
            raise InputError(
                f"{field} covers {len(values)} rows, the pool has {len(pool)}; they must agree.",
                reason="ROWS_DIFFER",
                field=field,
            )
        weak_labels[entry.candidate] = values
    return RankingQuery(
        strong=_spec_from_proto(message.strong, "strong"),
        weak=tuple(_spec_from_proto(spec, f"weak[{i}]") for i, spec in enumerate(message.weak)),
        pool=pool,
        labels=_labels_from_proto(message.labels) if message.HasField("labels") else None,
        weak_labels=weak_labels,
        settings=_settings_from_proto(message.settings),
        calibration=calibration_from_proto(message.calibration) if message.HasField("calibration") else None,
        drawn=_drawn_from_proto(message.drawn, len(pool)) if message.HasField("drawn") else None,
    )


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
        name=_text(spec.name, f"{field}.name"),
        reference=_text(spec.reference, f"{field}.reference"),
        layer=spec.layer,
        pooling=_code(_POOLING, spec.pooling, f"{field}.pooling"),
        values=None if spec.values is None else tensor_to_proto(np.asarray(spec.values), f"{field}.values"),
        about=spec.about,
        labels=_code(_LABELS_BY, spec.labels, f"{field}.labels"),
    )


def _spec_from_proto(message: pb.ModelSpec, field: str) -> ModelSpec:
    for name in ("name", "reference"):
        if not getattr(message, name):
            raise InputError(f"{field}.{name} is empty; it is required.", reason="MISSING_FIELD", field=field)
    return ModelSpec(
        name=message.name,
        reference=message.reference,
        layer=message.layer if message.HasField("layer") else None,
        pooling=_name(_POOLING, message.pooling, f"{field}.pooling"),
        values=tensor_from_proto(message.values, f"{field}.values") if message.HasField("values") else None,
        about=dict(message.about),
        labels=_name(_LABELS_BY, message.labels, f"{field}.labels"),
    )


def _labels_to_proto(labels: Labels) -> pb.Labels:
    return pb.Labels(
        targets=tensor_to_proto(np.asarray(labels.targets, dtype=np.float64), "labels.targets"),
        kind=_code(_KINDS, labels.kind, "labels.kind"),
        classes=_texts(labels.classes or (), "labels.classes"),
    )


def _labels_from_proto(message: pb.Labels) -> Labels:
    targets = tensor_from_proto(message.targets, "labels.targets")
    kind = _name(_KINDS, message.kind, "labels.kind")
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


def _settings_to_proto(settings: Settings) -> pb.Settings:
    return pb.Settings(
        estimators=_texts(settings.estimators, "settings.estimators"),
        rank_by=_code(_RANK_BY, settings.rank_by, "settings.rank_by"),
        layer=settings.layer,
        pooling=_code(_POOLING, settings.pooling, "settings.pooling"),
        max_rows=None if settings.max_rows is None else _whole(settings.max_rows, "settings.max_rows", 2),
        max_length=_whole(settings.max_length, "settings.max_length", 1),
        seed=_whole(settings.seed, "settings.seed", 0),
        calibration=settings.calibration,
        precision=_code(_PRECISION, settings.precision, "settings.precision"),
        budget=None
        if settings.budget is None
        else pb.Budget(share=settings.budget.share, seconds=settings.budget.seconds),
        confidence=settings.confidence,
        wording=None if settings.wording is None else _wording_to_proto(settings.wording),
        refine=_code(_REFINE_BY, settings.refine, "settings.refine"),
    )


def _wording_to_proto(wording: Wording) -> pb.Wording:
    return pb.Wording(
        words=_texts(wording.words, "settings.wording.words"),
        template=_text(wording.template, "settings.wording.template"),
    )


def _wording_from_proto(message: pb.Wording) -> Wording:
    words = tuple(message.words)
    return Wording(words, message.template) if message.HasField("template") else Wording(words)


def _budget_from_proto(message: pb.Budget) -> Budget:
    return read_budget(
        Budget(
            message.share if message.HasField("share") else None,
            message.seconds if message.HasField("seconds") else None,
        )
    )


def _confidence(value: float) -> float:
    if not 0.5 <= value < 1.0:
        raise InputError(
            f"settings.confidence is {value}; it must be from 0.5 to below 1, as 0.95.",
            reason="BAD_SETTING",
            field="settings.confidence",
        )
    return float(value)


def _settings_from_proto(message: pb.Settings) -> Settings:
    default = Settings()
    return Settings(
        estimators=tuple(message.estimators) or default.estimators,
        rank_by=_name(_RANK_BY, message.rank_by, "settings.rank_by") or default.rank_by,
        layer=message.layer if message.HasField("layer") else default.layer,
        pooling=_name(_POOLING, message.pooling, "settings.pooling") or default.pooling,
        max_rows=_whole(message.max_rows, "settings.max_rows", 2) if message.HasField("max_rows") else default.max_rows,
        max_length=_whole(message.max_length, "settings.max_length", 1)
        if message.HasField("max_length")
        else default.max_length,
        seed=_whole(message.seed, "settings.seed", 0) if message.HasField("seed") else default.seed,
        calibration=message.calibration if message.HasField("calibration") else default.calibration,
        precision=_name(_PRECISION, message.precision, "settings.precision") or default.precision,
        budget=_budget_from_proto(message.budget) if message.HasField("budget") else default.budget,
        confidence=_confidence(message.confidence) if message.HasField("confidence") else default.confidence,
        wording=_wording_from_proto(message.wording) if message.HasField("wording") else default.wording,
        refine=_name(_REFINE_BY, message.refine, "settings.refine"),
    )


def _code(table: dict[int, Any], name: str | None, field: str) -> Any:
    """The enum number of a word; 0 (unspecified) for None."""
    if name is None:
        return 0
    found = next((code for code, word in table.items() if word == name), None)
    if found is None:
        raise InputError(
            f"{field} is {name!r}; it must be one of {', '.join(table.values())}.", reason="BAD_SETTING", field=field
        )
    return found


def _name(table: dict[int, Any], code: int, field: str) -> Any:
    """The word of an enum number; None for 0 (unspecified)."""
    if code and code not in table:
        raise InputError(
            f"{field} is number {code}, which this server does not know; it knows {', '.join(table.values())}.",
            reason="BAD_SETTING",
            field=field,
        )
    return table.get(code)


def _whole(value: int, field: str, least: int) -> int:
    if not least <= value <= _MOST:
        raise InputError(
            f"{field} is {value}; it must be a whole number from {least} to {_MOST}.",
            reason="BAD_SETTING",
            field=field,
        )
    return int(value)


def _text(value: str, field: str) -> str:
    return _texts((value,), field)[0]


def _texts(values: Iterable[str], field: str) -> list[str]:
    """The texts as a list, once each is known to be Unicode that can be sent."""
    found = list(values)
    for place, value in enumerate(found):
        try:
            value.encode()
        except UnicodeEncodeError as fault:
            raise InputError(
                f"{field}: entry {place} holds a lone surrogate at character {fault.start}, which is no Unicode text; "
                "mend it, as with text.encode('utf-8', 'replace').decode().",
                reason="NOT_UNICODE",
                field=field,
            ) from fault
    return found
