"""Rows: one job as committed, and one attempt at it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from predictor.results.job import TERMINAL, Job
from protos.convert import error_from_proto
from protos.w2s.v1 import ranking_service_pb2 as pb
from server.durable.listing import read_labels
from server.usage import UNBOUNDED, Usage

COLUMNS = (
    "seq, tenant, id, request_id, repeat_of, state, created, updated, revision, epoch, attempts, error, owner, labels, "
    "started, deadline"
)


@dataclass(frozen=True, eq=False)
class StoredJob:
    """One job as committed.

    Attributes:
        job: the job, without progress and ranking.
        seq: place in the order of creation.
        epoch: number of the current attempt; a result of an earlier one is refused.
        tenant: whose it is.
        owner: the server that runs it, or ran it last; "" before the first attempt.
        ranking: the ranking's message as bytes, or None; always None in pages.
    """

    job: Job
    seq: int
    epoch: int
    tenant: str
    owner: str = ""
    ranking: bytes | None = None


@dataclass(frozen=True)
class Declared:
    """What a request declares before it is run.

    Attributes:
        cost: seconds of one core, very roughly; 0 or more.
        parts: digests of the parts that it refers to.
        trace: the `traceparent` of the call that made it, or "".
        labels: as `server.durable.listing.write_labels` writes them.
        timeout: seconds from the creation by which it has to end; 0 for no bound.
        usage: what the tenant stores beside its jobs, and what it may.
        callback: URL to report the end to, or "".
    """

    cost: float = 0.0
    parts: tuple[str, ...] = ()
    trace: str = ""
    labels: str = ""
    timeout: float = 0.0
    usage: Usage = UNBOUNDED
    callback: str = ""


@dataclass(frozen=True)
class Waiting:
    """One job that waits for a worker, as the scheduler sees it.

    Attributes:
        id, tenant: which, and whose.
        cost: as declared, in seconds of one core.
        created: microseconds since 1970.
        losses: attempts that ended with their worker or server.
    """

    id: str
    tenant: str
    cost: float
    created: int
    losses: int = 0


def oldest(waiting: Sequence[Waiting]) -> Waiting:
    """The job that waits longest."""
    return waiting[0]


@dataclass(frozen=True)
class Exclusion:
    """A candidate that later attempts at its job leave out.

    Attributes:
        candidate: its name.
        reason: `CANDIDATE_LOST` or `CANDIDATE_TIMEOUT`.
    """

    candidate: str
    reason: str

    @staticmethod
    def write(exclusions: Sequence[Exclusion]) -> str:
        """In the form of the table and of the pipe to a worker."""
        return json.dumps([[one.candidate, one.reason] for one in exclusions]) if exclusions else ""

    @staticmethod
    def read(text: str) -> tuple[Exclusion, ...]:
        """What `write` wrote."""
        return tuple(Exclusion(*pair) for pair in json.loads(text or "[]"))


@dataclass(frozen=True, eq=False)
class Attempt:
    """One attempt at a job.

    Attributes:
        row: the job, RUNNING.
        request: the query's message as bytes.
        trace: the `traceparent` of the call that made it, or "".
        losses: earlier attempts that ended with their worker or server, or over the time of a candidate.
        excluded: candidates to leave out.
    """

    row: StoredJob
    request: bytes
    trace: str = ""
    losses: int = 0
    excluded: tuple[Exclusion, ...] = ()


def row_of(found: Any) -> StoredJob:
    """The job of a result with `COLUMNS`."""
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
        started=_perhaps(found["started"]),
        ended=_moment(found["updated"]) if found["state"] in TERMINAL else None,
        deadline=_perhaps(found["deadline"]),
        labels=read_labels(found["labels"]),
    )
    return StoredJob(job, found["seq"], found["epoch"], found["tenant"], found["owner"])


def row_with_ranking(found: Any) -> StoredJob:
    """`row_of`, with the column `ranking` too."""
    return replace(row_of(found), ranking=found["ranking"])


def now() -> int:
    """Microseconds since 1970, as the table counts time."""
    return time.time_ns() // 1000


def _moment(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1e6, UTC)


def _perhaps(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _moment(microseconds)
