"""Snapshot: a copy of a state folder, also while its server runs, and its way back: `python -m server.snapshot`."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from predictor.errors import ConflictError, InputError, RefusedError, UnavailableError, W2SError
from predictor.folders import state_dir
from server.durable.database import Database
from server.durable.lock import StateLock, holder

JOBS, FRESH = "jobs.sqlite", "jobs.snapshot.sqlite"
"""The store of jobs, and the copy of it that a running server makes when it is asked by SIGUSR1."""

_LEFT_OUT = frozenset((JOBS, f"{JOBS}-wal", f"{JOBS}-shm", FRESH, "server.lock", "reserve"))
_WAIT_SECONDS = 300.0


def take(state: Path, target: Path) -> None:
    """Copy a state folder to a new one. Jobs are copied as of one moment, and what they refer to after them.

    Raises:
        ConflictError: the new folder exists.
        UnavailableError: the running server made no copy of its jobs.
    """
    if target.exists():
        raise ConflictError(f"{str(target)!r} exists; name a new folder.", reason="FOLDER_TAKEN", field="target")
    try:
        with StateLock(state):
            _copy(state, target, state / JOBS)
    except RefusedError:
        _copy(state, target, _ask(state))


def restore(source: Path, state: Path) -> None:
    """Put a snapshot in the place of an empty or absent state folder, after checking its jobs.

    Raises:
        ConflictError: the state folder holds something.
        InputError: the source is no snapshot, or damaged.
    """
    if state.exists() and any(state.iterdir()):
        raise ConflictError(
            f"{str(state)!r} is not empty; move it away first.", reason="FOLDER_TAKEN", field="state_dir"
        )
    with contextlib.closing(sqlite3.connect(f"file:{source / JOBS}?mode=ro", uri=True)) as jobs:
        try:
            sound = jobs.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        except sqlite3.DatabaseError:
            sound = False
    if not sound:
        raise InputError(f"{str(source)!r} has no sound {JOBS}.", reason="SNAPSHOT_DAMAGED", field="source")
    shutil.copytree(source, state, dirs_exist_ok=True)
    state.chmod(0o700)
    Database(state / JOBS).close()  # refuses a store of a later version


def _ask(state: Path) -> Path:
    """Have the running server copy its jobs."""
    fresh, process = state / FRESH, holder(state)
    before = fresh.stat().st_ino if fresh.exists() else 0
    if process:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGUSR1)
    end = time.monotonic() + _WAIT_SECONDS * bool(process)
    while time.monotonic() < end:
        if fresh.exists() and fresh.stat().st_ino != before:
            return fresh
        time.sleep(0.05)
    raise UnavailableError(
        "the running server made no copy of its jobs; its log says why (snapshot_failed). Jobs in PostgreSQL are "
        "copied with pg_dump.",
        reason="SNAPSHOT_FAILED",
    )


def _copy(state: Path, target: Path, jobs: Path) -> None:
    def ignore(folder: str, names: list[str]) -> set[str]:
        return set(_LEFT_OUT).intersection(names) if Path(folder) == state else set()

    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(state, target, ignore=ignore, copy_function=_copy_file)
    _copy_file(str(jobs), str(target / JOBS))


def _copy_file(source: str, target: str) -> None:
    """A file, a database by its own means; one that has gone since its folder was listed is no loss."""
    if not Path(source).exists():
        return
    if source.endswith(".sqlite"):
        with contextlib.closing(sqlite3.connect(source)) as read, contextlib.closing(sqlite3.connect(target)) as write:
            read.backup(write)
        Path(target).chmod(0o600)
    elif not source.endswith((".sqlite-wal", ".sqlite-shm")):
        with contextlib.suppress(FileNotFoundError):
            shutil.copy2(source, target)


def main(arguments: Sequence[str] | None = None) -> int:
    """Take or restore a snapshot; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m server.snapshot", description=__doc__)
    parser.add_argument("action", choices=("take", "restore"))
    parser.add_argument("folder", metavar="DIR", type=Path, help="the snapshot: a new folder, or the one to restore")
    parser.add_argument("--state-dir", metavar="DIR", type=Path, default=state_dir(), help="folder of the state")
    given = parser.parse_args(arguments)
    try:
        if given.action == "take":
            take(given.state_dir, given.folder)
        else:
            restore(given.folder, given.state_dir)
    except W2SError as error:
        sys.stderr.write(f"server.snapshot: {error.message}\n")
        return error.exit_code
    except (OSError, sqlite3.DatabaseError) as error:
        sys.stderr.write(f"server.snapshot: {error}\n")
        return 1
    sys.stdout.write(f"{given.folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
