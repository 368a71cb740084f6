"""Counting: a fake source that remembers which rows it was asked for, and queries for it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from predictor.errors import NotFoundError
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet
from predictor.steps import Progress, Steps

ROWS = 640

ABOUT: dict[str, tuple[int, float]] = {
    "strong": (400, 0.5),
    "near": (100, 0.5),
    "half": (200, 0.75),
    "noise": (50, 0.25),
}
"""Parameters and depth of the models that know them."""

POOL = Pool.of([f"row {i}" for i in range(ROWS)], [str(i) for i in range(ROWS)])


def features() -> dict[str, np.ndarray]:
    """A strong model, one that sees nearly as much, one that sees half, and two that see noise."""
    rng = np.random.default_rng(0)
    strong = rng.normal(size=(ROWS, 8))
    return {
        "strong": strong,
        "near": strong @ rng.normal(size=(8, 8)) + 0.1 * rng.normal(size=(ROWS, 8)),
        "half": np.concatenate([strong[:, :4], rng.normal(size=(ROWS, 4))], axis=1),
        "noise": rng.normal(size=(ROWS, 8)),
        "more noise": rng.normal(size=(ROWS, 8)),
    }


@dataclass
class CountingSource:
    """A fake source: features by row, two layers of "near" where asked; remembers what was asked of whom."""

    found: dict[str, np.ndarray]
    broken: tuple[str, ...] = ()
    asked: dict[str, list[int]] = field(default_factory=dict)
    layers: dict[str, list[str]] = field(default_factory=dict)

    def features(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Steps[tuple[FeatureSet, ...]]:
        yield Progress(spec.name, "extract", len(pool), len(pool))
        if spec.name in self.broken:
            raise NotFoundError(f"model {spec.name!r} does not exist.", reason="MODEL_NOT_FOUND", field="model")
        rows = [int(name) for name in pool.ids]
        self.asked.setdefault(spec.name, []).extend(rows)
        wanted = (spec.layer or "1").split(",")
        self.layers.setdefault(spec.name, []).append(",".join(wanted))
        noisy = np.random.default_rng(3).normal(size=(ROWS, 8))
        return tuple(
            FeatureSet(
                spec.name if len(wanted) == 1 else f"{spec.name}#layer={layer}",
                (noisy if layer == "9" else self.found[spec.name])[rows].astype(np.float32),
                layer,
                f"{spec.name} {layer}",
                *ABOUT.get(spec.name, ()),
            )
            for layer in wanted
        )


def query(*weak: ModelSpec, **settings: object) -> RankingQuery:
    specs = weak or tuple(ModelSpec(name, f"./{name}") for name in features() if name != "strong")
    settings.setdefault("estimators", ("truth",))
    return RankingQuery(ModelSpec("strong", "./strong"), specs, POOL, settings=Settings(**settings))  # type: ignore[arg-type]
