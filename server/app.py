"""App: wires the server together, runs it, and stops it without losing jobs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import replace
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from predictor.errors import LimitError, UnavailableError
from predictor.folders import cache_dir, check_writable
from protos.w2s.v1 import (
    calibration_pb2,
    calibration_pb2_grpc,
    features_pb2,
    features_pb2_grpc,
    parts_pb2,
    parts_pb2_grpc,
    predictor_service_pb2,
    predictor_service_pb2_grpc,
    ranking_service_pb2,
    ranking_service_pb2_grpc,
)
from server.access.address import check_address
from server.access.admission import Admission
from server.access.audit import AuditLog
from server.access.authentication import Authenticator
from server.access.fair_threads import FairThreads
from server.access.peers import limit_peers, raise_descriptors
from server.access.tls import server_credentials
from server.access.tokens import TokenFile
from server.background import background_tasks, count_jobs, forget_old_jobs, sweep_files, take_snapshots
from server.calibration.servicer import CalibrationServicer
from server.calibration.stores import TenantStores
from server.callbacks.delivery import CallbackDelivery
from server.callbacks.hosts import CallbackHosts
from server.callbacks.signature import read_key
from server.config import Config
from server.durable.job_service import JobService
from server.durable.jobs import JobTable
from server.durable.leases import share_jobs
from server.durable.lock import StateLock
from server.durable.reserve import DiskReserve
from server.features.servicer import FeatureServicer
from server.features.uploads import Uploads
from server.http.calls import Calls, DecodingInterceptor
from server.http.service import check_http, serve_http
from server.interceptors import (
    AdmissionInterceptor,
    AuthenticationInterceptor,
    ErrorInterceptor,
    ReadingInterceptor,
)
from server.parts.servicer import PartServicer
from server.parts.store import PartStore
from server.readiness import HealthService, Readiness, writable
from server.reflection import add_reflection
from server.request_check import RequestCheck
from server.servicers import PredictorServicer, RankingServicer
from server.snapshot import FRESH
from server.systemd import feed_watchdog, notify
from server.telemetry.exporters import make_traces
from server.telemetry.logs import capture_libraries, log, log_error, set_level
from server.telemetry.metrics import Metrics
from server.telemetry.scrape import Scrape
from server.telemetry.traces import Traces
from server.usage import TenantUsage
from server.workforce.fair_queue import FairQueue
from server.workforce.fitting import FitWorkers
from server.workforce.model_roots import LOCAL_USER
from server.workforce.model_sources import SOURCES
from server.workforce.prediction import PredictWorkers
from server.workforce.priorities import Priorities
from server.workforce.spawn import STATE
from server.workforce.worker_plan import find_devices, plan_slots, side_share
from server.workforce.workers import JobWorkers

_SWITCH_SECONDS = 0.0005
"""Time that the event loop keeps the thread of the jobs waiting at most; it asks for the interpreter once a row."""

_THREADS = 8
"""For what the event loop must not do; most of them wait for the disk."""

_AGE_GRACE_MS = 60_000
"""Time that calls have to end once their connection is too old; watches resume on a new one."""

DECLARED = (
    predictor_service_pb2.DESCRIPTOR.services_by_name["PredictorService"],
    ranking_service_pb2.DESCRIPTOR.services_by_name["RankingService"],
    features_pb2.DESCRIPTOR.services_by_name["FeatureService"],
    calibration_pb2.DESCRIPTOR.services_by_name["CalibrationService"],
    parts_pb2.DESCRIPTOR.services_by_name["PartService"],
)
SERVICES = tuple(service.full_name for service in DECLARED)


def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT, then return; prints one line with the address once calls are answered.

    Raises:
        InputError, RefusedError: an address or a state folder that cannot be used.
        UnavailableError: the address is taken, or the folder of state or caches cannot be written.
    """
    set_level(config.log_level)
    check_address(config.address, guarded=config.endpoints.guarded)
    check_http(config)
    try:
        check_writable(cache_dir())
    except LimitError as error:  # a full disk: what was stored can still be read and deleted
        log_error("storage_full_at_start", error)
    os.environ |= {
        STATE: str(config.state_dir),
        SOURCES: " ".join(config.sources),
        LOCAL_USER: "" if config.endpoints.authenticated else "1",
    }
    traces = make_traces(config.traces)
    with StateLock(config.state_dir, shared=config.database is not None):
        limits = config.limits.on_disks(config.state_dir, cache_dir())
        asyncio.run(serve_with(replace(config, limits=limits), traces))


async def serve_with(config: Config, traces: Traces) -> None:
    """`serve` in a running loop, on a state folder that is locked, with traces already made."""
    capture_libraries()
    sys.setswitchinterval(_SWITCH_SECONDS)
    descriptors = raise_descriptors()
    stop, snapshot = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, snapshot.set)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    asyncio.get_running_loop().set_default_executor(FairThreads(_THREADS, "w2s-calls"))
    endpoints, metrics = config.endpoints, Metrics()
    credentials = None if endpoints.tls is None else server_credentials(endpoints.tls)
    certificates = endpoints.tls is not None and endpoints.tls.client_ca is not None
    authenticator = Authenticator(
        None if endpoints.tokens is None else TokenFile(endpoints.tokens), certificates=certificates
    )
    audit = AuditLog(endpoints.audit_log or config.state_dir / "audit.jsonl")
    reserve = DiskReserve(config.state_dir / "reserve")
    job_service = JobService(config.database or config.state_dir / "jobs.sqlite", config.limits, reserve)
    await job_service.open()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.to_thread, traces.stop)
        stack.push_async_callback(job_service.close)
        limits = config.limits
        shares = plan_slots(limits, find_devices(config.devices))
        queue, priorities = FairQueue(limits.overtake_seconds, config.weights), Priorities()
        workers = JobWorkers(job_service, limits, metrics, shares, queue, traces, priorities)
        side = side_share(shares, limits)
        predictor, fits = PredictWorkers(limits, side, priorities), FitWorkers(limits, side, priorities)
        admission = Admission(limits, lambda: job_service.queued)
        guards = (
            ErrorInterceptor(audit, metrics, traces),
            AuthenticationInterceptor(authenticator),
            AdmissionInterceptor(admission),
        )
        server = grpc.aio.server(interceptors=(*guards, ReadingInterceptor()), options=_options(config))
        checks, parts = HealthService(), PartStore(config.state_dir / "parts", limits)
        request_check = RequestCheck(parts, limits)
        calls = Calls((*guards, DecodingInterceptor()), limits.max_answer_bytes)
        uploads, records = Uploads(config.state_dir / "uploads", limits), TenantStores(config.state_dir, limits)

        async def job_bytes(tenant: str) -> int:
            return await job_service.ask(lambda table: table.stored_bytes(tenant))

        usage = TenantUsage(limits.tenant_disk_bytes, job_bytes, uploads, parts, records)
        hosts = CallbackHosts.parse(config.callback_to)
        key = read_key(config.state_dir) if hosts.entries else b""  # a full disk keeps nobody else from starting
        callbacks = CallbackDelivery(job_service, hosts, key, limits, metrics)
        calibrations = CalibrationServicer(records, fits, usage, limits)
        asking = PredictorServicer(predictor, job_service, workers, request_check, calibrations, config)
        ranking = RankingServicer(job_service, request_check, calibrations, usage, hosts, limits)
        features, sending = FeatureServicer(uploads, usage, limits), PartServicer(parts, usage, limits)
        for where in (server, calls):
            calibration_pb2_grpc.add_CalibrationServiceServicer_to_server(calibrations, where)  # type: ignore[no-untyped-call]  # generated
            predictor_service_pb2_grpc.add_PredictorServiceServicer_to_server(asking, where)  # type: ignore[no-untyped-call]  # generated
            ranking_service_pb2_grpc.add_RankingServiceServicer_to_server(ranking, where)  # type: ignore[no-untyped-call]  # generated
            parts_pb2_grpc.add_PartServiceServicer_to_server(sending, where)  # type: ignore[no-untyped-call]  # generated
            features_pb2_grpc.add_FeatureServiceServicer_to_server(features, where)  # type: ignore[no-untyped-call]  # generated
        health_pb2_grpc.add_HealthServicer_to_server(checks, server)
        add_reflection((*SERVICES, health.SERVICE_NAME), server)
        bound = _bind(server, config.address, credentials)
        await server.start()
        stack.push_async_callback(server.stop, 1.0)
        for name in SERVICES:
            await checks.set(name, health_pb2.HealthCheckResponse.SERVING)

        async def answers() -> bool:
            return await job_service.ask(JobTable.queued) >= 0

        parts_of_readiness = {
            "database": answers,
            "disk": writable(config.state_dir, cache_dir()),
            "workers": workers.able,
        }
        readiness = Readiness(checks, SERVICES[1:], parts_of_readiness, metrics.parts)

        def alive() -> bool:
            return metrics.responsive() and not stop.is_set()

        if endpoints.metrics is not None:
            scrape = Scrape(endpoints.metrics, metrics, alive, missing=lambda: readiness.missing)
            scrape.start()
            stack.callback(scrape.stop)
            log("metrics_served", address=scrape.address)
        port = int(bound.rpartition(":")[2]) if not bound.startswith("unix:") else 0
        peers = [limit_peers(port, limits.max_peer_connections if port else 0, descriptors)]
        serving = serve_http(config, calls, DECLARED, alive, lambda: readiness.missing)
        web = await stack.enter_async_context(serving)
        if web is not None:
            peers.append(limit_peers(int(web.rpartition(":")[2]), limits.max_peer_connections, descriptors))
        copying = take_snapshots(job_service, snapshot, config.state_dir / FRESH)
        counting = count_jobs(job_service, metrics, config.state_dir, workers)
        tasks = (authenticator.watch(), metrics.measure_lag(), counting, copying)
        watching = (readiness.watch(), *peers, feed_watchdog(), share_jobs(job_service, limits, workers.give_up))
        sweeping = (
            callbacks.run(),
            forget_old_jobs(job_service, limits),
            sweep_files(job_service, parts, uploads, usage, reserve, limits, metrics),
        )
        await stack.enter_async_context(background_tasks(*tasks, *watching, *sweeping))
        stack.push_async_callback(predictor.stop)
        stack.push_async_callback(workers.stop)
        workers.start()
        predictor.start()
        audit.event("started", requeued=job_service.recovered[0])
        requeued, cancelled = job_service.recovered
        log("started", address=bound, server=job_service.name, requeued=requeued, cancelled=cancelled)
        sys.stdout.write(f"w2s serves on {bound}\n")
        if web is not None:
            log("http_served", address=web)
            sys.stdout.write(f"w2s serves HTTP on {web}\n")
        sys.stdout.flush()
        notify("READY=1")
        await stop.wait()
        log("stopping")
        notify("STOPPING=1")
        audit.event("stopping")
        await checks.enter_graceful_shutdown()
        admission.stop()
        job_service.stop()
    log("stopped")


def _options(config: Config) -> list[tuple[str, Any]]:
    """Channel arguments: one owner of the port, stated message sizes, and pings from idle clients allowed."""
    return [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", config.limits.max_message_bytes),
        ("grpc.max_send_message_length", config.limits.max_answer_bytes),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.ping_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.server_handshake_timeout_ms", round(config.limits.max_handshake_seconds * 1000)),
        ("grpc.max_connection_idle_ms", round(config.limits.connection_idle_seconds * 1000)),
        ("grpc.max_connection_age_ms", round(config.limits.max_connection_seconds * 1000)),
        ("grpc.max_connection_age_grace_ms", _AGE_GRACE_MS),
    ]


def _bind(server: Any, address: str, credentials: Any) -> str:
    """Listen; returns the address, in which port 0 is replaced by the one that the system chose.

    Raises:
        UnavailableError: the address is taken.
    """
    try:
        if credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise UnavailableError(
            f"cannot listen on {address}; it is most likely taken. Stop what listens there, or choose another port "
            "(0 takes any free one).",
            reason="ADDRESS_TAKEN",
            field="address",
        ) from error
    return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"
