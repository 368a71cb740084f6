"""Job flows: what a server writes of jobs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from server.config import Limits
from server.durable.database import Database
from server.durable.jobs import JobTable
from server.durable.rows import Attempt

TENANT = "alice"
REQUEST, RANKING = b"request" * 700, b"ranking" * 1500


class Jobs:
    """A job is created, claimed and finished."""

    also = frozenset[str]()

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder / "jobs.sqlite")
        self._table = JobTable(self._database, Limits())
        self._claims: list[Attempt] = []
        self._before = self._table.create(TENANT, "before", REQUEST).job.id
        self._finish(self._take())
        self.steps: list[Callable[[], object]] = [self._create, self._claim, self._end]

    def _create(self) -> None:
        self._table.create(TENANT, "now", REQUEST)

    def _claim(self) -> None:
        self._claims.append(self._take())

    def _end(self) -> None:
        self._finish(self._claims[-1])

    def _take(self) -> Attempt:
        claim = self._table.claim()
        assert claim is not None
        return claim

    def _finish(self, claim: Attempt) -> None:
        assert self._table.finish(claim, "SUCCEEDED", None, RANKING) is not None

    def read(self, done: int) -> list[str]:
        names = [row.job.request_id for row in self._table.page(TENANT, 9, "")]
        right = ["now", "before"] if done else ["before"]
        wrong = [] if names == right else [f"listed {names}"]
        return wrong if self._table.get(TENANT, self._before).ranking == RANKING else [*wrong, "another ranking"]

    def found(self, folder: Path, done: int) -> list[str]:
        database = Database(folder / "jobs.sqlite")
        try:
            table = JobTable(database, Limits())
            table.recover()
            rows = {row.job.request_id: table.get(TENANT, row.job.id) for row in table.page(TENANT, 9, "")}
            now = rows.pop("now", None)
            wrong = [] if [row.ranking for row in rows.values()] == [RANKING] else ["the earlier job is another"]
            if done and now is None:
                wrong.append("an acknowledged job is gone")
            states = {3: ("SUCCEEDED",), 2: ("SUCCEEDED", "QUEUED")}.get(done, ("QUEUED",))
            if now is not None and now.job.state not in states:
                wrong.append(f"{done} steps done, and the job is {now.job.state}")
            if now is not None and now.ranking != (RANKING if now.job.state == "SUCCEEDED" else None):
                wrong.append("half a ranking")
            return wrong
        finally:
            database.close()

    def close(self) -> None:
        self._database.close()


class JobEnds:
    """Jobs are cancelled, released, deleted, repeated and forgotten."""

    also = frozenset[str]()

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder / "jobs.sqlite")
        self._table = table = JobTable(self._database, Limits())
        first, second, third = (table.create(TENANT, name, REQUEST).job.id for name in ("a", "b", "c"))
        claim = table.claim()
        assert claim is not None
        self.steps: list[Callable[[], object]] = [
            lambda: table.cancel(TENANT, first),
            lambda: table.release(claim, None, 3),
            lambda: table.cancel(TENANT, second),
            lambda: table.repeat(TENANT, "d", first),
            lambda: self._deleted(second),
            lambda: table.cancel(TENANT, third),
            lambda: table.expire(0.0),
        ]
        self._after = [
            {"a": "RUNNING", "b": "QUEUED", "c": "QUEUED"},
            {"a": "CANCELLING", "b": "QUEUED", "c": "QUEUED"},
            {"a": "CANCELLED", "b": "QUEUED", "c": "QUEUED"},
            {"a": "CANCELLED", "b": "CANCELLED", "c": "QUEUED"},
            {"a": "CANCELLED", "b": "CANCELLED", "c": "QUEUED", "d": "QUEUED"},
            {"a": "CANCELLED", "c": "QUEUED", "d": "QUEUED"},
            {"a": "CANCELLED", "c": "CANCELLED", "d": "QUEUED"},
            {"d": "QUEUED"},
        ]

    def _deleted(self, name: str) -> None:
        self._table.delete(TENANT, name)

    def read(self, done: int) -> list[str]:
        now = _states(self._table)
        return [] if now == self._after[done] else [f"reads {now}, not {self._after[done]}"]

    def found(self, folder: Path, done: int) -> list[str]:
        database = Database(folder / "jobs.sqlite")
        try:
            now = _states(JobTable(database, Limits()))
        finally:
            database.close()
        return [] if now in self._after[done : done + 2] else [f"{done} steps done, and there is {now}"]

    def close(self) -> None:
        self._database.close()


class Opening:
    """A job store is made where there is none, and settles what an earlier process left."""

    also = frozenset({"STORAGE_UNWRITABLE"})  # SQLite does not say why it could not make a file

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._database: Database | None = None
        self.steps: list[Callable[[], object]] = [self._open, self._settle]

    def _open(self) -> None:
        self._database = Database(self._folder / "jobs.sqlite")

    def _settle(self) -> None:
        assert self._database is not None
        table = JobTable(self._database, Limits())
        table.create(TENANT, "first", REQUEST)
        table.claim()
        table.recover()

    def read(self, done: int) -> list[str]:
        return []

    def found(self, folder: Path, done: int) -> list[str]:
        database = Database(folder / "jobs.sqlite")
        try:
            table = JobTable(database, Limits())
            table.recover()
            now = _states(table)
        finally:
            database.close()
        right = [{}, {"first": "QUEUED"}] if done < 2 else [{"first": "QUEUED"}]
        return [] if now in right else [f"there is {now}"]

    def close(self) -> None:
        if self._database is not None:
            self._database.close()


def _states(table: JobTable) -> dict[str, str]:
    return {row.job.request_id: row.job.state for row in table.page(TENANT, 99, "")}
