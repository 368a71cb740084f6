"""`w2s completion`: prints the script by which a shell completes subcommands, flags, choices and files."""

from __future__ import annotations

import argparse

from client.cli.parser import Commands, add_command
from predictor.errors import UnavailableError

SHELLS = ("bash", "zsh", "tcsh")
FILES = ("FILE", "MODEL", "ROWS", "NAME=FILE", "FOLDER", "out.json", "out.html")
"""Placeholders of values that are files or folders."""

EXAMPLE = """\
examples:
  w2s completion bash > ~/.local/share/bash-completion/completions/w2s
  w2s completion zsh > ~/.zfunc/_w2s        (a folder of your fpath)
"""


def add(commands: Commands) -> None:
    """Declare the subcommand."""
    parser = add_command(commands, "completion", run, "print the completion script of a shell", EXAMPLE)
    parser.add_argument("shell", choices=SHELLS, metavar="|".join(SHELLS))


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    from client.cli.__main__ import whole_parser

    try:
        import shtab
    except ModuleNotFoundError as error:
        raise UnavailableError(
            "completion needs shtab, not installed here: pip install 'w2s-predictor[completion]'.",
            reason="MISSING_PACKAGE",
        ) from error
    parser = whole_parser()
    _complete_files(parser, shtab.FILE)
    print(shtab.complete(parser, shell=arguments.shell))
    return 0


def _complete_files(parser: argparse.ArgumentParser, files: object) -> None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                _complete_files(one, files)
        elif action.metavar in FILES:
            action.complete = files  # type: ignore[attr-defined]  # what shtab reads
