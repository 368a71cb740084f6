"""Zoo: the written rule for a population of small SMILES transformers.

Xue, Li, Mirzasoleiman 2025 (arXiv:2502.00620) rank 150 small molecular transformers. Those models were not published,
so this is a population of our own by the same idea. Member i is the i-th point of a scrambled Sobol sequence (seed 0)
over width, depth, steps, rows and objective. Every prefix of such a sequence covers all axes evenly, so a zoo that is
only partly trained is a fair, smaller population.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from scipy.stats import qmc

from predictor.folders import cache_dir

Objective = Literal["masked", "causal"]

COUNT = 160
WIDTHS = (16, 32, 48, 64, 96, 128, 192, 256)
DEPTHS = (1, 2, 3, 4, 5, 6)
ROWS = (500, 2_000, 8_000, 32_000)
"""Distinct SMILES a member sees; few of them with many steps is a model that overfits."""

OBJECTIVES: tuple[Objective, ...] = ("masked", "causal")
STEPS = (40, 1_000)
"""Range of the optimiser steps, drawn evenly on the logarithm. The smallest members are hardly trained."""


@dataclass(frozen=True)
class Member:
    """One model to be trained; `seed` draws its weights, its rows and its batches."""

    name: str
    width: int
    depth: int
    objective: Objective
    steps: int
    rows: int
    seed: int

    @property
    def heads(self) -> int:
        """Attention heads, of width 16 or 32."""
        return max(1, self.width // 32)

    @property
    def folder(self) -> Path:
        """Where its files are once it is trained."""
        return cache_dir() / "benchmarks" / "zoo" / self.name


STRONG = Member("strong", 256, 6, "masked", 3_000, 150_000, 10_000)
"""The student: the largest size, trained for three times as many steps as any member."""


@cache
def members() -> tuple[Member, ...]:
    """All members, in the order in which they are trained."""
    points = qmc.Sobol(d=5, scramble=True, seed=0).random(256)[:COUNT]
    return tuple(_member(place, *point) for place, point in enumerate(points))


def _member(place: int, width: float, depth: float, steps: float, rows: float, objective: float) -> Member:
    return Member(
        name=f"smiles-{place:03d}",
        width=WIDTHS[int(width * len(WIDTHS))],
        depth=DEPTHS[int(depth * len(DEPTHS))],
        objective=OBJECTIVES[int(objective * len(OBJECTIVES))],
        steps=round(STEPS[0] * (STEPS[1] / STEPS[0]) ** steps),
        rows=ROWS[int(rows * len(ROWS))],
        seed=place,
    )
