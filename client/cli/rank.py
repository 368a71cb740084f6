"""`w2s rank`: ranks weak supervisors for a strong model, in this process or on a server."""

from __future__ import annotations

import argparse

from client.cli import flags
from client.cli.destinations import check_destinations
from client.cli.execute import steps_of
from client.cli.output import finish
from client.cli.parser import Commands, add_command
from client.cli.progress import display, follow, names_of
from predictor.errors import InputError
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.source import FeatureSource

EXAMPLE = """\
example:
  w2s rank --strong ./mpnet --weak small=./minilm#layer=3,6 gguf:smollm2.gguf --pool rows.jsonl -o out.json
"""


def add(commands: Commands) -> None:
    """Declare the subcommand."""
    parser = add_command(commands, "rank", run, "rank weak supervisors of a strong model", EXAMPLE)
    flags.add_models(parser)
    flags.add_rows(parser)
    flags.add_extraction(parser)
    flags.add_evidence(parser)
    flags.add_ranking(parser)
    flags.add_decision(parser)
    flags.add_heads(flags.add_training(parser))
    flags.add_label_prompt(parser)
    flags.add_stages(parser)
    flags.add_output(parser)
    flags.add_suggestions(parser)
    flags.add_server(parser, jobs=True)
    flags.add_engine(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="print the planned work and a rough cost, and run nothing"
    )


def run(arguments: argparse.Namespace) -> int:
    """Rank the candidates, print the plan, or submit a job."""
    from predictor.intake.request import build_query

    flags.check_engine(arguments)
    if arguments.detach and arguments.dry_run:
        raise InputError("--detach and --dry-run exclude each other; give one.", reason="BAD_USAGE")
    check_destinations(arguments)
    asked = flags.query_of(arguments)
    if arguments.server and not asked.get("pool"):
        asked["pool"] = _rows_at(arguments)
    query = build_query(**asked, remote=bool(arguments.server))  # type: ignore[arg-type]  # each flag has its keyword's type
    if arguments.dry_run:
        from client.cli.plan import print_plan

        return print_plan(query, arguments)
    if arguments.detach:
        from client.cli.connection import submit

        return submit(query, arguments)
    return finish(follow(steps_of(query, arguments, _source), display(names_of(query))), arguments, "rank", query.pool)


def _rows_at(arguments: argparse.Namespace) -> Pool | None:
    """The rows of a request without a pool, from a feature set on the server."""
    from client.cli.connection import connect

    with connect(arguments) as client:
        return client.rows(arguments.strong, arguments.weak)


def _source(query: RankingQuery) -> FeatureSource:
    from predictor.api import source_of

    return source_of(query)
