"""PeerLimit: how many connections one peer may hold, so that idle ones of one machine do not lock the others out.

gRPC has no hook at accept. So the sockets of this process are looked through, and surplus ones are shut down: gRPC then
closes them as it does when a peer goes away.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from server.telemetry.logs import log

_PERIOD = 0.5
_SHARE = 4
"""No peer holds more than this part of the descriptors."""


def raise_descriptors() -> int:
    """Let this process open as many files as its hard limit allows; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return soft


async def limit_peers(port: int, max_connections: int, descriptors: int) -> None:
    """Shut surplus connections of each peer to a port until cancelled; 0 stands for no limit."""
    limit = PeerLimit(port, min(max_connections, max(1, descriptors // _SHARE)), descriptors)
    while max_connections and Path("/proc/self/fd").is_dir():
        shut = await asyncio.to_thread(limit.shut_surplus)
        if shut:
            log("connections_shut", connections=shut, limit=limit.bound)
        await asyncio.sleep(_PERIOD)


class PeerLimit:
    """At most `bound` connections of any one peer to a port; those that came first stay.

    The order of arrival is that of the looks at which a connection was first seen, and within a look that of the
    descriptors. Inodes do not tell it: each processor hands out numbers of its own.
    """

    def __init__(self, port: int, bound: int, descriptors: int) -> None:
        self.port = port
        self.bound = bound
        self.descriptors = descriptors
        self._arrivals: dict[int, int] = {}
        """Inode of each connection seen at the last look, and its place in the order of arrival."""

    def shut_surplus(self) -> int:
        """Look once, and shut what is beyond the bound; returns how many."""
        by_peer: dict[str, list[tuple[int, int]]] = defaultdict(list)
        arrivals: dict[int, int] = {}
        following = max(self._arrivals.values(), default=-1) + 1
        for number in sorted(_numbers(self.descriptors)):
            with _borrowed(number) as found, contextlib.suppress(OSError):
                if found is None or found.getsockname()[1] != self.port:
                    continue
                inode = os.fstat(number).st_ino
                arrivals[inode] = self._arrivals.get(inode, following + len(arrivals))
                by_peer[found.getpeername()[0]].append((arrivals[inode], number))
        self._arrivals = arrivals
        surplus = [(peer, number) for peer, held in by_peer.items() for _, number in sorted(held)[self.bound :]]
        for peer, number in surplus:
            with _borrowed(number) as found, contextlib.suppress(OSError):
                # The number may be another connection by now.
                if found is not None and found.getsockname()[1] == self.port and found.getpeername()[0] == peer:
                    found.shutdown(socket.SHUT_RDWR)
        return len(surplus)


def _numbers(descriptors: int) -> Iterable[int]:
    """Open descriptors; all that there may be where none is free to list them with."""
    try:
        return [int(number) for number in os.listdir("/proc/self/fd")]
    except OSError:
        return range(descriptors)


@contextlib.contextmanager
def _borrowed(number: int) -> Iterator[socket.socket | None]:
    """A descriptor as a socket of the internet, which stays open afterwards; None where it is none."""
    try:
        found = socket.socket(fileno=number)
    except OSError:
        yield None
        return
    try:
        yield found if found.family in (socket.AF_INET, socket.AF_INET6) else None
    finally:
        found.detach()
