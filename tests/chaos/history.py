"""History: what clients saw of jobs, and whether any order of the state machine explains it."""

from __future__ import annotations

import bisect
import hashlib
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from predictor.results.job import TERMINAL, Job

REPLAYED = float("-inf")
"""When a message of a watch was asked for: a watch tells of the past too, so what it says may be long over."""


@dataclass(frozen=True)
class Sight:
    """One look at a job: asked at `began`, answered at `ended`; `cancel` where the question asked it to stop."""

    began: float
    ended: float
    request_id: str
    job: str
    state: str
    revision: int
    digest: str | None
    cancel: bool


class History:
    """What every client saw; threads may add to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.sights: list[Sight] = []
        self.sent: set[str] = set()

    def ask(self, request_id: str) -> None:
        """A request goes out; whether it arrives is not known yet."""
        with self._lock:
            self.sent.add(request_id)

    def see(self, began: float, job: Job, *, cancel: bool = False) -> None:
        """A job was answered."""
        digest = None
        if job.ranking is not None:
            answers = [(one.name, one.rank, one.predicted_w2s_error, one.estimates) for one in job.ranking.candidates]
            digest = hashlib.sha256(repr(answers).encode()).hexdigest()
        seen = Sight(began, time.monotonic(), job.request_id, job.id, job.state, job.revision, digest, cancel)
        with self._lock:
            self.sights.append(seen)

    def acknowledged(self) -> set[str]:
        """Request ids whose job the server has owned up to."""
        return {sight.request_id for sight in self.sights}

    def faults(self, final: dict[str, Job]) -> list[str]:
        """What no order of the state machine explains; `final` is every job that there is once all is quiet."""
        return [
            *self._identity(final),
            *(error for sights in self._by_job().values() for error in _life(sights)),
            *self._ends(final),
        ]

    def _by_job(self) -> dict[str, list[Sight]]:
        found = defaultdict(list)
        for sight in self.sights:
            found[sight.job].append(sight)
        return found

    def _identity(self, final: dict[str, Job]) -> list[str]:
        jobs = defaultdict(set)
        for sight in self.sights:
            jobs[sight.request_id].add(sight.job)
        for job in final.values():
            jobs[job.request_id].add(job.id)
        return [f"request {name} made {len(made)} jobs" for name, made in jobs.items() if len(made) > 1] + [
            f"job {job.id} was asked for by nobody" for job in final.values() if job.request_id not in self.sent
        ]

    def _ends(self, final: dict[str, Job]) -> list[str]:
        faults = []
        for name, sights in self._by_job().items():
            if name not in final:
                faults.append(f"job {name} was acknowledged and is gone")
                continue
            end = final[name].state
            if end not in TERMINAL:
                faults.append(f"job {name} never ended: {end}")
            stopped = [s for s in sights if s.cancel and s.state in ("CANCELLING", "CANCELLED")]
            if stopped and end != "CANCELLED":
                faults.append(f"job {name} was cancelled and became {end}")
            ends = {s.state for s in sights if s.state in TERMINAL} | {end}
            if len(ends) > 1:
                faults.append(f"job {name} ended as {sorted(ends)}")
        return faults


def _life(sights: list[Sight]) -> list[str]:
    """Faults of one job: revisions that go back in real time, states that follow what they cannot, two answers."""
    faults = []
    ended = sorted(sights, key=lambda sight: sight.ended)
    times, most = [sight.ended for sight in ended], []
    for sight in ended:
        most.append(max(sight.revision, most[-1] if most else 0))
    for sight in sights:
        before = bisect.bisect_left(times, sight.began)
        if before and most[before - 1] > sight.revision:
            faults.append(f"job {sight.job} went back from revision {most[before - 1]} to {sight.revision}")
    ordered = sorted(sights, key=lambda sight: sight.revision)
    for earlier, later in pairwise(ordered):
        if earlier.state != later.state and not _may_follow(earlier.state, later.state):
            faults.append(f"job {earlier.job} went from {earlier.state} to {later.state}")
    if len({sight.digest for sight in sights if sight.digest is not None}) > 1:
        faults.append(f"job {sights[0].job} has two answers")
    return faults


def _may_follow(state: str, later: str) -> bool:
    """Whether a job seen in one state may be seen in another later, perhaps with states between that nobody saw."""
    if state in TERMINAL:
        return False
    return later == "CANCELLED" if state == "CANCELLING" else True
