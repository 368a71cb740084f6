"""HostileRequests: arrays and texts of requests that somebody made to hurt the server; each has to be refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np

from client import PredictorClient
from protos import convert
from protos.w2s.v1 import calibration_pb2, features_pb2, predictor_service_pb2, query_pb2, ranking_service_pb2
from tests.service.running import arrays

DEEP = "(" * 5000
TEXTS = {
    "SQL": "'; DROP TABLE jobs; --",
    "a NUL": "a\0b",
    "escape sequences": "\x1b[2J\x1b]0;x\x07",
    "5,000 brackets": DEEP,
    "a page": "<script>alert(1)</script>",
    "a format": "%s%n{0.__class__}",
    "a line end": "a\r\nset-cookie: x",
    "right to left": "\u202ejobs",
    "a megabyte": "x" * 1_000_000,
    "a surrogate's stand-in": "\ufffd" * 300,
}


def requests(client: PredictorClient) -> Iterator[tuple[str, str, str]]:
    """Kind, name and outcome of each: `accepted`, or the status that refused it."""
    flows = client._flows
    for name, change in _arrays().items():
        message = convert.query_to_proto(arrays())
        change(message)
        yield "arrays", name, _asked(flows.predictor.Predict, predictor_service_pb2.PredictRequest(query=message))
    stub = flows.rankings
    query = convert.query_to_proto(arrays())
    for name, text in TEXTS.items():
        places: dict[str, tuple[Any, Any]] = {
            "request id": (stub.CreateRankingJob, _made(request_id=text, query=query)),
            "label": (stub.CreateRankingJob, _made(request_id="hostile", query=query, labels={"team": text})),
            "key of a label": (stub.CreateRankingJob, _made(request_id="hostile", query=query, labels={text: "x"})),
            "callback": (stub.CreateRankingJob, _made(request_id="hostile", query=query, callback_url=text)),
            "repeated job": (stub.CreateRankingJob, _made(request_id="hostile", repeat_of=text)),
            "job": (stub.GetRankingJob, ranking_service_pb2.GetRankingJobRequest(id=text)),
            "filter": (stub.ListRankingJobs, ranking_service_pb2.ListRankingJobsRequest(filter=text)),
            "order": (stub.ListRankingJobs, ranking_service_pb2.ListRankingJobsRequest(order_by=text)),
            "page": (stub.ListRankingJobs, ranking_service_pb2.ListRankingJobsRequest(page_token=text)),
            "feature set": (
                client.features._stub.DeleteFeatures,
                features_pb2.DeleteFeaturesRequest(name=text),
            ),
            "calibration": (
                client.calibrations._flows._stub.GetCalibration,
                calibration_pb2.GetCalibrationRequest(name=text),
            ),
        }
        for place, (method, message) in places.items():
            yield "texts", f"{name} as {place}", _asked(method, message)


def _made(**fields: Any) -> Any:
    return ranking_service_pb2.CreateRankingJobRequest(**fields)


def _asked(method: Any, message: Any) -> str:
    try:
        answer = method(message, timeout=60)
    except grpc.RpcError as error:
        code = error.code()
        return f"refused: {code.name}" if code not in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN) else code.name
    ranking = getattr(answer, "ranking", None)
    failed = [one.error.reason for one in ranking.candidates if one.HasField("error")] if ranking else []
    return f"failed alone: {failed[0]}" if failed else "accepted"


def _arrays() -> dict[str, Callable[[query_pb2.RankingQuery], object]]:
    """Changes of a sound query of arrays."""

    def values(array: Any, **facts: Any) -> Callable[[query_pb2.RankingQuery], object]:
        def change(message: query_pb2.RankingQuery) -> None:
            target = message.weak[0].values
            target.data = np.asarray(array, "<f4").tobytes()
            for name, value in facts.items():
                getattr(target, name).clear() if name == "shape" else None
                target.shape.extend(value) if name == "shape" else setattr(target, name, value)

        return change

    return {
        "NaN": values(np.full((60, 4), np.nan)),
        "infinity": values(np.full((60, 4), np.inf)),
        "a shape of 2^62": values(np.ones((60, 4)), shape=[1 << 62, 4]),
        "a shape whose product wraps round": values(np.ones((60, 4)), shape=[1 << 32, 1 << 32]),
        "a negative shape": values(np.ones((60, 4)), shape=[-60, -4]),
        "a shape of a thousand axes": values(np.ones((60, 4)), shape=[1] * 1000),
        "fewer bytes than declared": values(np.ones((30, 4)), shape=[60, 4]),
        "more bytes than declared": values(np.ones((90, 4)), shape=[60, 4]),
        "an unknown element type": values(np.ones((60, 4)), dtype=77),
        "no columns": values(np.ones((60, 0)), shape=[60, 0]),
        "fewer rows than the pool": values(np.ones((59, 4)), shape=[59, 4]),
        "100,000 columns of nothing": values(np.ones((1, 1)), shape=[60, 100_000]),
        "no values": lambda message: message.weak[0].ClearField("values"),
        "a name twice": lambda message: setattr(message.weak[1], "name", message.weak[0].name),
        "ids twice": lambda message: message.pool.ids.__setitem__(1, message.pool.ids[0]),
        "a reference that is code": lambda message: message.weak[0].CopyFrom(
            query_pb2.ModelSpec(name="x", reference="__import__('os').system('id')")
        ),
        "an estimator that is a path": lambda message: message.settings.estimators.append("../../etc/passwd"),
        "a negative seed": lambda message: setattr(message.settings, "seed", -1),
    }
