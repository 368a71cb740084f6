"""Outcome: what the answer of a worker makes of its job."""

from __future__ import annotations

from datetime import UTC, datetime

from google.rpc import status_pb2

from predictor.errors import DeadlineError, RefusedError, W2SError
from predictor.results.job import JobState
from protos import convert
from protos.w2s.v1 import ranking_pb2 as pb
from server.durable.losses import deadline_over
from server.workforce.frames import Tag


def outcome_of(tag: Tag, body: bytes) -> tuple[JobState, W2SError | None, bytes | None]:
    """Terminal state, error and ranking of a `result` or `error` frame.

    SUCCEEDED where every candidate is ranked, PARTIAL where some are, FAILED where none is or the request was
    wrong.
    """
    if tag == "error":
        return "FAILED", convert.error_from_status(status_pb2.Status.FromString(body)), None
    candidates = pb.Ranking.FromString(body).candidates
    failed = sum(candidate.status != pb.CANDIDATE_STATUS_OK for candidate in candidates)
    if not failed:
        return "SUCCEEDED", None, body
    if failed < len(candidates):
        return "PARTIAL", None, body
    nothing = RefusedError(
        "no candidate could be ranked; the ranking has the reason for each.", reason="NO_CANDIDATE_RANKED"
    )
    return "FAILED", nothing, body


def took_too_long(seconds: float, deadline: datetime | None) -> tuple[Tag, bytes]:
    """The frame of a job whose time is over, its own or that of the server."""
    over = deadline is not None and deadline <= datetime.now(UTC)
    error = (
        deadline_over()
        if over
        else DeadlineError(
            f"the job computed for {seconds:g} s, the most that this server gives one; ask for fewer rows or smaller "
            "models.",
            reason="JOB_TIMEOUT",
        )
    )
    return "error", convert.error_to_status(error).SerializeToString()
