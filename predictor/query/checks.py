"""Ranges: what a setting may be, refused in one form wherever it is given."""

from __future__ import annotations

from collections.abc import Sequence

from predictor.errors import InputError


def one_of(name: str, value: object, allowed: Sequence[str]) -> None:
    """Refuse a value that is none of those allowed.

    Raises:
        InputError: `BAD_SETTING`, with the setting's name and all that is allowed.
    """
    if value not in allowed:
        raise InputError(
            f"{name} is {value!r}; it must be one of {', '.join(allowed)}.", reason="BAD_SETTING", field=name
        )


def at_least(name: str, value: object, least: int) -> None:
    """Refuse what is no whole number, or less than `least`.

    Raises:
        InputError: `BAD_SETTING`, with the setting's name.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InputError(
            f"{name} is {value!r}; it must be a whole number of at least {least}.", reason="BAD_SETTING", field=name
        )
