"""Info: what a server says of itself, and of a request that it has not run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from protos.w2s.v1 import predictor_service_pb2 as ask


@dataclass(frozen=True)
class ServerInfo:
    """What a server says of itself.

    Attributes:
        versions: package name to version.
        limits: name to value, in the unit of `units`.
        units: name of a limit to its unit.
        estimators: names that `estimators` may take.
    """

    versions: Mapping[str, str]
    limits: Mapping[str, float]
    units: Mapping[str, str]
    estimators: tuple[str, ...]


@dataclass(frozen=True)
class Checked:
    """What a server says of a request that it would take.

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


def info_of(found: ask.GetServerInfoResponse) -> ServerInfo:
    """The answer of GetServerInfo."""
    return ServerInfo(
        versions=dict(found.versions),
        limits={limit.name: limit.value for limit in found.limits},
        units={limit.name: limit.unit for limit in found.limits},
        estimators=tuple(found.estimators),
    )


def checked_of(found: ask.ValidateResponse) -> Checked:
    """The answer of Validate."""
    plain: dict[str, Any] = {name: getattr(found, name) for name in ("rows", "candidates", "values", "predict_allowed")}
    return Checked(**plain, warnings=tuple(found.warnings))
