"""Jobs: the state of a ranking, to and from its wire form."""

from __future__ import annotations

from datetime import UTC, datetime

from predictor.results.job import STATES, Job, JobState
from protos.errors import error_from_proto, error_to_proto
from protos.rankings import progress_from_proto, progress_to_proto, ranking_from_proto, ranking_to_proto
from protos.w2s.v1 import ranking_service_pb2 as pb

_STATES: dict[int, JobState] = {pb.JobState.Value(f"JOB_STATE_{name}"): name for name in STATES}
_CODES = {name: code for code, name in _STATES.items()}


def job_to_proto(job: Job) -> pb.Job:
    """The job as a message."""
    message = pb.Job(
        id=job.id,
        request_id=job.request_id,
        state=pb.JobState.Name(_CODES[job.state]),
        revision=job.revision,
        attempts=job.attempts,
        error=None if job.error is None else error_to_proto(job.error),
        progress=None if job.progress is None else progress_to_proto(job.progress),
        ranking=None if job.ranking is None else ranking_to_proto(job.ranking),
        repeat_of=job.repeat_of,
        queue_place=job.queue_place,
        labels=job.labels,
    )
    for name, moment in (("start_time", job.started), ("end_time", job.ended), ("deadline", job.deadline)):
        if moment is not None:
            getattr(message, name).FromDatetime(moment)
    message.create_time.FromDatetime(job.created)
    message.update_time.FromDatetime(job.updated)
    return message


def job_from_proto(message: pb.Job) -> Job:
    """The job of a message."""
    return Job(
        id=message.id,
        state=_STATES[message.state],
        created=_moment(message.create_time.ToDatetime()),
        updated=_moment(message.update_time.ToDatetime()),
        revision=message.revision,
        attempts=message.attempts,
        request_id=message.request_id,
        error=error_from_proto(message.error) if message.HasField("error") else None,
        progress=progress_from_proto(message.progress) if message.HasField("progress") else None,
        ranking=ranking_from_proto(message.ranking) if message.HasField("ranking") else None,
        repeat_of=message.repeat_of if message.HasField("repeat_of") else None,
        started=_moment(message.start_time.ToDatetime()) if message.HasField("start_time") else None,
        ended=_moment(message.end_time.ToDatetime()) if message.HasField("end_time") else None,
        deadline=_moment(message.deadline.ToDatetime()) if message.HasField("deadline") else None,
        queue_place=message.queue_place if message.HasField("queue_place") else None,
        labels=dict(message.labels),
    )


def _moment(naive: datetime) -> datetime:
    return naive.replace(tzinfo=UTC)
