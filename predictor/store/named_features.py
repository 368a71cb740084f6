"""NamedFeatures: a pushed feature set as lists show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from predictor.results.selection import Fields


@dataclass(frozen=True)
class NamedFeatures:
    """One pushed feature set, as `ls` shows it."""

    name: str
    key: str
    rows: int
    dim: int
    size: int
    rows_sha256: str | None
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)


FIELDS: Fields[NamedFeatures] = {
    "name": lambda one: one.name, "rows": lambda one: one.rows, "dim": lambda one: one.dim,
    "size_bytes": lambda one: one.size, "rows_sha256": lambda one: one.rows_sha256, "labels": lambda one: one.labels,
}  # fmt: skip
"""What a list of feature sets is filtered and ordered by."""
