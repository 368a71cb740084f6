"""Embedded: this user's own server, started when jobs are wanted without `--server`, ended when it is idle.

A keeper process starts it on a unix socket beside the job store and stops it after some minutes without open jobs. So
a detached job outlives the shell that asked for it, and nothing is left running for long.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from predictor.errors import InputError, UnavailableError
from predictor.folders import state_dir, storage_error

IDLE_SECONDS = 600.0
"""Time without open jobs after which the keeper stops the server."""

POLL_SECONDS = 5.0
START_SECONDS = 60.0
NEWEST = 1000
"""Jobs looked at for open ones; a job older than that many others has ended."""

SHARED_SERVER = frozenset({"W2S_HTTP", "W2S_METRICS"})
"""Variables with addresses of a server for several users, which this one must not take from it."""

LONGEST_SOCKET = 100
"""Bytes; the system takes 107."""


def ensure() -> str:
    """The address of the running server; it is started where it does not answer.

    Raises:
        InputError: the server is not installed.
        UnavailableError: it does not start, for example because another one has locked the job store, or the state
            folder cannot be written.
    """
    if find_spec("server") is None or find_spec("grpc_health") is None:
        raise InputError(
            "jobs need a server, which is not installed here: pip install 'w2s-predictor[server]', or name a running "
            "one with --server HOST:PORT.",
            reason="SERVER_MISSING",
        )
    try:
        state_dir().mkdir(parents=True, exist_ok=True, mode=0o700)
        address = socket_address(state_dir())
        log = state_dir() / "embedded.log"
        log.touch()
    except OSError as error:
        raise storage_error(error, state_dir()) from error
    if _answers(address):
        return address
    with log.open("wb") as out:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "client.cli.local_server", address],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if _answers(address):
            return address
        if keeper.poll() is not None:
            break
        time.sleep(0.05)
    if _answers(address):
        return address  # Another command was faster, so ours found the job store taken.
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    why = lines[-1] if lines else "it printed nothing"
    raise UnavailableError(
        f"this user's own server did not start: {why} If a server already runs, name it with --server HOST:PORT.",
        reason="EMBEDDED_SERVER",
    )


def socket_address(state: Path) -> str:
    """`unix:/path` of the server that belongs to a state folder; in the temporary folder where its path is too long.

    Raises:
        UnavailableError: somebody else owns that folder.
    """
    folder = state / "run"
    if len(os.fsencode(folder / "w2s.sock")) > LONGEST_SOCKET:
        digest = hashlib.sha256(os.fsencode(state.absolute())).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"w2s-{os.getuid()}-{digest}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder.stat().st_uid != os.getuid():
        raise UnavailableError(
            f"folder {str(folder)!r} belongs to another user; name a shorter state folder with W2S_STATE_DIR.",
            reason="EMBEDDED_SERVER",
        )
    return f"unix:{folder / 'w2s.sock'}"


def _answers(address: str) -> bool:
    from client.client import PredictorClient

    if not Path(address.removeprefix("unix:")).exists():
        return False
    try:
        with PredictorClient(address, timeout=2.0) as client:
            client.server_info()
    except UnavailableError:
        return False
    return True


def keep(address: str, idle_seconds: float = IDLE_SECONDS) -> int:
    """Run the server until it has had no open job for a while; returns its exit code."""
    from client.client import PredictorClient

    environment = {name: value for name, value in os.environ.items() if name not in SHARED_SERVER}
    command = [sys.executable, "-m", "server", "--address", address]
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment)
    busy = time.monotonic()
    while server.poll() is None and time.monotonic() - busy < idle_seconds:
        time.sleep(min(POLL_SECONDS, idle_seconds / 4))
        try:
            with PredictorClient(address, timeout=5.0) as client:
                open_jobs = any(not job.finished for job in islice(client.jobs(), NEWEST))
        except UnavailableError:
            continue  # Still starting, or on its way out: the next poll shows which.
        if open_jobs:
            busy = time.monotonic()
    server.terminate()
    return server.wait()


if __name__ == "__main__":
    sys.exit(keep(sys.argv[1], float(os.environ.get("W2S_EMBEDDED_IDLE_SECONDS", IDLE_SECONDS))))
