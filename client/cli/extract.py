"""`w2s extract`: writes one model's features of the rows to a file, for `array:`."""

from __future__ import annotations

import argparse
from pathlib import Path

from client.cli import flags
from client.cli.destinations import check_destinations
from client.cli.output import print_json
from client.cli.parser import Commands, add_command
from client.cli.progress import display, follow
from predictor.errors import InputError


def add(commands: Commands) -> None:
    """Declare the subcommand."""
    parser = add_command(commands, "extract", run, "write a model's features of the rows to a file")
    group = parser.add_argument_group("model")
    group.add_argument("--model", metavar="MODEL", required=True, help=flags.MODEL)
    flags.add_rows(parser, required=True)
    flags.add_extraction(parser)
    parser.add_argument("-o", "--output", metavar="FILE.safetensors", required=True, help="file to write")
    flags.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Extract and write."""
    from predictor.api import source_of
    from predictor.intake.request import build_query
    from predictor.ranking.gathering import numbered_layers
    from predictor.store.arrays import write_features

    check_destinations(arguments)
    if Path(arguments.output).suffix != ".safetensors":
        raise InputError(f"-o is {arguments.output!r}; name a .safetensors file.", reason="BAD_DESTINATION")
    asked = flags.query_of(arguments) | {"strong": arguments.model, "weak": [arguments.model]}
    query = build_query(**asked)  # type: ignore[arg-type]  # each flag has its keyword's type
    asked_of_one = numbered_layers(query.strong, query.settings)
    if len(asked_of_one) > 1:
        raise _several(arguments.model, len(asked_of_one))
    steps = source_of(query).features(query.strong, query.pool, query.settings)
    found = follow(steps, display())
    if len(found) != 1:
        raise _several(arguments.model, len(found))
    features = found[0]
    write_features(Path(arguments.output), features, query.pool)
    facts = {
        "name": features.name,
        "file": arguments.output,
        "rows": len(features.values),
        "dim": features.dim,
        "layer": features.layer,
        "fingerprint": features.fingerprint,
        "cached": features.cached,
    }
    if arguments.json:
        print_json(facts)
    else:
        print(f"{arguments.output}: {len(features.values):,} rows × {features.dim}, layer {features.layer}")
        print(f"use it with --weak NAME=array:{arguments.output}")
    return 0


def _several(model: str, sets: int) -> InputError:
    return InputError(
        f"{model!r} has {sets} feature sets, one per layer; extract one layer at a time.", reason="SEVERAL_LAYERS"
    )
