"""Servicers without a socket: what is counted over every row of a request is counted beside the event loop."""

import asyncio
import threading

import pytest

from protos import convert
from protos.w2s.v1 import predictor_service_pb2 as ask
from protos.w2s.v1 import ranking_service_pb2 as pb
from server import servicers
from server.access.caller import Caller, set_caller
from server.calibration.servicer import CalibrationServicer
from server.calibration.stores import TenantStores
from server.callbacks.hosts import CallbackHosts
from server.config import Config, Limits
from server.durable.job_service import JobService
from server.features.uploads import Uploads
from server.parts.store import PartStore
from server.request_check import RequestCheck
from server.servicers import PredictorServicer, RankingServicer
from server.telemetry.exporters import make_traces
from server.telemetry.metrics import Metrics
from server.usage import TenantUsage
from server.workforce.fair_queue import FairQueue
from server.workforce.fitting import FitWorkers
from server.workforce.prediction import PredictWorkers
from server.workforce.priorities import Priorities
from server.workforce.worker_plan import plan_slots
from server.workforce.workers import JobWorkers
from tests.service.running import arrays


@pytest.fixture
def counted(monkeypatch):
    """Which threads counted over rows."""
    seen: dict[str, threading.Thread] = {}
    for name in ("_warnings", "declared_seconds"):
        real = getattr(servicers, name)

        def watched(query, name=name, real=real):
            seen[name] = threading.current_thread()
            return real(query)

        monkeypatch.setattr(servicers, name, watched)
    return seen


def test_rows_are_counted_beside_the_event_loop(tmp_path, counted):
    async def serve():
        limits, shares = Limits(), plan_slots(Limits(), ())
        job_service = JobService(tmp_path / "jobs.sqlite", limits)
        await job_service.open()
        request_check, turns = (
            RequestCheck(PartStore(tmp_path / "parts", limits), limits),
            FairQueue(limits.overtake_seconds),
        )
        workers = JobWorkers(
            job_service, limits, Metrics(), shares, turns, make_traces("none"), Priorities()
        )  # never started
        fits, predictor = FitWorkers(limits, shares[0], Priorities()), PredictWorkers(limits, shares[0], Priorities())
        parts, records = PartStore(tmp_path / "parts", limits), TenantStores(tmp_path, limits)

        async def job_bytes(tenant):
            return await job_service.ask(lambda table: table.stored_bytes(tenant))

        usage = TenantUsage(0, job_bytes, Uploads(tmp_path / "uploads", limits), parts, records)
        calibrations = CalibrationServicer(records, fits, usage, limits)
        asked = PredictorServicer(predictor, job_service, workers, request_check, calibrations, Config())
        ranking = RankingServicer(job_service, request_check, calibrations, usage, CallbackHosts(), limits)
        set_caller(Caller())
        query = convert.query_to_proto(arrays(rows=60))
        try:
            valid = await asked.Validate(ask.ValidateRequest(query=query), None)
            made = await ranking.CreateRankingJob(pb.CreateRankingJobRequest(request_id="one", query=query), None)
        finally:
            await job_service.close()
        return valid, made

    valid, made = asyncio.run(serve())
    assert (valid.rows, made.job.request_id) == (60, "one")
    assert counted.keys() == {"_warnings", "declared_seconds"}
    assert threading.main_thread() not in counted.values()
