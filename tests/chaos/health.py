"""Health: a prober in a process of its own, so that it measures the server and not the load beside it.

`python -m tests.chaos.health ADDRESS` asks until its stdin ends, then writes one JSON line.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from types import TracebackType

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.chaos.open_loop import percentile

PAUSE = 0.02


@dataclass(frozen=True)
class Reported:
    """What the prober saw.

    Attributes:
        asked: calls.
        refused: those that were not answered SERVING within 5 s.
        p50, p99, most: seconds to an answer.
    """

    asked: int
    refused: int
    p50: float
    p99: float
    most: float


class Prober:
    """Asks for health every 20 ms while the block runs; `told` says how it went."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.reported = Reported(0, 0, 0.0, 0.0, 0.0)

    def __enter__(self) -> Prober:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.health", self._address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._child.stdout is not None
        assert self._child.stdout.readline() == "asking\n"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        out, _ = self._child.communicate("", timeout=30)
        self.reported = Reported(**json.loads(out))


def _ask(address: str) -> Reported:
    done = threading.Event()
    times, refused = [], 0
    with grpc.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
        sys.stdout.write("asking\n")
        sys.stdout.flush()
        threading.Thread(target=lambda: (sys.stdin.read(), done.set()), daemon=True).start()
        while not done.wait(PAUSE):
            began = time.monotonic()
            try:
                answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
                refused += answer.status != health_pb2.HealthCheckResponse.SERVING
            except grpc.RpcError:
                refused += 1
            times.append(time.monotonic() - began)
    return Reported(len(times), refused, percentile(times, 0.5), percentile(times, 0.99), max(times, default=0.0))


if __name__ == "__main__":
    print(json.dumps(vars(_ask(sys.argv[1]))))
