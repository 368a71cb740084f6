"""Settings: how models are run and candidates ranked, to and from its wire form.

Every field of `Settings`, and of the records in it, has a field of the same name in its message. The conversion walks
the fields, so a new setting needs no line here.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from functools import cache
from typing import Any, get_args

from google.protobuf.message import Message

from predictor.query.budget import Budget
from predictor.query.option import option_of
from predictor.query.prompt import LabelPrompt
from predictor.query.settings import Pooling, Settings
from predictor.query.training_plan import Training
from protos.checks import code_of, text_of, texts_of, whole, word_of
from protos.w2s.v1 import query_pb2 as pb

_RECORDS: dict[str, type] = {"Budget": Budget, "LabelPrompt": LabelPrompt, "Training": Training}
"""Message inside Settings -> its class."""

POOLING: dict[int, Pooling] = {pb.Pooling.Value(f"POOLING_{name.upper()}"): name for name in get_args(Pooling)}


def settings_to_proto(settings: Settings) -> pb.Settings:
    """The settings as a message.

    Raises:
        InputError: a text that is no Unicode, or a number beyond 63 bits.
    """
    message = pb.Settings()
    _write(settings, message, "settings")
    return message


def settings_from_proto(message: pb.Settings) -> Settings:
    """The settings, validated; absent fields take their defaults.

    Raises:
        InputError: a value that is not allowed.
    """
    return Settings(**_read(Settings, message, "settings"))


def _write(record: Any, message: Message, path: str) -> None:
    for own in fields(record):
        value, field = getattr(record, own.name), message.DESCRIPTOR.fields_by_name[own.name]
        place = f"{path}.{own.name}"
        if value is None or (field.message_type is not None and not _is_map(field) and value == _default(own)):
            continue
        if _is_map(field):
            getattr(message, own.name).update({text_of(name, place): value[name] for name in value})
        elif field.message_type is not None:
            part = getattr(message, own.name)
            part.SetInParent()
            _write(value, part, place)
        elif isinstance(value, tuple):
            getattr(message, own.name).extend(texts_of(value, place))
        else:
            setattr(message, own.name, _scalar(value, own, field, place))


def _scalar(value: Any, own: Field[Any], field: Any, place: str) -> Any:
    if field.enum_type is not None:
        return code_of(_words(field.enum_type), value, place)
    if isinstance(value, str):
        return text_of(value, place)
    option = option_of(own)
    return value if option is None or option.min_value is None else whole(value, place, option.min_value)


def _read(record: type, message: Message, path: str) -> dict[str, Any]:
    """Field -> value, of the fields that the message has."""
    found: dict[str, Any] = {}
    for own in fields(record):
        value, field = getattr(message, own.name), message.DESCRIPTOR.fields_by_name[own.name]
        place = f"{path}.{own.name}"
        if _is_map(field):
            found[own.name] = dict(value)
        elif field.message_type is not None:
            if message.HasField(own.name):
                inner = _RECORDS[field.message_type.name]
                found[own.name] = inner(**_read(inner, value, place))
        elif field.enum_type is not None:
            word = word_of(_words(field.enum_type), value, place)
            found |= {} if word is None else {own.name: word}
        elif not field.has_presence:  # repeated texts
            found |= {own.name: tuple(value)} if value or own.default is MISSING else {}
        elif message.HasField(own.name):
            found[own.name] = value
    return found


def _is_map(field: Any) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _default(own: Field[Any]) -> Any:
    return own.default if own.default_factory is MISSING else own.default_factory()


@cache
def _words(enum: Any) -> dict[int, str]:
    """Number -> word: RANK_BY_W2S_ERROR of RankBy is `w2s_error`. The first value means that none is given."""
    none, *values = enum.values
    prefix = none.name.removesuffix("UNSPECIFIED")
    return {value.number: value.name.removeprefix(prefix).lower() for value in values}
