"""Config: where the server listens, where it keeps its state, and every limit it works under."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from predictor import folders
from predictor.errors import InputError

DEFAULT_ADDRESS = "127.0.0.1:50051"


def _limit(default: float, unit: str, least: float = 1) -> Any:
    return field(default=default, metadata={"unit": unit, "least": least})


@dataclass(frozen=True)
class Limits:
    """Every limit, reported as it is by GetServerInfo. `W2S_LIMIT_<NAME>` overrides one.

    Attributes:
        max_message_bytes: largest request and largest answer.
        max_candidates: weak candidates in one request.
        max_rows: rows in one pool.
        max_text_bytes: UTF-8 length of one row.
        max_dimensions: width of one array.
        max_queued_jobs: jobs that wait for a worker; more are refused with RetryInfo.
        max_open_watches: WatchRankingJob and WaitRankingJob calls open at once.
        max_page_jobs: jobs in one page of a list.
        max_wait_seconds: longest wait of one WaitRankingJob.
        max_predict_values: declared cost of one Predict: numbers in its arrays, rows times dimensions.
        max_predict_seconds: computing time of one Predict.
        max_predict_waiting: Predict calls that are answered or wait at once.
        workers: processes that compute jobs, each one job at a time.
        worker_threads: threads on which each worker runs models; 0 for its share of the cores.
        worker_jobs: jobs after which a worker is replaced.
        worker_rss_bytes: resident memory after a job above which a worker is replaced; 0 for none.
        worker_data_bytes: RLIMIT_DATA of a worker; 0 for none.
        max_losses: workers that may die over one job before it FAILED with WORKER_LOST.
        cancel_seconds: from a cancellation to the end of its worker, by SIGKILL where SIGTERM does not do.
        heartbeat_seconds: silence on a watch before it shows that it lives.
        retry_seconds: pause asked of refused callers.
        drain_seconds: time that running jobs have to finish once the server is asked to stop.
    """

    max_message_bytes: int = _limit(64 << 20, "bytes", 1 << 20)
    max_candidates: int = _limit(256, "candidates")
    max_rows: int = _limit(1_000_000, "rows", 2)
    max_text_bytes: int = _limit(1 << 20, "bytes")
    max_dimensions: int = _limit(65_536, "dimensions")
    max_queued_jobs: int = _limit(1000, "jobs")
    max_open_watches: int = _limit(2000, "calls")
    max_page_jobs: int = _limit(100, "jobs")
    max_wait_seconds: float = _limit(60.0, "seconds", 0)
    max_predict_values: int = _limit(8_000_000, "numbers")
    max_predict_seconds: float = _limit(60.0, "seconds", 0)
    max_predict_waiting: int = _limit(16, "calls")
    workers: int = _limit(1, "processes")
    worker_threads: int = _limit(0, "threads", 0)
    worker_jobs: int = _limit(100, "jobs")
    worker_rss_bytes: int = _limit(0, "bytes", 0)
    worker_data_bytes: int = _limit(0, "bytes", 0)
    max_losses: int = _limit(3, "workers")
    cancel_seconds: float = _limit(2.0, "seconds", 0)
    heartbeat_seconds: float = _limit(15.0, "seconds", 0.01)
    retry_seconds: float = _limit(2.0, "seconds", 0)
    drain_seconds: float = _limit(5.0, "seconds", 0)

    def __post_init__(self) -> None:
        for one in dataclasses.fields(self):
            value, least = getattr(self, one.name), one.metadata["least"]
            if not math.isfinite(value) or value < least:
                raise InputError(
                    f"limit {one.name} is {value}; it must be at least {least} {one.metadata['unit']}.",
                    reason="BAD_LIMIT",
                    field=one.name,
                )

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Limits:
        """The limits with some of them given as text.

        Raises:
            InputError: an unknown limit, or a value that is no number in its range.
        """
        known = {one.name: int if isinstance(one.default, int) else float for one in dataclasses.fields(cls)}
        stranger = next((name for name in sorted(given) if name not in known), None)
        if stranger is not None:
            raise InputError(
                f"there is no limit {stranger!r}; the limits are {', '.join(sorted(known))}.",
                reason="BAD_LIMIT",
                field=stranger,
            )
        return cls(**{name: _number(name, text, known[name]) for name, text in given.items()})


@dataclass(frozen=True)
class Config:
    """What one server is started with.

    Attributes:
        address: `HOST:PORT` on a loopback interface (port 0: any free one), or `unix:/absolute/path`.
        state_dir: folder of the jobs, made private to the user.
        limits: see `Limits`.
    """

    address: str = DEFAULT_ADDRESS
    state_dir: Path = field(default_factory=folders.state_dir)
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def read(
        cls,
        environment: Mapping[str, str] | None = None,
        *,
        address: str | None = None,
        state_dir: Path | None = None,
        limits: Mapping[str, str] | None = None,
    ) -> Config:
        """The configuration of the environment: W2S_ADDRESS, W2S_STATE_DIR, W2S_LIMIT_*. Arguments go first.

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
            address=address or given.get("W2S_ADDRESS", "").strip() or DEFAULT_ADDRESS,
            state_dir=state_dir or (Path(named).expanduser().absolute() if named else folders.state_dir()),
        )


def _number(name: str, text: str, kind: type[float]) -> Any:
    try:
        return kind(text)
    except ValueError as fault:
        raise InputError(
            f"limit {name} is {text!r}; it must be a {'whole ' if kind is int else ''}number.",
            reason="BAD_LIMIT",
            field=name,
        ) from fault
