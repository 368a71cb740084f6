"""Uploads: speed and memory of feature transfers, against a plain copy of the same file in the same run.

`python -m tests.benchmarks.uploads [--megabytes 300] [--rounds 3] [--write]` starts a server on a free port, pushes a
memory-mapped array, pulls it to a file, and prints megabytes a second and the peak of each side's memory. `--write`
puts the table into `uploads.md` beside this file.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from predictor.store.features import FeatureStore
from predictor.store.manifest import Manifest
from tests.service.running import RunningServer

COLUMNS = 1024
OWN = "push without a server"


class Peak:
    """The largest resident memory of a process while the block runs, in megabytes, less that before it.

    `anonymous` leaves out pages of mapped files, which the system takes back whenever it likes.
    """

    def __init__(self, pid: int, field: str = "VmRSS") -> None:
        self._path, self._field = Path(f"/proc/{pid}/status"), field
        self._done = threading.Event()
        self.before = self.most = self._now()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def growth(self) -> float:
        return self.most - self.before

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            self.most = max(self.most, self._now())

    def _now(self) -> float:
        lines = self._path.read_text().splitlines()
        return float(next(line for line in lines if line.startswith(self._field)).split()[1]) / 1024


def timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def copy(source: Path, target: Path) -> None:
    """A plain copy that is on disk when it ends."""
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def write_array(path: Path, megabytes: int) -> None:
    rows = megabytes * 2**20 // (4 * COLUMNS)
    out = np.lib.format.open_memmap(path, mode="w+", dtype="<f4", shape=(rows, COLUMNS))
    rng = np.random.default_rng(0)
    for start in range(0, rows, 4096):
        out[start : start + 4096] = rng.normal(size=out[start : start + 4096].shape)
    out.flush()


def measure(folder: Path, megabytes: int, rounds: int) -> dict[str, tuple[float, float, float]]:
    """What was done -> median megabytes a second, and growth of the server's and the client's memory in megabytes."""
    write_array(folder / "a.npy", megabytes)
    values = np.load(folder / "a.npy", mmap_mode="r")
    rates: dict[str, list[float]] = {"plain copy with fsync": [], OWN: [], "push": [], "pull to a file": []}
    growth = {name: [0.0, 0.0] for name in rates}
    with RunningServer(folder / "server") as running, running.client() as client:
        client.features.push("warm", np.asarray(values[:1024]))
        list(client.features.pull_steps("warm", folder / "warm.npy"))
        for _ in range(rounds):
            acts: dict[str, Callable[[], object]] = {
                "plain copy with fsync": lambda: copy(folder / "a.npy", folder / "copy.npy"),
                OWN: lambda: FeatureStore(folder / "own").push("big", values),
                "push": lambda: list(client.features.push_steps(Manifest.of("big", values), values)),
                "pull to a file": lambda: list(client.features.pull_steps("big", folder / "b.npy")),
            }
            for name, act in acts.items():
                with Peak(running.process.pid) as server, Peak(os.getpid(), "RssAnon") as own:
                    rates[name].append(megabytes / timed(act))
                growth[name] = [max(growth[name][0], server.growth), max(growth[name][1], own.growth)]
            assert (folder / "a.npy").read_bytes()[128:] == (folder / "b.npy").read_bytes()[128:]
            client.features.remove("big")
            FeatureStore(folder / "own").remove("big")
    return {name: (median(rates[name]), *growth[name]) for name in rates}


def table(found: dict[str, tuple[float, float, float]], megabytes: int, rounds: int) -> str:
    base = found["plain copy with fsync"][0]
    lines = [
        "# Feature transfers",
        "",
        f"{megabytes} MB of float32, {COLUMNS} columns, over a loopback socket; median of {rounds} rounds, "
        f"{os.cpu_count()} cores shared with other work. A push ends when the set is checked and on disk under its "
        "name; a pull when the file is. Memory is the largest growth in any round: all resident pages of the server, "
        "anonymous pages of the client, whose source is a mapped file.",
        "",
        "| what | MB/s | of a plain copy | server's memory, MB | client's memory, MB |",
        "|---|---|---|---|---|",
    ]
    for name, (rate, server, own) in found.items():
        remote = name.startswith(("push", "pull")) and name != OWN
        memory = (f"{server:.0f}" if remote else "–", "–" if name.startswith("plain") else f"{own:.0f}")
        lines.append(f"| {name} | {rate:.0f} | {rate / base:.2f} | {memory[0]} | {memory[1]} |")
    return "\n".join([*lines, "", "Made by `python -m tests.benchmarks.uploads --write`.", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="w2s-uploads-") as name:
        text = table(measure(Path(name), given.megabytes, given.rounds), given.megabytes, given.rounds)
    print(text)
    if given.write:
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
