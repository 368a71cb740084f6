"""Config: where the server listens, where its state is, and every limit."""

from __future__ import annotations

import dataclasses
import difflib
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from predictor import folders
from predictor.errors import InputError
from server.access.endpoints import Endpoints
from server.callbacks.hosts import CALLBACK_TO, CallbackHosts
from server.telemetry.logs import check_level
from server.workforce.fair_queue import parse_weights
from server.workforce.model_sources import EVERY_SOURCE, SOURCES, ModelSources

DEFAULT_ADDRESS = "127.0.0.1:50051"


def _limit(default: float, unit: str, minimum: float = 1) -> Any:
    return field(default=default, metadata={"unit": unit, "min": minimum})


@dataclass(frozen=True)
class Limits:
    """Every limit, reported as it is by GetServerInfo. `W2S_LIMIT_<NAME>` overrides one.

    Attributes:
        max_message_bytes: largest request; what is larger is sent in parts beforehand.
        max_answer_bytes: largest answer, such as a ranking of thousands of candidates.
        max_candidates: weak candidates in one request.
        max_rows: rows in one pool.
        max_text_bytes: UTF-8 length of one row.
        max_dimensions: width of one array.
        max_queued_jobs: jobs that wait for a worker; more are refused with RetryInfo.
        max_open_watches: WatchRankingJob and WaitRankingJob calls open at once.
        max_page_jobs: jobs in one page of a list.
        max_page_features: feature sets in one page of a list.
        max_page_outcomes: measured outcomes in one call or one page of a list.
        tenant_outcomes: measured outcomes that one tenant may store.
        tenant_calibrations: versions of calibrations that one tenant may store.
        max_feature_bytes: size of one feature set, as uploaded.
        max_open_transfers: uploads and downloads of feature sets that run at once.
        tenant_feature_bytes: feature sets that one tenant may store, and those being uploaded as declared.
        tenant_disk_bytes: all that one tenant may store: jobs, feature sets, parts, outcomes and calibrations; what
            models gave for it is deleted, the longest unread first, where both are more. 0 for a quarter of the disk.
        max_part_bytes: size of one part of a request.
        max_request_bytes: parts of one request together; this process needs several times as much for a while.
        tenant_part_bytes: parts that one tenant may store, and those being sent as declared.
        part_keep_seconds: time that a part is stored after its last use, and a broken-off upload of one, where no job
            refers to it.
        max_unpacked_bytes: what one model may unpack to, and largest wheel that is fetched. Some disk stays free.
        cache_bytes: features of all tenants together; beyond it those of models that were read longest ago go, pushed
            sets never. 0 for no bound.
        upload_idle_seconds: silence after which an upload is ended; the bytes received are stored.
        upload_keep_seconds: time that an unfinished upload is stored.
        max_wait_seconds: longest wait of one WaitRankingJob.
        max_predict_values: declared cost of one Predict: numbers in its arrays, rows times dimensions.
        max_predict_seconds: computing time of one Predict, and of one fit of a calibration.
        predict_workers: processes that answer Predict, each one call at a time.
        max_predict_waiting: Predict calls that are answered or wait at once, and as many fits of calibrations.
        workers: processes that compute jobs, each one job at a time, where there are no GPUs; else there is one a GPU.
        tenant_workers: workers that compute jobs of one tenant at once, over all servers of a database; 0 for all. With
            fewer than there are, a long job of one tenant does not hold up the others.
        cpu_budget_threads: threads of all workers together on which models are run; 0 for the cores of this process.
        worker_threads: threads on which each worker runs models; 0 for its share of the budget.
        overtake_seconds: a job passes a longer one of the same tenant that was made at most this long before it.
        worker_jobs: jobs after which a worker is replaced.
        worker_rss_bytes: resident memory after a job above which a worker is replaced; 0 for none.
        memory_budget_bytes: memory of all workers together; each gets an equal share as its RLIMIT_DATA, and half of
            such a share those of Predict and of the fits of calibrations. 0 for three quarters of the machine's memory,
            8 GiB at least; with GPUs for none.
        worker_data_bytes: RLIMIT_DATA of a worker, where it differs from its share; 0 for the share.
        tenant_queued_jobs: waiting jobs of one tenant; more are refused with RetryInfo.
        tenant_bytes: requests and rankings of one tenant's jobs; more are refused until some are deleted.
        tenant_calls_per_second: calls of one tenant, averaged; a second's worth may come at once. 0 for no limit.
        tenant_open_calls: calls of one tenant at once, of those without places of their own, such as lists and looks at
            jobs. 0 for no limit.
        retention_seconds: time that finished jobs are stored; 0 for ever.
        max_job_seconds: computing time of one attempt at a job; 0 for no limit.
        max_candidate_seconds: time that one model may take in one attempt; a candidate that takes longer fails, and the
            job goes on without it. 0 for no limit.
        worker_silence_seconds: a worker that computes and sends no heartbeat for that long is replaced.
        lease_seconds: time after which a server that shares a database and is silent counts as dead, and its jobs go on
            elsewhere.
        max_losses: attempts at a job that may end with their worker or server before it has FAILED with WORKER_LOST.
        max_peer_connections: connections of one address; the surplus is closed, as is what is beyond a quarter of the
            descriptors that this process may open. 0 for no limit.
        max_handshake_seconds: time that a new connection has to greet in gRPC's way.
        connection_idle_seconds: a connection without a call for that long is closed; clients reconnect by themselves.
        max_connection_seconds: age at which a connection is closed, its calls one minute later.
        callback_seconds: time that a callback's host has to answer.
        callback_attempts: times that a callback is sent in vain before it is given up.
        callback_retry_seconds: pause after the first time; each further one is twice as long.
        cancel_seconds: from a cancellation to the end of its worker, by SIGKILL where SIGTERM does not do.
        heartbeat_seconds: silence on a watch before a heartbeat is sent.
        retry_seconds: pause asked of refused callers.
        drain_seconds: time that running jobs have to finish once the server is asked to stop.
    """

    max_message_bytes: int = _limit(4 << 20, "bytes", 1 << 20)
    max_answer_bytes: int = _limit(64 << 20, "bytes", 1 << 20)
    max_candidates: int = _limit(256, "candidates")
    max_rows: int = _limit(1_000_000, "rows", 2)
    max_text_bytes: int = _limit(1 << 20, "bytes")
    max_dimensions: int = _limit(65_536, "dimensions")
    max_queued_jobs: int = _limit(1000, "jobs")
    max_open_watches: int = _limit(2000, "calls")
    max_page_jobs: int = _limit(100, "jobs")
    max_page_features: int = _limit(100, "feature sets")
    max_page_outcomes: int = _limit(1000, "outcomes")
    tenant_outcomes: int = _limit(20_000, "outcomes")
    tenant_calibrations: int = _limit(100, "calibrations")
    max_feature_bytes: int = _limit(2 << 30, "bytes")
    max_open_transfers: int = _limit(64, "calls")
    tenant_feature_bytes: int = _limit(64 << 30, "bytes")
    tenant_disk_bytes: int = _limit(0, "bytes", 0)
    max_part_bytes: int = _limit(256 << 20, "bytes")
    max_request_bytes: int = _limit(512 << 20, "bytes")
    tenant_part_bytes: int = _limit(8 << 30, "bytes")
    part_keep_seconds: float = _limit(86_400.0, "seconds", 1)
    max_unpacked_bytes: int = _limit(64 << 30, "bytes")
    cache_bytes: int = _limit(0, "bytes", 0)
    upload_idle_seconds: float = _limit(60.0, "seconds", 0.1)
    upload_keep_seconds: float = _limit(7 * 86_400.0, "seconds", 0)
    max_wait_seconds: float = _limit(60.0, "seconds", 0)
    max_predict_values: int = _limit(8_000_000, "numbers")
    max_predict_seconds: float = _limit(60.0, "seconds", 0)
    predict_workers: int = _limit(2, "processes")
    max_predict_waiting: int = _limit(16, "calls")
    workers: int = _limit(1, "processes")
    tenant_workers: int = _limit(0, "jobs", 0)
    cpu_budget_threads: int = _limit(0, "threads", 0)
    worker_threads: int = _limit(0, "threads", 0)
    overtake_seconds: float = _limit(60.0, "seconds", 0)
    worker_jobs: int = _limit(100, "jobs")
    worker_rss_bytes: int = _limit(0, "bytes", 0)
    memory_budget_bytes: int = _limit(0, "bytes", 0)
    worker_data_bytes: int = _limit(0, "bytes", 0)
    tenant_queued_jobs: int = _limit(500, "jobs")
    tenant_bytes: int = _limit(16 << 30, "bytes")
    tenant_calls_per_second: float = _limit(1000.0, "calls", 0)
    tenant_open_calls: int = _limit(32, "calls", 0)
    retention_seconds: float = _limit(30 * 86_400.0, "seconds", 0)
    max_job_seconds: float = _limit(6 * 3600.0, "seconds", 0)
    max_candidate_seconds: float = _limit(3600.0, "seconds", 0)
    worker_silence_seconds: float = _limit(60.0, "seconds", 0.1)
    lease_seconds: float = _limit(15.0, "seconds", 0.5)
    max_losses: int = _limit(3, "workers")
    max_peer_connections: int = _limit(1000, "connections", 0)
    max_handshake_seconds: float = _limit(10.0, "seconds", 0.1)
    connection_idle_seconds: float = _limit(900.0, "seconds", 1)
    max_connection_seconds: float = _limit(86_400.0, "seconds", 60)
    callback_seconds: float = _limit(10.0, "seconds", 0.1)
    callback_attempts: int = _limit(8, "calls")
    callback_retry_seconds: float = _limit(5.0, "seconds", 0.1)
    cancel_seconds: float = _limit(2.0, "seconds", 0)
    heartbeat_seconds: float = _limit(15.0, "seconds", 0.01)
    retry_seconds: float = _limit(2.0, "seconds", 0)
    drain_seconds: float = _limit(5.0, "seconds", 0)

    def __post_init__(self) -> None:
        for one in dataclasses.fields(self):
            value, minimum = getattr(self, one.name), one.metadata["min"]
            if not math.isfinite(value) or value < minimum:
                raise InputError(
                    f"limit {one.name} is {value}; it must be at least {minimum} {one.metadata['unit']}.",
                    reason="BAD_LIMIT",
                    field=one.name,
                )

    def on_disks(self, *folders: Path) -> Limits:
        """These limits with the value of each that depends on the size of a disk."""
        quarter = min(shutil.disk_usage(folder).total for folder in folders) // 4
        return dataclasses.replace(self, tenant_disk_bytes=self.tenant_disk_bytes or quarter)

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Limits:
        """The limits with some of them given as text.

        Raises:
            InputError: an unknown limit, or a value that is no number in its range.
        """
        known = {one.name: int if isinstance(one.default, int) else float for one in dataclasses.fields(cls)}
        for unknown in sorted(given.keys() - known.keys()):
            near = "".join(f"; did you mean {name}?" for name in difflib.get_close_matches(unknown, known, 1)) or "."
            text = f"there is no limit {unknown!r}{near} w2s serve --help has all."
            raise InputError(text, reason="BAD_LIMIT", field=unknown)
        return cls(**{name: _number(name, text, known[name]) for name, text in given.items()})


@dataclass(frozen=True)
class Config:
    """What one server is started with.

    Attributes:
        address: `HOST:PORT` (port 0: any free one), on a loopback interface unless the endpoints are guarded, or
            `unix:/absolute/path`.
        state_dir: folder of the jobs, made private to the user.
        limits: see `Limits`.
        endpoints: see `Endpoints`.
        devices: `auto`, `none`, or GPUs joined by commas; see `server.workforce.worker_plan.find_devices`.
        database: URL of the jobs' database, `postgresql://…`; None for `jobs.sqlite` in the state folder.
        traces: `none`, `otlp` or `console`; see `server.telemetry.exporters.KINDS`.
        weights: shares of tenants in the workers, above 0; 1 for those not named.
        models_from: sources that models are fetched from, as `server.workforce.model_sources` reads them; `none` for
            none. Empty for the default: every source without credentials, none with them.
        log_level: events below it are left out of the log: `info`, `warning` or `error`.
        callback_to: hosts that jobs may report to, as `server.callbacks.hosts` reads them.
    """

    address: str = DEFAULT_ADDRESS
    state_dir: Path = field(default_factory=folders.state_dir)
    limits: Limits = field(default_factory=Limits)
    endpoints: Endpoints = field(default_factory=Endpoints)
    devices: str = "auto"
    database: str | None = field(default=None, repr=False)
    traces: str = "none"
    weights: Mapping[str, float] = field(default_factory=dict)
    models_from: tuple[str, ...] = ()
    callback_to: tuple[str, ...] = ()
    log_level: str = "info"

    def __post_init__(self) -> None:
        CallbackHosts.parse(self.callback_to)
        check_level(self.log_level)
        ModelSources.parse(self.sources)

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources that models are fetched from."""
        if self.models_from == ("none",):
            return ()
        return self.models_from or (() if self.endpoints.authenticated else EVERY_SOURCE)

    @classmethod
    def read(
        cls,
        environment: Mapping[str, str] | None = None,
        *,
        address: str | None = None,
        state_dir: Path | None = None,
        limits: Mapping[str, str] | None = None,
        endpoints: Mapping[str, str | None] | None = None,
        devices: str | None = None,
        database: str | None = None,
        traces: str | None = None,
        weights: Sequence[str] = (),
        models_from: Sequence[str] = (),
        callback_to: Sequence[str] = (),
        log_level: str | None = None,
    ) -> Config:
        """The configuration of the environment.

        It reads W2S_ADDRESS, W2S_STATE_DIR, W2S_LIMIT_*, W2S_DEVICES, W2S_DATABASE, W2S_TRACES, W2S_LOG_LEVEL, the
        names of `Endpoints`, and between blanks W2S_TENANT_WEIGHT with `TENANT=NUMBER`s, W2S_MODELS_FROM with sources
        and W2S_CALLBACK_TO with hosts.

        Arguments go first.

        Raises:
            InputError: an unknown limit, or a value that is no number in its range.
        """
        given = os.environ if environment is None else environment
        prefix = "W2S_LIMIT_"
        chosen = {key.removeprefix(prefix).lower(): value for key, value in given.items() if key.startswith(prefix)}
        chosen |= limits or {}
        named = given.get("W2S_STATE_DIR", "").strip()
        return cls(
            limits=Limits.parse(chosen),
            endpoints=Endpoints.read(given, endpoints or {}),
            devices=devices or given.get("W2S_DEVICES", "").strip() or "auto",
            database=database or given.get("W2S_DATABASE", "").strip() or None,
            traces=traces or given.get("W2S_TRACES", "").strip() or "none",
            weights=parse_weights(weights or given.get("W2S_TENANT_WEIGHT", "").split()),
            models_from=tuple(models_from or given.get(SOURCES, "").split()),
            log_level=log_level or given.get("W2S_LOG_LEVEL", "").strip() or "info",
            callback_to=tuple(callback_to or given.get(CALLBACK_TO, "").split()),
            address=address or given.get("W2S_ADDRESS", "").strip() or DEFAULT_ADDRESS,
            state_dir=state_dir or (Path(named).expanduser().absolute() if named else folders.state_dir()),
        )


def _number(name: str, text: str, kind: type[float]) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        raise InputError(
            f"limit {name} is {text!r}; it must be a {'whole ' if kind is int else ''}number.",
            reason="BAD_LIMIT",
            field=name,
        ) from error
