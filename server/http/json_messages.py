"""JSON messages: requests read from JSON or from parameters, answers written, and errors with their path."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from predictor.errors import InputError
from server.http.routes import field_at

M = TypeVar("M", bound=Message)

_DEPTH = 32
"""Levels of messages in one request; the deepest one declared has 5."""

_UNKNOWN = re.compile(r'has no field named "([^"]*)"')
_MAPPED = re.compile(r"^([a-z_]+)\[([^\]]*)\]$")
_STEP = re.compile(r"Failed to parse (\w+) field: ")
_TRUE, _FALSE = ("true", "1"), ("false", "0")


def read_json(body: bytes, kind: type[M]) -> M:
    """The message of a JSON object; an empty body is an empty message.

    Raises:
        InputError: not JSON, or not of this message; `field` is the path.
    """
    if not body.strip():
        return kind()
    if not body.lstrip().startswith(b"{"):
        raise InputError("the body is not a JSON object; see /v1/openapi.json.", reason="BAD_JSON")
    message = kind()
    try:
        json_format.Parse(body, message, max_recursion_depth=_DEPTH)
    except (json_format.ParseError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(str(error), message) from error
    return message


def read_parameters(pairs: Iterable[tuple[str, str]], kind: type[M]) -> M:
    """The message of parameters, each a field or a path of one; a repeated field is given several times.

    A field that maps texts to texts is given as OpenAPI's `deepObject`: `labels[team]=vision`.

    Raises:
        InputError: an unknown field, one given twice, or a value of another type.
    """
    tree: dict[str, Any] = {}
    for name, text in pairs:
        path = _snake(name)
        mapped = _MAPPED.match(name)
        if mapped and (entry := kind.DESCRIPTOR.fields_by_name.get(mapped[1])) is not None and is_map(entry):
            tree.setdefault(mapped[1], {})[mapped[2]] = text
            continue
        field = field_at(kind.DESCRIPTOR, path)
        if field is None or (field.message_type is not None and not field.message_type.full_name.startswith("google.")):
            raise InputError(
                f"there is no parameter {name[:100]!r}; there are {', '.join(_names(kind))}.",
                reason="UNKNOWN_FIELD",
                field=path[:100],
            )
        *above, last = path.split(".")
        inside = tree
        for part in above:
            inside = inside.setdefault(part, {})
        if field.is_repeated:
            inside.setdefault(last, []).append(_value(text, field))
        elif last in inside:
            raise InputError(f"parameter {name!r} is given twice; give it once.", reason="BAD_VALUE", field=path)
        else:
            inside[last] = _value(text, field)
    message = kind()
    try:
        json_format.ParseDict(tree, message, max_recursion_depth=_DEPTH)
    except json_format.ParseError as error:
        raise _refused(str(error), message) from error
    return message


def is_map(field: Any) -> bool:
    """Whether a field maps texts to something."""
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def write_json(message: Message) -> bytes:
    """The message as JSON; fields without a value of their own are written with their default."""
    text: str = json_format.MessageToJson(message, always_print_fields_with_no_presence=True, indent=None)
    return text.encode() + b"\n"


def _value(text: str, field: FieldDescriptor) -> Any:
    if field.type == FieldDescriptor.TYPE_BOOL:
        return True if text in _TRUE else False if text in _FALSE else text
    if field.type == FieldDescriptor.TYPE_ENUM and text.isdecimal():
        return int(text)
    return text


def _names(kind: type[Message]) -> list[str]:
    found: list[str] = []
    for field in kind.DESCRIPTOR.fields:
        nested: Any = field.message_type
        inner = nested.fields if nested is not None and nested.full_name.startswith("w2s.") else ()
        found += [f"{field.name}.{one.name}" for one in inner] or [field.name]
    return found


def _refused(text: str, message: Message) -> InputError:
    """The parser's complaint, with the path that is in it: written out, or as the fields that it went through."""
    what, _, _ = text.partition("\n")
    at = re.search(rf' at "?{message.DESCRIPTOR.name}([^"\s]*)"?', what)
    steps = _STEP.findall(what)
    path = _snake(at[1].strip(".")) if at else _placed(_snake(".".join(steps)), message)
    unknown = _UNKNOWN.search(what)
    path = ".".join(filter(None, (path, unknown[1][:100] if unknown else "")))
    if unknown:
        known = re.search(r"\[(.*)\]", text.partition("\n")[2])
        fields = known[1].replace("'", "") if known else "none"
        return InputError(
            f"there is no field {unknown[1][:100]!r} here; there are {fields}.", reason="UNKNOWN_FIELD", field=path
        )
    reason = _STEP.sub("", what[: at.start()] if at else what).strip(" .")
    return InputError(f"the request cannot be read: {reason[:300]}.", reason="BAD_JSON", field=path or None)


def _placed(path: str, message: Message) -> str:
    """The path from the request on, where the parser left out the member of a oneof that it begins with."""
    if not path:
        return ""
    members = [f"{field.name}.{path}" for field in message.DESCRIPTOR.fields if field.containing_oneof is not None]
    return next((one for one in (path, *members) if field_at(message.DESCRIPTOR, one) is not None), path)


def _snake(path: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: f"_{found[1].lower()}", path)
