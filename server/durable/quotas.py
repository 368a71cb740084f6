"""Quotas: how many jobs a tenant may have waiting, and how many bytes in all."""

from __future__ import annotations

from dataclasses import replace

from predictor.errors import LimitError
from server.access.admission import BusyError
from server.config import Limits
from server.durable.store import Session
from server.usage import Usage


def check_quota(session: Session, limits: Limits, tenant: str, more: int, usage: Usage) -> None:
    """Refuse a job of `more` bytes that would be one too many.

    Raises:
        BusyError: the tenant has as many waiting jobs as it may.
        LimitError: its jobs take as many bytes as they may.
    """
    max_queued, max_bytes = limits.tenant_queued_jobs, limits.tenant_bytes
    waiting, stored = session.execute(
        "SELECT COUNT(*) FILTER (WHERE state = 'QUEUED'), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM jobs "
        "WHERE tenant = ?",
        (tenant,),
    ).fetchone()
    if waiting >= max_queued:
        raise BusyError(
            f"{waiting} of your jobs wait, and this server takes {max_queued} of one tenant; ask again in "
            f"{limits.retry_seconds:g} s.",
            reason="TENANT_QUEUE_FULL",
            retry_seconds=limits.retry_seconds,
        )
    replace(usage, jobs=stored).check(more)
    if stored + more > max_bytes:
        raise LimitError(
            f"your jobs take {stored} bytes, and this one needs {more}; this server allows {max_bytes}. Delete "
            "finished jobs.",
            reason="TENANT_BYTES_FULL",
        )
