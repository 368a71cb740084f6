"""FairThreads: threads that serve tenants by turns, so that many steps of one delay another's by one."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from server.access.caller import LOCAL, known_caller

P = ParamSpec("P")
T = TypeVar("T")
_Step = tuple[Future[Any], Callable[[], Any]]

_SERVER = ""
"""Stands for the server's own steps, which no caller asked for. They come first."""


class FairThreads(ThreadPoolExecutor):
    """Runs what the event loop must not: files, and checks of large messages.

    A step belongs to the tenant of the call that submits it. Steps of one tenant keep their order. Where there are
    several threads, one tenant has half of them at most; the machine's own user, who is alone, may have all.
    """

    def __init__(self, threads: int, name: str) -> None:
        super().__init__(threads, name)
        self._all = threads
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[_Step]] = {}
        self._running: Counter[str] = Counter()
        self._passed = 0
        """Turns that found only tenants who have their half; each is taken up when a step ends."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """See ThreadPoolExecutor."""
        caller, done = known_caller(), Future[T]()
        with self._lock:
            steps = self._waiting.setdefault(_SERVER if caller is None else caller.tenant, deque())
            steps.append((done, partial(fn, *args, **kwargs)))
        super().submit(self._turn)
        return done

    def last(self, step: Callable[[], T]) -> Future[T]:
        """The future of a step that comes after all those that wait."""
        return super().submit(step)

    def _turn(self) -> None:
        """Run the first step of the tenant whose turn it is; there is one turn for each step."""
        while (chosen := self._choose()) is not None:
            tenant, (done, step) = chosen
            if done.set_running_or_notify_cancel():
                try:
                    result = step()
                except BaseException as error:  # it belongs to whoever waits
                    done.set_exception(error)
                else:
                    done.set_result(result)
            with self._lock:
                self._running -= Counter((tenant,))
                if not self._passed:
                    return
                self._passed -= 1

    def _choose(self) -> tuple[str, _Step] | None:
        with self._lock:
            tenant = next((one for one in sorted(self._waiting, key=bool) if self._may(one)), None)
            if tenant is None:
                self._passed += 1
                return None
            steps = self._waiting.pop(tenant)
            first = steps.popleft()
            if steps:
                self._waiting[tenant] = steps  # behind the others
            self._running[tenant] += 1
            return tenant, first

    def _may(self, tenant: str) -> bool:
        return tenant in (_SERVER, LOCAL) or self._running[tenant] < max(1, self._all // 2)
