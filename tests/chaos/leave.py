"""Clients that leave: random deadlines, calls dropped at every message, connections cut, jobs cancelled at random."""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from pathlib import Path

import grpc

from protos import convert
from protos.w2s.v1 import predictor_service_pb2 as ask
from protos.w2s.v1 import predictor_service_pb2_grpc, ranking_service_pb2_grpc
from protos.w2s.v1 import ranking_service_pb2 as pb
from tests.chaos.history import History
from tests.chaos.outcome import Outcome, command, everything
from tests.service.running import RunningServer, arrays

MAX_NEW_FILES = 12
"""Descriptors that a server may have gained: a worker's pipes and connections on their way out."""

EXPECTED = {
    grpc.StatusCode.OK, grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.NOT_FOUND,
}  # fmt: skip


def run(folder: Path, rounds: int, rng: random.Random) -> Outcome:
    """Leave `rounds` calls in their middle, then see that every job ended and nothing stayed open."""
    history, codes, broken = History(), Counter(), []
    message = convert.query_to_proto(arrays(rows=40))
    left = 0
    with RunningServer(folder, "--limit", "max_queued_jobs=100000", "--limit", "tenant_queued_jobs=100000") as running:
        running.predict_worker()
        running.job_worker()
        before = _files(running)
        jobs: list[str] = []
        while left < rounds:
            with grpc.insecure_channel(running.address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
                for _ in range(rng.randrange(1, 6)):
                    code = _leave(channel, message, jobs, history, rng)
                    codes[code.name] += 1
                    left += code is not grpc.StatusCode.OK
                    if code not in EXPECTED:
                        broken.append(f"a call ended with {code.name}")
        final = everything(running)
        broken += history.faults(final)
        broken += [f"job {job.id} became {job.state}" for job in final.values() if job.state in ("FAILED", "PARTIAL")]
        end = time.monotonic() + 20
        while _files(running) > before + MAX_NEW_FILES and time.monotonic() < end:
            time.sleep(0.1)
        if _files(running) > before + MAX_NEW_FILES:
            broken.append(f"the server has {_files(running)} open files, and had {before}")
        with running.client() as client:
            if client.wait(client.submit(arrays(7))).state != "SUCCEEDED":
                broken.append("the server no longer ranks")
        if running.events("internal_error"):
            broken.append("the server met faults of its own")
    figures = {"jobs": len(final), **codes}
    return Outcome(left, rounds, sum(codes.values()), rounds, figures, broken)


def _leave(channel, message, jobs: list[str], history: History, rng: random.Random) -> grpc.StatusCode:  # type: ignore[no-untyped-def]
    """One call that may end before its time."""
    rankings = ranking_service_pb2_grpc.RankingServiceStub(channel)
    seconds = rng.choice((0.0005, 0.002, 0.005, 0.02, 0.1))
    kind = rng.randrange(5) if jobs else 0
    if kind == 0:
        name = f"r{rng.getrandbits(48):x}"
        history.ask(name)
        call = rankings.CreateRankingJob.future(
            pb.CreateRankingJobRequest(request_id=name, query=message), timeout=seconds
        )
        if call.code() is grpc.StatusCode.OK:
            jobs.append(call.result().job.id)
        return call.code()
    job = rng.choice(jobs[-20:])
    if kind == 1:
        call = rankings.WatchRankingJob(pb.WatchRankingJobRequest(id=job), timeout=seconds * 10)
        with contextlib.suppress(grpc.RpcError):
            for number, _ in enumerate(call):
                if number == rng.randrange(4):
                    call.cancel()
        return call.code()
    if kind == 2:
        call = rankings.WaitRankingJob.future(pb.WaitRankingJobRequest(id=job), timeout=seconds)
    elif kind == 3:
        call = rankings.CancelRankingJob.future(pb.CancelRankingJobRequest(id=job), timeout=seconds)
    else:
        predictor = predictor_service_pb2_grpc.PredictorServiceStub(channel)
        call = predictor.Predict.future(ask.PredictRequest(query=message), timeout=seconds * 10)
    if rng.random() < 0.3:
        time.sleep(rng.uniform(0, seconds))
        call.cancel()
    return call.code()


def _files(running: RunningServer) -> int:
    return len(list(Path(f"/proc/{running.process.pid}/fd").iterdir()))


if __name__ == "__main__":
    command(run, 20_000)
