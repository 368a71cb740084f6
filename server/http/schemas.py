"""Schemas: messages as JSON Schema, by the proto3 mapping."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from server.http.comments import comments

Schema = dict[str, Any]

_WHOLE: Schema = {"type": "integer", "format": "int32"}
_LONG: Schema = {"type": ["string", "integer"], "format": "int64"}
_REAL: Schema = {"type": ["number", "string"], "format": "double"}
_SCALARS: dict[int, Schema] = {
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_INT32: _WHOLE,
    FieldDescriptor.TYPE_UINT32: {"type": "integer", "format": "int32", "minimum": 0},
    FieldDescriptor.TYPE_FIXED32: {"type": "integer", "format": "int64", "minimum": 0},
    FieldDescriptor.TYPE_INT64: _LONG,
    FieldDescriptor.TYPE_UINT64: _LONG,
    FieldDescriptor.TYPE_DOUBLE: _REAL,
}
_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?\d+(\.\d{1,9})?s$"},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.ListValue": {"type": "array"},
    "google.protobuf.Value": {},
    "google.protobuf.Any": {"type": "object", "properties": {"@type": {"type": "string"}}, "required": ["@type"]},
}


class Schemas:
    """Collects the schema of each message and enum that is referred to, in `found`."""

    def __init__(self) -> None:
        self.found: dict[str, Schema] = {}

    def of(self, message: Any) -> Schema:
        """A reference to the schema of a message; the schema itself of a well-known one."""
        if message.full_name in _WELL_KNOWN:
            return _WELL_KNOWN[message.full_name]
        if message.name not in self.found:
            self.found[message.name] = {}  # before its fields, which may be of the same message
            self.found[message.name] = {
                "type": "object",
                "description": comments().get(message.full_name, ""),
                "properties": {json_name(field): self._described(field) for field in message.fields},
                "additionalProperties": False,
            }
        return {"$ref": f"#/components/schemas/{message.name}"}

    def of_field(self, field: FieldDescriptor) -> Schema:
        """The schema of a field's value."""
        kind: Any = field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            return {"type": "object", "additionalProperties": self.of_field(kind.fields_by_name["value"])}
        one = self._single(field)
        return {"type": "array", "items": one} if field.is_repeated else one

    def _described(self, field: FieldDescriptor) -> Schema:
        about = comments().get(field.full_name, "")
        return {**self.of_field(field), **({"description": about} if about else {})}

    def _single(self, field: FieldDescriptor) -> Schema:
        if field.message_type is not None:
            return self.of(field.message_type)
        if field.enum_type is None:
            return _SCALARS[field.type]
        name = field.enum_type.name
        self.found.setdefault(name, {"type": "string", "enum": [value.name for value in field.enum_type.values]})
        return {"$ref": f"#/components/schemas/{name}"}


def json_name(field: FieldDescriptor) -> str:
    """A field's name in JSON."""
    return str(field.json_name)
