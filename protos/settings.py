"""Settings: how to extract and judge, to and from its wire form."""

from __future__ import annotations

from typing import get_args

from predictor.errors import InputError
from predictor.intake.settings import read_budget
from predictor.query.prompt import LabelPrompt
from predictor.query.settings import Budget, Pooling, Precision, RankBy, RefineBy, Settings
from predictor.query.training_plan import FREE, MIN_PART, Heads, Training
from protos.calibrations import LABEL_FORMS
from protos.checks import code_of, text_of, texts_of, whole, word_of
from protos.w2s.v1 import query_pb2 as pb

_RANK_BY: dict[int, RankBy] = {pb.RankBy.Value(f"RANK_BY_{name.upper()}"): name for name in get_args(RankBy)}
POOLING: dict[int, Pooling] = {pb.Pooling.Value(f"POOLING_{name.upper()}"): name for name in get_args(Pooling)}
_PRECISION: dict[int, Precision] = {pb.Precision.Value(f"PRECISION_{p.upper()}"): p for p in get_args(Precision)}
_HEADS: dict[int, Heads] = {pb.Heads.Value(f"HEADS_{name.upper()}"): name for name in get_args(Heads)}
_REFINE_BY: dict[int, RefineBy] = {pb.RefineBy.Value(f"REFINE_BY_{name.upper()}"): name for name in get_args(RefineBy)}


def settings_to_proto(settings: Settings) -> pb.Settings:
    """The settings as a message.

    Raises:
        InputError: a text that is no Unicode, or a number beyond 63 bits.
    """
    return pb.Settings(
        estimators=texts_of(settings.estimators, "settings.estimators"),
        rank_by=code_of(_RANK_BY, settings.rank_by, "settings.rank_by"),
        layer=settings.layer,
        pooling=code_of(POOLING, settings.pooling, "settings.pooling"),
        max_rows=None if settings.max_rows is None else whole(settings.max_rows, "settings.max_rows", 2),
        max_length=whole(settings.max_length, "settings.max_length", 1),
        seed=whole(settings.seed, "settings.seed", 0),
        calibration=settings.calibration,
        precision=code_of(_PRECISION, settings.precision, "settings.precision"),
        budget=None
        if settings.budget is None
        else pb.Budget(share=settings.budget.share, seconds=settings.budget.seconds),
        confidence=settings.confidence,
        label_prompt=None if settings.label_prompt is None else _label_prompt_to_proto(settings.label_prompt),
        refine=code_of(_REFINE_BY, settings.refine, "settings.refine"),
        training=_training_to_proto(settings.training),
    )


def _training_to_proto(training: Training) -> pb.Training | None:
    if training == FREE:
        return None
    rows = {name: getattr(training, name) for name in ("weak_rows", "student_rows")}
    sent = {name: whole(n, f"settings.{name}", MIN_PART) for name, n in rows.items() if n is not None}
    return pb.Training(
        weak_ridge=training.weak_ridge,
        student_ridge=training.student_ridge,
        heads=code_of(_HEADS, training.heads, "settings.heads"),
        label_form=code_of(LABEL_FORMS, training.label_form, "settings.label_form"),
        **sent,
    )


def _training_from_proto(message: pb.Training) -> Training:
    numbers = ("weak_rows", "student_rows", "weak_ridge", "student_ridge")
    return Training(
        **{name: getattr(message, name) for name in numbers if message.HasField(name)},
        heads=word_of(_HEADS, message.heads, "settings.heads") or FREE.heads,
        label_form=word_of(LABEL_FORMS, message.label_form, "settings.label_form") or FREE.label_form,
    )


def _label_prompt_to_proto(label_prompt: LabelPrompt) -> pb.LabelPrompt:
    return pb.LabelPrompt(
        words=texts_of(label_prompt.words, "settings.label_prompt.words"),
        template=text_of(label_prompt.template, "settings.label_prompt.template"),
    )


def _label_prompt_from_proto(message: pb.LabelPrompt) -> LabelPrompt:
    words = tuple(message.words)
    return LabelPrompt(words, message.template) if message.HasField("template") else LabelPrompt(words)


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


def settings_from_proto(message: pb.Settings) -> Settings:
    """The settings, validated; absent fields take their defaults.

    Raises:
        InputError: a value that is not allowed.
    """
    default = Settings()
    return Settings(
        estimators=tuple(message.estimators) or default.estimators,
        rank_by=word_of(_RANK_BY, message.rank_by, "settings.rank_by") or default.rank_by,
        layer=message.layer if message.HasField("layer") else default.layer,
        pooling=word_of(POOLING, message.pooling, "settings.pooling") or default.pooling,
        max_rows=whole(message.max_rows, "settings.max_rows", 2) if message.HasField("max_rows") else default.max_rows,
        max_length=whole(message.max_length, "settings.max_length", 1)
        if message.HasField("max_length")
        else default.max_length,
        seed=whole(message.seed, "settings.seed", 0) if message.HasField("seed") else default.seed,
        calibration=message.calibration if message.HasField("calibration") else default.calibration,
        precision=word_of(_PRECISION, message.precision, "settings.precision") or default.precision,
        budget=_budget_from_proto(message.budget) if message.HasField("budget") else default.budget,
        confidence=_confidence(message.confidence) if message.HasField("confidence") else default.confidence,
        label_prompt=_label_prompt_from_proto(message.label_prompt)
        if message.HasField("label_prompt")
        else default.label_prompt,
        refine=word_of(_REFINE_BY, message.refine, "settings.refine"),
        training=_training_from_proto(message.training),
    )
