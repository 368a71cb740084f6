"""Usage: what a tenant stores on this server, by kind, and whether more of it may come."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from predictor.errors import LimitError, UnavailableError
from predictor.store.stores import sweep
from server.access.caller import LOCAL
from server.features.stores import feature_store


@dataclass(frozen=True)
class Usage:
    """Bytes of one tenant.

    Attributes:
        allowed: for all kinds together; 0 for no bound.
        jobs: requests and rankings.
        features: feature sets, stored and as declared by uploads.
        parts: parts of requests, stored and as declared by uploads.
        records: outcomes and calibrations.
    """

    allowed: int = 0
    jobs: int = 0
    features: int = 0
    parts: int = 0
    records: int = 0

    @property
    def total(self) -> int:
        """Bytes of all kinds."""
        return self.jobs + self.features + self.parts + self.records

    def check(self, more: int, field: str | None = None) -> None:
        """Refuse `more` bytes that are too many.

        Raises:
            LimitError: it says what is stored, what is allowed, and what to delete.
        """
        if self.allowed and self.total + more > self.allowed:
            raise LimitError(
                f"you store {self.total} bytes (jobs {self.jobs}, feature sets {self.features}, parts of requests "
                f"{self.parts}, outcomes and calibrations {self.records}), and this needs {more} more; this server "
                f"allows {self.allowed} in all. Delete finished jobs (DeleteRankingJob) or feature sets "
                "(DeleteFeatures); parts go some time after the last job that refers to them.",
                reason="TENANT_DISK_FULL",
                field=field,
            )


UNBOUNDED = Usage()
"""Of a tenant without a bound."""


class HoldsFiles(Protocol):
    """Stores files of tenants."""

    def used(self, tenant: str) -> int:
        """Bytes of a tenant, those on their way included; for use from threads."""


class TenantUsage:
    """Counts the bytes of tenants.

    The machine's own user, who calls a server without credentials, has no bound: the files are that user's own.

    Args:
        allowed: bytes that one tenant may store.
        job_bytes: of a tenant; it may raise UnavailableError.
        features, parts, records: the stores of files.
    """

    def __init__(
        self,
        allowed: int,
        job_bytes: Callable[[str], Awaitable[int]],
        features: HoldsFiles,
        parts: HoldsFiles,
        records: HoldsFiles,
    ) -> None:
        self._allowed = allowed
        self._job_bytes = job_bytes
        self._features = features
        self._parts = parts
        self._records = records
        self._seen: set[str] = set()

    async def of(self, tenant: str) -> Usage:
        """What a tenant stores now; its jobs are not counted while their database is away."""
        if tenant == LOCAL:
            return UNBOUNDED
        self._seen.add(tenant)
        jobs = 0
        with contextlib.suppress(UnavailableError):
            jobs = await self._job_bytes(tenant)
        return await asyncio.to_thread(self._counted, tenant, jobs)

    async def trim(self, tenants: set[str]) -> int:
        """Delete what models gave, read longest ago first, of tenants over their bound; returns bytes freed.

        Args:
            tenants: beside those that stored something since the start.
        """
        freed = 0
        for tenant in (tenants | self._seen) - {LOCAL}:
            usage = await self.of(tenant)
            left = max(0, usage.allowed - usage.total + usage.features)
            freed += await asyncio.to_thread(sweep, (feature_store(tenant),), left)
        return freed

    def _counted(self, tenant: str, jobs: int) -> Usage:
        return Usage(
            self._allowed, jobs, self._features.used(tenant), self._parts.used(tenant), self._records.used(tenant)
        )
