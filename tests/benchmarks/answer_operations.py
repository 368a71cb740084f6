"""Operations of an answer: counts that no busy neighbour can change, for `guard`."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np

import predictor
from tests.benchmarks.answer import arrays, evidence

FACTORISATIONS = ("eigh", "eigvalsh", "cholesky", "inv", "solve", "svd", "qr")


def factorised(kind: str) -> Callable[[], float]:
    """Millions of n³ of the matrices that an answer over six candidates and 240 rows factors, given this evidence."""

    def measure() -> float:
        strong, weak, classes = arrays(6, 240)
        with counted() as sizes:
            predictor.predict(strong=strong, weak=weak, seed=0, **evidence(kind, weak, classes))
        return sum(sizes) / 1e6

    return measure


@contextmanager
def counted() -> Iterator[list[float]]:
    """n³ of every matrix that numpy factors meanwhile, n the shorter side."""
    sizes: list[float] = []

    def counting(factor: Callable[..., Any]) -> Callable[..., Any]:
        def noted(matrix: np.ndarray, *others: Any, **options: Any) -> Any:
            sizes.append(float(np.prod(matrix.shape[:-2])) * float(min(matrix.shape[-2:])) ** 3)
            return factor(matrix, *others, **options)

        return noted

    with patch.multiple(np.linalg, **{name: counting(getattr(np.linalg, name)) for name in FACTORISATIONS}):
        yield sizes


def calls() -> float:
    """Thousands of function calls of an answer over two candidates and 64 rows of 8 dimensions, after a first one."""
    rng = np.random.default_rng(0)
    strong = rng.standard_normal((64, 8)).astype(np.float32)
    weak = {
        name: (strong @ rng.standard_normal((8, 8)) + rng.standard_normal((64, 8))).astype(np.float32) for name in "ab"
    }
    predictor.predict(strong=strong, weak=weak, seed=0)
    profile = cProfile.Profile()
    with profile:
        predictor.predict(strong=strong, weak=weak, seed=0)
    return float(getattr(pstats.Stats(profile), "total_calls")) / 1e3  # noqa: B009  (typeshed does not know it)
