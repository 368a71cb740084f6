"""WorkerProcess: one child of the server, from spawn to end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from server.access.caller import LOCAL
from server.config import Limits
from server.workforce import frames
from server.workforce.priorities import Priorities
from server.workforce.spawn import SHOW_STDERR, worker_environment
from server.workforce.worker_plan import Share

_START_SECONDS = 120.0

T = TypeVar("T")


class WorkerLostError(Exception):
    """The worker ended, or broke the protocol, before it answered."""


class WorkerProcess:
    """A child that answers one request at a time, in a process group of its own.

    Attributes:
        answered: requests answered so far.
        idle: False from a request to its answer.
        why: why it is being replaced, once it is.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, silence_seconds: float, niceness: int, priorities: Priorities
    ) -> None:
        self._process = process
        self._niceness = niceness
        self._priorities = priorities
        self._silence_seconds = silence_seconds
        self.why = "lost"
        self._ending: asyncio.Task[None] | None = None
        self.answered = 0
        self.idle = True

    @classmethod
    async def start(cls, limits: Limits, share: Share, priorities: Priorities) -> WorkerProcess:
        """Spawn a worker and wait until it is ready.

        Raises:
            WorkerLostError: it ended or was silent for two minutes instead.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "server.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=None if os.environ.get(SHOW_STDERR) == "1" else asyncio.subprocess.DEVNULL,
            env=worker_environment(limits, share=share),
            process_group=0,
        )
        worker = cls(process, limits.worker_silence_seconds, share.niceness, priorities)
        priorities.apply(process.pid, share.niceness, LOCAL)
        try:
            tag, _ = await asyncio.wait_for(worker._read(), _START_SECONDS)
            if tag != "ready":
                raise WorkerLostError
        except (WorkerLostError, TimeoutError) as error:
            await worker.stop(0)
            raise WorkerLostError("a worker did not become ready") from error
        except BaseException:
            await worker.stop(0)
            raise
        return worker

    @property
    def pid(self) -> int:
        """The child's process id, which is that of its group."""
        return self._process.pid

    @property
    def usable(self) -> bool:
        """True while it runs and was not asked to stop."""
        return self._ending is None and self._process.returncode is None

    async def answer(self, request: bytes, tenant: str, kind: frames.Tag) -> tuple[frames.Tag, bytes]:
        """The last frame of `run`.

        Raises:
            WorkerLostError: see there.
        """
        async with contextlib.aclosing(self.run(request, tenant, kind)) as answers:
            async for tag, body in answers:
                if tag != "progress":
                    return tag, body
        raise WorkerLostError("the worker stopped answering")

    async def run(
        self, request: bytes, tenant: str = LOCAL, kind: frames.Tag = "query", history: bytes = b""
    ) -> AsyncGenerator[tuple[frames.Tag, bytes], None]:
        """Send a request of a kind, whose it is and what is known of it; yields its frames.

        These are `progress`, and last `result` or `error`.

        Raises:
            WorkerLostError: see there.
        """
        pipe, self.idle = self._process.stdin, False
        since = time.monotonic()
        try:
            if pipe is None:
                raise WorkerLostError
            known = frames.pack("without", history) if history else b""
            pipe.write(frames.pack("tenant", tenant.encode()) + known + frames.pack(kind, request))
            await self._lively(pipe.drain())
        except OSError as error:
            raise WorkerLostError("the worker ended before it took the request") from error
        while True:
            self._priorities.apply(self.pid, self._niceness, tenant)
            tag, body = await self._lively(self._read())
            since, before = time.monotonic(), since
            self._priorities.use(tenant, since - before)
            if tag == "beat":
                continue
            if tag in ("result", "error"):
                self.answered += 1
                self.idle = True
            yield tag, body
            if tag != "progress":
                return

    def request_stop(self, grace: float) -> asyncio.Task[None]:
        """Begin to end the worker and what it started: SIGTERM, then SIGKILL after `grace` seconds. Safe to repeat."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(grace))
        return self._ending

    async def stop(self, grace: float) -> None:
        """`request_stop`, and wait until it has ended."""
        await asyncio.shield(self.request_stop(grace))

    async def _end(self, grace: float) -> None:
        if grace:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), grace)
        self._signal(signal.SIGKILL)
        await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        # The group outlives its leader while a grandchild lives, and its number is not given away before that.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def resident_bytes(self) -> int:
        """Resident memory as Linux counts it; 0 where that cannot be read."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        except (OSError, ValueError, IndexError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")

    async def _lively(self, step: Coroutine[Any, Any, T]) -> T:
        """The step's value, unless the worker sends no heartbeat for too long."""
        try:
            async with asyncio.timeout(self._silence_seconds):  # unlike `wait_for`, no task for every frame
                return await step
        except TimeoutError as error:
            self.why = "silent"
            raise WorkerLostError("the worker sends no heartbeat") from error

    async def _read(self) -> tuple[frames.Tag, bytes]:
        pipe = self._process.stdout
        try:
            frame = None if pipe is None else await frames.read_async(pipe)
        except (frames.FrameError, OSError) as error:
            raise WorkerLostError("the worker ended in the middle of an answer") from error
        if frame is None:
            raise WorkerLostError("the worker ended before it answered")
        return frame
