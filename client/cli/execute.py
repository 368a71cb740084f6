"""Steps: the generator that answers a query, in this process or on a server, with the same interface."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from client.cli.flags import check_engine
from predictor.query.query import RankingQuery
from predictor.query.source import FeatureSource
from predictor.results.ranking import Ranking
from predictor.steps import Steps


def steps_of(
    query: RankingQuery, arguments: argparse.Namespace, source: Callable[[RankingQuery], FeatureSource]
) -> Steps[Ranking]:
    """Yield progress and return the ranking; closing it cancels.

    Args:
        query: what is asked.
        arguments: parsed flags; `server` and how to be known there, or the `engine` here.
        source: makes the feature source of an answer in this process.
    """
    check_engine(arguments)
    if arguments.server:
        from client.cli.connection import connect

        with connect(arguments) as client:
            return (yield from client.rank_steps(query))
    from predictor.api import past_of
    from predictor.calibration.store import CalibrationStore
    from predictor.engines.device import open_device
    from predictor.engines.open import open_engine
    from predictor.ranking.rank import rank_steps

    with open_engine(arguments.engine, source(query)) as opened:
        calibration = CalibrationStore().named_in(query.settings)
        device = open_device(query.settings.answer_device)
        return (yield from rank_steps(query, opened, calibration, past_of(query), device))
