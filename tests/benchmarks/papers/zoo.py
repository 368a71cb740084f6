"""Zoo: the written rules for two populations of small transformers, of SMILES and of English text.

Xue, Li, Mirzasoleiman 2025 (arXiv:2502.00620) rank 150 small molecular transformers. Those models were not published,
so these are populations of our own by the same idea. Member i is the i-th point of a scrambled Sobol sequence (seed 0)
over width, depth, steps, rows and objective. Every prefix of such a sequence covers all axes evenly, so a zoo that is
only partly trained is a fair, smaller population.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from scipy.stats import qmc

from predictor.folders import cache_dir

Objective = Literal["masked", "causal"]
Kind = Literal["smiles", "text"]

OBJECTIVES: tuple[Objective, ...] = ("masked", "causal")
POINTS = 256
"""Of the sequence, of which a zoo takes the first."""


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


@dataclass(frozen=True)
class Zoo:
    """The rule of one population.

    Attributes:
        count: members, in the order in which they are trained.
        widths, depths, rows: values of these axes, each as often. Few distinct rows with many steps is a model that
            overfits.
        steps: range of the optimiser steps, drawn evenly on the logarithm. The smallest members are hardly trained.
        batch: rows of a step.
        strong: a model of the largest size that was trained for longer, or None.
    """

    kind: Kind
    count: int
    widths: tuple[int, ...]
    depths: tuple[int, ...]
    rows: tuple[int, ...]
    steps: tuple[int, int]
    batch: int
    strong: Member | None = None

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """All members but the strong one."""
        points = qmc.Sobol(d=5, scramble=True, seed=0).random(POINTS)[: self.count]
        return tuple(self._member(place, *point) for place, point in enumerate(points))

    def _member(self, place: int, width: float, depth: float, steps: float, rows: float, objective: float) -> Member:
        low, high = self.steps
        return Member(
            name=f"{self.kind}-{place:03d}",
            width=self.widths[int(width * len(self.widths))],
            depth=self.depths[int(depth * len(self.depths))],
            objective=OBJECTIVES[int(objective * len(OBJECTIVES))],
            steps=round(low * (high / low) ** steps),
            rows=self.rows[int(rows * len(self.rows))],
            seed=place,
        )


SMILES = Zoo(
    "smiles",
    count=160,
    widths=(16, 32, 48, 64, 96, 128, 192, 256),
    depths=(1, 2, 3, 4, 5, 6),
    rows=(500, 2_000, 8_000, 32_000),
    steps=(40, 1_000),
    batch=8,
    strong=Member("strong", 256, 6, "masked", 3_000, 150_000, 10_000),
)
TEXT = Zoo(
    "text",
    count=56,
    widths=(16, 24, 32, 48, 64, 96, 128, 192),
    depths=(1, 2, 3),
    rows=(500, 2_000, 8_000, 32_000),
    steps=(40, 1_200),
    batch=8,
)
