from protos.w2s.v1 import query_pb2 as _query_pb2
from protos.w2s.v1 import ranking_pb2 as _ranking_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PredictRequest(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: _query_pb2.RankingQuery
    def __init__(self, query: _Optional[_Union[_query_pb2.RankingQuery, _Mapping]] = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ("ranking",)
    RANKING_FIELD_NUMBER: _ClassVar[int]
    ranking: _ranking_pb2.Ranking
    def __init__(self, ranking: _Optional[_Union[_ranking_pb2.Ranking, _Mapping]] = ...) -> None: ...

class ValidateRequest(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: _query_pb2.RankingQuery
    def __init__(self, query: _Optional[_Union[_query_pb2.RankingQuery, _Mapping]] = ...) -> None: ...

class ValidateResponse(_message.Message):
    __slots__ = ("rows", "candidates", "values", "predict_allowed", "warnings")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    PREDICT_ALLOWED_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    rows: int
    candidates: int
    values: int
    predict_allowed: bool
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, rows: _Optional[int] = ..., candidates: _Optional[int] = ..., values: _Optional[int] = ..., predict_allowed: bool = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Limit(_message.Message):
    __slots__ = ("name", "value", "unit")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: float
    unit: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[float] = ..., unit: _Optional[str] = ...) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("versions", "limits", "estimators", "slots", "queue", "models_from", "callbacks_to")
    class VersionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATORS_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    MODELS_FROM_FIELD_NUMBER: _ClassVar[int]
    CALLBACKS_TO_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.ScalarMap[str, str]
    limits: _containers.RepeatedCompositeFieldContainer[Limit]
    estimators: _containers.RepeatedScalarFieldContainer[str]
    slots: _containers.RepeatedCompositeFieldContainer[WorkerSlot]
    queue: Queue
    models_from: _containers.RepeatedScalarFieldContainer[str]
    callbacks_to: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, versions: _Optional[_Mapping[str, str]] = ..., limits: _Optional[_Iterable[_Union[Limit, _Mapping]]] = ..., estimators: _Optional[_Iterable[str]] = ..., slots: _Optional[_Iterable[_Union[WorkerSlot, _Mapping]]] = ..., queue: _Optional[_Union[Queue, _Mapping]] = ..., models_from: _Optional[_Iterable[str]] = ..., callbacks_to: _Optional[_Iterable[str]] = ...) -> None: ...

class WorkerSlot(_message.Message):
    __slots__ = ("number", "device", "busy", "threads")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    BUSY_FIELD_NUMBER: _ClassVar[int]
    THREADS_FIELD_NUMBER: _ClassVar[int]
    number: int
    device: str
    busy: bool
    threads: int
    def __init__(self, number: _Optional[int] = ..., device: _Optional[str] = ..., busy: bool = ..., threads: _Optional[int] = ...) -> None: ...

class Queue(_message.Message):
    __slots__ = ("waiting_jobs", "own_waiting_jobs", "waiting_seconds")
    WAITING_JOBS_FIELD_NUMBER: _ClassVar[int]
    OWN_WAITING_JOBS_FIELD_NUMBER: _ClassVar[int]
    WAITING_SECONDS_FIELD_NUMBER: _ClassVar[int]
    waiting_jobs: int
    own_waiting_jobs: int
    waiting_seconds: float
    def __init__(self, waiting_jobs: _Optional[int] = ..., own_waiting_jobs: _Optional[int] = ..., waiting_seconds: _Optional[float] = ...) -> None: ...
