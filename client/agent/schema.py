"""Schema: what a tool takes, from the flags of the subcommand that it stands for."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from client.cli.parser import Collect
from predictor.errors import InputError

TYPES = {int: "integer", float: "number"}
"""JSON type of a flag by the function that reads its text; `string` of any other."""


def input_schema(parser: argparse.ArgumentParser, left_out: Sequence[str] = ()) -> dict[str, Any]:
    """JSON Schema of an object with one property per flag.

    Args:
        parser: of the subcommand.
        left_out: flags that mean nothing to a tool, by their `dest`.
    """
    taken = [action for action in _flags(parser) if action.dest not in left_out]
    return {
        "type": "object",
        "properties": {action.dest: _property(action) for action in taken},
        "required": [action.dest for action in taken if action.required],
        "additionalProperties": False,
    }


def command_line(parser: argparse.ArgumentParser, given: Mapping[str, Any], left_out: Sequence[str] = ()) -> list[str]:
    """The words that give the same on a command line; what is null is left out.

    Raises:
        InputError: an argument that the tool does not take, or of another type.
    """
    flags = {action.dest: action for action in _flags(parser) if action.dest not in left_out}
    words: list[str] = []
    for name, value in given.items():
        if name not in flags:
            raise InputError(
                f"there is no argument {name!r}; allowed are: {', '.join(flags)}.", reason="BAD_USAGE", field=name
            )
        action = flags[name]
        if value is None or (isinstance(action, argparse._StoreTrueAction) and value is False):
            continue
        words += _words(action, value)
    return words


def _flags(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if not isinstance(action, argparse._HelpAction | argparse._VersionAction):
            yield action


def _property(action: argparse.Action) -> dict[str, Any]:
    about = {"description": str(action.help or "").replace("%%", "%")}
    if isinstance(action, argparse._StoreTrueAction):
        return {"type": "boolean", **about}
    one: dict[str, Any] = {"type": TYPES.get(action.type, "string") if isinstance(action.type, type) else "string"}
    if action.choices is not None:
        one["enum"] = list(action.choices)
    if isinstance(action, Collect):
        return {"type": "array", "items": one, **about}
    return {**one, **about}


def _words(action: argparse.Action, value: Any) -> list[str]:
    flag = action.option_strings[-1] if action.option_strings else ""
    if isinstance(action, argparse._StoreTrueAction):
        if value is not True:
            raise _wrong(action, value, "true or false")
        return [flag]
    several = isinstance(action, Collect)
    values = value if isinstance(value, list) else [value]
    if (isinstance(value, list) and not several) or any(isinstance(one, bool | dict | list) for one in values):
        raise _wrong(action, value, "a list of texts" if several else "one text or number")
    return [f"{flag}={one}" if flag else str(one) for one in values]


def _wrong(action: argparse.Action, value: Any, allowed: str) -> InputError:
    return InputError(f"{action.dest} is {value!r}; give {allowed}.", reason="BAD_USAGE", field=action.dest)
