"""Source: where features and a model's own labels come from, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.statistics.arrays import Floats, Ints
from predictor.steps import Steps


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Pooled hidden states of one model at one layer over the whole pool.

    Attributes:
        name: candidate name; `ALIAS#layer=3` where one model gives several layers.
        values: (n, d) float32, finite, row i belonging to pool row i.
        layer: the layer as resolved (`6`), `given` for arrays, or `labels` for labels alone.
        fingerprint: SHA-256 hex over weights, tokenizer, layer, pooling, precision and length limit.
        parameters: number of weights of the model, or None where unknown.
        depth: share of the model's blocks below the layer, 0 (embeddings) to 1 (last), or None where unknown.
        truncated_rows: rows cut at the length limit.
        length_limit: tokens at which they were cut: what was asked for, or less where the model takes less.
        cached: True where no forward pass was needed.
        seconds: wall time spent to obtain it.
        diagnostics: further facts for the answer, such as `bf16_drift`.
    """

    name: str
    values: Floats
    layer: str
    fingerprint: str
    parameters: int | None = None
    depth: float | None = None
    truncated_rows: int = 0
    length_limit: int | None = None
    cached: bool = False
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    diagnostics: Mapping[str, float] = field(default_factory=dict)

    @property
    def labels_only(self) -> bool:
        """Whether the values are a candidate's labels, as it has no features."""
        return self.layer == "labels"

    @property
    def dim(self) -> int:
        """Feature dimensions."""
        return int(self.values.shape[1])

    @property
    def facts(self) -> dict[str, float]:
        """`diagnostics`, and the depth where it is known."""
        return {**({} if self.depth is None else {"depth": self.depth}), **self.diagnostics}


@dataclass(frozen=True, eq=False)
class Predicted:
    """Labels that a model itself gives to every row.

    Attributes:
        values: (n, k) class probabilities, (n, 1) the probability of the second of two classes or a number.
        classes: names of the columns where the model has any of its own, else None.
        warnings: for the reader of the answer.
    """

    values: Floats
    classes: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()


class FeatureSource(Protocol):
    """Where features come from: the extraction engine, a store, or arrays."""

    def features(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Steps[tuple[FeatureSet, ...]]:
        """Yield progress, return one feature set per requested layer; raise W2SError where this model fails."""
        ...


@runtime_checkable
class LabelSource(Protocol):
    """A source that also lets models label rows."""

    def labels(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Steps[Predicted]:
        """Yield progress, return what `spec.labels` asks for; raise W2SError where this model fails."""
        ...

    def refined(
        self, spec: ModelSpec, pool: Pool, settings: Settings, weak_labels: Floats, contexts: Sequence[Ints]
    ) -> Steps[tuple[Floats, ...]]:
        """Relabel rows by a prompted model, each given others with their weak labels in context.

        Args:
            pool: the rows, n of them.
            weak_labels: (n, k), read as classes.
            contexts: each (n, b) row numbers, none of them i in row i.

        Returns:
            (n, k) refined labels for each of the contexts.
        """
        ...


@runtime_checkable
class Forewarned(FeatureSource, Protocol):
    """A source that works better when it knows what will be asked next."""

    def announce(self, specs: Sequence[ModelSpec], pool: Pool) -> None:
        """These models will be asked for over this pool, in this order; nothing happens yet."""
        ...
