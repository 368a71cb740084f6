"""RankingFlows: every exchange about rankings, for the blocking and the asyncio client."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from client.flows import Call, Emit, Flow, OpenStream, Pause, Receive, Work, map_emitted
from client.localize import error_as_given, localized_query, named_set, ranking_as_given
from client.parts import ENVELOPE_BYTES, SMALL_BYTES, PartFlows
from client.retry import RetryPolicy
from client.server_info import Checked, ServerInfo, checked_of, server_info_of
from client.transfers import TransferFlows
from predictor.errors import CancelledError, DeadlineError, UnavailableError, W2SError
from predictor.intake.request import Model, Options, build_query
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.results.job import Job
from predictor.results.ranking import Ranking
from protos import convert
from protos.w2s.v1 import predictor_service_pb2 as service_pb
from protos.w2s.v1 import predictor_service_pb2_grpc, query_pb2, ranking_service_pb2_grpc
from protos.w2s.v1 import ranking_service_pb2 as pb

_WATCH_SECONDS = 600.0
"""Deadline of one stream; a longer watch goes on in a new one."""

_WAIT_SECONDS = 20.0
_CANCEL_SECONDS = 5.0
"""Deadline of the calls that cancel the job of a caller who leaves."""


class RankingFlows:
    """Calls of `PredictorClient` and `AsyncPredictorClient`, without I/O.

    Args:
        channel: of grpc or grpc.aio.
        transfers: flows of feature sets.
        parts: flows of parts of requests.
        timeout: deadline of a call in seconds.
        reconnect_seconds: how long a watch tries to get back to a server that went away.
        max_message_bytes: largest message to send.
    """

    def __init__(
        self,
        channel: Any,
        transfers: TransferFlows,
        parts: PartFlows,
        timeout: float,
        reconnect_seconds: float,
        max_message_bytes: int,
    ) -> None:
        self.predictor = predictor_service_pb2_grpc.PredictorServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        self.rankings = ranking_service_pb2_grpc.RankingServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        self._transfers = transfers
        self._parts = parts
        self._timeout = timeout
        self._reconnect_seconds = reconnect_seconds
        self._max_bytes = max_message_bytes - ENVELOPE_BYTES
        self._asked_server = False

    def rank(
        self, strong: Model, weak: Model | Sequence[Model] | Mapping[str, Model], options: Options
    ) -> Flow[Ranking]:
        """A query is built, created as a job, followed and answered."""
        if options.get("pool") is None:
            options["pool"] = yield from self.rows(strong, weak)
        query: RankingQuery = yield Work(partial(build_query, strong=strong, weak=weak, remote=True, **options))
        return (yield from self.steps(query, None))

    def rows(self, strong: Model, weak: Model | Sequence[Model] | Mapping[str, Model]) -> Flow[Pool | None]:
        """The rows of a request without a pool: as many as its first feature set has on the server; None without one.

        Raises:
            NotFoundError: the server has no such set.
        """
        name = named_set(strong, weak)
        return None if name is None else Pool.numbered((yield from self._transfers.find(name)).rows)

    def steps(self, query: RankingQuery, request_id: str | None) -> Flow[Ranking]:
        """A job is created and its steps reported. Leaving cancels it, also where its creation was not yet answered."""
        request = yield from self._request(query, request_id)
        name = None
        try:
            name = yield from self._create(request, self._timeout)
            job = yield from map_emitted(self.watch(name), lambda job: job.progress)
        except (UnavailableError, DeadlineError) as error:
            if name is None:
                raise
            message = f"{error.message} Job {name} goes on there; follow it with w2s jobs watch {name}."
            raise type(error)(message, reason=error.reason, field=error.field) from error
        except W2SError:
            raise
        except BaseException:  # the caller leaves
            yield from self._cancel_abandoned(request, name)
            raise
        return (yield from self._answer(query, name, job))

    def submit(
        self,
        query: RankingQuery,
        request_id: str | None,
        labels: Mapping[str, str] | None = None,
        timeout: float | None = None,
        callback_url: str = "",
    ) -> Flow[str]:
        """A job is created; its id comes back."""
        request = yield from self._request(query, request_id)
        request.labels.update(labels or {})
        request.callback_url = callback_url
        if timeout is not None:
            request.timeout.FromMilliseconds(round(timeout * 1000))
        return (yield from self._create(request, self._timeout))

    def resume(self, job: str, request_id: str | None) -> Flow[str]:
        """The stored request of a finished job is run again, as a new job."""
        request = pb.CreateRankingJobRequest(request_id=request_id or _fresh(), repeat_of=job)
        return (yield from self._create(request, self._timeout))

    def job(self, name: str) -> Flow[Job]:
        """One job, with its ranking once there is one."""
        found = yield Call(self.rankings.GetRankingJob, pb.GetRankingJobRequest(id=name), self._timeout)
        return convert.job_from_proto(found.job)

    def jobs(self, filter: str = "", order_by: str = "") -> Flow[None]:  # name of the field
        """Every job of a filter is reported, in an order; pages are fetched as they are needed."""
        token = ""
        while True:
            request = pb.ListRankingJobsRequest(page_token=token, filter=filter, order_by=order_by)
            page = yield Call(self.rankings.ListRankingJobs, request, self._timeout)
            for job in page.jobs:
                yield Emit(convert.job_from_proto(job))
            token = page.next_page_token
            if not token:
                return

    def wait(self, name: str, timeout: float | None) -> Flow[Job]:
        """The job in its terminal state.

        Raises:
            DeadlineError: the time is over first.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = _WAIT_SECONDS if end is None else min(_WAIT_SECONDS, max(0.0, end - time.monotonic()))
            request = pb.WaitRankingJobRequest(id=name)
            request.timeout.FromMilliseconds(round(left * 1000))
            answer = yield Call(self.rankings.WaitRankingJob, request, self._timeout + left)
            found = convert.job_from_proto(answer.job)
            if found.finished:
                return found
            if end is not None and time.monotonic() >= end:
                raise DeadlineError(
                    f"job {name} is still {found.state} after {timeout:g} s; it goes on. Wait for it again.",
                    reason="STILL_RUNNING",
                )

    def watch(self, name: str, after_revision: int = 0) -> Flow[Job | None]:
        """Every change after a revision is reported, the terminal one last; returns that one, or None.

        Raises:
            NotFoundError: no such job.
            UnavailableError: the server stayed away for `reconnect_seconds`.
        """
        revision, last, retry = after_revision, None, RetryPolicy(self._reconnect_seconds)
        while True:
            request = pb.WatchRankingJobRequest(id=name, after_revision=revision)
            stream = yield OpenStream(self.rankings.WatchRankingJob, request, _WATCH_SECONDS)
            try:
                while (answer := (yield Receive(stream))) is not None:
                    retry.progressed()
                    if answer.HasField("job"):
                        last = convert.job_from_proto(answer.job)
                        revision = last.revision
                        yield Emit(last)
                return last
            except W2SError as error:
                pause = retry.pause_after(error)
            finally:
                stream.cancel()
            yield Pause(pause)

    def cancel(self, name: str, seconds: float | None = None) -> Flow[Job]:
        """A job is asked to stop."""
        request = pb.CancelRankingJobRequest(id=name)
        answer = yield Call(self.rankings.CancelRankingJob, request, seconds or self._timeout)
        return convert.job_from_proto(answer.job)

    def delete(self, name: str) -> Flow[None]:
        """A job in a terminal state is forgotten."""
        yield Call(self.rankings.DeleteRankingJob, pb.DeleteRankingJobRequest(id=name), self._timeout)

    def predict(self, query: RankingQuery) -> Flow[Ranking]:
        """Arrays are ranked in one call."""
        request = service_pb.PredictRequest(query=(yield from self._message(query)))
        answer = yield Call(self.predictor.Predict, request, self._timeout)
        return ranking_as_given(query, convert.ranking_from_proto(answer.ranking))

    def validate(self, query: RankingQuery) -> Flow[Checked]:
        """A request is checked and not run."""
        request = service_pb.ValidateRequest(query=(yield from self._message(query)))
        return checked_of((yield Call(self.predictor.Validate, request, self._timeout)))

    def info(self) -> Flow[ServerInfo]:
        """Versions, limits and estimators."""
        return server_info_of(
            (yield Call(self.predictor.GetServerInfo, service_pb.GetServerInfoRequest(), self._timeout))
        )

    def _request(self, query: RankingQuery, request_id: str | None) -> Flow[pb.CreateRankingJobRequest]:
        return pb.CreateRankingJobRequest(request_id=request_id or _fresh(), query=(yield from self._message(query)))

    def _create(self, request: pb.CreateRankingJobRequest, seconds: float) -> Flow[str]:
        return str((yield Call(self.rankings.CreateRankingJob, request, seconds)).job.id)

    def _cancel_abandoned(self, request: pb.CreateRankingJobRequest, name: str | None) -> Flow[None]:
        """Cancel a job whose creator leaves. One whose id never came is asked for by its request id, which is safe."""
        try:
            if name is None:
                name = yield from self._create(request, _CANCEL_SECONDS)
            yield from self.cancel(name, _CANCEL_SECONDS)
        except W2SError:
            pass  # a server that is down cannot be notified

    def _answer(self, query: RankingQuery, name: str, job: Job | None) -> Flow[Ranking]:
        if job is None or not job.finished:
            job = yield from self.job(name)
        if job.ranking is not None:
            return ranking_as_given(query, job.ranking)
        if job.state == "CANCELLED":
            raise CancelledError(f"job {name} was cancelled; run it again with resume.", reason="JOB_CANCELLED")
        error = job.error or W2SError(f"job {name} ended as {job.state} without a reason.", reason="NO_REASON")
        raise error_as_given(query, error)

    def _message(self, query: RankingQuery) -> Flow[query_pb2.RankingQuery]:
        """The message of a query; what is too large for one is sent beforehand, in parts."""
        message: query_pb2.RankingQuery = yield Work(lambda: convert.query_to_proto(localized_query(query)))
        if message.ByteSize() > min(SMALL_BYTES, self._max_bytes):
            if not self._asked_server:
                taken = (yield from self.info()).limits["max_message_bytes"]
                self._max_bytes, self._asked_server = min(self._max_bytes, int(taken) - ENVELOPE_BYTES), True
            if message.ByteSize() > self._max_bytes:
                yield from self._parts.send_bulk(message, self._max_bytes)
        return message


def _fresh() -> str:
    return uuid.uuid4().hex
