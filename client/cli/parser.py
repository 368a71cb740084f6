"""Parser: argparse whose errors are our errors and whose flags can come from the environment."""

from __future__ import annotations

import argparse
import difflib
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

from predictor.errors import InputError

Run = Callable[[argparse.Namespace], int]

FALSE = ("", "0", "false", "no", "off")
"""Values of an environment variable that leave a switch off."""


class Parser(argparse.ArgumentParser):
    """Raises InputError instead of leaving the program, and knows no abbreviated flags."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("allow_abbrev", False)
        options.setdefault("formatter_class", _Help)
        super().__init__(**options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """See argparse; flags that the environment gives are read first, those of the chosen subcommand only."""
        read_environment(self)
        if args is not None and not any(isinstance(action, argparse._SubParsersAction) for action in self._actions):
            self._refuse_unknown(args)
        return super().parse_known_args(args, namespace)

    def _refuse_unknown(self, args: Sequence[str]) -> None:
        """Name a mistyped flag and the closest known one; argparse would report a missing required flag first."""
        if self.prefix_chars != "-":
            return
        for word in args:
            if word == "--":
                return
            flag = word.partition("=")[0]
            if word.startswith("--") and " " not in word and flag not in self._option_string_actions:
                near = difflib.get_close_matches(flag, self._option_string_actions, 1)
                self.error(f"there is no flag {flag}{f'; did you mean {near[0]}?' if near else ''}")

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing usage and leaving."""
        end = "" if message.endswith("?") else "."
        raise InputError(f"{message}{end} See {self.prog} --help.", reason="BAD_USAGE")


class _Help(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30)

    def add_argument(self, action: argparse.Action) -> None:
        """See argparse, which ignores that subcommands are indented, and would break the line of the longest."""
        super().add_argument(action)
        if isinstance(action, argparse._SubParsersAction):
            self._action_max_length += self._indent_increment


class Collect(argparse.Action):
    """Gathers the values of a flag given once or often; the command line replaces what the environment gave."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """See argparse.Action."""
        before = getattr(namespace, self.dest)
        given = [values] if isinstance(values, str) or values is None else list(values)
        setattr(namespace, self.dest, given if before is self.default else [*before, *given])


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


def add_command(commands: Commands, name: str, run: Run, summary: str, details: str = "") -> Parser:
    """A subcommand whose parsed arguments go to `run`."""
    parser = commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.\n\n{details}".strip()
    )
    parser.set_defaults(run=run)
    return parser


def read_environment(parser: argparse.ArgumentParser, environ: Mapping[str, str] = os.environ) -> None:
    """Read `W2S_MAX_ROWS=500` as `--max-rows 500`, and so on for every flag of the parser.

    A flag that takes several values reads them as a shell would split them. A flag on the command line wins.

    Raises:
        InputError: a value that the flag itself would refuse.
    """
    for action in parser._actions:
        variable = _variable(action)
        if variable in environ and not isinstance(action, argparse._HelpAction | argparse._VersionAction):
            action.default = _value(action, variable, environ[variable])
            action.required = False


def _variable(action: argparse.Action) -> str:
    return "W2S_" + _long(action)[2:].replace("-", "_").upper()


def _long(action: argparse.Action) -> str:
    return next((option for option in action.option_strings if option.startswith("--")), "")


def _value(action: argparse.Action, variable: str, text: str) -> object:
    if isinstance(action, argparse._StoreTrueAction):
        return text.strip().lower() not in FALSE
    try:
        values = shlex.split(text) if isinstance(action, Collect) else [text]
    except ValueError as error:
        raise InputError(
            f"{variable} is {text!r}, which no shell could split ({str(error).lower()}); close its quotes.",
            reason="BAD_USAGE",
        ) from error
    converted = [_converted(action, variable, value) for value in values]
    return converted if isinstance(action, Collect) else converted[0]


def _converted(action: argparse.Action, variable: str, text: str) -> object:
    try:
        value = action.type(text) if callable(action.type) else text
    except ValueError as error:
        raise InputError(f"{variable} is {text!r}, which {_long(action)} cannot read.", reason="BAD_USAGE") from error
    if action.choices is not None and value not in action.choices:
        allowed = ", ".join(str(choice) for choice in action.choices)
        raise InputError(f"{variable} is {text!r}; it must be one of {allowed}.", reason="BAD_USAGE")
    return value
