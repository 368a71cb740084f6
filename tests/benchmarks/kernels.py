"""Time and memory of the representation gap against the dense n × n script, and against its own matrix products.

Run as `python -m tests.benchmarks.kernels -o tests/benchmarks/kernels.md`: half an hour, for the dense script is slow.
`--dense 0` leaves it out; `--long` streams a million rows from disk instead and writes its own file.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
import tracemalloc
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from predictor.estimators.problem import Case, Representation
from predictor.estimators.xue2025 import ENERGIES, RIDGES, RepresentationGap
from predictor.spectral.moments import CHUNK_ROWS

ENERGY, RIDGE = 0.95, 1e-2
"""The grid point that both sides are compared at: the estimator's headline."""


def embeddings(rows: int, dims: int, candidates: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Correlated features with the slowly falling spectra of sentence embeddings: a strong model, then its candidates.

    Every model mixes the same latent factors, whose variances fall as a power of their number, with noise of its own.
    """
    latent = rng.standard_normal((rows, dims)) * np.arange(1, dims + 1) ** -0.5
    models = []
    for place in range(candidates + 1):
        own = rng.standard_normal((rows, dims)) * np.arange(1, dims + 1) ** -0.5
        mixing = np.linalg.qr(rng.standard_normal((dims, dims)))[0]
        models.append(((latent + 0.15 * place * own) @ mixing).astype(np.float32))
    return models


def dense_smoother(features: np.ndarray) -> np.ndarray:
    """P = K (K + β I)⁻¹ as an n × n matrix, of the principal part found by principal component analysis."""
    scaled = features.astype(np.float64)
    scaled -= scaled.mean(axis=0)
    scaled /= scaled.std(axis=0) * np.sqrt(scaled.shape[1])
    _, singular, axes = np.linalg.svd(scaled, full_matrices=False)
    held = np.cumsum(singular**2) / np.sum(singular**2)
    kept = int(np.searchsorted(held, ENERGY - 1e-12)) + 1
    scores = scaled @ axes[:kept].T
    kernel = scores @ scores.T / len(scores)
    shifted = kernel.copy()
    shifted[np.diag_indices(len(kernel))] += RIDGE
    return np.linalg.solve(shifted, kernel)


def dense_gap(smoother: np.ndarray, weak: np.ndarray) -> float:
    """‖P_s (I − P_w)‖ for P_s = `smoother`, one grid point of one candidate."""
    rest = np.eye(len(weak)) - dense_smoother(weak)
    return float(np.linalg.norm(smoother @ rest, 2))


def ours(models: list[np.ndarray]) -> list[float]:
    """Headlines of all candidates from their raw features: moments, eigenpairs and all nine grid points included."""
    strong, *weak = (Representation(str(i), features) for i, features in enumerate(models))
    return [headline(Representation("w", one.features), strong) for one in weak]


def headline(weak: Representation, strong: Representation) -> float:
    """One candidate at the middle of the grid, the other points computed as well."""
    (found,) = RepresentationGap("operator").estimate(Case(strong, (weak,)))
    return float(found.value)


def products(models: list[np.ndarray]) -> None:
    """The products that the moments cannot do without, on float64 chunks at hand: nothing read, nothing solved."""
    rng = np.random.default_rng(0)
    rows = len(models[0])
    chunks = [rng.standard_normal((CHUNK_ROWS, m.shape[1])) for m in models[:2]]
    own, cross = np.empty((chunks[1].shape[1],) * 2), np.empty((chunks[0].shape[1], chunks[1].shape[1]))
    for start in range(0, rows, CHUNK_ROWS):
        left, right = (chunk[: rows - start] for chunk in chunks)
        for _ in models:
            np.matmul(right.T, right, out=own)
        for _ in models[1:]:
            np.matmul(left.T, right, out=cross)


def timed(run, *arguments) -> tuple[float, object]:
    """CPU seconds of this process, which neighbours on a shared machine stretch less than the clock's; the result."""
    started = time.process_time()
    found = run(*arguments)
    return time.process_time() - started, found


def peak(models: list[np.ndarray]) -> int:
    """Most bytes allocated at once by our stage beyond the features themselves."""
    tracemalloc.start()
    ours(models)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def machine() -> str:
    """Where and when, in one line."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return (
        f"{datetime.now(UTC):%Y-%m-%d} · {os.cpu_count()} shared vCPUs ({platform.machine()}), one BLAS thread · "
        f"Python {platform.python_version()}, numpy {np.__version__}, {blas['name']} {blas['version']}"
    )


def measure(rows: int, dims: int, candidates: int, repetitions: int, dense: int) -> str:
    """Interleaved rounds as a Markdown report.

    Raises:
        ValueError: the two sides differ by more than 1e-9.
    """
    models = embeddings(rows, dims, candidates, np.random.default_rng(0))
    fast: list[float] = []
    bare: list[float] = []
    values: list[float] = []

    def rounds() -> None:
        for _ in range(repetitions):
            bare.append(timed(products, models)[0])
            seconds, found = timed(ours, models)
            fast.append(seconds)
            values[:] = found
            print(f"ours {seconds:.1f} s, its products alone {bare[-1]:.1f} s", file=sys.stderr, flush=True)

    rounds()
    once, slow, apart = 0.0, [], []
    if dense:
        once, smoother = timed(dense_smoother, models[0])
        print(f"dense P_s {once:.0f} s", file=sys.stderr, flush=True)
    for place in range(dense):
        seconds, expected = timed(dense_gap, smoother, models[1 + place])
        slow.append(seconds)
        apart.append(abs(expected - values[place]))
        print(f"dense candidate {seconds:.0f} s, apart {apart[-1]:.1e}", file=sys.stderr, flush=True)
        rounds()
    if apart and max(apart) > 1e-9:
        raise ValueError(f"the two sides differ by {max(apart):.2e}; at most 1e-9 is allowed.")
    here, alone = statistics.median(fast), statistics.median(bare)
    overhead = statistics.median(f / b for f, b in zip(fast, bare, strict=True))
    points = len(list(product(ENERGIES, RIDGES)))
    most, half = (peak([features[:count] for features in models]) / 1e6 for count in (rows, rows // 2))
    lines = [
        "# Representation gap: ours against dense n × n, and against its own matrix products",
        "",
        machine(),
        "",
        f"`python -m tests.benchmarks.kernels --rows {rows} --dims {dims} --candidates {candidates} --dense {dense}`",
        "",
        f"n = {rows:,}, d = {dims}, {candidates} candidates; correlated synthetic features with power-law spectra, "
        f"float32; headline values {min(values):.3f} – {max(values):.3f}. CPU seconds of one thread. "
        f"Ours: everything from raw features, all "
        f"{points} grid points, {len(fast)} rounds. Products alone: the chunk products of the same moments on float64 "
        "numbers at hand, one round before each of ours. Ratios travel, absolute seconds do not.",
        "",
        "| | ours | other | other / ours |",
        "|---|---|---|---|",
        f"| its products alone, median CPU seconds | {here:.2f} | {alone:.2f} | 1 / {overhead:.2f} |",
    ]
    if slow:
        each = statistics.median(slow)
        single, whole = once + candidates * each, points * (once + candidates * each)
        lines += [
            f"| dense, one grid point, {candidates} candidates | {here:.2f} (all {points}) | {single:.0f} | "
            f"**{single / here:,.0f}** |",
            f"| dense, {points} grid points, {candidates} candidates | {here:.2f} | {whole:.0f} | "
            f"**{whole / here:,.0f}** |",
            f"| largest difference of a value | {max(apart):.1e} | | |",
        ]
    lines += [
        f"| range of CPU seconds | {min(fast):.2f} – {max(fast):.2f} | {min(bare):.2f} – {max(bare):.2f} (products) "
        "| |",
        f"| peak memory beyond the features, MB | {most:.0f} | over {3 * rows * rows * 8 / 1e6:.0f}: three n × n | |",
        f"| the same at n = {rows // 2:,}, MB | {half:.0f} | over {3 * rows * rows * 2 / 1e6:.0f} | |",
        "",
    ]
    if slow:
        lines += [
            "Dense: float64 n × n kernels of the principal part, P by solve, product, matrix 2-norm. Timed: P_s once "
            f"({once:.0f} s) and {dense} candidate at one grid point ({each:.0f} s); the rest is that multiplied, "
            "nothing shared between grid points.",
            "",
        ]
    return "\n".join(lines)


def write_model(path: Path, rows: int, dims: int, noise: float, seed: int) -> None:
    """One long model on disk: one made block over and over, each time at another size; what it says does not matter."""
    falls = np.arange(1, dims + 1) ** -0.5
    mixing = np.linalg.qr(np.random.default_rng(seed).standard_normal((dims, dims)))[0]
    count = min(8192, rows)
    latent = np.random.default_rng(0).standard_normal((count, dims))
    latent += noise * np.random.default_rng(seed).standard_normal((count, dims))
    block = ((latent * falls) @ mixing).astype(np.float32)
    out = np.lib.format.open_memmap(path, "w+", np.float32, (rows, dims))
    for place, start in enumerate(range(0, rows, count)):
        np.multiply(block[: rows - start], np.float32(1.0 + place % 7), out=out[start : start + count])
    out.flush()


class Watch:
    """Highest memory of this process that is not a page of some file, looked at every few milliseconds."""

    def __init__(self) -> None:
        self.most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.005):
            self.most = max(self.most, anonymous())


def anonymous() -> int:
    """Bytes of RssAnon, as Linux counts it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("RssAnon:")).split()[1]) * 1024


def long_pool(rows: int, dims: int) -> str:
    """One candidate over a long memory-mapped pool: time against its products, memory above the input."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{place}.npy" for place in range(2)]
        for place, path in enumerate(paths):
            write_model(path, rows, dims, 0.3 * place, place)
        maps = [np.load(path, mmap_mode="r") for path in paths]
        before = anonymous()
        started = time.monotonic()
        with Watch() as watch:
            seconds, values = timed(ours, maps)
        waited = time.monotonic() - started
        bare = timed(products, [np.empty((rows // 16, dims), np.float32)] * 2)[0] * 16
    return "\n".join(
        [
            "# Representation gap over a long pool on disk",
            "",
            machine(),
            "",
            f"`python -m tests.benchmarks.kernels --long --rows {rows} --dims {dims}`",
            "",
            f"n = {rows:,}, d = {dims}, one candidate; two memory-mapped float32 `.npy` of "
            f"{rows * dims * 4 / 1e9:.1f} GB each; all nine grid points; value {values[0]:.3f}. One run.",
            "",
            "| | |",
            "|---|---|",
            f"| CPU seconds (of the clock, on a busy machine: {waited:.0f}) | {seconds:.0f} |",
            f"| its products alone, timed on a sixteenth of the rows | {bare:.0f}: ratio {seconds / bare:.2f} |",
            f"| peak RssAnon, MB | {watch.most / 1e6:.0f}, of which {before / 1e6:.0f} before the start |",
            f"| one n × n matrix would take, GB | {rows * rows * 8 / 1e9:,.0f} |",
            "",
        ]
    )


def main() -> None:
    """Measure, print the table, and write it where told."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--dims", type=int, default=768)
    parser.add_argument("--candidates", type=int, default=16)
    parser.add_argument("--repetitions", type=int, default=2, help="rounds before and after each dense candidate")
    parser.add_argument("--dense", type=int, default=1, help="candidates that the dense script is timed on")
    parser.add_argument("--long", action="store_true", help="one candidate, memory-mapped from a temporary folder")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    with threadpool_limits(limits=1):
        if given.long:
            table = long_pool(given.rows, given.dims)
        else:
            table = measure(given.rows, given.dims, given.candidates, given.repetitions, given.dense)
    print(table)
    if given.output:
        given.output.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
