"""PredictorClient: rankings from a running server, with the calls and the errors of the predictor itself."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Unpack

from client.channel import MAX_MESSAGE_BYTES, faults_of, open_channel
from client.credentials import PEM, Credentials
from client.features import FeatureClient
from client.inline import error_as_typed, inline_query, ranking_as_typed, stored_rows
from predictor.errors import CancelledError, DeadlineError, LimitError, UnavailableError, W2SError
from predictor.jobs import Job
from predictor.query import Progress, RankingQuery
from predictor.request import Model, Options, build_query
from predictor.result import Ranking
from protos import convert
from protos.w2s.v1 import predictor_service_pb2 as ask
from protos.w2s.v1 import predictor_service_pb2_grpc, query_pb2, ranking_service_pb2_grpc
from protos.w2s.v1 import ranking_service_pb2 as pb

_WATCH_SECONDS = 600.0
"""Deadline of one stream; a longer watch goes on in a new one."""

_WAIT_SECONDS = 20.0
_FIRST_PAUSE, _LAST_PAUSE = 0.1, 5.0


@dataclass(frozen=True)
class ServerInfo:
    """What a server says of itself.

    Attributes:
        versions: package name to version.
        limits: name to value, in the unit of `units`.
        units: name of a limit to its unit.
        estimators: names that `estimators` may take.
    """

    versions: Mapping[str, str]
    limits: Mapping[str, float]
    units: Mapping[str, str]
    estimators: tuple[str, ...]


class PredictorClient:
    """A connection to one server. Use it in a `with` block, or close it.

    Args:
        target: `HOST:PORT` or `unix:/path`.
        timeout: deadline of each call in seconds; a ranking job takes as long as it takes.
        reconnect_seconds: how long a watch tries to get back to a server that went away.
        max_message_bytes: largest message to send or take.
        token: bearer token; it goes out over TLS only, or to this machine.
        root_certificates: authorities of the server's certificate, PEM bytes or a file; None for the system's.
        certificate, key: the client's own, PEM bytes or files, where the server asks for one.
        tls: True or False chooses; None takes TLS where certificates are given or a token leaves this machine.

    Attributes:
        features: the feature sets kept by the server; see `client.features.FeatureClient`.
    """

    def __init__(
        self,
        target: str = "localhost:50051",
        *,
        timeout: float = 60.0,
        reconnect_seconds: float = 60.0,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        token: str | None = None,
        root_certificates: PEM | None = None,
        certificate: PEM | None = None,
        key: PEM | None = None,
        tls: bool | None = None,
    ) -> None:
        self._target = target
        self._timeout = timeout
        self._reconnect_seconds = reconnect_seconds
        self._max_message_bytes = max_message_bytes
        credentials = Credentials(token, root_certificates, certificate, key, tls)
        self._channel = open_channel(target, max_message_bytes, credentials)
        self.features = FeatureClient(self._channel, target, timeout, reconnect_seconds)
        self._predictor = predictor_service_pb2_grpc.PredictorServiceStub(self._channel)  # type: ignore[no-untyped-call]  # generated
        self._rankings = ranking_service_pb2_grpc.RankingServiceStub(self._channel)  # type: ignore[no-untyped-call]  # generated

    def __enter__(self) -> PredictorClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; jobs go on."""
        self._channel.close()

    def rank(
        self, *, strong: Model, weak: Model | Sequence[Model] | Mapping[str, Model], **options: Unpack[Options]
    ) -> Ranking:
        """`predictor.rank` on the server, as a durable job: the same keywords, the same ranking, the same errors.

        Raises:
            InputError, NotFoundError, RefusedError, LimitError: as in process.
            UnavailableError: the server cannot be reached.
        """
        if options.get("pool") is None:
            options["pool"] = stored_rows(strong, weak, self.features)
        steps = self.rank_steps(build_query(strong=strong, weak=weak, **options))
        while True:
            try:
                next(steps)
            except StopIteration as end:
                ranking: Ranking = end.value
                return ranking

    def rank_steps(self, query: RankingQuery, request_id: str | None = None) -> Generator[Progress, None, Ranking]:
        """Create a job, yield its steps and return its ranking. Closing the generator cancels the job.

        Losing the connection does not: the job goes on, and is watched again from where it was.

        Raises:
            CancelledError: somebody cancelled the job.
            W2SError: why it failed.
        """
        name = self.submit(query, request_id)
        job: Job | None = None
        try:
            for job in self.watch(name):
                if job.progress is not None:
                    yield job.progress
        except (GeneratorExit, KeyboardInterrupt):
            with contextlib.suppress(W2SError):  # the caller leaves; a server that is gone cannot be told
                self.cancel(name)
            raise
        return self._answer(query, name, job)

    def submit(self, query: RankingQuery, request_id: str | None = None) -> str:
        """Create a job and return its id; the job is on the server's disk then.

        Args:
            query: what to rank.
            request_id: name of this request; repeating it with the same query returns the same job. Fresh where None.

        Raises:
            ConflictError: the request id stands for another query.
            LimitError: the query is too large, or the queue is full.
        """
        message = self._message(query)
        request = pb.CreateRankingJobRequest(request_id=request_id or _fresh(), query=message)
        return str(self._call(self._rankings.CreateRankingJob, request).job.id)

    def resume(self, job: str, request_id: str | None = None) -> str:
        """Run the stored request of a FAILED, CANCELLED or PARTIAL job again, as a new job; returns its id.

        The finished job stays as it is: terminal states never change. Features that it computed are found again.

        Raises:
            NotFoundError: no such job.
            RefusedError: it is in another state.
        """
        request = pb.CreateRankingJobRequest(request_id=request_id or _fresh(), repeat_of=job)
        return str(self._call(self._rankings.CreateRankingJob, request).job.id)

    def job(self, job: str) -> Job:
        """One job, with its ranking once there is one.

        Raises:
            NotFoundError: no such job.
        """
        return convert.job_from_proto(self._call(self._rankings.GetRankingJob, pb.GetRankingJobRequest(id=job)).job)

    def jobs(self) -> Iterator[Job]:
        """Every job, newest first, without rankings; pages are fetched as they are needed."""
        token = ""
        while True:
            page = self._call(self._rankings.ListRankingJobs, pb.ListRankingJobsRequest(page_token=token))
            yield from map(convert.job_from_proto, page.jobs)
            token = page.next_page_token
            if not token:
                return

    def wait(self, job: str, timeout: float | None = None) -> Job:
        """The job in its terminal state.

        Args:
            job: its id.
            timeout: seconds; None waits as long as it takes.

        Raises:
            NotFoundError: no such job.
            DeadlineError: the time is over first.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = _WAIT_SECONDS if end is None else min(_WAIT_SECONDS, max(0.0, end - time.monotonic()))
            request = pb.WaitRankingJobRequest(id=job)
            request.timeout.FromMilliseconds(round(left * 1000))
            found = convert.job_from_proto(self._call(self._rankings.WaitRankingJob, request, extra=left).job)
            if found.finished:
                return found
            if end is not None and time.monotonic() >= end:
                raise DeadlineError(
                    f"job {job} is still {found.state} after {timeout:g} s; it goes on. Wait for it again.",
                    reason="STILL_RUNNING",
                )

    def watch(self, job: str, after_revision: int = 0) -> Iterator[Job]:
        """Every change of a job after a revision, the terminal one last and with the ranking.

        A lost connection is taken up again after the last revision seen.

        Raises:
            NotFoundError: no such job.
            UnavailableError: the server stayed away for `reconnect_seconds`.
        """
        revision, seen, pause = after_revision, time.monotonic(), _FIRST_PAUSE
        while True:
            call = self._rankings.WatchRankingJob(
                pb.WatchRankingJobRequest(id=job, after_revision=revision), timeout=_WATCH_SECONDS
            )
            try:
                with faults_of(self._target, _WATCH_SECONDS):
                    for answer in call:
                        seen, pause = time.monotonic(), _FIRST_PAUSE
                        if answer.HasField("job"):
                            found = convert.job_from_proto(answer.job)
                            revision = found.revision
                            yield found
                    return
            except (UnavailableError, DeadlineError, LimitError):
                if time.monotonic() - seen > self._reconnect_seconds:
                    raise
            finally:
                call.cancel()
            time.sleep(pause)
            pause = min(_LAST_PAUSE, pause * 2)

    def cancel(self, job: str) -> Job:
        """Ask a job to stop; it is CANCELLED within about two seconds, unless it had ended before.

        Raises:
            NotFoundError: no such job.
        """
        request = pb.CancelRankingJobRequest(id=job)
        return convert.job_from_proto(self._call(self._rankings.CancelRankingJob, request).job)

    def delete(self, job: str) -> None:
        """Forget a job in a terminal state.

        Raises:
            NotFoundError: no such job.
            RefusedError: it has not ended; cancel it first.
        """
        self._call(self._rankings.DeleteRankingJob, pb.DeleteRankingJobRequest(id=job))

    def predict(self, query: RankingQuery) -> Ranking:
        """Rank arrays in one call, without a job. Nothing of it is kept.

        Raises:
            InputError: a model that is no array.
            LimitError: more numbers than the server takes at once; use `rank_steps`.
        """
        request = ask.PredictRequest(query=self._message(query))
        return ranking_as_typed(query, convert.ranking_from_proto(self._call(self._predictor.Predict, request).ranking))

    def server_info(self) -> ServerInfo:
        """Versions, limits and estimators of the server."""
        found = self._call(self._predictor.GetServerInfo, ask.GetServerInfoRequest())
        return ServerInfo(
            versions=dict(found.versions),
            limits={limit.name: limit.value for limit in found.limits},
            units={limit.name: limit.unit for limit in found.limits},
            estimators=tuple(found.estimators),
        )

    def _answer(self, query: RankingQuery, name: str, job: Job | None) -> Ranking:
        if job is None or not job.finished:
            job = self.job(name)
        if job.ranking is not None:
            return ranking_as_typed(query, job.ranking)
        if job.state == "CANCELLED":
            raise CancelledError(f"job {name} was cancelled; run it again with resume.", reason="JOB_CANCELLED")
        error = job.error or W2SError(f"job {name} ended as {job.state} without a reason.", reason="NO_REASON")
        raise error_as_typed(query, error)

    def _message(self, query: RankingQuery) -> query_pb2.RankingQuery:
        message = convert.query_to_proto(inline_query(query))
        size = message.ByteSize()
        if size >= self._max_message_bytes:
            raise LimitError(
                f"the request takes {size} bytes, at most {self._max_message_bytes} can be sent; give fewer rows "
                "with --max-rows, push arrays first with w2s features push --server, or run without --server.",
                reason="OVER_LIMIT",
            )
        return message

    def _call(self, method: Any, request: Any, extra: float = 0.0) -> Any:
        with faults_of(self._target, self._timeout + extra):
            return method(request, timeout=self._timeout + extra)


def _fresh() -> str:
    return uuid.uuid4().hex
