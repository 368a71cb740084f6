"""Connection: to the server named with `--server`, or to this user's own on this machine."""

from __future__ import annotations

import argparse
import os
import shlex

from client.cli.output import print_json
from client.client import PredictorClient
from client.credentials import Shown, shown, shown_by
from predictor.query.query import RankingQuery


def connect(arguments: argparse.Namespace) -> PredictorClient:
    """A client of the named server, or else of this user's own, which is started where it does not run."""
    if arguments.server:
        return PredictorClient(arguments.server, **credentials_of(arguments))
    from client.cli.local_server import ensure

    return PredictorClient(ensure())


def credentials_of(arguments: argparse.Namespace) -> Shown:
    """Credentials from the flags, and from the environment where there are none.

    Raises:
        InputError: a token given twice, or a file that cannot be read.
    """
    flags = {name: getattr(arguments, name) for name in ("token", "token_file", "ca", "cert", "key")}
    given = [name for name in ("token", "token_file") if flags[name] != os.environ.get(f"W2S_{name.upper()}")]
    if given:  # the command line wins, also over the other way to give a token
        flags |= {name: None for name in ("token", "token_file") if name not in given}
        return {**shown_by(_without_token()), **shown(**flags)}
    return {**shown_by(), **shown(**flags)}


def _without_token() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("W2S_TOKEN", "W2S_TOKEN_FILE")}


def submit(query: RankingQuery, arguments: argparse.Namespace) -> int:
    """Submit as a job and print its id and nothing else, for scripts."""
    with connect(arguments) as client:
        job = client.submit(query)
    if arguments.json:
        print_json({"job": job})
    else:
        print(job)
    return 0


def where(arguments: argparse.Namespace) -> str:
    """The flags that reach the same server again, each after a blank; a token itself is not among them."""
    names = ("server", "token_file", "ca", "cert", "key")
    given = [(name.replace("_", "-"), getattr(arguments, name)) for name in names if getattr(arguments, name)]
    return "".join(f" --{flag} {shlex.quote(value)}" for flag, value in given) if arguments.server else ""
