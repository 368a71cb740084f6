"""Layered: a fake source of several layers a model, and queries for it."""

from __future__ import annotations

from predictor.errors import CancelledError
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.source import FeatureSet


class FakeLayers:
    """Fake source: one feature set per layer named in the spec, cut from its own values."""

    def features(self, spec, pool, settings):
        yield from ()
        if spec.reference == "stop":
            raise CancelledError("stopped by the caller.", reason="CANCELLED")
        layers = (spec.layer or "1").split(",")
        return tuple(
            FeatureSet(
                f"{spec.name}#layer={layer}" if len(layers) > 1 else spec.name,
                spec.values[:, int(layer) :],
                layer,
                f"{spec.name}{layer}",
                parameters=7,
                depth=int(layer) / 12,
                truncated_rows=int(layer),
            )
            for layer in layers
        )


def query_of(models, **changes) -> RankingQuery:
    strong, weak = models
    given = {
        "strong": ModelSpec("s", "array:", values=strong),
        "weak": tuple(ModelSpec(name, "array:", values=features) for name, features in weak.items()),
        "pool": Pool.numbered(len(strong)),
    }
    return RankingQuery(**(given | changes))
