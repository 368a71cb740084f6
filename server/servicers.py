"""Servicers: decode, call, encode. The contract of each method is in protos/w2s/v1."""

from __future__ import annotations

import asyncio
import functools
import platform
import re
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from importlib import metadata
from typing import Any

from predictor.errors import InputError, W2SError
from predictor.estimators.registry import ESTIMATORS
from predictor.query.query import RankingQuery
from protos import convert
from protos.parts import attached
from protos.w2s.v1 import predictor_service_pb2 as ask
from protos.w2s.v1 import predictor_service_pb2_grpc, ranking_service_pb2_grpc
from protos.w2s.v1 import ranking_service_pb2 as pb
from server.access.caller import current_caller, current_tenant
from server.calibration.servicer import CalibrationServicer
from server.callbacks.hosts import CallbackHosts
from server.config import Config, Limits
from server.durable.job_service import JobService
from server.durable.listing import Listing, write_labels
from server.durable.rows import Declared, StoredJob
from server.pages import page_size
from server.request_check import RequestCheck
from server.telemetry.traces import current_traceparent
from server.usage import TenantUsage
from server.workforce.costs import check_prediction, declared_seconds, declared_values
from server.workforce.prediction import PredictWorkers
from server.workforce.workers import JobWorkers

_REQUEST_ID = re.compile(r"^[A-Za-z0-9._:-]{1,128}$")
_MAX_TIMEOUT = 10 * 365 * 86_400.0
_PACKAGES = ("w2s-predictor", "numpy", "grpcio", "protobuf")


class PredictorServicer(predictor_service_pb2_grpc.PredictorServiceServicer):
    """See protos/w2s/v1/predictor_service.proto."""

    def __init__(
        self,
        worker: PredictWorkers,
        job_service: JobService,
        workers: JobWorkers,
        request_check: RequestCheck,
        calibrations: CalibrationServicer,
        config: Config,
    ) -> None:
        self._jobs = job_service
        self._workers = workers
        self._worker = worker
        self._calibrations = calibrations
        self._request_check = request_check
        self._limits = config.limits
        self._sources = config.sources
        self._callback_to = config.callback_to

    async def Predict(self, request: ask.PredictRequest, context: Any) -> ask.PredictResponse:  # noqa: N802  # RPC name
        """See protos/w2s/v1/predictor_service.proto."""
        tenant = current_tenant()
        check_prediction(await self._request_check.query(request.query, tenant), self._limits)
        added = await self._calibrations.attached(request.query)
        query = request.query.SerializeToString() + added
        return ask.PredictResponse(ranking=await self._worker.predict(query, tenant))

    async def Validate(self, request: ask.ValidateRequest, context: Any) -> ask.ValidateResponse:  # noqa: N802
        """See protos/w2s/v1/predictor_service.proto."""
        query = await self._request_check.query(request.query, current_tenant())
        return ask.ValidateResponse(
            rows=len(query.pool),
            candidates=len(query.weak),
            values=declared_values(query),
            predict_allowed=_predictable(query, self._limits),
            warnings=await asyncio.to_thread(_warnings, query),  # a million rows take their time, and so below
        )

    async def GetServerInfo(  # noqa: N802
        self, request: ask.GetServerInfoRequest, context: Any
    ) -> ask.GetServerInfoResponse:
        """See protos/w2s/v1/predictor_service.proto."""
        versions = _versions()
        limits = [
            ask.Limit(name=one.name, value=getattr(self._limits, one.name), unit=one.metadata["unit"])
            for one in fields(self._limits)
        ]
        slots = [
            ask.WorkerSlot(number=share.number, device=share.device or "", busy=busy, threads=share.threads)
            for share, busy in self._workers.slots()
        ]
        tenant = current_tenant()
        waiting, own, seconds = await self._jobs.ask(lambda table: table.load(tenant))
        queue = ask.Queue(waiting_jobs=waiting, own_waiting_jobs=own, waiting_seconds=seconds)
        return ask.GetServerInfoResponse(
            versions=versions,
            limits=limits,
            estimators=ESTIMATORS,
            slots=slots,
            queue=queue,
            models_from=self._sources,
            callbacks_to=CallbackHosts.parse(self._callback_to).entries,
        )


class RankingServicer(ranking_service_pb2_grpc.RankingServiceServicer):
    """See protos/w2s/v1/ranking_service.proto."""

    def __init__(
        self,
        job_service: JobService,
        request_check: RequestCheck,
        calibrations: CalibrationServicer,
        usage: TenantUsage,
        callback_hosts: CallbackHosts,
        limits: Limits,
    ) -> None:
        self._jobs = job_service
        self._calibrations = calibrations
        self._request_check = request_check
        self._usage = usage
        self._callback_hosts = callback_hosts
        self._limits = limits

    async def CreateRankingJob(  # noqa: N802
        self, request: pb.CreateRankingJobRequest, context: Any
    ) -> pb.CreateRankingJobResponse:
        """See protos/w2s/v1/ranking_service.proto."""
        if not _REQUEST_ID.match(request.request_id):
            raise InputError(
                f"request_id has {len(request.request_id)} characters; it needs 1 to 128 of letters, digits and ._:-",
                reason="BAD_REQUEST_ID",
                field="request_id",
            )
        tenant = current_tenant()
        if request.callback_url:
            self._callback_hosts.check(request.callback_url)
        declared = Declared(
            trace=current_traceparent(),
            labels=write_labels(dict(request.labels)),
            timeout=_timeout(request),
            callback=request.callback_url,
        )
        if request.WhichOneof("work") == "repeat_of":
            declared = replace(declared, usage=await self._usage.of(tenant))
            row = await self._jobs.repeat(tenant, request.request_id, request.repeat_of, declared)
        else:
            query = await self._request_check.query(request.query, tenant)
            cost = await asyncio.to_thread(declared_seconds, query)
            added = await self._calibrations.attached(request.query)
            stored = request.query.SerializeToString(deterministic=True)
            usage = await self._usage.of(tenant)
            declared = replace(declared, cost=cost, parts=attached(request.query), usage=usage)
            row = await self._jobs.create(tenant, request.request_id, stored, declared, added)
        current_caller().job = row.job.id
        return pb.CreateRankingJobResponse(job=_message(row))

    async def GetRankingJob(self, request: pb.GetRankingJobRequest, context: Any) -> pb.GetRankingJobResponse:  # noqa: N802
        """See protos/w2s/v1/ranking_service.proto."""
        message = _message(await self._jobs.get(current_tenant(), request.id))
        if request.include_query:
            tenant = current_tenant()
            message.query.ParseFromString(await self._jobs.ask(lambda table: table.request(tenant, request.id)))
            for copied in ("calibration", "past_outcomes"):  # the server's copies of what the settings name
                message.query.ClearField(copied)
        return pb.GetRankingJobResponse(job=message)

    async def ListRankingJobs(self, request: pb.ListRankingJobsRequest, context: Any) -> pb.ListRankingJobsResponse:  # noqa: N802
        """See protos/w2s/v1/ranking_service.proto."""
        size = page_size(request.page_size, self._limits.max_page_jobs)
        listing = Listing.parse(request.filter, request.order_by)
        rows = await self._jobs.page(current_tenant(), size + 1, request.page_token, listing)
        token = rows[size - 1].job.id if len(rows) > size else ""
        return pb.ListRankingJobsResponse(jobs=[_message(row) for row in rows[:size]], next_page_token=token)

    async def WaitRankingJob(self, request: pb.WaitRankingJobRequest, context: Any) -> pb.WaitRankingJobResponse:  # noqa: N802
        """See protos/w2s/v1/ranking_service.proto."""
        max_seconds = self._limits.max_wait_seconds
        asked = request.timeout.ToMilliseconds() / 1000 if request.HasField("timeout") else max_seconds
        return pb.WaitRankingJobResponse(
            job=_message(await self._jobs.wait(current_tenant(), request.id, max(0.0, min(asked, max_seconds))))
        )

    async def WatchRankingJob(  # noqa: N802
        self, request: pb.WatchRankingJobRequest, context: Any
    ) -> AsyncIterator[pb.WatchRankingJobResponse]:
        """See protos/w2s/v1/ranking_service.proto."""
        seen = self._jobs.watch(current_tenant(), request.id, request.after_revision, self._limits.heartbeat_seconds)
        async for row in seen:
            yield (
                pb.WatchRankingJobResponse(heartbeat=True)
                if row is None
                else pb.WatchRankingJobResponse(job=_message(row))
            )

    async def CancelRankingJob(self, request: pb.CancelRankingJobRequest, context: Any) -> pb.CancelRankingJobResponse:  # noqa: N802
        """See protos/w2s/v1/ranking_service.proto."""
        row = await self._jobs.cancel(current_tenant(), request.id)
        current_caller().job = row.job.id
        return pb.CancelRankingJobResponse(job=_message(row))

    async def DeleteRankingJob(self, request: pb.DeleteRankingJobRequest, context: Any) -> pb.DeleteRankingJobResponse:  # noqa: N802
        """See protos/w2s/v1/ranking_service.proto."""
        await self._jobs.delete(current_tenant(), request.id)
        current_caller().job = request.id
        return pb.DeleteRankingJobResponse()


@functools.cache
def _versions() -> dict[str, str]:
    """Packages that matter, read once: that takes most of a millisecond."""
    return {name: metadata.version(name) for name in _PACKAGES} | {"python": platform.python_version()}


def _predictable(query: RankingQuery, limits: Limits) -> bool:
    try:
        check_prediction(query, limits)
    except W2SError:
        return False
    return True


def _warnings(query: RankingQuery) -> list[str]:
    remarks = []
    empty, duplicate = query.pool.empty_rows, query.pool.duplicate_rows
    if empty:
        remarks.append(f"{empty} row(s) of the pool are blank.")
    if duplicate > 0:
        remarks.append(f"{duplicate} row(s) of the pool repeat an earlier one.")
    return remarks


def _timeout(request: pb.CreateRankingJobRequest) -> float:
    """Seconds that a new job has; 0 for no bound.

    Raises:
        InputError: less than a second.
    """
    seconds = request.timeout.ToMilliseconds() / 1000
    if request.HasField("timeout") and not 1 <= seconds <= _MAX_TIMEOUT:
        raise InputError(
            f"timeout is {seconds:g} s; it must be from 1 to {_MAX_TIMEOUT:g} s, or absent.",
            reason="BAD_TIMEOUT",
            field="timeout",
        )
    return seconds


def _message(row: StoredJob) -> pb.Job:
    message = convert.job_to_proto(row.job)
    if row.ranking is not None:
        message.ranking.ParseFromString(row.ranking)
    return message
