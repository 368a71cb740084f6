"""`w2s init`: writes a file for `--candidates` from the models found on this machine."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from client.cli.destinations import write
from client.cli.parser import Commands, add_command
from predictor.errors import InputError

if TYPE_CHECKING:
    from predictor.intake.discovery import FoundModel

EXAMPLE = """\
example:
  w2s init ./models ./runs -o candidates.yaml
"""

HEAD = """\
# Candidates for: w2s rank --strong MODEL --candidates {file} --pool rows.jsonl
# Delete what is no candidate, the strong model among them. Paths start where the command runs.
# An entry may also have `cost: NUMBER`, of training on it, in any one unit. #layer=3,6 after a reference names layers.
"""


def add(commands: Commands) -> None:
    """Declare the subcommand."""
    parser = add_command(commands, "init", run, "write a file of candidates from the models found here", EXAMPLE)
    parser.add_argument("folders", metavar="FOLDER", nargs="*", help="where to look (default: here)")
    parser.add_argument("-o", "--output", metavar="FILE", default="candidates.yaml", help="default: candidates.yaml")
    parser.add_argument("--no-hub-cache", action="store_true", help="leave the models of the hub library's cache out")


def run(arguments: argparse.Namespace) -> int:
    """Look, write, and name the next command."""
    from predictor.intake.discovery import find_models, hub_cache_folder
    from predictor.models.known_models import KNOWN_MODELS

    target = Path(arguments.output)
    if target.exists():
        raise InputError(
            f"{arguments.output!r} exists; name another file with -o, or delete it.",
            reason="BAD_DESTINATION",
            field="output",
        )
    folders = [Path(folder) for folder in arguments.folders or ["."]]
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{str(folder)!r} is no folder; name folders.", reason="BAD_USAGE", field="folders")
    found = find_models(folders, None if arguments.no_hub_cache else hub_cache_folder())
    known = [f"# - {one.reference}" for one in KNOWN_MODELS if one.reads == "text" and not one.convert]
    lines = [HEAD.format(file=arguments.output), *(_entry(one) for one in found)]
    lines += [
        "",
        "# Known models of the package registry, fetched when they are first read:",
        *known,
    ]
    write(arguments.output, "\n".join(lines) + "\n")
    print(f"{arguments.output}: {len(found)} model(s) found")
    if found:
        print(f"next: w2s rank --strong MODEL --candidates {shlex.quote(arguments.output)} --pool rows.jsonl --dry-run")
    else:
        print("next: name folders with models, or take the # from known ones in the file")
    return 0


def _entry(one: FoundModel) -> str:
    return f"- name: {json.dumps(one.name)}\n  reference: {json.dumps(one.reference)}  # {one.about}"
