"""`w2s serve`: replaces this process by the server, so that signals and exit code are the server's."""

from __future__ import annotations

import argparse
import os
import sys
from importlib.util import find_spec

from client.cli.parser import Commands
from predictor.errors import InputError


def add(commands: Commands) -> None:
    """Declare the subcommand; every argument goes to the server as it is, `--help` too."""
    # With a prefix that nobody uses, argparse does not read the server's flags as its own.
    parser = commands.add_parser("serve", help="run the gRPC service", add_help=False, prefix_chars="\0")
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Never returns."""
    if find_spec("server") is None or find_spec("grpc_health") is None:
        raise InputError(
            "the server is not installed here: pip install 'w2s-predictor[server]'.", reason="SERVER_MISSING"
        )
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "server", *arguments.rest])
