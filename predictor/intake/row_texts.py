"""Row texts: a column, a template over several columns, or conversations, as the texts of a pool."""

from __future__ import annotations

import json
import string
from collections.abc import Sequence

from predictor.errors import InputError
from predictor.intake.tables import Table
from predictor.query.chat import chat_text

TEXT_COLUMN = "text"

OTHER_COLUMNS = ("txt", "messages", "conversations")
"""Columns that are read as texts where there is no column `text` and none is named."""


def texts_of(table: Table, column: str = TEXT_COLUMN, template: str | None = None) -> list[str]:
    """The text of every row.

    Args:
        table: the rows.
        column: of texts, or of lists of messages. Where it is `text` and missing, one of OTHER_COLUMNS is taken.
        template: with `{COLUMN}` where a column goes; `{{` and `}}` are braces. Replaces `column`.

    Raises:
        InputError: a missing column, a row without a text, a template that is none.
    """
    if template is not None:
        return _filled(table, template)
    column = text_column_of(table, column)
    return [_text(value, place, column) for value, place in zip(table.read(column), table.places, strict=True)]


def text_column_of(table: Table, column: str) -> str:
    """The column of the texts.

    Raises:
        InputError: there is none.
    """
    if column == TEXT_COLUMN and column not in table.columns:
        column = next((one for one in OTHER_COLUMNS if one in table.columns), column)
    table.need(column, "text", "Name another with --text-column, or join several with --template.")
    return column


def _filled(table: Table, template: str) -> list[str]:
    parts = _parts(template)
    names = list(dict.fromkeys(name for _, name in parts if name is not None))
    if not names:
        raise _bad(template, "it has no {COLUMN}")
    for name in names:
        table.need(name, "text", "Name columns of the file in --template.")
    columns = {
        name: [_part(value, place, name) for value, place in zip(table.read(name), table.places, strict=True)]
        for name in names
    }
    return [
        "".join(before + ("" if name is None else columns[name][row]) for before, name in parts)
        for row in range(len(table))
    ]


def _parts(template: str) -> list[tuple[str, str | None]]:
    try:
        found = list(string.Formatter().parse(template))
    except ValueError as error:
        raise _bad(template, f"{error}; write {{{{ and }}}} for braces") from error
    odd = next((name for _, name, form, turn in found if name is not None and (form or turn or not name)), None)
    if odd is not None:
        raise _bad(template, "only {COLUMN} is allowed, without a format; write {{ and }} for braces")
    return [(before, name) for before, name, _, _ in found]


def _bad(template: str, why: str) -> InputError:
    return InputError(
        f"template {template!r}: {why}. Give one such as '{{passage}}\\nQ: {{question}}'.",
        reason="BAD_TEMPLATE",
        field="template",
    )


def _part(value: object, place: str, column: str) -> str:
    if isinstance(value, bool | int | float) and value == value:
        return str(value)
    if isinstance(value, str):
        return _text(value, place, column)
    got = "no value" if value is None or value != value else f"a {type(value).__name__}"
    raise InputError(
        f"{place}: column {column!r} has {got}; a template joins texts and numbers. Fill the cell, or take the column "
        "out of the template.",
        reason="ROW_WITHOUT_TEXT",
        field="pool",
    )


def _text(value: object, place: str, column: str) -> str:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return _conversation(value, place, column)
    if isinstance(value, str) and column in OTHER_COLUMNS[1:] and value.lstrip()[:1] == "[":
        try:
            return _conversation(json.loads(value), place, column)
        except ValueError:
            pass
    if not isinstance(value, str):
        got = "no value" if _is_missing(value) else f"{value!r:.40}, which is no text"
        raise InputError(
            f"{place}: column {column!r} has {got}; every row needs a text (an empty string is one).",
            reason="ROW_WITHOUT_TEXT",
            field="pool",
        )
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InputError(
            f"{place}: half of a surrogate pair, which is no character. Write the row as UTF-8.",
            reason="BAD_ENCODING",
            field="pool",
        )
    return value


def _is_missing(value: object) -> bool:
    return value is None or type(value).__name__ in ("NAType", "NaTType") or bool(value != value)


def _conversation(value: Sequence[object], place: str, column: str) -> str:
    try:
        return chat_text(value)
    except ValueError as error:
        raise InputError(
            f"{place}: column {column!r} has a list that is no conversation: {error}. A message is "
            '{"role": "user", "content": "…"}.',
            reason="ROW_WITHOUT_TEXT",
            field="pool",
        ) from error
