"""Info: facts about a server, and its check of a request that it has not run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from protos.w2s.v1 import predictor_service_pb2 as service_pb


@dataclass(frozen=True)
class Slot:
    """One worker of a server.

    Attributes:
        number: from 0.
        device: the GPU that it sees; "" for none.
        busy: whether it computes a job.
        threads: on which it runs models.
    """

    number: int
    device: str
    busy: bool
    threads: int


@dataclass(frozen=True)
class Queue:
    """Jobs that wait for a worker.

    Attributes:
        waiting_jobs: of all tenants.
        own_waiting_jobs: of the caller.
        waiting_seconds: declared cost of all of them, in seconds of one core, very roughly.
    """

    waiting_jobs: int
    own_waiting_jobs: int
    waiting_seconds: float


@dataclass(frozen=True)
class ServerInfo:
    """Facts about a server.

    Attributes:
        versions: package name to version.
        limits: name to value, in the unit of `units`.
        units: name of a limit to its unit.
        estimators: names that `estimators` may take.
        slots: its workers.
        queue: what waits for them.
        models_from: sources that models are fetched from, as in `hub:OWNER`; empty for none.
    """

    versions: Mapping[str, str]
    limits: Mapping[str, float]
    units: Mapping[str, str]
    estimators: tuple[str, ...]
    slots: tuple[Slot, ...]
    queue: Queue
    models_from: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checked:
    """A server's check of a request that it would accept.

    Attributes:
        rows: of the pool.
        candidates: named in the request.
        values: numbers in the features that travel with it.
        predict_allowed: whether `predict` would take it; otherwise `rank`.
        warnings: sentences for people.
    """

    rows: int
    candidates: int
    values: int
    predict_allowed: bool
    warnings: tuple[str, ...]


def server_info_of(found: service_pb.GetServerInfoResponse) -> ServerInfo:
    """The answer of GetServerInfo."""
    return ServerInfo(
        versions=dict(found.versions),
        limits={limit.name: limit.value for limit in found.limits},
        units={limit.name: limit.unit for limit in found.limits},
        estimators=tuple(found.estimators),
        slots=tuple(Slot(one.number, one.device, one.busy, one.threads) for one in found.slots),
        queue=Queue(found.queue.waiting_jobs, found.queue.own_waiting_jobs, found.queue.waiting_seconds),
        models_from=tuple(found.models_from),
    )


def checked_of(found: service_pb.ValidateResponse) -> Checked:
    """The answer of Validate."""
    plain: dict[str, Any] = {name: getattr(found, name) for name in ("rows", "candidates", "values", "predict_allowed")}
    return Checked(**plain, warnings=tuple(found.warnings))
