"""The `w2s` command: parses arguments, runs a subcommand, and turns errors into one line and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import TextIO

from client.cli.parser import Commands, Parser
from predictor.errors import W2SError

COMMANDS = (
    *("rank", "predict", "label", "extract", "validate"),
    *("outcomes", "calibrate", "serve", "jobs", "features", "models", "ls", "report"),
    *("mcp", "doctor", "init", "completion"),
)
"""Modules of this package, in the order of the help; each has `add(commands)`."""

DESCRIPTION = "Predict weak-to-strong generalization and rank weak supervisors before any training."
EPILOG = """\
Every flag is also an environment variable, such as W2S_MAX_ROWS for --max-rows. Several values are split as in a shell.
W2S_CACHE_DIR and W2S_STATE_DIR set the folders of the feature cache and the job store.

exit codes:
  0 ok   1 anything else   2 bad usage or input   3 some candidates failed   4 nothing separable from the null
  130 cancelled
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code. An unexpected exception is a bug: it escapes with its traceback, and Python exits with 1.
    """
    for stream in (sys.stdout, sys.stderr):
        _replace_unencodable(stream)
    _pin_threads()
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # our errors report broken connections
    try:
        arguments = whole_parser().parse_args(argv)
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except W2SError as error:
        print(f"w2s: error: {error.message}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("w2s: cancelled", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader closed the pipe, as in `w2s ls models | head`; Python would fail again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def whole_parser() -> Parser:
    """The parser of every subcommand."""
    parser = Parser(prog="w2s", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands: Commands = parser.add_subparsers(metavar="COMMAND", parser_class=Parser)
    for name in COMMANDS:
        importlib.import_module(f"client.cli.{name}").add(commands)
    parser.set_defaults(run=lambda arguments: _no_command(parser, arguments.version))
    return parser


def _no_command(parser: Parser, version: bool) -> int:
    if version:
        from importlib.metadata import version as version_of

        print(f"w2s {version_of('w2s-predictor')}")
        return 0
    parser.print_help(sys.stderr)
    return 2


def _pin_threads() -> None:
    """Set one thread of linear algebra before numpy loads, unless the user chose another number.

    Several threads are slower on a busy machine and sum in another order. The workers of a server use one, and the same
    request must give the same bytes here.
    """
    for name in ("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(name, "1")


def _replace_unencodable(stream: TextIO) -> None:
    """Print a question mark for a character that the terminal cannot encode, instead of failing."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
