from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LabelForm(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LABEL_FORM_UNSPECIFIED: _ClassVar[LabelForm]
    LABEL_FORM_SOFT: _ClassVar[LabelForm]
    LABEL_FORM_HARD: _ClassVar[LabelForm]

class ErrorUnit(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_UNIT_UNSPECIFIED: _ClassVar[ErrorUnit]
    ERROR_UNIT_LABEL_VARIANCE: _ClassVar[ErrorUnit]
    ERROR_UNIT_LOG_LOSS: _ClassVar[ErrorUnit]
    ERROR_UNIT_ERROR_RATE: _ClassVar[ErrorUnit]

class CalibrationTarget(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CALIBRATION_TARGET_UNSPECIFIED: _ClassVar[CalibrationTarget]
    CALIBRATION_TARGET_W2S_ERROR: _ClassVar[CalibrationTarget]
    CALIBRATION_TARGET_GAIN: _ClassVar[CalibrationTarget]
    CALIBRATION_TARGET_ACCURACY_GAIN: _ClassVar[CalibrationTarget]
LABEL_FORM_UNSPECIFIED: LabelForm
LABEL_FORM_SOFT: LabelForm
LABEL_FORM_HARD: LabelForm
ERROR_UNIT_UNSPECIFIED: ErrorUnit
ERROR_UNIT_LABEL_VARIANCE: ErrorUnit
ERROR_UNIT_LOG_LOSS: ErrorUnit
ERROR_UNIT_ERROR_RATE: ErrorUnit
CALIBRATION_TARGET_UNSPECIFIED: CalibrationTarget
CALIBRATION_TARGET_W2S_ERROR: CalibrationTarget
CALIBRATION_TARGET_GAIN: CalibrationTarget
CALIBRATION_TARGET_ACCURACY_GAIN: CalibrationTarget

class Prediction(_message.Message):
    __slots__ = ("estimator", "numbers")
    class NumbersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    ESTIMATOR_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    estimator: str
    numbers: _containers.ScalarMap[str, float]
    def __init__(self, estimator: _Optional[str] = ..., numbers: _Optional[_Mapping[str, float]] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("task", "strong", "weak", "recipe", "loss", "label_form", "unit", "weak_error", "w2s_error", "ceiling_error", "weak_accuracy", "w2s_accuracy", "ceiling_accuracy", "standard_error", "seeds", "rows", "measured_on", "origin", "predicted")
    TASK_FIELD_NUMBER: _ClassVar[int]
    STRONG_FIELD_NUMBER: _ClassVar[int]
    WEAK_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    LABEL_FORM_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    WEAK_ERROR_FIELD_NUMBER: _ClassVar[int]
    W2S_ERROR_FIELD_NUMBER: _ClassVar[int]
    CEILING_ERROR_FIELD_NUMBER: _ClassVar[int]
    WEAK_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    W2S_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    CEILING_ACCURACY_FIELD_NUMBER: _ClassVar[int]
    STANDARD_ERROR_FIELD_NUMBER: _ClassVar[int]
    SEEDS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    MEASURED_ON_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_FIELD_NUMBER: _ClassVar[int]
    task: str
    strong: str
    weak: str
    recipe: str
    loss: str
    label_form: LabelForm
    unit: ErrorUnit
    weak_error: float
    w2s_error: float
    ceiling_error: float
    weak_accuracy: float
    w2s_accuracy: float
    ceiling_accuracy: float
    standard_error: float
    seeds: int
    rows: int
    measured_on: str
    origin: str
    predicted: _containers.RepeatedCompositeFieldContainer[Prediction]
    def __init__(self, task: _Optional[str] = ..., strong: _Optional[str] = ..., weak: _Optional[str] = ..., recipe: _Optional[str] = ..., loss: _Optional[str] = ..., label_form: _Optional[_Union[LabelForm, str]] = ..., unit: _Optional[_Union[ErrorUnit, str]] = ..., weak_error: _Optional[float] = ..., w2s_error: _Optional[float] = ..., ceiling_error: _Optional[float] = ..., weak_accuracy: _Optional[float] = ..., w2s_accuracy: _Optional[float] = ..., ceiling_accuracy: _Optional[float] = ..., standard_error: _Optional[float] = ..., seeds: _Optional[int] = ..., rows: _Optional[int] = ..., measured_on: _Optional[str] = ..., origin: _Optional[str] = ..., predicted: _Optional[_Iterable[_Union[Prediction, _Mapping]]] = ...) -> None: ...

class CalibrationLine(_message.Message):
    __slots__ = ("intercept", "slope", "spread", "tasks", "outcomes", "low", "high")
    INTERCEPT_FIELD_NUMBER: _ClassVar[int]
    SLOPE_FIELD_NUMBER: _ClassVar[int]
    SPREAD_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    intercept: float
    slope: float
    spread: float
    tasks: int
    outcomes: int
    low: float
    high: float
    def __init__(self, intercept: _Optional[float] = ..., slope: _Optional[float] = ..., spread: _Optional[float] = ..., tasks: _Optional[int] = ..., outcomes: _Optional[int] = ..., low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...

class CalibrationBacktest(_message.Message):
    __slots__ = ("mae", "mae_mean", "mae_as_predicted", "coverage", "width", "order", "order_as_predicted")
    MAE_FIELD_NUMBER: _ClassVar[int]
    MAE_MEAN_FIELD_NUMBER: _ClassVar[int]
    MAE_AS_PREDICTED_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    ORDER_AS_PREDICTED_FIELD_NUMBER: _ClassVar[int]
    mae: float
    mae_mean: float
    mae_as_predicted: float
    coverage: float
    width: float
    order: float
    order_as_predicted: float
    def __init__(self, mae: _Optional[float] = ..., mae_mean: _Optional[float] = ..., mae_as_predicted: _Optional[float] = ..., coverage: _Optional[float] = ..., width: _Optional[float] = ..., order: _Optional[float] = ..., order_as_predicted: _Optional[float] = ...) -> None: ...

class CalibrationFit(_message.Message):
    __slots__ = ("estimator", "target", "unit", "line", "backtest", "given", "random_effects", "met")
    class RandomEffectsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class MetEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    ESTIMATOR_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    BACKTEST_FIELD_NUMBER: _ClassVar[int]
    GIVEN_FIELD_NUMBER: _ClassVar[int]
    RANDOM_EFFECTS_FIELD_NUMBER: _ClassVar[int]
    MET_FIELD_NUMBER: _ClassVar[int]
    estimator: str
    target: CalibrationTarget
    unit: str
    line: CalibrationLine
    backtest: CalibrationBacktest
    given: str
    random_effects: _containers.ScalarMap[str, float]
    met: _containers.ScalarMap[str, int]
    def __init__(self, estimator: _Optional[str] = ..., target: _Optional[_Union[CalibrationTarget, str]] = ..., unit: _Optional[str] = ..., line: _Optional[_Union[CalibrationLine, _Mapping]] = ..., backtest: _Optional[_Union[CalibrationBacktest, _Mapping]] = ..., given: _Optional[str] = ..., random_effects: _Optional[_Mapping[str, float]] = ..., met: _Optional[_Mapping[str, int]] = ...) -> None: ...

class Calibration(_message.Message):
    __slots__ = ("name", "version", "recipe", "tasks", "made_on", "fits")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    MADE_ON_FIELD_NUMBER: _ClassVar[int]
    FITS_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    recipe: str
    tasks: _containers.RepeatedScalarFieldContainer[str]
    made_on: str
    fits: _containers.RepeatedCompositeFieldContainer[CalibrationFit]
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., recipe: _Optional[str] = ..., tasks: _Optional[_Iterable[str]] = ..., made_on: _Optional[str] = ..., fits: _Optional[_Iterable[_Union[CalibrationFit, _Mapping]]] = ...) -> None: ...

class RecordOutcomesRequest(_message.Message):
    __slots__ = ("outcomes",)
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[Outcome]
    def __init__(self, outcomes: _Optional[_Iterable[_Union[Outcome, _Mapping]]] = ...) -> None: ...

class RecordOutcomesResponse(_message.Message):
    __slots__ = ("recorded", "repeated")
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    REPEATED_FIELD_NUMBER: _ClassVar[int]
    recorded: int
    repeated: int
    def __init__(self, recorded: _Optional[int] = ..., repeated: _Optional[int] = ...) -> None: ...

class ListOutcomesRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "task", "strong", "recipe", "filter", "order_by")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    STRONG_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    task: str
    strong: str
    recipe: str
    filter: str
    order_by: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., task: _Optional[str] = ..., strong: _Optional[str] = ..., recipe: _Optional[str] = ..., filter: _Optional[str] = ..., order_by: _Optional[str] = ...) -> None: ...

class ListOutcomesResponse(_message.Message):
    __slots__ = ("outcomes", "next_page_token")
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[Outcome]
    next_page_token: str
    def __init__(self, outcomes: _Optional[_Iterable[_Union[Outcome, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class FitCalibrationRequest(_message.Message):
    __slots__ = ("name", "recipe")
    NAME_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    recipe: str
    def __init__(self, name: _Optional[str] = ..., recipe: _Optional[str] = ...) -> None: ...

class FitCalibrationResponse(_message.Message):
    __slots__ = ("calibration",)
    CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    calibration: Calibration
    def __init__(self, calibration: _Optional[_Union[Calibration, _Mapping]] = ...) -> None: ...

class GetCalibrationRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetCalibrationResponse(_message.Message):
    __slots__ = ("calibration",)
    CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    calibration: Calibration
    def __init__(self, calibration: _Optional[_Union[Calibration, _Mapping]] = ...) -> None: ...

class ListCalibrationsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListCalibrationsResponse(_message.Message):
    __slots__ = ("calibrations",)
    CALIBRATIONS_FIELD_NUMBER: _ClassVar[int]
    calibrations: _containers.RepeatedCompositeFieldContainer[Calibration]
    def __init__(self, calibrations: _Optional[_Iterable[_Union[Calibration, _Mapping]]] = ...) -> None: ...
