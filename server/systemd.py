"""systemd: tells the service manager when the server is ready, stops, and is alive (sd_notify(3), Type=notify)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket


def notify(state: str) -> None:
    """Send a state such as `READY=1`; nothing where no manager asked for it."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.connect("\0" + address[1:] if address.startswith("@") else address)
        out.sendall(state.encode())


async def feed_watchdog() -> None:
    """Say that the event loop comes round, twice in each WATCHDOG_USEC, until cancelled; nothing where unset."""
    period = int(os.environ.get("WATCHDOG_USEC", "0")) / 2e6
    while period:
        notify("WATCHDOG=1")
        await asyncio.sleep(period)
