"""Stores: each tenant's own feature sets."""

from __future__ import annotations

import hashlib
from pathlib import Path

from predictor.folders import cache_dir
from predictor.store.features import FeatureStore
from predictor.store.stores import TENANTS
from server.access.caller import LOCAL


def feature_store(tenant: str, max_bytes: int = 0) -> FeatureStore:
    """The store of a tenant's feature sets, and of what models gave for its jobs.

    Those of a server without users are the machine's own, so that sets pushed without a server are found too; such a
    store has no bound.
    """
    return FeatureStore(_folder(tenant) / "features", 0 if tenant == LOCAL else max_bytes)


def _folder(tenant: str) -> Path:
    # A digest, since a certificate may name a tenant in any characters.
    return cache_dir() if tenant == LOCAL else cache_dir() / TENANTS / tenant_digest(tenant)


def tenant_digest(tenant: str) -> str:
    """A name for the tenant's folders: 32 hexadecimal digits."""
    return hashlib.sha256(tenant.encode()).hexdigest()[:32]
