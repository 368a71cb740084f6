"""Metrics: counters of one server. Labels are methods, codes, states and phases, never what a caller sent."""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Mapping

import grpc
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from predictor.results.job import STATES
from predictor.steps import Progress
from server.telemetry.versions import VERSION

PHASES = ("load", "extract", "label", "estimate")

_TICK = 0.25
_CALL_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_JOB_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600, 14_400, 86_400)
_CALL = ("grpc_type", "grpc_service", "grpc_method")


class Metrics:
    """Counters of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._ticked = time.monotonic()
        within = self.registry
        self._started = Counter("grpc_server_started", "Calls begun.", _CALL, registry=within)
        self._handled = Counter("grpc_server_handled", "Calls ended.", (*_CALL, "grpc_code"), registry=within)
        self._seconds = Histogram(
            "grpc_server_handling_seconds", "Time of calls.", _CALL, registry=within, buckets=_CALL_SECONDS
        )
        self._jobs = Gauge("w2s_jobs", "Jobs by state.", ("state",), registry=within)
        self._queue = Histogram(
            "w2s_job_queue_seconds", "From creation to the first worker.", registry=within, buckets=_JOB_SECONDS
        )
        self._phases = Histogram(
            "w2s_job_phase_seconds", "Time in each phase.", ("phase",), registry=within, buckets=_JOB_SECONDS
        )
        self._rejected = Counter("w2s_admission_rejected", "Refused calls.", ("reason",), registry=within)
        self._cache = Counter("w2s_cache_requests", "Models looked up in the cache.", ("result",), registry=within)
        self._damaged = Gauge("w2s_cache_damaged", "Damaged entries that were set aside.", registry=within)
        self._restarts = Counter("w2s_worker_restarts", "Workers replaced.", ("why",), registry=within)
        self._callbacks = Counter("w2s_callbacks", "Callbacks sent.", ("result",), registry=within)
        self._rows = Counter("w2s_rows_extracted", "Rows that models read.", registry=within)
        self._lag = Histogram(
            "w2s_event_loop_lag_seconds", "Lateness of the event loop.", registry=within, buckets=_CALL_SECONDS
        )
        ProcessCollector(registry=within)
        self._ready = Gauge("w2s_ready", "1 where the part is there.", ("part",), registry=within)
        self._free = Gauge("w2s_disk_free_bytes", "Free on the disk of a folder.", ("folder",), registry=within)
        self._slots = Gauge("w2s_worker_slots", "Slots for jobs.", ("state",), registry=within)
        build = Gauge("w2s_build_info", "Versions.", ("version", "grpcio", "python"), registry=within)
        build.labels(VERSION, grpc.__version__, platform.python_version()).set(1)

    def call_started(self, kind: str, method: str) -> None:
        """A call of a known method began."""
        self._started.labels(kind, *_parts(method)).inc()

    def call_ended(self, kind: str, method: str, code: str, seconds: float) -> None:
        """It ended."""
        self._handled.labels(kind, *_parts(method), code).inc()
        self._seconds.labels(kind, *_parts(method)).observe(seconds)

    def rejected(self, reason: str) -> None:
        """Admission or a quota refused a call."""
        self._rejected.labels(reason).inc()

    def job_waited(self, seconds: float) -> None:
        """A job's first attempt began."""
        self._queue.observe(seconds)

    def phase_ended(self, phase: str, seconds: float) -> None:
        """A job left a phase."""
        if phase in PHASES:
            self._phases.labels(phase).observe(seconds)

    def worker_replaced(self, why: str) -> None:
        """A worker ended and another takes its place."""
        self._restarts.labels(why).inc()

    def callback(self, result: str) -> None:
        """Count a callback that was delivered, that failed for now, or that was given up."""
        self._callbacks.labels(result).inc()

    def extracted(self, rows: int) -> None:
        """A model read rows."""
        self._rows.inc(rows)

    def looked_up(self, *, hit: bool) -> None:
        """A model's features were found in the cache, or were not."""
        self._cache.labels("hit" if hit else "miss").inc()

    def damaged(self, entries: int) -> None:
        """Count entries of feature stores that were damaged and set aside."""
        self._damaged.set(entries)

    def parts(self, ready: Mapping[str, bool]) -> None:
        """Which parts that jobs need are there."""
        for part, there in ready.items():
            self._ready.labels(part).set(there)

    def free(self, folder: str, size: int) -> None:
        """Free bytes on the disk of the `state` or `cache` folder."""
        self._free.labels(folder).set(size)

    def slots(self, busy: int, all_: int) -> None:
        """How many slots for jobs there are, and are at one."""
        self._slots.labels("busy").set(busy)
        self._slots.labels("idle").set(all_ - busy)

    def jobs(self, counts: Mapping[str, int]) -> None:
        """How many jobs there are, by state."""
        for state in STATES:
            self._jobs.labels(state).set(counts.get(state, 0))

    def responsive(self, seconds: float = 15.0) -> bool:
        """Whether the event loop came round within that time; also right in another thread, while the loop hangs."""
        return time.monotonic() - self._ticked < seconds

    async def measure_lag(self) -> None:
        """Measure how late the event loop comes, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _TICK
            await asyncio.sleep(_TICK)
            self._lag.observe(max(0.0, loop.time() - due))
            self._ticked = time.monotonic()


class JobClock:
    """FairQueue the steps of one attempt into times and counts."""

    def __init__(self, metrics: Metrics, now: float) -> None:
        self._metrics = metrics
        self._phase, self._since = "", now
        self._candidate, self._done = "", -1

    def step(self, progress: Progress, now: float) -> None:
        """Account for a step."""
        if progress.phase != self._phase:
            self.end(now)
            self._phase = progress.phase
        if progress.phase != "extract":
            return
        if progress.candidate != self._candidate or self._done < 0:
            # Features from the cache are all there in the first step; a model that reads starts from 0 rows.
            self._metrics.looked_up(hit=progress.done > 0)
            self._candidate, self._done = progress.candidate, progress.done
        self._metrics.extracted(max(0, progress.done - self._done))
        self._done = progress.done

    def end(self, now: float) -> None:
        """The attempt is over."""
        if self._phase:
            self._metrics.phase_ended(self._phase, now - self._since)
        self._since, self._done = now, -1


def _parts(method: str) -> tuple[str, str]:
    service, _, name = method.removeprefix("/").partition("/")
    return service, name
