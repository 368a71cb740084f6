"""A disk that fails: the n-th write, fsync, rename, creation or truncation of a flow, for n = 1, 2, … to the last.

`disk.c` is compiled and preloaded into a process of its own, which runs the flows of `tests.chaos.flows` and arms the
fault itself: once with EIO, and once as a disk that is full from the n-th operation on.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from predictor.errors import W2SError
from tests.chaos.flows import FLOWS, Flow
from tests.chaos.outcome import Outcome, command

WRITE, SYNC, RENAME, CREATE, TRUNCATE = 1, 2, 4, 8, 16
BROKEN_DISK, FULL_DISK = "EIO once", "ENOSPC from then on"
FAULTS = {
    BROKEN_DISK: (errno.EIO, WRITE | SYNC | RENAME | CREATE | TRUNCATE, 0, "STORAGE_UNWRITABLE"),
    FULL_DISK: (errno.ENOSPC, WRITE | CREATE, 1, "STORAGE_FULL"),
}
ROOT = "W2S_DISK_ROOT"
MAX = 400
"""Operations of one flow; more means that a flow never ends."""

QUICK = ("jobs", "upload", "put")


def compiled(folder: Path) -> Path | None:
    """The library that makes the disk fail, or None where it cannot be made."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or sys.platform != "linux":
        return None
    library = folder / "disk.so"
    source = Path(__file__).with_name("disk.c")
    done = subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=False)
    return library if done.returncode == 0 else None


def run(folder: Path, rounds: int, rng: random.Random, flows: Sequence[str] = tuple(FLOWS)) -> Outcome:
    """Each flow with each of its operations failing, `rounds` times; the seed chooses nothing, every place is tried."""
    library = compiled(folder)
    if library is None:
        pytest.skip("no C compiler makes the library that fails a disk")
    counts: Counter[str] = Counter()
    broken: list[str] = []
    for _ in range(rounds):
        child = subprocess.run(
            [sys.executable, "-m", "tests.chaos.disk", "--flows", *flows],
            env=os.environ | {"LD_PRELOAD": str(library), ROOT: str(folder / "disk")},
            stdout=subprocess.PIPE,
            text=True,
            timeout=1800,
            check=True,
        )
        reported = json.loads(child.stdout)
        counts.update(reported["faults"])
        broken += reported["broken"]
    least = rounds * len(flows) * len(FAULTS)
    return Outcome(counts.total(), least * 2, counts.total(), least, dict(counts), broken)


class Disk:
    """The fault of this process, which the library was preloaded into."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._library.w2s_disk_fired.restype = ctypes.c_long

    @contextmanager
    def failing(self, number: int, error: str) -> Iterator[None]:
        """Let the operation of that number fail while the block runs."""
        code, kinds, lasting, _ = FAULTS[error]
        self._library.w2s_disk_arm(ctypes.c_long(number), code, kinds, lasting)
        try:
            yield
        finally:
            self.repair()

    def repair(self) -> None:
        """Let nothing fail from now on."""
        fired = self.fired
        self._library.w2s_disk_arm(ctypes.c_long(0), 0, 0, 0)
        self._before = fired

    @property
    def fired(self) -> int:
        return int(self._library.w2s_disk_fired())


def _places(name: str, error: str, disk: Disk, root: Path) -> tuple[int, list[str]]:
    """How many places a flow has, and what broke at them."""
    broken: list[str] = []
    for number in range(1, MAX):
        with tempfile.TemporaryDirectory(dir=root) as folder, tempfile.TemporaryDirectory() as images:
            flow = FLOWS[name](Path(folder))
            try:
                wrong, fired = _one(flow, number, error, disk, Path(folder), Path(images))
            except Exception as found:  # whatever else a step raises is what must not be
                wrong, fired = [f"{type(found).__name__}: {found}"], True
            finally:
                disk.repair()
                flow.close()
        broken += [f"{name}, {error} at {number}: {what}" for what in wrong]
        if not fired:
            return number - 1, broken
    return MAX, [*broken, f"{name} never came through"]


def _one(flow: Flow, number: int, error: str, disk: Disk, folder: Path, images: Path) -> tuple[list[str], bool]:
    wrong: list[str] = []
    hit = False
    with disk.failing(number, error):
        for done, step in enumerate(flow.steps):
            try:
                step()
            except W2SError as found:
                expected = {FAULTS[error][3]} | flow.also
                if found.reason not in expected:
                    wrong.append(f"step {done} told {found.reason}, not {expected}")
                wrong += [f"step {done}, reading on: {what}" for what in flow.read(done)]
                image = images / f"{done}"
                shutil.copytree(folder, image)
                hit = True
                disk.repair()
                wrong += [f"step {done}, after a crash: {what}" for what in flow.found(image, done)]
                step()
            hit = hit or disk.fired > 0
    shutil.copytree(folder, images / "end")
    wrong += [f"at the end: {what}" for what in flow.found(images / "end", len(flow.steps))]
    wrong += [f"left behind: {path.name}" for path in folder.rglob(".*") if path.is_file()]
    return wrong, hit


def _child(names: Sequence[str]) -> None:
    root = Path(os.environ[ROOT])
    root.mkdir(exist_ok=True)
    disk = Disk()
    faults: Counter[str] = Counter()
    broken: list[str] = []
    for name in names:
        for error in FAULTS:
            places, wrong = _places(name, error, disk, root)
            faults[f"{name}: {error}"] += places
            broken += wrong
    print(json.dumps({"faults": faults, "broken": broken}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--flows", nargs="+")
    given, _ = parser.parse_known_args()
    if given.flows:
        _child(given.flows)
    else:
        command(run, 1)
