"""Workload: pieces of work whose cost is counted, run as `python -m tests.benchmarks.workload KIND n d m R`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from predictor.api import predict
from predictor.estimators.problem import Case, Representation
from predictor.estimators.xue2025 import RepresentationGap
from predictor.ranking import ordering


def models(rows: int, dims: int, candidates: int) -> list[np.ndarray]:
    """A strong model and its candidates, float32, with slowly falling spectra."""
    rng = np.random.default_rng(0)
    falls = np.arange(1, dims + 1) ** -0.5
    latent = rng.standard_normal((rows, dims)) * falls
    return [
        (latent + 0.3 * place * falls * rng.standard_normal((rows, dims))).astype(np.float32)
        for place in range(candidates + 1)
    ]


def kernels(features: list[np.ndarray], resamples: int) -> None:
    """The representation gap of every candidate, all grid points, from raw features."""
    strong, *weak = (Representation(str(place), one) for place, one in enumerate(features))
    for one in weak:
        RepresentationGap("operator").estimate(Case(strong, (one,)))


def ranking(features: list[np.ndarray], resamples: int) -> None:
    """The whole answer, with its resamples and shuffles."""
    strong, *weak = features
    ordering.RESAMPLES = ordering.SHUFFLES = resamples
    predict(
        strong=strong,
        weak={f"w{place}": one for place, one in enumerate(weak)},
        estimators=("representation_gap", "cka", "effective_dimension"),
    )


def nothing(features: list[np.ndarray], resamples: int) -> None:
    """The features alone: what the other kinds spend before they begin."""


KINDS = {"kernels": kernels, "ranking": ranking, "making": nothing}


def main(words: Sequence[str]) -> None:
    """Make the features and run one kind of work, or do nothing at all."""
    if words[0] != "nothing":
        rows, dims, candidates, resamples = (int(word) for word in words[1:])
        KINDS[words[0]](models(rows, dims, candidates), resamples)


if __name__ == "__main__":
    main(sys.argv[1:])
