"""Client: ask a running server as if it were in this process. Needs grpcio and numpy, never a model library."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from client.aio import AsyncPredictorClient as AsyncPredictorClient
    from client.client import PredictorClient as PredictorClient
    from client.server_info import Checked as Checked
    from client.server_info import ServerInfo as ServerInfo
    from predictor.results.job import Job as Job
    from predictor.results.ranking import Ranking as Ranking

__all__ = ["AsyncPredictorClient", "Checked", "Job", "PredictorClient", "Ranking", "ServerInfo"]

# On first use: the command line passes through here, and must choose its threads before numpy loads.
_HOME = {
    "AsyncPredictorClient": "client.aio",
    "Checked": "client.server_info",
    "Job": "predictor.results.job",
    "PredictorClient": "client.client",
    "Ranking": "predictor.results.ranking",
    "ServerInfo": "client.server_info",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'client' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
