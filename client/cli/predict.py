"""`w2s predict`: ranks arrays of features; torch is never imported."""

from __future__ import annotations

import argparse

from client.cli import flags
from client.cli.destinations import check_destinations
from client.cli.execute import steps_of
from client.cli.output import finish
from client.cli.parser import Commands, add_command
from client.cli.progress import display, follow, names_of
from predictor.query.query import RankingQuery
from predictor.query.source import FeatureSource

EXAMPLE = """\
example:
  w2s predict --strong s.npy --weak small=a.npy large=b.npy --labels some.csv --json
"""


def add(commands: Commands) -> None:
    """Declare the subcommand."""
    parser = add_command(commands, "predict", run, "rank arrays of features; needs no model library", EXAMPLE)
    flags.add_models(parser, arrays=True)
    flags.add_rows(parser)
    flags.add_evidence(parser)
    flags.add_ranking(parser)
    flags.add_decision(parser)
    flags.add_heads(flags.add_training(parser))
    flags.add_output(parser)
    flags.add_suggestions(parser)
    flags.add_server(parser)
    flags.add_engine(parser)


def run(arguments: argparse.Namespace) -> int:
    """Rank the arrays."""
    from predictor.intake.request import build_query

    check_destinations(arguments)
    query = build_query(**flags.query_of(arguments))  # type: ignore[arg-type]  # each flag has its keyword's type
    found = follow(steps_of(query, arguments, source), display(names_of(query)))
    return finish(found, arguments, "predict", query.pool)


def source(query: RankingQuery) -> FeatureSource:
    """Arrays alone."""
    from predictor.store.arrays import ArraySource

    return ArraySource()
