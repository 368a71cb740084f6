"""`w2s doctor`: what is installed and reachable here, and what to type next."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict

from client.cli import flags
from client.cli.output import print_json
from client.cli.parser import Commands, add_command

MARKS = {"ok": "ok", "missing": "--", "broken": "!!"}

FIRST = "w2s rank --strong MODEL --weak MODEL MODEL --pool rows.jsonl --describe 0='…' 1='…'"


def add(commands: Commands) -> None:
    """Declare the subcommand."""
    parser = add_command(commands, "doctor", run, "check what is installed, writable and reachable here")
    parser.add_argument("--no-network", action="store_true", help="ask neither the package registry nor the model hub")
    flags.add_json(parser)
    flags.add_server(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print every check; 1 where one is broken."""
    from client.checks import run_checks

    found = []
    for check in run_checks(_server(arguments), not arguments.no_network):
        found.append(check)
        if not arguments.json:
            advice = f"\n     {check.advice}" if check.advice else ""
            print(f"{MARKS[check.state]}   {check.name}: {check.found}{advice}", flush=True)
    broken = [check for check in found if check.state == "broken"]
    if arguments.json:
        print_json([asdict(check) for check in found])
    elif broken:
        print(f"\n{len(broken)} to mend: {', '.join(check.name for check in broken)}.")
    else:
        print(f"\nReady. Models that are known to work: w2s ls models. Then: {FIRST}")
    return 1 if broken else 0


def _server(arguments: argparse.Namespace) -> Callable[[], str] | None:
    """What asks the named server; None where none is named."""
    if not arguments.server:
        return None

    def ask() -> str:
        from client.cli.connection import connect

        with connect(arguments) as client:
            info = client.server_info()
        versions = ", ".join(f"{name} {one}" for name, one in list(info.versions.items())[:3])
        return f"{arguments.server} answers; {versions}; {len(info.slots)} workers"

    return ask
