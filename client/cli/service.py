"""Service: the server that a command talks to, named with `--server` or kept for this user on this machine."""

from __future__ import annotations

import argparse

from client.cli.answer import print_json
from client.client import PredictorClient
from client.credentials import shown_by
from predictor.query import RankingQuery


def connect(arguments: argparse.Namespace) -> PredictorClient:
    """A client of the named server, or else of this user's own, which is started where it does not run."""
    if arguments.server:
        return PredictorClient(arguments.server, **shown_by())
    from client.cli.embedded import ensure

    return PredictorClient(ensure())


def submit(query: RankingQuery, arguments: argparse.Namespace) -> int:
    """Submit as a job, print its id, and leave."""
    with connect(arguments) as client:
        job = client.submit(query)
    if arguments.json:
        print_json({"job": job})
    else:
        print(job)
        where = f" --server {arguments.server}" if arguments.server else ""
        print(f"follow it with: w2s jobs watch {job}{where}")
    return 0
