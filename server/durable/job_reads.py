"""JobReads: what can be seen of the jobs on disk, each question one reading transaction."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from predictor.errors import NotFoundError, W2SError
from server.config import Limits
from server.durable.listing import Listing
from server.durable.rows import COLUMNS, StoredJob, Waiting, row_of, row_with_ranking
from server.durable.store import Session, Store
from server.pages import bad_page_token

_ID = re.compile(r"^[\x20-\x7e]{1,64}$")


def _absent(name: str) -> NotFoundError:
    return NotFoundError(f"there is no job {name[:64]!r}; list them to see which there are.", reason="JOB_NOT_FOUND")


class JobReads:
    """Jobs on disk, as they are.

    Methods that callers reach take a tenant, and see that tenant's jobs only: another's job reads as no job.
    """

    def __init__(self, store: Store, limits: Limits, owner: str = "") -> None:
        """`owner` is the name of this server, among those that share the database."""
        self.store = store
        self._limits = limits
        self.owner = owner

    def look(self, names: Sequence[str]) -> list[StoredJob]:
        """Those of some jobs that are still stored, without their rankings; for a shared database."""
        with self.store.reading() as session:
            found = session.execute(f"SELECT {COLUMNS} FROM jobs WHERE id = ANY(?)", (list(names),))
            return [row_of(one) for one in found]

    def get(self, tenant: str, name: str) -> StoredJob:
        """One job with its ranking.

        Raises:
            NotFoundError: no such job.
        """
        with self.store.reading() as session:
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
        with self.store.reading() as session:
            return bytes(self._find(session, tenant, name, "request")["request"])

    def page(self, tenant: str, size: int, after: str, listing: Listing = Listing()) -> list[StoredJob]:  # noqa: B008  # frozen
        """At most `size` jobs in the order of the listing, behind the job with id `after`; "" for the first.

        Raises:
            InputError: no such job.
        """
        with self.store.reading() as session:
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

    def counts(self) -> dict[str, int]:
        """How many jobs are in each state that has any."""
        with self.store.reading() as session:
            return dict(session.execute("SELECT state, COUNT(*) FROM jobs GROUP BY state").fetchall())

    def queued(self) -> int:
        """How many jobs wait for a worker."""
        with self.store.reading() as session:
            return int(session.execute("SELECT COUNT(*) FROM jobs WHERE state = 'QUEUED'").fetchone()[0])

    def stored_bytes(self, tenant: str) -> int:
        """Bytes of a tenant's requests and rankings."""
        with self.store.reading() as session:
            total = "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM jobs WHERE tenant = ?"
            return int(session.execute(total, (tenant,)).fetchone()[0])

    def tenants(self) -> set[str]:
        """Everyone who has a job."""
        with self.store.reading() as session:
            return {str(one["tenant"]) for one in session.execute("SELECT DISTINCT tenant FROM jobs")}

    def parts(self) -> set[tuple[str, str]]:
        """Tenants and digests of the parts that jobs refer to, in any state."""
        with self.store.reading() as session:
            found = session.execute("SELECT DISTINCT tenant, parts FROM jobs WHERE parts <> ''").fetchall()
            return {(one["tenant"], sha256) for one in found for sha256 in one["parts"].split()}

    def waiting(self) -> list[Waiting]:
        """The jobs that wait for a worker, in the order of creation."""
        columns = "id, tenant, cost, created, losses"
        with self.store.reading() as session:
            found = session.execute(f"SELECT {columns} FROM jobs WHERE {self._waits} ORDER BY seq")
            return [
                Waiting(one["id"], one["tenant"], one["cost"] / 1000, one["created"], one["losses"]) for one in found
            ]

    def load(self, tenant: str) -> tuple[int, int, float]:
        """Jobs that wait for a worker, those of a tenant among them, and the declared seconds of all."""
        counts = "COUNT(*), COALESCE(SUM(CASE WHEN tenant = ? THEN 1 ELSE 0 END), 0), COALESCE(SUM(cost), 0)"
        with self.store.reading() as session:
            jobs, own, cost = session.execute(f"SELECT {counts} FROM jobs WHERE {self._waits}", (tenant,)).fetchone()
        return int(jobs), int(own), float(cost) / 1000

    @property
    def _waits(self) -> str:
        """Which jobs may be started; those over their deadline fail."""
        return f"state = 'QUEUED' AND (deadline IS NULL OR deadline >= {self.store.clock})"

    def crowded(self, max_jobs: int) -> set[str]:
        """Tenants that have so many jobs running; nobody where the number is 0."""
        if not max_jobs:
            return set()
        with self.store.reading() as session:
            found = session.execute(
                "SELECT tenant FROM jobs WHERE state IN ('RUNNING', 'CANCELLING') GROUP BY tenant HAVING COUNT(*) >= ?",
                (max_jobs,),
            )
            return {str(one["tenant"]) for one in found}

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
        behind = self.store.lock if lock else ""
        found = session.execute(
            f"SELECT {columns} FROM jobs WHERE tenant = ? AND id = ? {behind}", (tenant, name)
        ).fetchone()
        if found is None:
            raise error(name)
        return found
