"""Worker: the child process that computes. It reads requests from stdin and answers in frames on stdout."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import queue
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

from predictor.api import source_of
from predictor.calibration.calibrate import calibrate
from predictor.engines.device import open_device
from predictor.errors import LimitError, W2SError
from predictor.intake.draw import cut_stored
from predictor.ranking.rank import rank_steps
from predictor.results.ranking import Ranking
from predictor.steps import Steps, drain
from protos import convert
from protos.parts import attach
from protos.w2s.v1 import calibration_pb2, query_pb2
from server.access.caller import LOCAL
from server.access.redaction import error_for, redact_ranking
from server.calibration.stores import outcome_store
from server.features.stores import feature_store
from server.parts.store import read_part
from server.telemetry.logs import place_of
from server.workforce import frames
from server.workforce.candidate_clock import History
from server.workforce.model_roots import guarded, roots_of, with_checkpoints
from server.workforce.spawn import BEAT_SECONDS, DATA_BYTES, MAX_CANDIDATES, PARENT, STATE, STORE_BYTES

_PR_SET_PDEATHSIG = 1

_WRITING = threading.Lock()
"""One frame at a time: answers and signs of life come from two threads."""

_COMPUTING = threading.Event()

_ADVICE: dict[frames.Tag, str] = {
    "query": "the job needs more memory than a worker of this server may take; ask for fewer rows or smaller models.",
    "predict": "the prediction needs more memory than a worker of this server may take; give fewer rows or dimensions.",
    "fit": "the fit needs more memory than a worker of this server may take; ask its operator to raise the limits "
    "memory_budget_bytes or worker_data_bytes.",
}
"""The error message where memory runs out, by kind of request."""


def main() -> None:
    """Answer requests until the pipe ends; then exit at once, also during a computation."""
    inward, outward = _take_pipes()
    _die_with_parent()
    _yield_memory_first()
    work: queue.SimpleQueue[tuple[frames.Tag, bytes]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(inward, work), daemon=True).start()
    threading.Thread(target=_beat, args=(outward, float(os.environ[BEAT_SECONDS])), daemon=True).start()
    gc.collect()
    gc.freeze()  # what was imported stays, and is not looked through again at every collection
    _send(outward, "ready")
    tenant, history = LOCAL, History()
    while True:
        tag, body = work.get()
        if tag == "tenant":
            tenant, history = body.decode(), History()
        elif tag == "without":
            history = History.read(body)
        else:
            _COMPUTING.set()
            _answer(tag, body, tenant, history, outward)
            _COMPUTING.clear()


def _answer(kind: frames.Tag, request: bytes, tenant: str, history: History, outward: BinaryIO) -> None:
    state = Path(os.environ.get(STATE, ""))
    try:
        listener = outward if kind == "query" else None
        result = _fit(request, state, tenant) if kind == "fit" else _rank(request, state, tenant, history, listener)
        _send(outward, "result", result)
    except W2SError as error:
        _send(outward, "error", convert.error_to_status(error_for(tenant, error)).SerializeToString())
    except MemoryError:
        out_of_memory = LimitError(_ADVICE[kind], reason="WORKER_MEMORY")
        _send(outward, "error", convert.error_to_status(out_of_memory).SerializeToString())
    except Exception as error:  # the boundary of the process: a bug fails its job, not the worker's pipe
        bug = W2SError(
            f"the worker failed by a bug of its own ({type(error).__name__} at {place_of(error.__traceback__)}); "
            "please "
            "report it.",
            reason="WORKER_FAILED",
        )
        _send(outward, "error", convert.error_to_status(bug).SerializeToString())


def _rank(request: bytes, state: Path, tenant: str, history: History, listener: BinaryIO | None) -> bytes:
    store = feature_store(tenant, int(os.environ.get(STORE_BYTES, "0")))
    message = query_pb2.RankingQuery.FromString(request)
    message = attach(message, lambda sha256: read_part(state / "parts", tenant, sha256))
    with convert.query_paths():
        query = cut_stored(convert.query_from_proto(message), store)
        calibration = None
        if message.HasField("calibration"):
            with convert.fields_under("calibration"):
                calibration = convert.calibration_from_proto(message.calibration)
        past = [convert.outcome_from_proto(one) for one in message.past_outcomes]
        roots = roots_of(tenant, excluded=history.errors())
        query = with_checkpoints(query, roots, int(os.environ[MAX_CANDIDATES]))
        source = guarded(source_of(query, store, history.prefetch), roots)
        device = open_device(query.settings.answer_device)
        ranking = convert.ranking_to_proto(_report(rank_steps(query, source, calibration, past, device), listener))
    if tenant != LOCAL:
        redact_ranking(ranking)
    return ranking.SerializeToString()


def _fit(request: bytes, state: Path, tenant: str) -> bytes:
    asked = calibration_pb2.FitCalibrationRequest.FromString(request)
    outcomes = outcome_store(state, tenant).read()
    fitted = calibrate(asked.name, outcomes, recipe=asked.recipe or None)
    return convert.calibration_to_proto(fitted).SerializeToString()


def _report(steps: Steps[Ranking], listener: BinaryIO | None) -> Ranking:
    if listener is None:
        return drain(steps)
    return drain(steps, lambda step: _send(listener, "progress", convert.progress_to_proto(step).SerializeToString()))


def _send(outward: BinaryIO, tag: frames.Tag, body: bytes = b"") -> None:
    with _WRITING:
        outward.write(frames.pack(tag, body))
        outward.flush()


def _beat(outward: BinaryIO, seconds: float) -> None:
    """Show life while something is computed: a stopped process does not, and one that only thinks long does."""
    while True:
        _COMPUTING.wait()
        _send(outward, "beat")
        time.sleep(seconds)


def _listen(inward: BinaryIO, work: queue.SimpleQueue[tuple[frames.Tag, bytes]]) -> None:
    """Hand requests on; the end of the pipe ends the process, also in the middle of a computation."""
    while (frame := frames.read(inward)) is not None:
        work.put(frame)
    os._exit(0)


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes under numbers of their own, so that a library that prints cannot break a frame."""
    inward, outward = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(inward, "rb"), os.fdopen(outward, "wb")


def _die_with_parent() -> None:
    """Ask Linux for SIGKILL when the server's process ends; elsewhere the end of the pipe has to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(os.environ[PARENT]):
        os._exit(0)


def _yield_memory_first() -> None:
    """Where memory runs out, let the system take this process and not the server; let it open the files it may."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    max_bytes = int(os.environ.get(DATA_BYTES, "0"))
    if max_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (max_bytes, max_bytes))
    hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(OSError, ValueError):  # a job of many models keeps the files of all of them open
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))


if __name__ == "__main__":
    main()
