"""JobTable: the state machine of jobs, one committed transaction a step."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from predictor.errors import NotFoundError, RefusedError, W2SError
from predictor.results.job import TERMINAL, JobState
from protos.convert import error_to_proto
from server.config import Limits
from server.durable.creation import REVISION_STEP, insert_job, known_job
from server.durable.listing import Listing
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
from server.durable.store import Session, Store
from server.pages import bad_page_token

_ID = re.compile(r"^[\x20-\x7e]{1,64}$")

_REPEATABLE = frozenset({"FAILED", "CANCELLED", "PARTIAL"})


def _absent(name: str) -> NotFoundError:
    return NotFoundError(f"there is no job {name[:64]!r}; list them to see which there are.", reason="JOB_NOT_FOUND")


class JobTable:
    """Jobs on disk. Every method is one transaction; what it returns is committed.

    Methods that callers reach take a tenant, and see that tenant's jobs only: another's job reads as no job.
    """

    def __init__(self, database: Store, limits: Limits, owner: str = "") -> None:
        """`owner` is the name of this server, among those that share the database."""
        self._database = database
        self._limits = limits
        self.owner = owner

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
        store, max_losses = self._database, self._limits.max_losses
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
        with self._database.transaction() as session:
            session.execute(f"UPDATE jobs SET lease = {self._lease()} WHERE {mine}", given)
            return [row_of(one) for one in session.execute(f"SELECT {COLUMNS} FROM jobs WHERE {mine}", given)]

    def look(self, names: Sequence[str]) -> list[StoredJob]:
        """Those of some jobs that are still stored, without their rankings; for a shared database."""
        with self._database.reading() as session:
            found = session.execute(f"SELECT {COLUMNS} FROM jobs WHERE id = ANY(?)", (list(names),))
            return [row_of(one) for one in found]

    def _lease(self) -> str:
        return f"{self._database.clock} + {round(self._limits.lease_seconds * 1e6)}"

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
        apart = f"\n{declared.labels}{declared.timeout}".encode() if declared.labels or declared.timeout else b""
        digest = hashlib.sha256(b"query:" + request + apart).digest()
        with self._database.transaction() as session:
            known = known_job(session, tenant, request_id, digest)
            if known is not None:
                return known
            stored = request + attached
            return insert_job(session, self._limits, tenant, request_id, digest, stored, None, declared)

    def repeat(
        self, tenant: str, request_id: str, name: str, trace: str = "", labels: str = "", timeout: float = 0.0
    ) -> StoredJob:
        """Store a new job over the request of a finished one.

        Raises:
            ConflictError: the request id belongs to another request.
            NotFoundError: no such job.
            RefusedError: it is neither FAILED, CANCELLED nor PARTIAL.
            BusyError, LimitError: as create.
        """
        digest = hashlib.sha256(b"repeat:" + name.encode()).digest()
        with self._database.transaction() as session:
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
            declared = Declared(found["cost"] / 1000, tuple(found["parts"].split()), trace, labels, timeout)
            return insert_job(session, self._limits, tenant, request_id, digest, found["request"], name, declared)

    def get(self, tenant: str, name: str) -> StoredJob:
        """One job with its ranking.

        Raises:
            NotFoundError: no such job.
        """
        with self._database.reading() as session:
            row = row_with_ranking(self._find(session, tenant, name, f"{COLUMNS}, ranking"))
            if row.job.state != "QUEUED":
                return row
            ahead = session.execute("SELECT COUNT(*) FROM jobs WHERE state = 'QUEUED' AND seq < ?", (row.seq,))
            return replace(row, job=replace(row.job, queue_place=int(ahead.fetchone()[0]) + 1))

    def request(self, tenant: str, name: str) -> bytes:
        """The query's message of a job.

        Raises:
            NotFoundError: no such job.
        """
        with self._database.reading() as session:
            return bytes(self._find(session, tenant, name, "request")["request"])

    def page(self, tenant: str, size: int, after: str, listing: Listing = Listing()) -> list[StoredJob]:  # noqa: B008  # frozen
        """At most `size` jobs in the order of the listing, behind the job with id `after`; "" for the first.

        Raises:
            InputError: no such job.
        """
        with self._database.reading() as session:
            behind, values = "", listing.values
            if after:
                last = self._find(session, tenant, after, f"seq, {listing.column}", bad_page_token)
                behind = f" AND ({listing.column}, seq) {'<' if listing.descending else '>'} (?, ?)"
                values = (*values, last[listing.column], last["seq"])
            found = session.execute(
                f"SELECT {COLUMNS} FROM jobs WHERE tenant = ?{listing.condition}{behind} "
                f"ORDER BY {listing.order} LIMIT ?",
                (tenant, *values, size),
            )
            return [row_of(one) for one in found]

    def end_overdue(self) -> list[StoredJob]:
        """Let the waiting jobs whose deadline is over fail; a running one is ended by its server."""
        store = self._database
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

    def counts(self) -> dict[str, int]:
        """How many jobs are in each state that has any."""
        with self._database.reading() as session:
            return dict(session.execute("SELECT state, COUNT(*) FROM jobs GROUP BY state").fetchall())

    def queued(self) -> int:
        """How many jobs wait for a worker."""
        with self._database.reading() as session:
            return int(session.execute("SELECT COUNT(*) FROM jobs WHERE state = 'QUEUED'").fetchone()[0])

    def parts(self) -> set[tuple[str, str]]:
        """Tenants and digests of the parts that jobs refer to, in any state."""
        with self._database.reading() as session:
            found = session.execute("SELECT DISTINCT tenant, parts FROM jobs WHERE parts <> ''").fetchall()
            return {(one["tenant"], sha256) for one in found for sha256 in one["parts"].split()}

    def waiting(self) -> list[Waiting]:
        """The jobs that wait for a worker, in the order of creation."""
        with self._database.reading() as session:
            found = session.execute(
                "SELECT id, tenant, cost, created, losses FROM jobs WHERE state = 'QUEUED' "
                f"AND (deadline IS NULL OR deadline >= {self._database.clock}) ORDER BY seq"  # others fail, unstarted
            )
            return [
                Waiting(one["id"], one["tenant"], one["cost"] / 1000, one["created"], one["losses"]) for one in found
            ]

    def claim(self, choose: Callable[[Sequence[Waiting]], Waiting] = oldest) -> Attempt | None:
        """Start the next attempt at a waiting job, or None where none waits.

        Args:
            choose: picks the next of the waiting jobs.
        """
        with self._database.transaction() as session:
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
        waiting = self.waiting()
        while waiting:
            name = choose(waiting).id
            taken = session.execute(
                f"UPDATE jobs SET epoch = epoch + 1, attempts = attempts + 1, owner = ?, started = ?, "
                f"lease = {self._lease()} WHERE id = (SELECT id FROM jobs WHERE id = ? AND state = 'QUEUED' "
                f"{self._database.skip_locked})",
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
        with self._database.transaction() as session:
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
        with self._database.transaction() as session:
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
        with self._database.transaction() as session:
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
        with self._database.transaction() as session:
            state = self._find(session, tenant, name, COLUMNS, lock=True)["state"]
            if state not in TERMINAL:
                raise RefusedError(
                    f"job {name!r} is {state}; cancel it before deleting it.", reason="JOB_NOT_FINISHED", field="id"
                )
            session.execute("DELETE FROM jobs WHERE id = ?", (name,))

    def expire(self, before: float) -> int:
        """Delete jobs that reached a terminal state before a time, in seconds since 1970; returns how many."""
        with self._database.transaction() as session:
            marks = ", ".join("?" * len(TERMINAL))
            old = (round(before * 1e6), *sorted(TERMINAL))
            return int(session.execute(f"DELETE FROM jobs WHERE updated < ? AND state IN ({marks})", old).rowcount)

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
        found = session.execute(f"SELECT {COLUMNS}, ranking FROM jobs WHERE id = ?", (name,)).fetchone()
        return row_with_ranking(found)

    def _owns(self, session: Session, attempt: Attempt, state: JobState) -> bool:
        """Whether the attempt is still the job's current one, and the job in the given state."""
        found = session.execute(
            f"SELECT 1 FROM jobs WHERE id = ? AND epoch = ? AND state = ? {self._database.lock}",
            (attempt.row.job.id, attempt.row.epoch, state),
        )
        return found.fetchone() is not None

    def _find(
        self,
        session: Session,
        tenant: str,
        name: str,
        columns: str,
        error: Callable[[str], W2SError] = _absent,
        *,
        lock: bool = False,
    ) -> Any:
        if not _ID.match(name):
            raise error(name)  # it may be a text that a database cannot even compare
        behind = self._database.lock if lock else ""
        found = session.execute(
            f"SELECT {columns} FROM jobs WHERE tenant = ? AND id = ? {behind}", (tenant, name)
        ).fetchone()
        if found is None:
            raise error(name)
        return found
