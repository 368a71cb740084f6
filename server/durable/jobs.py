"""JobTable: the state machine of jobs, one committed transaction a step."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from predictor.errors import RefusedError, W2SError
from predictor.results.job import TERMINAL, JobState
from protos.convert import error_to_proto
from server.durable.callbacks import add_callback
from server.durable.creation import REVISION_STEP, insert_job, known_job
from server.durable.job_reads import JobReads
from server.durable.losses import deadline_over, server_lost
from server.durable.rows import (
    COLUMNS,
    Attempt,
    Declared,
    Exclusion,
    StoredJob,
    Waiting,
    now,
    oldest,
    row_of,
    row_with_ranking,
)
from server.durable.store import Session

_REPEATABLE = frozenset({"FAILED", "CANCELLED", "PARTIAL"})


class JobTable(JobReads):
    """Jobs on disk. Every method is one transaction; what it returns is committed.

    Methods that callers reach take a tenant, and see that tenant's jobs only: another's job reads as no job.
    """

    def recover(self) -> tuple[int, int]:
        """`take_over`, as counts of jobs that wait again, and that are CANCELLED."""
        states = [row.job.state for row in self.take_over()]
        return states.count("QUEUED"), states.count("CANCELLED")

    def take_over(self) -> list[StoredJob]:
        """Settle the jobs of servers that died: RUNNING ones wait again, CANCELLING ones are CANCELLED.

        A server is dead whose lease is over, or any earlier one where the database has one server only. An attempt that
        was running counts as a loss, since the job may be what ended the process: after `max_losses` it is FAILED. A
        process that stops in order releases its attempts before, at no cost to them.
        """
        store, max_losses = self.store, self._limits.max_losses
        dead = f"AND lease < {store.clock} ORDER BY seq {store.skip_locked}" if store.shared else "ORDER BY seq"
        with store.transaction() as session:
            found = session.execute(
                f"SELECT id, state FROM jobs WHERE state IN ('RUNNING', 'CANCELLING') {dead}"
            ).fetchall()
            return [
                self._lose(session, one["id"], server_lost(max_losses), max_losses)
                if one["state"] == "RUNNING"
                else self._move(session, one["id"], "CANCELLED")
                for one in found
            ]

    def renew(self, names: Sequence[str]) -> list[StoredJob]:
        """Extend the leases of jobs that this server is at; returns those still its own. For a shared database.

        A job that it took without knowing, since the connection broke at the commit, is not among them, and goes on
        elsewhere once its lease is over.
        """
        mine, given = "id = ANY(?) AND owner = ? AND state IN ('RUNNING', 'CANCELLING')", (list(names), self.owner)
        with self.store.transaction() as session:
            session.execute(f"UPDATE jobs SET lease = {self._lease()} WHERE {mine}", given)
            return [row_of(one) for one in session.execute(f"SELECT {COLUMNS} FROM jobs WHERE {mine}", given)]

    def _lease(self) -> str:
        return f"{self.store.clock} + {round(self._limits.lease_seconds * 1e6)}"

    def create(
        self,
        tenant: str,
        request_id: str,
        request: bytes,
        declared: Declared | None = None,
        attached: bytes = b"",
    ) -> StoredJob:
        """Store a new job; the same request id with the same request returns the job it already made.

        Args:
            tenant, request_id, request: what was asked, and by whom.
            declared: the request's declared cost, parts and trace.
            attached: what the server adds for the worker; it may differ when the same is asked again.

        Raises:
            ConflictError: the request id belongs to another request.
            BusyError: the tenant has as many waiting jobs as it may.
            LimitError: its jobs take as many bytes as they may.
        """
        declared = declared or Declared()
        beside = f"{declared.labels}{declared.timeout or ''}{declared.callback}"
        apart = f"\n{declared.labels}{declared.timeout}{declared.callback}".encode() if beside else b""
        digest = hashlib.sha256(b"query:" + request + apart).digest()
        with self.store.transaction() as session:
            known = known_job(session, tenant, request_id, digest)
            if known is not None:
                return known
            stored = request + attached
            return insert_job(session, self._limits, tenant, request_id, digest, stored, None, declared)

    def repeat(self, tenant: str, request_id: str, name: str, declared: Declared | None = None) -> StoredJob:
        """Store a new job over the request of a finished one, with its declared cost and parts.

        Raises:
            ConflictError: the request id belongs to another request.
            NotFoundError: no such job.
            RefusedError: it is neither FAILED, CANCELLED nor PARTIAL.
            BusyError, LimitError: as create.
        """
        digest = hashlib.sha256(b"repeat:" + name.encode()).digest()
        with self.store.transaction() as session:
            known = known_job(session, tenant, request_id, digest)
            if known is not None:
                return known
            found = self._find(session, tenant, name, "state, request, cost, parts")
            if found["state"] not in _REPEATABLE:
                raise RefusedError(
                    f"job {name!r} is {found['state']}; only FAILED, CANCELLED and PARTIAL jobs can be run again.",
                    reason="JOB_NOT_REPEATABLE",
                    field="repeat_of",
                )
            again = replace(declared or Declared(), cost=found["cost"] / 1000, parts=tuple(found["parts"].split()))
            return insert_job(session, self._limits, tenant, request_id, digest, found["request"], name, again)

    def end_overdue(self) -> list[StoredJob]:
        """Let the waiting jobs whose deadline is over fail; a running one is ended by its server."""
        store = self.store
        overdue = f"SELECT id FROM jobs WHERE state = 'QUEUED' AND deadline < {store.clock}"
        with store.reading() as session:
            if session.execute(overdue).fetchone() is None:
                return []
        error = error_to_proto(deadline_over()).SerializeToString()
        with store.transaction() as session:
            names = [one["id"] for one in session.execute(f"{overdue} {store.skip_locked}")]
            for name in names:
                session.execute("UPDATE jobs SET error = ? WHERE id = ?", (error, name))
            return [self._move(session, name, "FAILED") for name in names]

    def claim(self, choose: Callable[[Sequence[Waiting]], Waiting] = oldest) -> Attempt | None:
        """Start the next attempt at a waiting job, or None where none waits.

        Args:
            choose: picks the next of the waiting jobs.
        """
        with self.store.transaction() as session:
            name = self._take(session, choose)
            if name is None:
                return None
            found = session.execute(
                "SELECT request, trace, losses, excluded FROM jobs WHERE id = ?", (name,)
            ).fetchone()
            excluded = Exclusion.read(found["excluded"])
            row = self._move(session, name, "RUNNING")
            return Attempt(row, found["request"], found["trace"], found["losses"], excluded)

    def _take(self, session: Session, choose: Callable[[Sequence[Waiting]], Waiting]) -> str | None:
        """Make the next waiting job this server's, and return its id; what another server is taking is skipped."""
        crowded = self.crowded(self._limits.tenant_workers)
        waiting = [one for one in self.waiting() if one.tenant not in crowded]
        while waiting:
            name = choose(waiting).id
            taken = session.execute(
                f"UPDATE jobs SET epoch = epoch + 1, attempts = attempts + 1, owner = ?, started = ?, "
                f"lease = {self._lease()} WHERE id = (SELECT id FROM jobs WHERE id = ? AND state = 'QUEUED' "
                f"{self.store.skip_locked})",
                (self.owner, now(), name),
            )
            if taken.rowcount:
                return name
            waiting = [one for one in waiting if one.id != name]
        return None

    def finish(
        self, attempt: Attempt, state: JobState, error: W2SError | None, ranking: bytes | None
    ) -> StoredJob | None:
        """Commit the outcome of an attempt, or None where the job is no longer this attempt's to end."""
        with self.store.transaction() as session:
            if not self._owns(session, attempt, "RUNNING"):
                return None
            blob = None if error is None else error_to_proto(error).SerializeToString()
            grown = len(ranking or b"")
            session.execute(
                "UPDATE jobs SET error = ?, ranking = ?, size = size + ? WHERE id = ?",
                (blob, ranking, grown, attempt.row.job.id),
            )
            return self._move(session, attempt.row.job.id, state)

    def release(
        self, attempt: Attempt, lost: W2SError | None, max_losses: int, exclusion: Exclusion | None = None
    ) -> StoredJob | None:
        """Give up an attempt without an outcome: CANCELLED if that was asked for, else the job waits again.

        Args:
            attempt: the attempt.
            lost: the error once `max_losses` attempts were lost; None where no worker died.
            max_losses: lost attempts after which the job fails, those that excluded a candidate apart.
            exclusion: a candidate to leave out from now on; there are as many as the job has candidates at most.

        Returns:
            The job, or None where the attempt no longer owns it.
        """
        name = attempt.row.job.id
        with self.store.transaction() as session:
            if self._owns(session, attempt, "CANCELLING"):
                return self._move(session, name, "CANCELLED")
            if not self._owns(session, attempt, "RUNNING"):
                return None
            if lost is None:
                return self._move(session, name, "QUEUED")
            if exclusion is not None:
                excluded = Exclusion.write((*attempt.excluded, exclusion))
                session.execute("UPDATE jobs SET excluded = ? WHERE id = ?", (excluded, name))
            return self._lose(session, name, lost, max_losses)

    def cancel(self, tenant: str, name: str) -> StoredJob:
        """Ask a job to stop; a job in a terminal state stays as it is.

        Raises:
            NotFoundError: no such job.
        """
        with self.store.transaction() as session:
            found = row_with_ranking(self._find(session, tenant, name, f"{COLUMNS}, ranking", lock=True))
            after: dict[str, JobState] = {"QUEUED": "CANCELLED", "RUNNING": "CANCELLING"}
            target = after.get(found.job.state)
            return found if target is None else self._move(session, name, target)

    def delete(self, tenant: str, name: str) -> None:
        """Forget a job in a terminal state.

        Raises:
            NotFoundError: no such job.
            RefusedError: it is not in a terminal state.
        """
        with self.store.transaction() as session:
            state = self._find(session, tenant, name, COLUMNS, lock=True)["state"]
            if state not in TERMINAL:
                raise RefusedError(
                    f"job {name!r} is {state}; cancel it before deleting it.", reason="JOB_NOT_FINISHED", field="id"
                )
            session.execute("DELETE FROM jobs WHERE id = ?", (name,))
            session.execute("DELETE FROM callbacks WHERE job = ?", (name,))

    def expire(self, before: float) -> int:
        """Delete jobs that reached a terminal state before a time, in seconds since 1970; returns how many."""
        with self.store.transaction() as session:
            marks = ", ".join("?" * len(TERMINAL))
            old = (round(before * 1e6), *sorted(TERMINAL))
            gone = session.execute(f"DELETE FROM jobs WHERE updated < ? AND state IN ({marks})", old).rowcount
            if gone:
                session.execute("DELETE FROM callbacks WHERE job NOT IN (SELECT id FROM jobs)")
            return int(gone)

    def _lose(self, session: Session, name: str, lost: W2SError, max_losses: int) -> StoredJob:
        """Count a lost attempt; the job waits again, or has FAILED with `lost`."""
        session.execute("UPDATE jobs SET losses = losses + 1 WHERE id = ?", (name,))
        found = session.execute("SELECT losses, excluded FROM jobs WHERE id = ?", (name,)).fetchone()
        if found["losses"] - len(Exclusion.read(found["excluded"])) < max_losses:
            return self._move(session, name, "QUEUED")
        session.execute("UPDATE jobs SET error = ? WHERE id = ?", (error_to_proto(lost).SerializeToString(), name))
        return self._move(session, name, "FAILED")

    def _move(self, session: Session, name: str, state: JobState) -> StoredJob:
        session.execute(
            "UPDATE jobs SET state = ?, updated = ?, revision = (revision / ? + 1) * ? WHERE id = ?",
            (state, now(), REVISION_STEP, REVISION_STEP, name),
        )
        found = session.execute(f"SELECT {COLUMNS}, ranking, callback FROM jobs WHERE id = ?", (name,)).fetchone()
        row = row_with_ranking(found)
        if found["callback"] and state in TERMINAL:
            add_callback(session, self.store.clock, row, found["callback"])
        return row

    def _owns(self, session: Session, attempt: Attempt, state: JobState) -> bool:
        """Whether the attempt is still the job's current one, and the job in the given state."""
        found = session.execute(
            f"SELECT 1 FROM jobs WHERE id = ? AND epoch = ? AND state = ? {self.store.lock}",
            (attempt.row.job.id, attempt.row.epoch, state),
        )
        return found.fetchone() is not None
