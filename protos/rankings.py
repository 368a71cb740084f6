"""Rankings: the answer, and the steps towards it, to and from their wire form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from google.protobuf import struct_pb2
from google.protobuf.message import Message

from predictor.results.candidate import Candidate, Estimate, Failure, Interval, PredictedPair
from predictor.results.ranking import EvidenceUse, NullBand, Provenance, Ranking, StrongModel
from predictor.results.suggestion import LabelValue, SuggestedLabel
from predictor.steps import Progress
from protos.decisions import decision_from_proto, decision_to_proto
from protos.w2s.v1 import ranking_pb2 as pb

_BETTER = {"lower": pb.BETTER_LOWER, "higher": pb.BETTER_HIGHER}
_STATUS = {"ok": pb.CANDIDATE_STATUS_OK, "failed": pb.CANDIDATE_STATUS_FAILED}
_INTERVALS = (
    *("predicted_w2s_error", "predicted_gain", "predicted_pgr"),
    *("predicted_accuracy", "predicted_weak_accuracy"),
)
_PAIRS = ("predicted_auroc", "predicted_rmse")

_STRONG = ("name", "layer", "dim", "fingerprint")
_PLAIN = ("name", "rank", "rank_low", "rank_high", "p_best", "tie_group", "layer", "dim", "parameters", "fingerprint")


class _KeyOrder:
    """The order of keys of every mapping of one ranking, visited in the same sequence on both sides."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self.keys = list(keys)
        self._next = 0

    def note(self, mapping: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        self.keys.extend(mapping)
        return mapping.items()

    def restore(self, mapping: Mapping[str, Any]) -> list[str]:
        """The keys in their noted order; alphabetical where the note does not fit."""
        keys = self.keys[self._next : self._next + len(mapping)]
        self._next += len(mapping)
        return keys if set(keys) == set(mapping) else sorted(mapping)


def ranking_to_proto(ranking: Ranking) -> pb.Ranking:
    """The ranking as a message; `ranking_from_proto` of it prints the same JSON."""
    order = _KeyOrder()
    message = pb.Ranking(
        rank_by=ranking.rank_by,
        evidence=ranking.evidence,
        rows=ranking.rows,
        rows_sha256=ranking.rows_sha256,
        strong=_strong_to_proto(ranking.strong, order),
        candidates=[_candidate_to_proto(candidate, order) for candidate in ranking.candidates],
        null=_write(pb.NullBand(), ranking.null),
        provenance=_provenance_to_proto(ranking.provenance, order),
        warnings=ranking.warnings,
        schema=ranking.schema,
        evidence_kinds=[_write(pb.EvidenceUse(), one) for one in ranking.evidence_kinds],
        suggested_labels=[_write(pb.SuggestedLabel(), one) for one in ranking.suggested_labels],
        value_of_labels=[_write(pb.LabelValue(), one) for one in ranking.value_of_labels],
    )
    if ranking.decision is not None:
        for mapping in (ranking.decision.losses, ranking.decision.costs):
            order.note(mapping)
        message.decision.CopyFrom(decision_to_proto(ranking.decision))
    message.key_order.extend(order.keys)
    return message


def ranking_from_proto(message: pb.Ranking) -> Ranking:
    """The ranking of a message."""
    order = _KeyOrder(message.key_order)
    ranking = Ranking(
        rank_by=message.rank_by,
        evidence=message.evidence,
        rows=message.rows,
        rows_sha256=message.rows_sha256,
        strong=_strong_from_proto(message.strong, order),
        candidates=tuple(_candidate_from_proto(candidate, order) for candidate in message.candidates),
        null=NullBand(**_read(message.null, NullBand)),
        provenance=_provenance_from_proto(message.provenance, order),
        warnings=tuple(message.warnings),
        evidence_kinds=tuple(EvidenceUse(**_read(one, EvidenceUse)) for one in message.evidence_kinds),
        suggested_labels=tuple(SuggestedLabel(**_read(one, SuggestedLabel)) for one in message.suggested_labels),
        value_of_labels=tuple(LabelValue(**_read(one, LabelValue)) for one in message.value_of_labels),
        schema=message.schema,
    )
    if not message.HasField("decision"):
        return ranking
    losses, costs = _numbers(message.decision.losses, order), _numbers(message.decision.costs, order)
    return replace(ranking, decision=decision_from_proto(message.decision, losses, costs))


def progress_to_proto(progress: Progress) -> pb.Progress:
    """One step as a message."""
    message = pb.Progress()
    _write(message, progress)
    return message


def progress_from_proto(message: pb.Progress) -> Progress:
    """One step of a message."""
    return Progress(**_read(message, Progress))


def _strong_to_proto(strong: StrongModel, order: _KeyOrder) -> pb.StrongModel:
    message = pb.StrongModel(diagnostics=dict(order.note(strong.diagnostics)))
    _write(message, strong, _STRONG)
    return message


def _strong_from_proto(message: pb.StrongModel, order: _KeyOrder) -> StrongModel:
    return StrongModel(**_read(message, StrongModel, _STRONG), diagnostics=_numbers(message.diagnostics, order))


def _candidate_to_proto(candidate: Candidate, order: _KeyOrder) -> pb.Candidate:
    estimates = [(name, _estimate_to_proto(estimate)) for name, estimate in order.note(candidate.estimates)]
    message = pb.Candidate(status=_STATUS[candidate.status], warnings=candidate.warnings, flags=candidate.flags)
    _write(message, candidate, _PLAIN)
    for name in _INTERVALS:
        interval = getattr(candidate, name)
        if interval is not None:
            getattr(message, name).CopyFrom(_write(pb.Interval(), interval))
    for name in _PAIRS:
        pair = getattr(candidate, name)
        if pair is not None:
            getattr(message, name).SetInParent()
            for own in fields(pair):
                interval = getattr(pair, own.name)
                if interval is not None:
                    getattr(getattr(message, name), own.name).CopyFrom(_write(pb.Interval(), interval))
    for name, estimate in estimates:
        message.estimates[name].CopyFrom(estimate)
        message.estimates[name].details.update(order.note(candidate.estimates[name].details))
    message.diagnostics.update(order.note(candidate.diagnostics))
    message.timings.update(order.note(candidate.timings))
    if candidate.error is not None:
        message.error.CopyFrom(_write(pb.Failure(), candidate.error))
    return message


def _candidate_from_proto(message: pb.Candidate, order: _KeyOrder) -> Candidate:
    estimates = {
        name: _estimate_from_proto(message.estimates[name], order) for name in order.restore(message.estimates)
    }
    intervals: dict[str, Any] = {
        name: Interval(**_read(getattr(message, name), Interval)) if message.HasField(name) else None
        for name in _INTERVALS
    }
    pairs: dict[str, Any] = {
        name: _pair_from_proto(getattr(message, name)) if message.HasField(name) else None for name in _PAIRS
    }
    return Candidate(
        status="ok" if message.status == pb.CANDIDATE_STATUS_OK else "failed",
        **_read(message, Candidate, _PLAIN),
        **intervals,
        **pairs,
        estimates=estimates,
        diagnostics=_numbers(message.diagnostics, order),
        warnings=tuple(message.warnings),
        flags=tuple(message.flags),
        timings=_numbers(message.timings, order),
        error=Failure(**_read(message.error, Failure)) if message.HasField("error") else None,
    )


def _pair_from_proto(message: pb.PredictedPair) -> PredictedPair:
    found = (
        Interval(**_read(getattr(message, own.name), Interval)) if message.HasField(own.name) else None
        for own in fields(PredictedPair)
    )
    return PredictedPair(*found)


def _estimate_to_proto(estimate: Estimate) -> pb.Estimate:
    message = pb.Estimate(better=_BETTER[estimate.better])
    _write(message, estimate, ("value", "unit", "low", "high", "note"))
    return message


def _estimate_from_proto(message: pb.Estimate, order: _KeyOrder) -> Estimate:
    return Estimate(
        better="lower" if message.better == pb.BETTER_LOWER else "higher",
        **_read(message, Estimate, ("value", "unit", "low", "high", "note")),
        details=_numbers(message.details, order),
    )


def _provenance_to_proto(provenance: Provenance, order: _KeyOrder) -> pb.Provenance:
    message = pb.Provenance(seed=provenance.seed, versions=dict(order.note(provenance.versions)))
    message.request.CopyFrom(_value_to_proto(provenance.request, order).struct_value)
    return message


def _provenance_from_proto(message: pb.Provenance, order: _KeyOrder) -> Provenance:
    versions = {name: message.versions[name] for name in order.restore(message.versions)}
    request = _value_from_proto(struct_pb2.Value(struct_value=message.request), order)
    return Provenance(versions=versions, seed=message.seed, request=request)


def _value_to_proto(value: Any, order: _KeyOrder) -> struct_pb2.Value:
    message = struct_pb2.Value()
    if value is None:
        message.null_value = struct_pb2.NULL_VALUE
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, int | float):
        message.number_value = value
    elif isinstance(value, str):
        message.string_value = value
    elif isinstance(value, Mapping):
        message.struct_value.SetInParent()
        for name, part in order.note(value):
            message.struct_value.fields[name].CopyFrom(_value_to_proto(part, order))
    elif isinstance(value, list | tuple):
        message.list_value.values.extend([_value_to_proto(part, order) for part in value])
        message.list_value.SetInParent()
    else:
        raise TypeError(f"provenance.request has a {type(value).__name__}, which JSON does not support")
    return message


def _value_from_proto(message: struct_pb2.Value, order: _KeyOrder) -> Any:
    kind = message.WhichOneof("kind")
    if kind == "struct_value":
        parts = message.struct_value.fields
        return {name: _value_from_proto(parts[name], order) for name in order.restore(parts)}
    if kind == "list_value":
        return [_value_from_proto(part, order) for part in message.list_value.values]
    if kind == "number_value":
        number = message.number_value
        return int(number) if number.is_integer() else number
    return None if kind in (None, "null_value") else getattr(message, kind)


def _numbers(mapping: Mapping[str, float], order: _KeyOrder) -> dict[str, float]:
    return {name: mapping[name] for name in order.restore(mapping)}


def _write(message: Any, source: Any, names: Iterable[str] | None = None) -> Any:
    """Copy plain values by name; None leaves a field absent."""
    for name in [field.name for field in fields(source)] if names is None else names:
        value = getattr(source, name)
        if value is not None:
            setattr(message, name, value)
    return message


def _read(message: Message, kind: Any, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Plain values by name; None for a field that is absent."""
    presence = message.DESCRIPTOR.fields_by_name
    return {
        name: None if presence[name].has_presence and not message.HasField(name) else getattr(message, name)
        for name in ([field.name for field in fields(kind)] if names is None else names)
    }
