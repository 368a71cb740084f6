"""Time and memory of the representation gap against the dense n × n script that the formula suggests.

Run as `python -m tests.benchmarks.kernels -o tests/benchmarks/kernels.md`. Minutes: the dense script is slow.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from predictor.estimators.case import Case, Representation
from predictor.estimators.xue2025 import RepresentationGap

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
    """Headlines of all candidates from their raw features: factoring, overlaps and all nine grid points included."""
    strong, *weak = (Representation(str(i), features) for i, features in enumerate(models))
    found = RepresentationGap("operator").estimate(Case(strong, tuple(weak)))
    return [float(e.value) for e in found if e.value is not None]


def peak(models: list[np.ndarray]) -> int:
    """Most bytes allocated at once by our stage beyond the features themselves."""
    tracemalloc.start()
    ours(models)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def measure(rows: int, dims: int, candidates: int, repetitions: int, dense_candidates: int) -> str:
    """Interleaved rounds as a Markdown report.

    Raises:
        ValueError: the two sides differ by more than 1e-10.
    """
    models = embeddings(rows, dims, candidates, np.random.default_rng(0))
    fast: list[float] = []
    slow: list[float] = []
    values: list[float] = []
    worst = 0.0
    started = time.perf_counter()
    smoother = dense_smoother(models[0])
    once = time.perf_counter() - started
    for place in range(dense_candidates):
        for _ in range(repetitions):
            started = time.perf_counter()
            values = ours(models)
            fast.append(time.perf_counter() - started)
        started = time.perf_counter()
        expected = dense_gap(smoother, models[1 + place])
        slow.append(time.perf_counter() - started)
        worst = max(worst, abs(expected - values[place]))
        print(f"dense {slow[-1]:.1f} s, ours {fast[-1]:.3f} s for all, apart {worst:.1e}", file=sys.stderr)
    if worst > 1e-10:
        raise ValueError(f"the two sides differ by {worst:.2e}; at most 1e-10 is allowed.")
    here, there = statistics.median(fast), statistics.median(slow)
    whole = once + candidates * there
    most, half = (peak([features[:count] for features in models]) / 1e6 for count in (rows, rows // 2))
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"""# Representation gap: ours against dense n × n

{datetime.now(UTC):%Y-%m-%d} · {os.cpu_count()} shared cores ({platform.machine()}), one BLAS thread · \
Python {platform.python_version()}, numpy {np.__version__}, {blas["name"]} {blas["version"]}

n = {rows}, d = {dims}, {candidates} candidates; correlated synthetic features with power-law spectra, float32; \
headline values {min(values):.3f} – {max(values):.3f}. \
Dense: float64 n × n kernels of the principal part, P by solve, product, matrix 2-norm; one grid point; P_s made once. \
Ours: everything from raw features, all nine grid points. \
Interleaved in one run: ours {len(fast)} times for all candidates, dense once each for {dense_candidates} of them, \
the rest taken as their median. Ratios travel, absolute seconds do not.

| | ours | dense | ratio |
|---|---|---|---|
| median seconds, {candidates} candidates | {here:.2f} | {whole:.0f} ({there:.1f} each) | {whole / here:.0f} |
| range, seconds | {min(fast):.2f} – {max(fast):.2f} (all) | {min(slow):.1f} – {max(slow):.1f} (each) | |
| grid points | 9 | 1 | |
| largest difference of a value | {worst:.1e} | | |
| peak memory beyond the features, MB | {most:.0f} | over {3 * rows * rows * 8 / 1e6:.0f}: three n × n | |
| the same at n = {rows // 2}, MB | {half:.0f} | over {3 * rows * rows * 2 / 1e6:.0f} | |
"""


def main() -> None:
    """Measure, print the table, and write it where told."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--dims", type=int, default=384)
    parser.add_argument("--candidates", type=int, default=8)
    parser.add_argument("--repetitions", type=int, default=3, help="of ours, before each dense candidate")
    parser.add_argument("--dense-candidates", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    with threadpool_limits(limits=1):
        table = measure(given.rows, given.dims, given.candidates, given.repetitions, given.dense_candidates)
    print(table)
    if given.output:
        given.output.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
