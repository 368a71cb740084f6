"""Words: names, texts and whole numbers as messages carry them, checked on the way in and out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from predictor.errors import InputError

_MAX = (1 << 63) - 1


def code_of(table: dict[int, Any], name: str | None, field: str) -> Any:
    """The enum number of a word; 0 (unspecified) for None.

    Raises:
        InputError: no such word.
    """
    if name is None:
        return 0
    found = next((code for code, word in table.items() if word == name), None)
    if found is None:
        raise InputError(
            f"{field} is {name!r}; it must be one of {', '.join(table.values())}.", reason="BAD_SETTING", field=field
        )
    return found


def word_of(table: dict[int, Any], code: int, field: str) -> Any:
    """The word of an enum number; None for 0 (unspecified).

    Raises:
        InputError: a number of a later version.
    """
    if code and code not in table:
        raise InputError(
            f"{field} is number {code}, which this server does not know; it knows {', '.join(table.values())}.",
            reason="BAD_SETTING",
            field=field,
        )
    return table.get(code)


def whole(value: int, field: str, min_value: int) -> int:
    """The number, if it is in its range and in 63 bits.

    Raises:
        InputError: it is not.
    """
    if not min_value <= value <= _MAX:
        raise InputError(
            f"{field} is {value}; it must be a whole number from {min_value} to {_MAX}.",
            reason="BAD_SETTING",
            field=field,
        )
    return int(value)


def text_of(value: str, field: str) -> str:
    """The text, once it is known to be Unicode that can be sent."""
    return texts_of((value,), field)[0]


def texts_of(values: Iterable[str], field: str) -> list[str]:
    """The texts as a list, once each is known to be Unicode that can be sent.

    Raises:
        InputError: one is not.
    """
    found = list(values)
    for place, value in enumerate(found):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"{field}: entry {place} has a lone surrogate at character {error.start}, which is no Unicode text; "
                "fix it, as with text.encode('utf-8', 'replace').decode().",
                reason="NOT_UNICODE",
                field=field,
            ) from error
    return found
