"""JobTable: the state machine of jobs, one committed transaction a step."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from predictor.errors import ConflictError, NotFoundError, RefusedError, W2SError
from predictor.jobs import TERMINAL, Job, JobState
from protos.convert import error_from_proto, error_to_proto
from protos.w2s.v1 import ranking_service_pb2 as pb
from server.database import Database

REVISION_STEP = 1_000_000
"""Committed changes count in these steps, so that uncommitted progress in between has revisions of its own, and a
restart, which forgets that progress, still never goes back."""

_COLUMNS = "seq, id, request_id, repeat_of, state, created, updated, revision, epoch, attempts, error"
_REPEATABLE = frozenset({"FAILED", "CANCELLED", "PARTIAL"})


@dataclass(frozen=True, eq=False)
class Row:
    """One job as committed.

    Attributes:
        job: the job, without progress and ranking.
        seq: place in the order of creation.
        epoch: number of the current attempt; a result of an earlier one is refused.
        ranking: the ranking's message as bytes, or None; always None in pages.
    """

    job: Job
    seq: int
    epoch: int
    ranking: bytes | None = None


@dataclass(frozen=True, eq=False)
class Claim:
    """One attempt at a job.

    Attributes:
        row: the job, RUNNING.
        request: the query's message as bytes.
    """

    row: Row
    request: bytes


class JobTable:
    """Jobs on disk. Every method is one transaction; what it returns is committed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def recover(self) -> tuple[int, int]:
        """Settle what an earlier process left: RUNNING jobs wait again, CANCELLING ones are CANCELLED.

        Returns:
            Counts of both.
        """
        with self._database.transaction() as run:
            waiting = self._ids(run, "RUNNING")
            cancelled = self._ids(run, "CANCELLING")
            for name in waiting:
                self._move(run, name, "QUEUED")
            for name in cancelled:
                self._move(run, name, "CANCELLED")
            return len(waiting), len(cancelled)

    def create(self, request_id: str, request: bytes) -> Row:
        """Store a new job; the same request id with the same request returns the job it already made.

        Raises:
            ConflictError: the request id belongs to another request.
        """
        digest = hashlib.sha256(b"query:" + request).digest()
        with self._database.transaction() as run:
            return self._known(run, request_id, digest) or self._insert(run, request_id, digest, request, None)

    def repeat(self, request_id: str, name: str) -> Row:
        """Store a new job over the request of a finished one.

        Raises:
            ConflictError: the request id belongs to another request.
            NotFoundError: no such job.
            RefusedError: it is neither FAILED, CANCELLED nor PARTIAL.
        """
        digest = hashlib.sha256(b"repeat:" + name.encode()).digest()
        with self._database.transaction() as run:
            known = self._known(run, request_id, digest)
            if known is not None:
                return known
            found = run.execute("SELECT state, request FROM jobs WHERE id = ?", (name,)).fetchone()
            if found is None:
                raise _absent(name)
            if found["state"] not in _REPEATABLE:
                raise RefusedError(
                    f"job {name!r} is {found['state']}; only FAILED, CANCELLED and PARTIAL jobs can be run again.",
                    reason="JOB_NOT_REPEATABLE",
                    field="repeat_of",
                )
            return self._insert(run, request_id, digest, found["request"], name)

    def get(self, name: str) -> Row:
        """One job with its ranking.

        Raises:
            NotFoundError: no such job.
        """
        with self._database.reading() as run:
            return _with_ranking(self._find(run, name, f"{_COLUMNS}, ranking"))

    def page(self, size: int, before: int | None) -> list[Row]:
        """At most `size` jobs, newest first, older than the one at place `before`."""
        with self._database.reading() as run:
            found = run.execute(
                f"SELECT {_COLUMNS} FROM jobs WHERE seq < ? ORDER BY seq DESC LIMIT ?",
                (before if before is not None else 1 << 62, size),
            )
            return [_row(one) for one in found]

    def queued(self) -> int:
        """How many jobs wait for a worker."""
        with self._database.reading() as run:
            return int(run.execute("SELECT COUNT(*) FROM jobs WHERE state = 'QUEUED'").fetchone()[0])

    def claim(self) -> Claim | None:
        """Start the next attempt at the oldest waiting job, or None where none waits."""
        with self._database.transaction() as run:
            found = run.execute("SELECT id, request FROM jobs WHERE state = 'QUEUED' ORDER BY seq LIMIT 1").fetchone()
            if found is None:
                return None
            run.execute("UPDATE jobs SET epoch = epoch + 1, attempts = attempts + 1 WHERE id = ?", (found["id"],))
            return Claim(self._move(run, found["id"], "RUNNING"), found["request"])

    def finish(self, claim: Claim, state: JobState, error: W2SError | None, ranking: bytes | None) -> Row | None:
        """Commit the outcome of an attempt, or None where the job is no longer this attempt's to end."""
        with self._database.transaction() as run:
            if not self._holds(run, claim, "RUNNING"):
                return None
            blob = None if error is None else error_to_proto(error).SerializeToString()
            run.execute("UPDATE jobs SET error = ?, ranking = ? WHERE id = ?", (blob, ranking, claim.row.job.id))
            return self._move(run, claim.row.job.id, state)

    def release(self, claim: Claim, lost: W2SError | None, most: int) -> Row | None:
        """Give up an attempt without an outcome: CANCELLED if that was asked for, else the job waits again.

        Args:
            claim: the attempt.
            lost: what to fail with once `most` workers died over the job; None where no worker died.
            most: deaths allowed.

        Returns:
            The job, or None where the attempt no longer holds it.
        """
        name = claim.row.job.id
        with self._database.transaction() as run:
            if self._holds(run, claim, "CANCELLING"):
                return self._move(run, name, "CANCELLED")
            if not self._holds(run, claim, "RUNNING"):
                return None
            if lost is None:
                return self._move(run, name, "QUEUED")
            run.execute("UPDATE jobs SET losses = losses + 1 WHERE id = ?", (name,))
            if run.execute("SELECT losses FROM jobs WHERE id = ?", (name,)).fetchone()[0] < most:
                return self._move(run, name, "QUEUED")
            run.execute("UPDATE jobs SET error = ? WHERE id = ?", (error_to_proto(lost).SerializeToString(), name))
            return self._move(run, name, "FAILED")

    def cancel(self, name: str) -> Row:
        """Ask a job to stop; a job in a terminal state stays as it is.

        Raises:
            NotFoundError: no such job.
        """
        with self._database.transaction() as run:
            found = _with_ranking(self._find(run, name, f"{_COLUMNS}, ranking"))
            after: dict[str, JobState] = {"QUEUED": "CANCELLED", "RUNNING": "CANCELLING"}
            target = after.get(found.job.state)
            return found if target is None else self._move(run, name, target)

    def delete(self, name: str) -> None:
        """Forget a job in a terminal state.

        Raises:
            NotFoundError: no such job.
            RefusedError: it is not in a terminal state.
        """
        with self._database.transaction() as run:
            state = self._find(run, name, _COLUMNS)["state"]
            if state not in TERMINAL:
                raise RefusedError(
                    f"job {name!r} is {state}; cancel it before deleting it.", reason="JOB_NOT_FINISHED", field="id"
                )
            run.execute("DELETE FROM jobs WHERE id = ?", (name,))

    def _known(self, run: sqlite3.Connection, request_id: str, digest: bytes) -> Row | None:
        found = run.execute(
            f"SELECT {_COLUMNS}, digest, ranking FROM jobs WHERE request_id = ?", (request_id,)
        ).fetchone()
        if found is None:
            return None
        if found["digest"] != digest:
            raise ConflictError(
                f"request id {request_id!r} already stands for another request; use a fresh one for each request.",
                reason="REQUEST_ID_TAKEN",
                field="request_id",
            )
        return _with_ranking(found)

    def _insert(
        self, run: sqlite3.Connection, request_id: str, digest: bytes, request: bytes, repeat_of: str | None
    ) -> Row:
        name, now = secrets.token_hex(8), _now()
        run.execute(
            "INSERT INTO jobs (id, request_id, digest, repeat_of, state, created, updated, revision, epoch, attempts, "
            "losses, request) VALUES (?, ?, ?, ?, 'QUEUED', ?, ?, ?, 0, 0, 0, ?)",
            (name, request_id, digest, repeat_of, now, now, REVISION_STEP, request),
        )
        return _row(self._find(run, name, _COLUMNS))

    def _move(self, run: sqlite3.Connection, name: str, state: JobState) -> Row:
        run.execute(
            "UPDATE jobs SET state = ?, updated = ?, revision = (revision / ? + 1) * ? WHERE id = ?",
            (state, _now(), REVISION_STEP, REVISION_STEP, name),
        )
        return _with_ranking(self._find(run, name, f"{_COLUMNS}, ranking"))

    def _holds(self, run: sqlite3.Connection, claim: Claim, state: JobState) -> bool:
        """Whether the attempt is still the job's current one, and the job in the given state."""
        found = run.execute(
            "SELECT 1 FROM jobs WHERE id = ? AND epoch = ? AND state = ?",
            (claim.row.job.id, claim.row.epoch, state),
        )
        return found.fetchone() is not None

    def _ids(self, run: sqlite3.Connection, state: JobState) -> list[str]:
        return [one["id"] for one in run.execute("SELECT id FROM jobs WHERE state = ?", (state,))]

    def _find(self, run: sqlite3.Connection, name: str, columns: str) -> sqlite3.Row:
        found = run.execute(f"SELECT {columns} FROM jobs WHERE id = ?", (name,)).fetchone()
        if found is None:
            raise _absent(name)
        return cast(sqlite3.Row, found)


def _absent(name: str) -> NotFoundError:
    return NotFoundError(f"there is no job {name[:64]!r}; list them to see which there are.", reason="JOB_NOT_FOUND")


def _row(found: sqlite3.Row) -> Row:
    error = None if found["error"] is None else error_from_proto(pb.JobError.FromString(found["error"]))
    job = Job(
        id=found["id"],
        state=found["state"],
        created=_moment(found["created"]),
        updated=_moment(found["updated"]),
        revision=found["revision"],
        attempts=found["attempts"],
        request_id=found["request_id"],
        error=error,
        repeat_of=found["repeat_of"],
    )
    return Row(job, found["seq"], found["epoch"])


def _with_ranking(found: sqlite3.Row) -> Row:
    row = _row(found)
    return Row(row.job, row.seq, row.epoch, found["ranking"])


def _now() -> int:
    return time.time_ns() // 1000


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1e6, UTC)
