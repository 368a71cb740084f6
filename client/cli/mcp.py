"""`w2s mcp`: the predictor as tools for agents, over the Model Context Protocol."""

from __future__ import annotations

import argparse
import ipaddress
from importlib.util import find_spec

from client.cli.parser import Commands, add_command
from predictor.errors import InputError, UnavailableError

DETAILS = """\
Configure an agent with the command `w2s mcp`; its tools rank, predict, validate, and read jobs and reports.
Jobs run on this user's own server, or on the one that W2S_SERVER names, with W2S_TOKEN_FILE and the like.

example of a client's configuration:
  {"mcpServers": {"w2s": {"command": "w2s", "args": ["mcp"]}}}
"""


def add(commands: Commands) -> None:
    """Declare the subcommand."""
    parser = add_command(commands, "mcp", run, "answer agents over the Model Context Protocol", DETAILS)
    parser.add_argument(
        "--http", metavar="HOST:PORT", help="streamable HTTP at /mcp for programs of this machine (default: stdio)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Answer until the client leaves."""
    if find_spec("mcp") is None:
        raise UnavailableError(
            "the protocol's SDK is not installed: pip install 'w2s-predictor[agents]'.", reason="MISSING_PACKAGE"
        )
    from client.agent.service import serve_http, serve_stdio

    if arguments.http:
        serve_http(*_loopback(arguments.http))
    else:
        import anyio

        anyio.run(serve_stdio)
    return 0


def _loopback(text: str) -> tuple[str, int]:
    """Host and port.

    Raises:
        InputError: another machine could reach it.
    """
    host, _, port = text.rpartition(":")
    try:
        local = host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        local = False
    if not local or not port.isdigit() or int(port) > 65535:
        raise InputError(
            f"--http is {text!r}; give a loopback address as 127.0.0.1:8765. The protocol has no authentication here: "
            "put a proxy that has it in front to reach other machines.",
            reason="BAD_USAGE",
            field="http",
        )
    return host.strip("[]"), int(port)
