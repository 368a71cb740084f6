"""Slots: a bug of the server's own costs an attempt, and never the slot."""

import asyncio

from protos import convert
from server.access.caller import LOCAL
from server.config import Limits
from server.durable.job_service import JobService
from server.telemetry.exporters import make_traces
from server.telemetry.metrics import Metrics
from server.workforce.fair_queue import FairQueue
from server.workforce.priorities import Priorities
from server.workforce.worker_plan import plan_slots
from server.workforce.workers import JobWorkers
from tests.service.running import arrays


class FaultyMetrics(Metrics):
    """Stands in for a bug of the server: it breaks as often as told when a job begins."""

    def __init__(self, times):
        super().__init__()
        self._times = times

    def job_waited(self, seconds):
        if self._times:
            self._times -= 1
            raise ZeroDivisionError("a secret of the server")
        super().job_waited(seconds)


def test_a_bug_in_an_attempt_costs_the_attempt_and_the_slot_goes_on(tmp_path, capsys):
    limits = Limits()

    async def act():
        job_service = JobService(tmp_path / "jobs.sqlite", limits)
        await job_service.open()
        workers = JobWorkers(
            job_service,
            limits,
            FaultyMetrics(1),
            plan_slots(limits, ()),
            FairQueue(60.0, {}),
            make_traces("none"),
            Priorities(),
        )
        workers.start()
        try:
            request = convert.query_to_proto(arrays()).SerializeToString()
            row = await job_service.create(LOCAL, "one", request)
            return await job_service.wait(LOCAL, row.job.id, 60.0)
        finally:
            await workers.stop()
            await job_service.close()

    found = asyncio.run(act()).job
    assert (found.state, found.attempts) == ("SUCCEEDED", 2)
    reported = capsys.readouterr().err
    assert '"event": "internal_error", "exception": "ZeroDivisionError"' in reported
    assert "secret" not in reported
