"""Client: ask a running server as if it were in this process. Needs grpcio and numpy, never a model library."""

from client.client import PredictorClient, ServerInfo
from predictor.jobs import Job
from predictor.result import Ranking

__all__ = ["Job", "PredictorClient", "Ranking", "ServerInfo"]
