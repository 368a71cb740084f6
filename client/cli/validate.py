"""`w2s validate`: trains weak models, students and ceiling on a labelled task, and scores every estimator."""

from __future__ import annotations

import argparse
import sys
import textwrap
from typing import TYPE_CHECKING

from client.cli import flags
from client.cli.destinations import check_destinations, write
from client.cli.listing import listing
from client.cli.output import print_json
from client.cli.parser import Commands, add_command
from client.cli.progress import display, follow
from client.cli.recipe import add_recipe, recipe_of

if TYPE_CHECKING:
    from predictor.results.text_table import TextTable
    from predictor.steps import Steps
    from predictor.validation.validation import Validation

WIDTH = 100
"""Columns of a terminal."""

EXAMPLE = """\
examples:
  w2s validate --strong ./mpnet --weak small=./minilm#layer=1,3,6 --task labelled.jsonl --max-rows 1000
  w2s validate --strong ./minilm --weak a.npy b.npy --task labelled.jsonl --recipe lora --epochs 3 --splits 2 --record
"""


def add(commands: Commands) -> None:
    """Declare the subcommand."""
    parser = add_command(
        commands, "validate", run, "train every student on a labelled task and score every estimator", EXAMPLE
    )
    flags.add_models(parser)
    flags.add_rows(parser, name="task", required=True)
    parser.add_argument("--label-column", metavar="NAME", help="column of labels (default: label)")
    add_recipe(parser)
    flags.add_extraction(parser)
    flags.add_descriptions(parser.add_argument_group("evidence (gold labels and weak heads come from the task)"))
    flags.add_ranking(parser)
    flags.add_label_prompt(parser)
    flags.add_output(parser)
    parser.add_argument(
        "--record", action="store_true", help="also store the measurements as outcomes, for w2s calibrate"
    )


def run(arguments: argparse.Namespace) -> int:
    """Validate; 3 where some candidates failed."""
    check_destinations(arguments)
    return _finish(follow(steps_of(arguments), display()), arguments)


def steps_of(arguments: argparse.Namespace) -> Steps[Validation]:
    """The validation that the flags ask for, step by step."""
    from predictor.api import validation_of

    return validation_of(
        **flags.query_of(arguments),  # type: ignore[arg-type]  # each flag has its keyword's type
        task=arguments.task,
        recipe=recipe_of(arguments),
        splits=arguments.splits,
        group_by_first_words=arguments.group_by_first_words,
    )


def _finish(found: Validation, arguments: argparse.Namespace) -> int:
    """Files and store first, then the table or the JSON, also where a file could not be written."""
    try:
        if arguments.output:
            write(arguments.output, found.to_json() + "\n")
        if arguments.html:
            from predictor.report.validation_page import html

            write(arguments.html, html(found))
        if arguments.record:
            from predictor.outcomes.store import OutcomeStore

            added = OutcomeStore().add(found.outcomes())
            print(f"w2s: recorded {added.recorded} outcome(s), {added.repeated} known before", file=sys.stderr)
    finally:
        if arguments.json:
            print_json(found.to_dict())
        else:
            print_validation(found)
    return 3 if found.failed else 0


def print_validation(found: Validation) -> None:
    """The tables of a validation, for WIDTH columns where the candidates' names are not long."""
    from predictor.validation import tables
    from predictor.validation.summary import predictions, summary

    shown = {term: value for term, value in tables.about(found) if term not in ("student", "recipe", "rows", "splits")}
    print(f"{found.task} · {found.rows:,} rows · {found.splits} splits · student {found.strong}")
    _print(f"{tables.recipe_of(found)}; errors in units of the {found.unit}, ± standard error over splits")
    measured = tables.measurements(found)
    _list(measured.columns(*range(5)))
    if len(measured.headings) > 5:
        _list(measured.columns(0, *range(5, len(measured.headings))))
    for name, error in found.failed.items():
        print(f"✗ failed  {name}: {error.message}")
    print()
    width = max(map(len, shown))
    for term, value in shown.items():
        print(f"{term:{width}}  {value}")
    if found.routes:
        _list(tables.routes(found))
        _print(tables.ROUTES, before="\n")
    _list(tables.estimators(found).grouped(1))
    _print(tables.SCORED, before="\n")
    if found.claims:
        print(f"\n{predictions(found).caption}")
        _list(predictions(found))
    for sentence in (*tables.warnings(found), *summary(found)):
        _print(sentence, before="\n")


def _list(table: TextTable) -> None:
    print("\n" + listing(table.headings, table.rows, empty=table.empty))


def _print(words: str, before: str = "") -> None:
    print(before + textwrap.fill(words, WIDTH, break_long_words=False, break_on_hyphens=False))
