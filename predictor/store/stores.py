"""Stores: every feature store of one cache folder, the user's own and, on a server's machine, each tenant's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from predictor.folders import discard
from predictor.store.features import FeatureStore

TENANTS = "tenants"
"""Folder beside the user's own store with one folder per tenant of a server."""


def stores_in(cache: Path) -> tuple[FeatureStore, ...]:
    """The user's own store first, then those of tenants."""
    tenants = sorted(path for path in (cache / TENANTS).glob("*") if path.is_dir())
    return tuple(FeatureStore(folder / "features") for folder in (cache, *tenants))


def sweep(stores: Sequence[FeatureStore], budget: int, quarantined_seconds: float = 0.0) -> int:
    """Delete the entries read longest ago, of all stores, until at most `budget` bytes remain in all of them.

    Pushed sets stay. Also tidies each store; see `FeatureStore.tidy`.

    Returns:
        Bytes freed.
    """
    freed = sum(store.tidy(quarantined_seconds) for store in stores)
    total = sum(store.size() for store in stores)
    for _, size, path in sorted(entry for store in stores for entry in store.idle()):
        if total <= budget:
            break
        freed += discard(path)
        total -= size
    return freed
