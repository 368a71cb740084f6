from protos.w2s.v1 import calibration_pb2 as _calibration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Dtype(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DTYPE_UNSPECIFIED: _ClassVar[Dtype]
    DTYPE_FLOAT16: _ClassVar[Dtype]
    DTYPE_FLOAT32: _ClassVar[Dtype]
    DTYPE_FLOAT64: _ClassVar[Dtype]
    DTYPE_INT8: _ClassVar[Dtype]
    DTYPE_INT16: _ClassVar[Dtype]
    DTYPE_INT32: _ClassVar[Dtype]
    DTYPE_INT64: _ClassVar[Dtype]
    DTYPE_UINT8: _ClassVar[Dtype]
    DTYPE_UINT16: _ClassVar[Dtype]
    DTYPE_UINT32: _ClassVar[Dtype]
    DTYPE_UINT64: _ClassVar[Dtype]

class Pooling(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    POOLING_UNSPECIFIED: _ClassVar[Pooling]
    POOLING_MEAN: _ClassVar[Pooling]
    POOLING_LAST: _ClassVar[Pooling]
    POOLING_CLS: _ClassVar[Pooling]

class RankBy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RANK_BY_UNSPECIFIED: _ClassVar[RankBy]
    RANK_BY_W2S_ERROR: _ClassVar[RankBy]
    RANK_BY_GAIN: _ClassVar[RankBy]
    RANK_BY_ACCURACY: _ClassVar[RankBy]

class Precision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRECISION_UNSPECIFIED: _ClassVar[Precision]
    PRECISION_AUTO: _ClassVar[Precision]
    PRECISION_FP32: _ClassVar[Precision]
    PRECISION_BF16: _ClassVar[Precision]

class LabelsBy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LABELS_BY_UNSPECIFIED: _ClassVar[LabelsBy]
    LABELS_BY_LOGITS: _ClassVar[LabelsBy]
    LABELS_BY_WORDS: _ClassVar[LabelsBy]

class Truncate(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRUNCATE_UNSPECIFIED: _ClassVar[Truncate]
    TRUNCATE_RIGHT: _ClassVar[Truncate]
    TRUNCATE_LEFT: _ClassVar[Truncate]
    TRUNCATE_MIDDLE: _ClassVar[Truncate]

class RefineBy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REFINE_BY_UNSPECIFIED: _ClassVar[RefineBy]
    REFINE_BY_LINEAR: _ClassVar[RefineBy]
    REFINE_BY_PROMPTED: _ClassVar[RefineBy]

class Heads(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HEADS_UNSPECIFIED: _ClassVar[Heads]
    HEADS_RIDGE: _ClassVar[Heads]
    HEADS_LOGISTIC: _ClassVar[Heads]

class LabelKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LABEL_KIND_UNSPECIFIED: _ClassVar[LabelKind]
    LABEL_KIND_REGRESSION: _ClassVar[LabelKind]
    LABEL_KIND_BINARY: _ClassVar[LabelKind]
    LABEL_KIND_MULTICLASS: _ClassVar[LabelKind]
DTYPE_UNSPECIFIED: Dtype
DTYPE_FLOAT16: Dtype
DTYPE_FLOAT32: Dtype
DTYPE_FLOAT64: Dtype
DTYPE_INT8: Dtype
DTYPE_INT16: Dtype
DTYPE_INT32: Dtype
DTYPE_INT64: Dtype
DTYPE_UINT8: Dtype
DTYPE_UINT16: Dtype
DTYPE_UINT32: Dtype
DTYPE_UINT64: Dtype
POOLING_UNSPECIFIED: Pooling
POOLING_MEAN: Pooling
POOLING_LAST: Pooling
POOLING_CLS: Pooling
RANK_BY_UNSPECIFIED: RankBy
RANK_BY_W2S_ERROR: RankBy
RANK_BY_GAIN: RankBy
RANK_BY_ACCURACY: RankBy
PRECISION_UNSPECIFIED: Precision
PRECISION_AUTO: Precision
PRECISION_FP32: Precision
PRECISION_BF16: Precision
LABELS_BY_UNSPECIFIED: LabelsBy
LABELS_BY_LOGITS: LabelsBy
LABELS_BY_WORDS: LabelsBy
TRUNCATE_UNSPECIFIED: Truncate
TRUNCATE_RIGHT: Truncate
TRUNCATE_LEFT: Truncate
TRUNCATE_MIDDLE: Truncate
REFINE_BY_UNSPECIFIED: RefineBy
REFINE_BY_LINEAR: RefineBy
REFINE_BY_PROMPTED: RefineBy
HEADS_UNSPECIFIED: Heads
HEADS_RIDGE: Heads
HEADS_LOGISTIC: Heads
LABEL_KIND_UNSPECIFIED: LabelKind
LABEL_KIND_REGRESSION: LabelKind
LABEL_KIND_BINARY: LabelKind
LABEL_KIND_MULTICLASS: LabelKind

class Tensor(_message.Message):
    __slots__ = ("data", "shape", "dtype", "part")
    DATA_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    shape: _containers.RepeatedScalarFieldContainer[int]
    dtype: Dtype
    part: str
    def __init__(self, data: _Optional[bytes] = ..., shape: _Optional[_Iterable[int]] = ..., dtype: _Optional[_Union[Dtype, str]] = ..., part: _Optional[str] = ...) -> None: ...

class ModelSpec(_message.Message):
    __slots__ = ("name", "reference", "layer", "pooling", "values", "about", "labels", "prefix")
    class AboutEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    POOLING_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    name: str
    reference: str
    layer: str
    pooling: Pooling
    values: Tensor
    about: _containers.ScalarMap[str, str]
    labels: LabelsBy
    prefix: str
    def __init__(self, name: _Optional[str] = ..., reference: _Optional[str] = ..., layer: _Optional[str] = ..., pooling: _Optional[_Union[Pooling, str]] = ..., values: _Optional[_Union[Tensor, _Mapping]] = ..., about: _Optional[_Mapping[str, str]] = ..., labels: _Optional[_Union[LabelsBy, str]] = ..., prefix: _Optional[str] = ...) -> None: ...

class Pool(_message.Message):
    __slots__ = ("ids", "texts", "part")
    IDS_FIELD_NUMBER: _ClassVar[int]
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    texts: _containers.RepeatedScalarFieldContainer[str]
    part: str
    def __init__(self, ids: _Optional[_Iterable[str]] = ..., texts: _Optional[_Iterable[str]] = ..., part: _Optional[str] = ...) -> None: ...

class Drawn(_message.Message):
    __slots__ = ("rows", "of", "rows_sha256")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    ROWS_SHA256_FIELD_NUMBER: _ClassVar[int]
    rows: Tensor
    of: int
    rows_sha256: str
    def __init__(self, rows: _Optional[_Union[Tensor, _Mapping]] = ..., of: _Optional[int] = ..., rows_sha256: _Optional[str] = ...) -> None: ...

class Labels(_message.Message):
    __slots__ = ("targets", "kind", "classes")
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    targets: Tensor
    kind: LabelKind
    classes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, targets: _Optional[_Union[Tensor, _Mapping]] = ..., kind: _Optional[_Union[LabelKind, str]] = ..., classes: _Optional[_Iterable[str]] = ...) -> None: ...

class WeakLabels(_message.Message):
    __slots__ = ("candidate", "predictions")
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    candidate: str
    predictions: Tensor
    def __init__(self, candidate: _Optional[str] = ..., predictions: _Optional[_Union[Tensor, _Mapping]] = ...) -> None: ...

class Description(_message.Message):
    __slots__ = ("name", "texts")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    texts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., texts: _Optional[_Iterable[str]] = ...) -> None: ...

class Proxy(_message.Message):
    __slots__ = ("name", "values")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    name: str
    values: Tensor
    def __init__(self, name: _Optional[str] = ..., values: _Optional[_Union[Tensor, _Mapping]] = ...) -> None: ...

class Settings(_message.Message):
    __slots__ = ("estimators", "rank_by", "layer", "pooling", "max_rows", "max_length", "seed", "calibration", "precision", "budget", "confidence", "label_prompt", "refine", "training", "launch", "costs", "truncate", "suggest_labels", "past_outcomes", "answer_device")
    class CostsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    ESTIMATORS_FIELD_NUMBER: _ClassVar[int]
    RANK_BY_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    POOLING_FIELD_NUMBER: _ClassVar[int]
    MAX_ROWS_FIELD_NUMBER: _ClassVar[int]
    MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    LABEL_PROMPT_FIELD_NUMBER: _ClassVar[int]
    REFINE_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    LAUNCH_FIELD_NUMBER: _ClassVar[int]
    COSTS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATE_FIELD_NUMBER: _ClassVar[int]
    SUGGEST_LABELS_FIELD_NUMBER: _ClassVar[int]
    PAST_OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    ANSWER_DEVICE_FIELD_NUMBER: _ClassVar[int]
    estimators: _containers.RepeatedScalarFieldContainer[str]
    rank_by: RankBy
    layer: str
    pooling: Pooling
    max_rows: int
    max_length: int
    seed: int
    calibration: str
    precision: Precision
    budget: Budget
    confidence: float
    label_prompt: LabelPrompt
    refine: RefineBy
    training: Training
    launch: int
    costs: _containers.ScalarMap[str, float]
    truncate: Truncate
    suggest_labels: int
    past_outcomes: str
    answer_device: str
    def __init__(self, estimators: _Optional[_Iterable[str]] = ..., rank_by: _Optional[_Union[RankBy, str]] = ..., layer: _Optional[str] = ..., pooling: _Optional[_Union[Pooling, str]] = ..., max_rows: _Optional[int] = ..., max_length: _Optional[int] = ..., seed: _Optional[int] = ..., calibration: _Optional[str] = ..., precision: _Optional[_Union[Precision, str]] = ..., budget: _Optional[_Union[Budget, _Mapping]] = ..., confidence: _Optional[float] = ..., label_prompt: _Optional[_Union[LabelPrompt, _Mapping]] = ..., refine: _Optional[_Union[RefineBy, str]] = ..., training: _Optional[_Union[Training, _Mapping]] = ..., launch: _Optional[int] = ..., costs: _Optional[_Mapping[str, float]] = ..., truncate: _Optional[_Union[Truncate, str]] = ..., suggest_labels: _Optional[int] = ..., past_outcomes: _Optional[str] = ..., answer_device: _Optional[str] = ...) -> None: ...

class Training(_message.Message):
    __slots__ = ("weak_rows", "student_rows", "weak_ridge", "student_ridge", "heads", "label_form")
    WEAK_ROWS_FIELD_NUMBER: _ClassVar[int]
    STUDENT_ROWS_FIELD_NUMBER: _ClassVar[int]
    WEAK_RIDGE_FIELD_NUMBER: _ClassVar[int]
    STUDENT_RIDGE_FIELD_NUMBER: _ClassVar[int]
    HEADS_FIELD_NUMBER: _ClassVar[int]
    LABEL_FORM_FIELD_NUMBER: _ClassVar[int]
    weak_rows: int
    student_rows: int
    weak_ridge: float
    student_ridge: float
    heads: Heads
    label_form: _calibration_pb2.LabelForm
    def __init__(self, weak_rows: _Optional[int] = ..., student_rows: _Optional[int] = ..., weak_ridge: _Optional[float] = ..., student_ridge: _Optional[float] = ..., heads: _Optional[_Union[Heads, str]] = ..., label_form: _Optional[_Union[_calibration_pb2.LabelForm, str]] = ...) -> None: ...

class LabelPrompt(_message.Message):
    __slots__ = ("words", "template")
    WORDS_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    words: _containers.RepeatedScalarFieldContainer[str]
    template: str
    def __init__(self, words: _Optional[_Iterable[str]] = ..., template: _Optional[str] = ...) -> None: ...

class Budget(_message.Message):
    __slots__ = ("share", "seconds")
    SHARE_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    share: float
    seconds: float
    def __init__(self, share: _Optional[float] = ..., seconds: _Optional[float] = ...) -> None: ...

class RankingQuery(_message.Message):
    __slots__ = ("strong", "weak", "pool", "labels", "weak_labels", "settings", "calibration", "drawn", "descriptions", "describers", "proxies", "past_outcomes")
    STRONG_FIELD_NUMBER: _ClassVar[int]
    WEAK_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    WEAK_LABELS_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    DRAWN_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTIONS_FIELD_NUMBER: _ClassVar[int]
    DESCRIBERS_FIELD_NUMBER: _ClassVar[int]
    PROXIES_FIELD_NUMBER: _ClassVar[int]
    PAST_OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    strong: ModelSpec
    weak: _containers.RepeatedCompositeFieldContainer[ModelSpec]
    pool: Pool
    labels: Labels
    weak_labels: _containers.RepeatedCompositeFieldContainer[WeakLabels]
    settings: Settings
    calibration: _calibration_pb2.Calibration
    drawn: Drawn
    descriptions: _containers.RepeatedCompositeFieldContainer[Description]
    describers: _containers.RepeatedCompositeFieldContainer[ModelSpec]
    proxies: _containers.RepeatedCompositeFieldContainer[Proxy]
    past_outcomes: _containers.RepeatedCompositeFieldContainer[_calibration_pb2.Outcome]
    def __init__(self, strong: _Optional[_Union[ModelSpec, _Mapping]] = ..., weak: _Optional[_Iterable[_Union[ModelSpec, _Mapping]]] = ..., pool: _Optional[_Union[Pool, _Mapping]] = ..., labels: _Optional[_Union[Labels, _Mapping]] = ..., weak_labels: _Optional[_Iterable[_Union[WeakLabels, _Mapping]]] = ..., settings: _Optional[_Union[Settings, _Mapping]] = ..., calibration: _Optional[_Union[_calibration_pb2.Calibration, _Mapping]] = ..., drawn: _Optional[_Union[Drawn, _Mapping]] = ..., descriptions: _Optional[_Iterable[_Union[Description, _Mapping]]] = ..., describers: _Optional[_Iterable[_Union[ModelSpec, _Mapping]]] = ..., proxies: _Optional[_Iterable[_Union[Proxy, _Mapping]]] = ..., past_outcomes: _Optional[_Iterable[_Union[_calibration_pb2.Outcome, _Mapping]]] = ...) -> None: ...
