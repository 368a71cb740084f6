"""Option: one setting as callers give it, in Python and on the command line.

The fields of `Settings`, `Training` and `LabelPrompt` carry these records. Keywords, flags, checks, messages and the
provenance are derived from them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields
from typing import Any, Literal, TypeVar

import numpy as np

from predictor.query.checks import at_least, one_of

Group = Literal["rows", "extraction", "evidence", "ranking", "decision", "training", "heads", "labels", "stages"]
"""Headings of the command line's help; `heads` is part of `training`."""

T = TypeVar("T")


def plain(value: Any) -> Any:
    """A numpy scalar as a number of Python, which JSON can store; anything else unchanged."""
    return value.item() if isinstance(value, np.generic) else value


@dataclass(frozen=True)
class Option:
    """How callers give one setting.

    Attributes:
        group: heading under which `--help` lists the flag.
        help: what the flag does, with its default.
        metavar: placeholder of the value in the help; unused where there are choices.
        choices: every allowed word; empty where there are none.
        min_value: smallest whole number allowed, or None.
        advice: what the error message proposes beside the smallest number.
        read: the value of the setting from what Python code passes.
        parse: from the text on the command line to what Python code would pass.
        keyword: of `build_query`; "" for the name of the field.
        flag: "" for the keyword with dashes.
        several: whether the flag takes several values.
    """

    group: Group
    help: str
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    min_value: int | None = None
    advice: str = ""
    read: Callable[[Any], Any] = plain
    parse: Callable[[str], object] = str
    keyword: str = ""
    flag: str = ""
    several: bool = False


def setting(default: T, option: Option) -> T:
    """A dataclass field with a default that callers set by an option."""
    return field(default=default, metadata={"option": option})


def option_of(own: Field[Any]) -> Option | None:
    """The option of a field; None for a record of several options."""
    found: Option | None = own.metadata.get("option")
    return found


def options_of(record: Any) -> dict[str, Option]:
    """Name of the field -> option, for a dataclass or an instance of one, in the order of the fields."""
    pairs = ((own.name, option_of(own)) for own in fields(record))
    return {name: option for name, option in pairs if option is not None}


def check_options(record: Any) -> None:
    """Refuse a value that its option does not allow; None is allowed where it is the default.

    Raises:
        InputError: `BAD_SETTING`, with the setting's name and what is allowed.
    """
    for own in fields(record):
        value, option = getattr(record, own.name), option_of(own)
        if option is None or (value is None and own.default is None):
            continue
        if option.choices:
            one_of(own.name, value, option.choices)
        if option.min_value is not None:
            at_least(own.name, value, option.min_value, option.advice)
