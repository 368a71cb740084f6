"""Callbacks: what has yet to be sent of jobs that ended, in a table beside theirs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from server.durable.rows import StoredJob
from server.durable.store import Session, Store

CALLBACK_TABLE = """
CREATE TABLE callbacks (
  job TEXT PRIMARY KEY,
  tenant TEXT NOT NULL,
  url TEXT NOT NULL,
  body TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  due BIGINT NOT NULL
)"""
"""For every kind of database."""


@dataclass(frozen=True)
class Callback:
    """One that was taken to be sent.

    Attributes:
        job, tenant, url: of which job, whose, and where to.
        body: JSON.
        attempts: how often it was taken, this time included.
    """

    job: str
    tenant: str
    url: str
    body: bytes
    attempts: int


def add_callback(session: Session, clock: str, row: StoredJob, url: str) -> None:
    """Store what a job that has just ended has to report, in the transaction that ended it."""
    job, error = row.job, row.job.error
    body = {
        "id": job.id,
        "request_id": job.request_id,
        "state": job.state,
        "created": job.created.isoformat(timespec="milliseconds"),
        "ended": job.updated.isoformat(timespec="milliseconds"),
        "labels": dict(job.labels),
        "error": None if error is None else {"code": error.code, "reason": error.reason},
    }
    session.execute(
        f"INSERT INTO callbacks (job, tenant, url, body, attempts, due) VALUES (?, ?, ?, ?, 0, {clock})",
        (job.id, row.tenant, url, json.dumps(body, ensure_ascii=False)),
    )


def take_callback(store: Store, retry_seconds: float, busy: Sequence[str]) -> Callback | None:
    """The callback that is due for longest, of tenants that are not busy; its next attempt is due twice as late."""
    others = "".join(" AND tenant <> ?" for _ in busy)
    due = f"SELECT * FROM callbacks WHERE due <= {store.clock}{others} ORDER BY due LIMIT 1"
    with store.reading() as session:
        if session.execute(due, tuple(busy)).fetchone() is None:
            return None
    with store.transaction() as session:
        found: Any = session.execute(f"{due} {store.skip_locked}", tuple(busy)).fetchone()
        if found is None:
            return None
        pause = round(retry_seconds * 1e6) * 2 ** min(found["attempts"], 30)
        session.execute(
            f"UPDATE callbacks SET attempts = attempts + 1, due = {store.clock} + ? WHERE job = ?",
            (pause, found["job"]),
        )
        return Callback(found["job"], found["tenant"], found["url"], found["body"].encode(), found["attempts"] + 1)


def settle_callback(store: Store, callback: Callback) -> None:
    """Forget a callback."""
    with store.transaction() as session:
        session.execute("DELETE FROM callbacks WHERE job = ?", (callback.job,))
