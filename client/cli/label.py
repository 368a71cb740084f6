"""`w2s label`: writes a teacher's weak labels as the training set of its student."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from client.cli import flags
from client.cli.destinations import check_destinations, write_bytes
from client.cli.output import print_json
from client.cli.parser import Commands, add_command
from client.cli.progress import display, follow
from predictor.errors import InputError

if TYPE_CHECKING:
    from predictor.results.training_set import TrainingSet

EXAMPLE = """\
examples:
  w2s label --teacher small=./minilm --pool rows.jsonl --labels gold.csv -o train.jsonl
  w2s label --teacher small=./minilm --pool rows.jsonl --weak-labels small=weak.csv --columns trl -o train.parquet
"""


def add(commands: Commands) -> None:
    """Declare the subcommand."""
    from predictor.results.training_set import ColumnsFor

    parser = add_command(commands, "label", run, "write a teacher's weak labels as a training set", EXAMPLE)
    group = parser.add_argument_group("teacher")
    group.add_argument("--teacher", metavar="MODEL", required=True, help=flags.MODEL)
    flags.add_rows(parser, required=True)
    flags.add_labels(parser.add_argument_group("labels of the rows"))
    flags.add_extraction(parser)
    flags.add_label_prompt(parser)
    output = parser.add_argument_group("output")
    output.add_argument(
        "--columns",
        choices=get_args(ColumnsFor),
        default="trainer",
        help="trainer (default): text, label, soft_label; trl: prompt, completion; openai: txt, hard_label, soft_label",
    )
    output.add_argument(
        "-o", "--output", metavar="FILE", required=True, help=".jsonl, .csv, .parquet, or a folder of datasets"
    )
    flags.add_json(output)


def run(arguments: argparse.Namespace) -> int:
    """Label and write."""
    from predictor.api import labelling
    from predictor.results.training_set import SUFFIXES

    suffix = Path(arguments.output).suffix
    if suffix and suffix not in SUFFIXES:
        raise InputError(
            f"-o is {arguments.output!r}; name a {', '.join(SUFFIXES)} file, or a folder without a suffix.",
            reason="BAD_DESTINATION",
            field="output",
        )
    if not suffix and Path(arguments.output).exists():
        raise InputError(
            f"-o is {arguments.output!r}, which exists; name a new folder.", reason="BAD_DESTINATION", field="output"
        )
    check_destinations(arguments)
    steps = labelling(**flags.query_of(arguments) | {"teacher": arguments.teacher})  # type: ignore[arg-type]
    found: TrainingSet = follow(steps, display())
    if suffix:
        write_bytes(arguments.output, found.encoded(suffix, arguments.columns))
    else:
        found.to_dataset(arguments.columns).save_to_disk(arguments.output)
    facts = {
        "teacher": found.teacher,
        "file": arguments.output,
        "rows": len(found),
        "columns": list(found.records(arguments.columns)[0]),
        "classes": None if found.classes is None else list(found.classes),
        "labels": found.origin,
    }
    if arguments.json:
        print_json(facts)
    else:
        print(f"{arguments.output}: {len(found):,} rows labelled by {found.teacher}: {found.origin}")
        print(f"columns: {', '.join(facts['columns'])}")
    return 0
