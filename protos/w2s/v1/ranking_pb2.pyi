from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Better(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BETTER_UNSPECIFIED: _ClassVar[Better]
    BETTER_LOWER: _ClassVar[Better]
    BETTER_HIGHER: _ClassVar[Better]

class CandidateStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CANDIDATE_STATUS_UNSPECIFIED: _ClassVar[CandidateStatus]
    CANDIDATE_STATUS_OK: _ClassVar[CandidateStatus]
    CANDIDATE_STATUS_FAILED: _ClassVar[CandidateStatus]
BETTER_UNSPECIFIED: Better
BETTER_LOWER: Better
BETTER_HIGHER: Better
CANDIDATE_STATUS_UNSPECIFIED: CandidateStatus
CANDIDATE_STATUS_OK: CandidateStatus
CANDIDATE_STATUS_FAILED: CandidateStatus

class Interval(_message.Message):
    __slots__ = ("value", "low", "high", "unit")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    value: float
    low: float
    high: float
    unit: str
    def __init__(self, value: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., unit: _Optional[str] = ...) -> None: ...

class Estimate(_message.Message):
    __slots__ = ("value", "better", "unit", "low", "high", "note", "details")
    class DetailsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    VALUE_FIELD_NUMBER: _ClassVar[int]
    BETTER_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    value: float
    better: Better
    unit: str
    low: float
    high: float
    note: str
    details: _containers.ScalarMap[str, float]
    def __init__(self, value: _Optional[float] = ..., better: _Optional[_Union[Better, str]] = ..., unit: _Optional[str] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., note: _Optional[str] = ..., details: _Optional[_Mapping[str, float]] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("code", "reason", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: str
    reason: str
    message: str
    def __init__(self, code: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class StrongModel(_message.Message):
    __slots__ = ("name", "layer", "dim", "fingerprint", "diagnostics")
    class DiagnosticsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    DIM_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    name: str
    layer: str
    dim: int
    fingerprint: str
    diagnostics: _containers.ScalarMap[str, float]
    def __init__(self, name: _Optional[str] = ..., layer: _Optional[str] = ..., dim: _Optional[int] = ..., fingerprint: _Optional[str] = ..., diagnostics: _Optional[_Mapping[str, float]] = ...) -> None: ...

class PredictedPair(_message.Message):
    __slots__ = ("w2s", "weak")
    W2S_FIELD_NUMBER: _ClassVar[int]
    WEAK_FIELD_NUMBER: _ClassVar[int]
    w2s: Interval
    weak: Interval
    def __init__(self, w2s: _Optional[_Union[Interval, _Mapping]] = ..., weak: _Optional[_Union[Interval, _Mapping]] = ...) -> None: ...

class Candidate(_message.Message):
    __slots__ = ("name", "status", "rank", "rank_low", "rank_high", "p_best", "tie_group", "predicted_w2s_error", "predicted_gain", "predicted_pgr", "layer", "dim", "parameters", "fingerprint", "estimates", "diagnostics", "warnings", "timings", "error", "predicted_accuracy", "predicted_weak_accuracy", "predicted_auroc", "predicted_rmse", "flags")
    class EstimatesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Estimate
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Estimate, _Mapping]] = ...) -> None: ...
    class DiagnosticsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class TimingsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    RANK_LOW_FIELD_NUMBER: _ClassVar[int]
    RANK_HIGH_FIELD_NUMBER: _ClassVar[int]
    P_BEST_FIELD_NUMBER: _ClassVar[int]
    TIE_GROUP_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_W2S_ERROR_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_GAIN_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_PGR_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    DIM_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    ESTIMATES_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_WEAK_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_AUROC_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_RMSE_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    status: CandidateStatus
    rank: int
    rank_low: int
    rank_high: int
    p_best: float
    tie_group: int
    predicted_w2s_error: Interval
    predicted_gain: Interval
    predicted_pgr: Interval
    layer: str
    dim: int
    parameters: int
    fingerprint: str
    estimates: _containers.MessageMap[str, Estimate]
    diagnostics: _containers.ScalarMap[str, float]
    warnings: _containers.RepeatedScalarFieldContainer[str]
    timings: _containers.ScalarMap[str, float]
    error: Failure
    predicted_accuracy: Interval
    predicted_weak_accuracy: Interval
    predicted_auroc: PredictedPair
    predicted_rmse: PredictedPair
    flags: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., status: _Optional[_Union[CandidateStatus, str]] = ..., rank: _Optional[int] = ..., rank_low: _Optional[int] = ..., rank_high: _Optional[int] = ..., p_best: _Optional[float] = ..., tie_group: _Optional[int] = ..., predicted_w2s_error: _Optional[_Union[Interval, _Mapping]] = ..., predicted_gain: _Optional[_Union[Interval, _Mapping]] = ..., predicted_pgr: _Optional[_Union[Interval, _Mapping]] = ..., layer: _Optional[str] = ..., dim: _Optional[int] = ..., parameters: _Optional[int] = ..., fingerprint: _Optional[str] = ..., estimates: _Optional[_Mapping[str, Estimate]] = ..., diagnostics: _Optional[_Mapping[str, float]] = ..., warnings: _Optional[_Iterable[str]] = ..., timings: _Optional[_Mapping[str, float]] = ..., error: _Optional[_Union[Failure, _Mapping]] = ..., predicted_accuracy: _Optional[_Union[Interval, _Mapping]] = ..., predicted_weak_accuracy: _Optional[_Union[Interval, _Mapping]] = ..., predicted_auroc: _Optional[_Union[PredictedPair, _Mapping]] = ..., predicted_rmse: _Optional[_Union[PredictedPair, _Mapping]] = ..., flags: _Optional[_Iterable[str]] = ...) -> None: ...

class NullBand(_message.Message):
    __slots__ = ("value", "low", "high", "unit", "separable")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    SEPARABLE_FIELD_NUMBER: _ClassVar[int]
    value: float
    low: float
    high: float
    unit: str
    separable: int
    def __init__(self, value: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., unit: _Optional[str] = ..., separable: _Optional[int] = ...) -> None: ...

class EvidenceUse(_message.Message):
    __slots__ = ("kind", "name", "weight", "reliability", "gold_correlation")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    RELIABILITY_FIELD_NUMBER: _ClassVar[int]
    GOLD_CORRELATION_FIELD_NUMBER: _ClassVar[int]
    kind: str
    name: str
    weight: float
    reliability: float
    gold_correlation: float
    def __init__(self, kind: _Optional[str] = ..., name: _Optional[str] = ..., weight: _Optional[float] = ..., reliability: _Optional[float] = ..., gold_correlation: _Optional[float] = ...) -> None: ...

class NextLaunch(_message.Message):
    __slots__ = ("name", "saves", "cost")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SAVES_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    name: str
    saves: float
    cost: float
    def __init__(self, name: _Optional[str] = ..., saves: _Optional[float] = ..., cost: _Optional[float] = ...) -> None: ...

class Round(_message.Message):
    __slots__ = ("rows", "candidates")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    rows: int
    candidates: int
    def __init__(self, rows: _Optional[int] = ..., candidates: _Optional[int] = ...) -> None: ...

class Halving(_message.Message):
    __slots__ = ("candidates", "rounds", "p_contains_best")
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    ROUNDS_FIELD_NUMBER: _ClassVar[int]
    P_CONTAINS_BEST_FIELD_NUMBER: _ClassVar[int]
    candidates: _containers.RepeatedScalarFieldContainer[str]
    rounds: _containers.RepeatedCompositeFieldContainer[Round]
    p_contains_best: float
    def __init__(self, candidates: _Optional[_Iterable[str]] = ..., rounds: _Optional[_Iterable[_Union[Round, _Mapping]]] = ..., p_contains_best: _Optional[float] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("launch", "expected_regret", "p_contains_best", "unit", "tolerance", "as_good", "losses", "costs", "cost_unit", "gain", "p_gain", "one_more", "halving", "reason", "next_steps", "best_weak")
    class LossesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class CostsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    LAUNCH_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REGRET_FIELD_NUMBER: _ClassVar[int]
    P_CONTAINS_BEST_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    AS_GOOD_FIELD_NUMBER: _ClassVar[int]
    LOSSES_FIELD_NUMBER: _ClassVar[int]
    COSTS_FIELD_NUMBER: _ClassVar[int]
    COST_UNIT_FIELD_NUMBER: _ClassVar[int]
    GAIN_FIELD_NUMBER: _ClassVar[int]
    P_GAIN_FIELD_NUMBER: _ClassVar[int]
    ONE_MORE_FIELD_NUMBER: _ClassVar[int]
    HALVING_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    NEXT_STEPS_FIELD_NUMBER: _ClassVar[int]
    BEST_WEAK_FIELD_NUMBER: _ClassVar[int]
    launch: _containers.RepeatedScalarFieldContainer[str]
    expected_regret: float
    p_contains_best: float
    unit: str
    tolerance: float
    as_good: _containers.RepeatedScalarFieldContainer[str]
    losses: _containers.ScalarMap[str, float]
    costs: _containers.ScalarMap[str, float]
    cost_unit: str
    gain: float
    p_gain: float
    one_more: NextLaunch
    halving: Halving
    reason: str
    next_steps: _containers.RepeatedScalarFieldContainer[str]
    best_weak: str
    def __init__(self, launch: _Optional[_Iterable[str]] = ..., expected_regret: _Optional[float] = ..., p_contains_best: _Optional[float] = ..., unit: _Optional[str] = ..., tolerance: _Optional[float] = ..., as_good: _Optional[_Iterable[str]] = ..., losses: _Optional[_Mapping[str, float]] = ..., costs: _Optional[_Mapping[str, float]] = ..., cost_unit: _Optional[str] = ..., gain: _Optional[float] = ..., p_gain: _Optional[float] = ..., one_more: _Optional[_Union[NextLaunch, _Mapping]] = ..., halving: _Optional[_Union[Halving, _Mapping]] = ..., reason: _Optional[str] = ..., next_steps: _Optional[_Iterable[str]] = ..., best_weak: _Optional[str] = ...) -> None: ...

class Provenance(_message.Message):
    __slots__ = ("versions", "seed", "request")
    class VersionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.ScalarMap[str, str]
    seed: int
    request: _struct_pb2.Struct
    def __init__(self, versions: _Optional[_Mapping[str, str]] = ..., seed: _Optional[int] = ..., request: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class Ranking(_message.Message):
    __slots__ = ("rank_by", "evidence", "rows", "rows_sha256", "strong", "candidates", "null", "provenance", "warnings", "schema", "key_order", "evidence_kinds", "decision", "suggested_labels", "value_of_labels")
    RANK_BY_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    ROWS_SHA256_FIELD_NUMBER: _ClassVar[int]
    STRONG_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    NULL_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    KEY_ORDER_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_KINDS_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    SUGGESTED_LABELS_FIELD_NUMBER: _ClassVar[int]
    VALUE_OF_LABELS_FIELD_NUMBER: _ClassVar[int]
    rank_by: str
    evidence: str
    rows: int
    rows_sha256: str
    strong: StrongModel
    candidates: _containers.RepeatedCompositeFieldContainer[Candidate]
    null: NullBand
    provenance: Provenance
    warnings: _containers.RepeatedScalarFieldContainer[str]
    schema: str
    key_order: _containers.RepeatedScalarFieldContainer[str]
    evidence_kinds: _containers.RepeatedCompositeFieldContainer[EvidenceUse]
    decision: Decision
    suggested_labels: _containers.RepeatedCompositeFieldContainer[SuggestedLabel]
    value_of_labels: _containers.RepeatedCompositeFieldContainer[LabelValue]
    def __init__(self, rank_by: _Optional[str] = ..., evidence: _Optional[str] = ..., rows: _Optional[int] = ..., rows_sha256: _Optional[str] = ..., strong: _Optional[_Union[StrongModel, _Mapping]] = ..., candidates: _Optional[_Iterable[_Union[Candidate, _Mapping]]] = ..., null: _Optional[_Union[NullBand, _Mapping]] = ..., provenance: _Optional[_Union[Provenance, _Mapping]] = ..., warnings: _Optional[_Iterable[str]] = ..., schema: _Optional[str] = ..., key_order: _Optional[_Iterable[str]] = ..., evidence_kinds: _Optional[_Iterable[_Union[EvidenceUse, _Mapping]]] = ..., decision: _Optional[_Union[Decision, _Mapping]] = ..., suggested_labels: _Optional[_Iterable[_Union[SuggestedLabel, _Mapping]]] = ..., value_of_labels: _Optional[_Iterable[_Union[LabelValue, _Mapping]]] = ...) -> None: ...

class SuggestedLabel(_message.Message):
    __slots__ = ("id", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    reason: str
    def __init__(self, id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class LabelValue(_message.Message):
    __slots__ = ("labels", "expected_regret", "random_regret", "unit")
    LABELS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REGRET_FIELD_NUMBER: _ClassVar[int]
    RANDOM_REGRET_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    labels: int
    expected_regret: float
    random_regret: float
    unit: str
    def __init__(self, labels: _Optional[int] = ..., expected_regret: _Optional[float] = ..., random_regret: _Optional[float] = ..., unit: _Optional[str] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("candidate", "phase", "done", "total")
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    candidate: str
    phase: str
    done: int
    total: int
    def __init__(self, candidate: _Optional[str] = ..., phase: _Optional[str] = ..., done: _Optional[int] = ..., total: _Optional[int] = ...) -> None: ...
