"""Creation: a new row of the job table, once for each request id of a tenant."""

from __future__ import annotations

import secrets

from predictor.errors import ConflictError
from server.config import Limits
from server.durable.quotas import check_quota
from server.durable.rows import COLUMNS, Declared, StoredJob, now, row_of, row_with_ranking
from server.durable.store import Session

REVISION_STEP = 1_000_000
"""Committed changes count in these steps, so that uncommitted progress in between has revisions of its own, and a
restart, which forgets that progress, still never goes back."""


def known_job(session: Session, tenant: str, request_id: str, digest: bytes) -> StoredJob | None:
    """The job that a request id already made, or None.

    Raises:
        ConflictError: it was made by another request.
    """
    found = session.execute(
        f"SELECT {COLUMNS}, digest, ranking FROM jobs WHERE tenant = ? AND request_id = ?", (tenant, request_id)
    ).fetchone()
    if found is None:
        return None
    if found["digest"] != digest:
        raise ConflictError(
            f"request id {request_id!r} already belongs to another request; use a fresh one for each request.",
            reason="REQUEST_ID_TAKEN",
            field="request_id",
        )
    return row_with_ranking(found)


def insert_job(
    session: Session,
    limits: Limits,
    tenant: str,
    request_id: str,
    digest: bytes,
    request: bytes,
    repeat_of: str | None,
    declared: Declared,
) -> StoredJob:
    """Store a new job, QUEUED.

    Raises:
        BusyError, LimitError: see `check_quota`.
    """
    check_quota(session, limits, tenant, len(request), declared.usage)
    name, moment = secrets.token_hex(8), now()
    stored = {
        "tenant": tenant, "id": name, "request_id": request_id, "digest": digest, "repeat_of": repeat_of,
        "state": "QUEUED", "created": moment, "updated": moment, "revision": REVISION_STEP, "epoch": 0,
        "attempts": 0, "losses": 0, "size": len(request), "request": request,
        "cost": round(declared.cost * 1000), "parts": " ".join(declared.parts), "trace": declared.trace,
        "labels": declared.labels, "callback": declared.callback,
        "deadline": moment + round(declared.timeout * 1e6) if declared.timeout else None,
    }  # fmt: skip
    marks = ", ".join("?" * len(stored))
    made = session.execute(
        f"INSERT INTO jobs ({', '.join(stored)}) VALUES ({marks}) ON CONFLICT (tenant, request_id) DO NOTHING",
        (*stored.values(),),
    )
    if not made.rowcount:  # another server stored the same request in between
        known = known_job(session, tenant, request_id, digest)
        if known is not None:
            return known
    return row_of(session.execute(f"SELECT {COLUMNS} FROM jobs WHERE id = ?", (name,)).fetchone())
