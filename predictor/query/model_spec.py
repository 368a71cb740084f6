"""ModelSpec: one model as the user named it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from predictor.query.settings import Pooling
from predictor.statistics.arrays import Floats

LabelsBy = Literal["logits", "words"]


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
    values: Floats | None = None
    about: Mapping[str, str] = field(default_factory=dict)
    labels: LabelsBy | None = None

    @property
    def as_given(self) -> str:
        """The model as one would type it on the command line, alias and overrides included."""
        given = (("layer", self.layer), ("pooling", self.pooling), ("labels", self.labels))
        overrides = [f"{key}={value}" for key, value in given if value]
        reference = self.reference + ("#" + "&".join(overrides) if overrides and "#" not in self.reference else "")
        return reference if self.name in (self.reference, reference) else f"{self.name}={reference}"
