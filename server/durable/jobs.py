"""JobTable: the state machine of jobs, one committed transaction a step."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from predictor.errors import ConflictError, NotFoundError, RefusedError, W2SError
from predictor.results.job import TERMINAL, JobState
from protos.convert import error_to_proto
from server.config import Limits
from server.durable.quotas import check_quota
from server.durable.rows import COLUMNS, Attempt, Declared, StoredJob, Waiting, now, oldest, row_of, row_with_ranking
from server.durable.store import Session, Store
from server.pages import bad_page_token

REVISION_STEP = 1_000_000
"""Committed changes count in these steps, so that uncommitted progress in between has revisions of its own, and a
restart, which forgets that progress, still never goes back."""

_ID = re.compile(r"^[\x20-\x7e]{1,64}$")

_REPEATABLE = frozenset({"FAILED", "CANCELLED", "PARTIAL"})


def _absent(name: str) -> NotFoundError:
    return NotFoundError(f"there is no job {name[:64]!r}; list them to see which there are.", reason="JOB_NOT_FOUND")


class JobTable:
    """Jobs on disk. Every method is one transaction; what it returns is committed.

    Methods that callers reach take a tenant, and see that tenant's jobs only: another's job reads as no job.
    """

    def __init__(self, database: Store, limits: Limits) -> None:
        self._database = database
        self._limits = limits

    def recover(self) -> tuple[int, int]:
        """Settle what an earlier process left: RUNNING jobs wait again, CANCELLING ones are CANCELLED.

        Returns:
            Counts of both.
        """
        with self._database.transaction() as session:
            waiting = self._ids(session, "RUNNING")
            cancelled = self._ids(session, "CANCELLING")
            for name in waiting:
                self._move(session, name, "QUEUED")
            for name in cancelled:
                self._move(session, name, "CANCELLED")
            return len(waiting), len(cancelled)

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
            declared: what the request says of itself.
            attached: what the server adds for the worker; it may differ when the same is asked again.

        Raises:
            ConflictError: the request id belongs to another request.
            BusyError: the tenant has as many waiting jobs as it may.
            LimitError: its jobs take as many bytes as they may.
        """
        digest = hashlib.sha256(b"query:" + request).digest()
        with self._database.transaction() as session:
            known = self._known(session, tenant, request_id, digest)
            stored = request + attached
            return known or self._insert(session, tenant, request_id, digest, stored, None, declared or Declared())

    def repeat(self, tenant: str, request_id: str, name: str, trace: str = "") -> StoredJob:
        """Store a new job over the request of a finished one.

        Raises:
            ConflictError: the request id belongs to another request.
            NotFoundError: no such job.
            RefusedError: it is neither FAILED, CANCELLED nor PARTIAL.
            BusyError, LimitError: as create.
        """
        digest = hashlib.sha256(b"repeat:" + name.encode()).digest()
        with self._database.transaction() as session:
            known = self._known(session, tenant, request_id, digest)
            if known is not None:
                return known
            found = self._find(session, tenant, name, "state, request, cost, parts")
            if found["state"] not in _REPEATABLE:
                raise RefusedError(
                    f"job {name!r} is {found['state']}; only FAILED, CANCELLED and PARTIAL jobs can be run again.",
                    reason="JOB_NOT_REPEATABLE",
                    field="repeat_of",
                )
            declared = Declared(found["cost"] / 1000, tuple(found["parts"].split()), trace)
            return self._insert(session, tenant, request_id, digest, found["request"], name, declared)

    def get(self, tenant: str, name: str) -> StoredJob:
        """One job with its ranking.

        Raises:
            NotFoundError: no such job.
        """
        with self._database.reading() as session:
            return row_with_ranking(self._find(session, tenant, name, f"{COLUMNS}, ranking"))

    def page(self, tenant: str, size: int, after: str) -> list[StoredJob]:
        """At most `size` jobs, newest first, older than the job with id `after`; "" for the newest.

        Raises:
            InputError: no such job.
        """
        with self._database.reading() as session:
            before = self._find(session, tenant, after, "seq", bad_page_token)["seq"] if after else 1 << 62
            found = session.execute(
                f"SELECT {COLUMNS} FROM jobs WHERE tenant = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
                (tenant, before, size),
            )
            return [row_of(one) for one in found]

    def counts(self) -> dict[str, int]:
        """How many jobs are in each state that has any."""
        with self._database.reading() as session:
            return dict(session.execute("SELECT state, COUNT(*) FROM jobs GROUP BY state").fetchall())

    def queued(self) -> int:
        """How many jobs wait for a worker."""
        with self._database.reading() as session:
            return int(session.execute("SELECT COUNT(*) FROM jobs WHERE state = 'QUEUED'").fetchone()[0])

    def parts(self) -> set[tuple[str, str]]:
        """Tenants and digests of the parts that jobs refer to, whatever their states."""
        with self._database.reading() as session:
            found = session.execute("SELECT DISTINCT tenant, parts FROM jobs WHERE parts <> ''").fetchall()
            return {(one["tenant"], sha256) for one in found for sha256 in one["parts"].split()}

    def waiting(self) -> list[Waiting]:
        """The jobs that wait for a worker, in the order of creation."""
        with self._database.reading() as session:
            found = session.execute("SELECT id, tenant, cost, created FROM jobs WHERE state = 'QUEUED' ORDER BY seq")
            return [Waiting(one["id"], one["tenant"], one["cost"] / 1000, one["created"]) for one in found]

    def claim(self, choose: Callable[[Sequence[Waiting]], Waiting] = oldest) -> Attempt | None:
        """Start the next attempt at a waiting job, or None where none waits.

        Args:
            choose: says which of the waiting jobs is next.
        """
        with self._database.transaction() as session:
            waiting = self.waiting()
            if not waiting:
                return None
            name = choose(waiting).id
            session.execute("UPDATE jobs SET epoch = epoch + 1, attempts = attempts + 1 WHERE id = ?", (name,))
            found = session.execute("SELECT request, trace FROM jobs WHERE id = ?", (name,)).fetchone()
            return Attempt(self._move(session, name, "RUNNING"), found["request"], found["trace"])

    def finish(
        self, claim: Attempt, state: JobState, error: W2SError | None, ranking: bytes | None
    ) -> StoredJob | None:
        """Commit the outcome of an attempt, or None where the job is no longer this attempt's to end."""
        with self._database.transaction() as session:
            if not self._holds(session, claim, "RUNNING"):
                return None
            blob = None if error is None else error_to_proto(error).SerializeToString()
            grown = len(ranking or b"")
            session.execute(
                "UPDATE jobs SET error = ?, ranking = ?, size = size + ? WHERE id = ?",
                (blob, ranking, grown, claim.row.job.id),
            )
            return self._move(session, claim.row.job.id, state)

    def release(self, claim: Attempt, lost: W2SError | None, most: int) -> StoredJob | None:
        """Give up an attempt without an outcome: CANCELLED if that was asked for, else the job waits again.

        Args:
            claim: the attempt.
            lost: what to fail with once `most` workers died over the job; None where no worker died.
            most: deaths allowed.

        Returns:
            The job, or None where the attempt no longer holds it.
        """
        name = claim.row.job.id
        with self._database.transaction() as session:
            if self._holds(session, claim, "CANCELLING"):
                return self._move(session, name, "CANCELLED")
            if not self._holds(session, claim, "RUNNING"):
                return None
            if lost is None:
                return self._move(session, name, "QUEUED")
            session.execute("UPDATE jobs SET losses = losses + 1 WHERE id = ?", (name,))
            if session.execute("SELECT losses FROM jobs WHERE id = ?", (name,)).fetchone()[0] < most:
                return self._move(session, name, "QUEUED")
            session.execute("UPDATE jobs SET error = ? WHERE id = ?", (error_to_proto(lost).SerializeToString(), name))
            return self._move(session, name, "FAILED")

    def cancel(self, tenant: str, name: str) -> StoredJob:
        """Ask a job to stop; a job in a terminal state stays as it is.

        Raises:
            NotFoundError: no such job.
        """
        with self._database.transaction() as session:
            found = row_with_ranking(self._find(session, tenant, name, f"{COLUMNS}, ranking"))
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
            state = self._find(session, tenant, name, COLUMNS)["state"]
            if state not in TERMINAL:
                raise RefusedError(
                    f"job {name!r} is {state}; cancel it before deleting it.", reason="JOB_NOT_FINISHED", field="id"
                )
            session.execute("DELETE FROM jobs WHERE id = ?", (name,))

    def expire(self, seconds: float) -> int:
        """Forget jobs that have been in a terminal state for that long; returns how many."""
        with self._database.transaction() as session:
            marks = ", ".join("?" * len(TERMINAL))
            old = (now() - round(seconds * 1e6), *sorted(TERMINAL))
            return int(session.execute(f"DELETE FROM jobs WHERE updated < ? AND state IN ({marks})", old).rowcount)

    def _known(self, session: Session, tenant: str, request_id: str, digest: bytes) -> StoredJob | None:
        found = session.execute(
            f"SELECT {COLUMNS}, digest, ranking FROM jobs WHERE tenant = ? AND request_id = ?", (tenant, request_id)
        ).fetchone()
        if found is None:
            return None
        if found["digest"] != digest:
            raise ConflictError(
                f"request id {request_id!r} already stands for another request; use a fresh one for each request.",
                reason="REQUEST_ID_TAKEN",
                field="request_id",
            )
        return row_with_ranking(found)

    def _insert(
        self,
        session: Session,
        tenant: str,
        request_id: str,
        digest: bytes,
        request: bytes,
        repeat_of: str | None,
        declared: Declared,
    ) -> StoredJob:
        check_quota(session, self._limits, tenant, len(request))
        name, moment = secrets.token_hex(8), now()
        stored = {
            "tenant": tenant, "id": name, "request_id": request_id, "digest": digest, "repeat_of": repeat_of,
            "state": "QUEUED", "created": moment, "updated": moment, "revision": REVISION_STEP, "epoch": 0,
            "attempts": 0, "losses": 0, "size": len(request), "request": request,
            "cost": round(declared.cost * 1000), "parts": " ".join(declared.parts), "trace": declared.trace,
        }  # fmt: skip
        marks = ", ".join("?" * len(stored))
        session.execute(f"INSERT INTO jobs ({', '.join(stored)}) VALUES ({marks})", (*stored.values(),))
        return row_of(self._find(session, tenant, name, COLUMNS))

    def _move(self, session: Session, name: str, state: JobState) -> StoredJob:
        session.execute(
            "UPDATE jobs SET state = ?, updated = ?, revision = (revision / ? + 1) * ? WHERE id = ?",
            (state, now(), REVISION_STEP, REVISION_STEP, name),
        )
        found = session.execute(f"SELECT {COLUMNS}, ranking FROM jobs WHERE id = ?", (name,)).fetchone()
        return row_with_ranking(found)

    def _holds(self, session: Session, claim: Attempt, state: JobState) -> bool:
        """Whether the attempt is still the job's current one, and the job in the given state."""
        found = session.execute(
            "SELECT 1 FROM jobs WHERE id = ? AND epoch = ? AND state = ?",
            (claim.row.job.id, claim.row.epoch, state),
        )
        return found.fetchone() is not None

    def _ids(self, session: Session, state: JobState) -> list[str]:
        return [one["id"] for one in session.execute("SELECT id FROM jobs WHERE state = ?", (state,))]

    def _find(
        self, session: Session, tenant: str, name: str, columns: str, error: Callable[[str], W2SError] = _absent
    ) -> Any:
        if not _ID.match(name):
            raise error(name)  # it may be a text that a database cannot even compare
        found = session.execute(f"SELECT {columns} FROM jobs WHERE tenant = ? AND id = ?", (tenant, name)).fetchone()
        if found is None:
            raise error(name)
        return found
