"""RunningServer: a real server process on a free port, for tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from client import PredictorClient
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings

BROKEN = "broken"


class RunningServer:
    """`python -m server` as a child; its log is read back as events."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        address: str = "127.0.0.1:0",
        before: Sequence[str] = (),
        inside: str = ".",
    ) -> None:
        """`before` is a command that runs the server; its state and cache lie in `folder / inside`."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / f"log-{time.monotonic_ns()}.jsonl"
        self.process = subprocess.Popen(
            [*before, *command("--state-dir", str(folder / inside / "state"), "--address", address, *arguments)],
            stdout=subprocess.PIPE,
            stderr=self._log.open("wb"),
            env=os.environ | {"W2S_CACHE_DIR": str(folder / inside / "cache")},
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("w2s serves on "), self.log_text()
        self.address = line.removeprefix("w2s serves on ").strip()

    def __enter__(self) -> RunningServer:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def client(self, **options: Any) -> PredictorClient:
        return PredictorClient(self.address, **options)

    def log_text(self) -> str:
        return self._log.read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        events = [json.loads(line) for line in self.log_text().splitlines() if line.endswith("}")]
        return [event for event in events if event["event"] == name]

    def job_worker(self) -> int:
        """Process id of the latest worker for jobs, once it is ready."""
        return int(until(lambda: self.events("worker_started"))[-1]["worker"])

    def next_job_worker(self, before: int) -> int:
        """Process id of the worker that came after the one `before`."""

        def after() -> list[int]:
            started = [int(event["worker"]) for event in self.events("worker_started")]
            return started[started.index(before) + 1 :]

        return int(until(after)[0])

    def predict_worker(self) -> int:
        return int(until(lambda: self.events("predict_worker_started"))[-1]["worker"])

    def freeze_job_worker(self) -> int:
        """Stop the idle worker, so that the next job stays RUNNING for as long as a test likes."""
        worker = self.job_worker()
        os.kill(worker, signal.SIGSTOP)
        return worker

    def freeze_predict_worker(self) -> int:
        """Stop the idle worker that predicts, so that the next prediction takes as long as a test likes."""
        worker = self.predict_worker()
        os.kill(worker, signal.SIGSTOP)
        return worker

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=120)


def command(*arguments: str) -> Sequence[str]:
    """A server of one Predict worker, which a test may freeze, unless the arguments say otherwise."""
    return [sys.executable, "-m", "server", *limited(predict_workers=1), *arguments]


def limited(**limits: float) -> list[str]:
    """Flags of a server with these limits."""
    return [part for name, value in limits.items() for part in ("--limit", f"{name}={value}")]


def start_in_vain(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A server that refuses to start, with its exit code and what it said."""
    return subprocess.run(
        command("--state-dir", str(folder), *arguments), capture_output=True, text=True, timeout=120, check=False
    )


def until(found: Callable[[], Any], seconds: float = 120.0) -> Any:
    """What `found` returns once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s")


def under_way(client: PredictorClient, query: RankingQuery, request_id: str | None = None) -> str:
    """Id of a job of the query, once it is RUNNING; where the worker is frozen it stays so."""
    name = client.submit(query, request_id)
    until(lambda: client.job(name).state == "RUNNING")
    return name


def resident(pid: int) -> int:
    """Bytes of memory that a process holds now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def alive(pid: int) -> bool:
    """Whether the process exists and is more than a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def scrape(running: RunningServer, path: str = "/metrics") -> str:
    """What a server that was started with `--metrics` answers over HTTP."""
    address = until(lambda: running.events("metrics_served"))[0]["address"]
    with urllib.request.urlopen(f"http://{address}{path}", timeout=120) as answer:
        text: str = answer.read().decode()
        return text


def begun(running: RunningServer, method: str) -> float:
    """Calls of a method that a server with `--metrics` has begun to serve."""
    found = samples(scrape(running)).items()
    return sum(
        value for key, value in found if key[0] == "grpc_server_started_total" and ("grpc_method", method) in key
    )


def samples(text: str) -> dict[tuple[Any, ...], float]:
    """Metrics by name and labels, these in the order of their names."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def arrays(seed: int = 0, *, rows: int = 60, broken: bool = False) -> RankingQuery:
    """A query of small arrays: two weak views of one signal, and where asked a third that holds a NaN."""
    rng = np.random.default_rng(seed)
    signal_ = rng.normal(size=(rows, 6))
    weak = {
        "near": signal_[:, :4] + 0.1 * rng.normal(size=(rows, 4)),
        "far": rng.normal(size=(rows, 5)),
    }
    if broken:
        weak[BROKEN] = np.full((rows, 3), np.nan)
    return RankingQuery(
        strong=ModelSpec("strong", "array:", values=signal_.astype(np.float32)),
        weak=tuple(ModelSpec(name, "array:", values=values.astype(np.float32)) for name, values in weak.items()),
        pool=Pool.numbered(rows),
        settings=Settings(seed=seed),
    )
