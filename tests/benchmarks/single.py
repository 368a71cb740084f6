"""What float32 products would save in the kernel stage, and what they would do to its values.

python -m tests.benchmarks.single --rows 10000
"""

from __future__ import annotations

import argparse
import statistics
from itertools import product

import numpy as np
from threadpoolctl import threadpool_limits

from predictor.estimators.xue2025 import ENERGIES, RIDGES
from predictor.spectral.alignment import Alignment, Point
from predictor.spectral.kernels import StreamedKernel
from predictor.spectral.moments import CHUNK_ROWS, CrossMoments, Moments, paired
from tests.benchmarks.kernels import embeddings, machine, timed

POINTS = [Point(energy, ridge) for energy, ridge in product(ENERGIES, RIDGES)]
HEADLINE = POINTS.index(Point(0.95, 1e-2))
BLOCKS = (64, 256, CHUNK_ROWS)
"""Rows multiplied in float32 before the product is added to float64 sums."""

PRODUCED = 16
"""Products of 2,048 rows in one timed round."""


def single(strong: np.ndarray, weak: np.ndarray, block: int) -> tuple[Moments, CrossMoments, Moments]:
    """Moments of both models by float32 products of centred rows, added in float64."""
    means = [one.mean(axis=0, dtype=np.float64) for one in (strong, weak)]
    s, w = ((one - mean).astype(np.float32) for one, mean in zip((strong, weak), means, strict=True))
    of_s, of_w, cross = np.zeros((s.shape[1],) * 2), np.zeros((w.shape[1],) * 2), np.zeros((s.shape[1], w.shape[1]))
    for start in range(0, len(s), block):
        one, other = s[start : start + block], w[start : start + block]
        of_s += one.T @ one
        of_w += other.T @ other
        cross += one.T @ other
    rows = len(s)
    return Moments(rows, means[0], of_s), CrossMoments(rows, *means, cross), Moments(rows, means[1], of_w)


def gaps(strong: np.ndarray, weak: np.ndarray, of_s: Moments, cross: CrossMoments, of_w: Moments) -> np.ndarray:
    """The operator norm at every grid point."""
    pair = Alignment.of(StreamedKernel.of(strong, of_s), StreamedKernel.of(weak, of_w), cross)
    return pair.operator_gaps(POINTS)


def cost(dims: int, dtype: type, block: int) -> float:
    """Seconds of a round of products in blocks, added in float64; the median of seven."""
    rows = np.random.default_rng(0).standard_normal((CHUNK_ROWS, dims)).astype(dtype)
    other, total = rows.copy(), np.zeros((dims, dims))

    def run() -> None:
        for _ in range(PRODUCED):
            for start in range(0, CHUNK_ROWS, block):
                np.add(total, rows[start : start + block].T @ other[start : start + block], out=total)

    return statistics.median(timed(run)[0] for _ in range(7))


def measure(rows: int, dims: int) -> str:
    """A Markdown table: one line per block length."""
    strong, *others = embeddings(rows, dims, 2, np.random.default_rng(0))
    own = Moments.of(strong)
    exact = [gaps(strong, weak, own, *paired(strong, weak)) for weak in others]
    order = np.random.default_rng(1).permutation(rows)
    again = [gaps(strong[order], w[order], Moments.of(strong[order]), *paired(strong[order], w[order])) for w in others]
    lines = [
        f"n = {rows:,}, d = {dims} · {machine()}",
        "",
        "| products | their time, × float64 | off at the headline point | off at the worst of 9 points |",
        "|---|---:|---:|---:|",
        f"| float64, rows in another order | 1 | {_off(again, exact)[0]:.0e} | {_off(again, exact)[1]:.0e} |",
    ]
    whole = cost(dims, np.float64, CHUNK_ROWS)
    for block in BLOCKS:
        found = [gaps(strong, weak, *single(strong, weak, block)) for weak in others]
        headline, worst = _off(found, exact)
        share = cost(dims, np.float32, block) / whole
        lines.append(f"| float32 by {block:,} rows | {share:.2f} | {headline:.0e} | {worst:.0e} |")
    return "\n".join(lines)


def _off(found: list[np.ndarray], exact: list[np.ndarray]) -> tuple[float, float]:
    apart = np.abs(np.array(found) - np.array(exact))
    return float(apart[:, HEADLINE].max()), float(apart.max())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.single", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--dims", type=int, default=768)
    given = parser.parse_args()
    with threadpool_limits(limits=1):
        print(measure(given.rows, given.dims))


if __name__ == "__main__":
    main()
