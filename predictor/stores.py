"""Stores: every feature store of one cache folder, the user's own and, on a server's machine, each tenant's."""

from __future__ import annotations

from pathlib import Path

from predictor.features import FeatureStore

TENANTS = "tenants"
"""Folder beside the user's own store that holds one folder a tenant of a server."""


def stores_in(cache: Path) -> tuple[FeatureStore, ...]:
    """The user's own store first, then those of tenants."""
    tenants = sorted(path for path in (cache / TENANTS).glob("*") if path.is_dir())
    return tuple(FeatureStore(folder / "features") for folder in (cache, *tenants))
