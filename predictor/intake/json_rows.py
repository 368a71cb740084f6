"""JSON rows: JSON lines, and the shapes that whole `.json` files have."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from predictor.errors import InputError
from predictor.intake.separated import lines_of


@dataclass(frozen=True)
class JsonRows:
    """Objects in file order.

    Attributes:
        columns: every key, in order of first appearance.
        records: the objects; a record may lack columns.
        places: of the records, for messages.
    """

    columns: tuple[str, ...]
    records: tuple[Mapping[str, object], ...]
    places: tuple[str, ...]

    @classmethod
    def of(cls, records: Sequence[Mapping[str, object]], places: Sequence[str]) -> JsonRows:
        """Rows with the columns that occur."""
        return cls(tuple({key: None for record in records for key in record}), tuple(records), tuple(places))


def read_json_lines(text: str, name: str) -> JsonRows:
    """One object a line; blank lines are skipped. A file that is one array is read as such.

    Raises:
        InputError: a line that is no object, or has a key twice.
    """
    if text.lstrip()[:1] == "[":
        return read_json(text, name)
    records: list[Mapping[str, object]] = []
    places: list[str] = []
    for number, line in enumerate(lines_of(text), start=1):
        line = line.strip("\ufeff")
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            record = _loads(line, f"{name}, {place}")
        except ValueError as error:
            why = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise InputError(
                f'{name}, {place}: not JSON ({why}). Each line must be one object, as in {{"text": "…"}}.',
                reason="BAD_JSON_LINE",
            ) from error
        records.append(_object(record, f"{name}, {place}"))
        places.append(place)
    return JsonRows.of(records, places)


def read_json(text: str, name: str) -> JsonRows:
    """A `.json` file: an array of objects or of texts, columns of equal length, frames as pandas writes them, or lines.

    Columns are `{"text": [...]}` or `{"text": {"0": ...}}`. `{"columns": [...], "data": [[...]]}` is a frame, and an
    object whose only list has objects, such as `{"version": 1, "data": [{...}]}`, is that list.

    Raises:
        InputError: another shape.
    """
    try:
        found = _loads(text, name)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return read_json_lines(text, name)
        raise InputError(
            f"{name}, line {error.lineno}: not JSON ({error.msg}). Give an array of objects, or one object a line.",
            reason="BAD_JSON_LINE",
        ) from error
    records = _records(found)
    if records is None:
        raise InputError(
            f'{name}: rows are an array of objects ([{{"text": "…"}}, …]), columns of equal length, or one object a '
            f"line; this is {_shape(found)}. Take the rows out, for example with jq '.rows' FILE.",
            reason="BAD_JSON_LINE",
        )
    places = [f"row {number}" for number in range(1, len(records) + 1)]
    return JsonRows.of([_object(one, f"{name}, {place}") for one, place in zip(records, places, strict=True)], places)


def _records(found: Any) -> list[Any] | None:
    if isinstance(found, list):
        return [{"text": one} if isinstance(one, str) else one for one in found]
    if not isinstance(found, dict) or not found:
        return None
    columns, data = found.get("columns"), found.get("data")
    if isinstance(columns, list) and isinstance(data, list) and all(isinstance(row, list) for row in data):
        return [dict(zip(columns, row, strict=True)) for row in data if len(row) == len(columns)] or None
    if all(isinstance(one, dict) for one in found.values()):
        index = list(next(iter(found.values())))
        if all(list(one) == index for one in found.values()):
            return [{name: values[place] for name, values in found.items()} for place in index]
        return None
    tables = [one for one in found.values() if isinstance(one, list) and one and isinstance(one[0], dict)]
    if len(tables) == 1 and len([one for one in found.values() if isinstance(one, list)]) == 1:
        return tables[0]
    lists = len(tables) < len(found) and all(isinstance(one, list) for one in found.values())
    if lists and len({len(one) for one in found.values()}) == 1:
        return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]
    return [found] if not any(isinstance(one, list | dict) for one in found.values()) else None


def _shape(found: object) -> str:
    if isinstance(found, dict):
        return f"an object with {', '.join(map(repr, list(found)[:4])) or 'nothing'}"
    return f"a {type(found).__name__}"


def _object(record: object, place: str) -> Mapping[str, object]:
    if not isinstance(record, dict):
        raise InputError(
            f'{place}: a {type(record).__name__} where an object is needed, as in {{"text": "…"}}.',
            reason="BAD_JSON_LINE",
        )
    return record


def _loads(text: str, place: str) -> Any:
    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f"{place}: the key {twice!r} occurs twice in an object.", reason="DUPLICATE_COLUMN")
        return found

    return json.loads(text, object_pairs_hook=once)
