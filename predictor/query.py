"""What is asked: the models, the rows, the evidence at hand and how to judge."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from predictor.calibration.calibration import Calibration
from predictor.errors import InputError
from predictor.intake.drawn import Drawn
from predictor.labels import Labels
from predictor.pools import Pool
from predictor.settings import Pooling, Settings
from predictor.wording import check_classes

LabelsBy = Literal["logits", "words"]
Array = NDArray[np.floating]
Ints = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class ModelSpec:
    """One model as the user named it.

    Attributes:
        name: what the answer calls it: the alias, or the reference as typed.
        reference: `array:…`, `hub:…`, `onnx:…`, `gguf:…`, `features:…`, `pypi:…` or a local folder.
        layer: a number, `middle`, `last`, several joined by commas, or None for the request's default.
        pooling: None for the request's default.
        values: (n, d), where the features travel with the request; then nothing is loaded.
        about: what the file of the values said of them: `rows_sha256`, `parameters`, `depth`; empty where it said
            nothing.
        labels: how the model itself labels the rows: by the `logits` of its classification head, by the label `words`
            that it puts behind them, or None where it does not.
    """

    name: str
    reference: str
    layer: str | None = None
    pooling: Pooling | None = None
    values: Array | None = None
    about: Mapping[str, str] = field(default_factory=dict)
    labels: LabelsBy | None = None

    @property
    def spelled(self) -> str:
        """The model as one would type it on the command line, alias and overrides included."""
        given = (("layer", self.layer), ("pooling", self.pooling), ("labels", self.labels))
        overrides = [f"{key}={value}" for key, value in given if value]
        reference = self.reference + ("#" + "&".join(overrides) if overrides and "#" not in self.reference else "")
        return reference if self.name in (self.reference, reference) else f"{self.name}={reference}"


@dataclass(frozen=True, eq=False)
class RankingQuery:
    """Everything one ranking needs, validated on construction.

    Attributes:
        strong: the student.
        weak: candidate supervisors, at least one, names distinct.
        pool: the rows that the chosen supervisor will label.
        labels: gold labels of some rows (the weak heads' training rows D~), or None.
        weak_labels: candidate name -> (n,) or (n, classes) predictions on the pool.
        calibration: the one that the settings name, once a store was asked for it.
        drawn: how to cut feature sets that lie elsewhere to the pool's rows; None where nothing is left to cut.
    """

    strong: ModelSpec
    weak: tuple[ModelSpec, ...]
    pool: Pool
    labels: Labels | None = None
    weak_labels: Mapping[str, Array] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    calibration: Calibration | None = None
    drawn: Drawn | None = None

    def __post_init__(self) -> None:
        if not self.weak:
            raise InputError("no weak candidate given; name at least one with --weak.", reason="NO_CANDIDATE")
        names = [spec.name for spec in self.weak]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputError(
                f"candidate {twice!r} is named twice; give each its own alias, as in --weak NAME={twice}.",
                reason="DUPLICATE_CANDIDATE",
                field="weak",
            )
        if self.labels is not None and len(self.labels.targets) != len(self.pool):
            raise InputError(
                f"labels cover {len(self.labels.targets)} rows, the pool has {len(self.pool)}; they must agree.",
                reason="ROWS_DIFFER",
                field="labels",
            )
        for name, values in self.weak_labels.items():
            if name not in names:
                raise InputError(
                    f"weak labels are given for {name!r}, which is no candidate; the candidates are "
                    f"{', '.join(names)}.",
                    reason="UNKNOWN_CANDIDATE",
                    field="weak_labels",
                )
            if len(values) != len(self.pool):
                raise InputError(
                    f"weak labels of {name!r} cover {len(values)} rows, the pool has {len(self.pool)}; give one "
                    "per row.",
                    reason="ROWS_DIFFER",
                    field="weak_labels",
                )
        self._check_asked_labels()
        training = self.settings.training
        numbers = self.labels is not None and self.labels.kind == "regression"
        if numbers and (training.heads == "logistic" or training.label_form == "hard"):
            raise InputError(
                f"the labels are numbers to regress on, and {training.heads} heads on {training.label_form} labels "
                "need classes; leave them out for ridge heads on soft ones.",
                reason="BAD_SETTING",
                field="heads",
            )

    @property
    def knows_weak_labels(self) -> bool:
        """Whether any candidate's own labels are given or asked of its model."""
        return bool(self.weak_labels) or any(spec.labels is not None for spec in self.weak)

    def _check_asked_labels(self) -> None:
        wording = self.settings.wording
        if self.strong.labels is not None:
            raise InputError(
                f"the strong model has #labels={self.strong.labels}; only weak candidates label rows, so leave it out.",
                reason="BAD_LABELS",
                field="strong",
            )
        twice = next((spec for spec in self.weak if spec.labels and spec.name in self.weak_labels), None)
        if twice is not None:
            raise InputError(
                f"candidate {twice.name!r} has #labels={twice.labels} and --weak-labels too; give one of them.",
                reason="WEAK_LABELS_TWICE",
                field="weak_labels",
            )
        prompted = self.settings.refine == "prompted"
        asks = next((spec for spec in self.weak if spec.labels == "words"), None)
        if wording is None and (asks is not None or prompted):
            raise InputError(
                f"{'--refine prompted' if asks is None else f'#labels=words of {asks.name!r}'} needs to know the words "
                "for the classes; give --label-words negative,positive (one per class, in the classes' order).",
                reason="NO_LABEL_WORDS",
                field="label_words",
            )
        if wording is not None and self.labels is not None:
            check_classes(wording, self.labels.classes)
        if prompted and not self.pool.texts:
            raise InputError(
                "--refine prompted reads the rows' texts, and none were given; name the rows with --pool.",
                reason="POOL_MISSING",
                field="pool",
            )


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Pooled hidden states of one model at one layer over the whole pool.

    Attributes:
        name: candidate name; `ALIAS#layer=3` where one model gives several layers.
        values: (n, d) float32, finite, row i belonging to pool row i.
        layer: the layer as resolved (`6`), or `given` for arrays.
        fingerprint: SHA-256 hex over weights, tokenizer, layer, pooling, precision and length limit.
        parameters: number of weights of the model, or None where unknown.
        depth: share of the model's blocks below the layer, 0 (embeddings) to 1 (last), or None where unknown.
        truncated_rows: rows cut at the length limit.
        cached: True where no forward pass was needed.
        seconds: wall time spent to obtain it.
        diagnostics: further facts for the answer, such as `bf16_drift`.
    """

    name: str
    values: Array
    layer: str
    fingerprint: str
    parameters: int | None = None
    depth: float | None = None
    truncated_rows: int = 0
    cached: bool = False
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    diagnostics: Mapping[str, float] = field(default_factory=dict)

    @property
    def dim(self) -> int:
        """Feature dimensions."""
        return int(self.values.shape[1])

    @property
    def told(self) -> dict[str, float]:
        """`diagnostics`, and the depth where it is known."""
        return {**({} if self.depth is None else {"depth": self.depth}), **self.diagnostics}


@dataclass(frozen=True)
class Progress:
    """One step of a running job, for bars and streams.

    Attributes:
        candidate: name of the model at work, or "" where the step concerns all.
        phase: `load`, `extract`, `label`, `estimate`, `done` or `failed`.
        done, total: work units of this phase, in rows for `extract`.
    """

    candidate: str
    phase: str
    done: int
    total: int


@dataclass(frozen=True, eq=False)
class Predicted:
    """What a model says of every row, as numbers.

    Attributes:
        values: (n, k) class probabilities, (n, 1) the probability of the second of two classes or a number.
        classes: names of the columns where the model has any of its own, else None.
        warnings: what the reader should know.
    """

    values: Array
    classes: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()


class FeatureSource(Protocol):
    """Where features come from: the extraction engine, a store, or arrays."""

    def features(
        self, spec: ModelSpec, pool: Pool, settings: Settings
    ) -> Generator[Progress, None, tuple[FeatureSet, ...]]:
        """Yield progress, return one feature set per requested layer; raise W2SError for a model's own fault."""
        ...


@runtime_checkable
class LabelSource(Protocol):
    """A source that also lets models label rows."""

    def labels(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Generator[Progress, None, Predicted]:
        """Yield progress, return what `spec.labels` asks for; raise W2SError for the model's own fault."""
        ...

    def refined(
        self, spec: ModelSpec, pool: Pool, settings: Settings, weak_labels: Array, contexts: Sequence[Ints]
    ) -> Generator[Progress, None, tuple[Array, ...]]:
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
