"""ModelSpec: one model as the user named it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from predictor.errors import InputError
from predictor.folders import existing_path
from predictor.query.model_reference import LabelsBy, ModelReference, quoted, trimmed
from predictor.query.settings import Pooling
from predictor.statistics.arrays import Floats

_ALIAS = re.compile(r"^(?P<name>[^=/\\:#\s][^=/\\:#]*)=(?P<model>[^=].*)$", re.DOTALL)


@dataclass(frozen=True, eq=False)
class ModelSpec:
    """One model as the user named it.

    Attributes:
        name: in the answer: the alias, or the reference as given.
        reference: `array:…`, `hub:…`, `onnx:…`, `gguf:…`, `features:…`, `labels:…`, `pypi:…` or a local folder.
        layer: a number, `middle`, `last`, several joined by commas, or None for the request's default.
        pooling: None for the request's default.
        values: (n, d), where the features travel with the request; then nothing is loaded.
        about: metadata of the file of the values: `rows_sha256`, `parameters`, `depth`; empty where it has none.
        prefix: text that this model alone gets before each row; None for what its folder declares.
        labels: how the model itself labels the rows: by the `logits` of its classification head, by the label `words`
            that it predicts after them, or None where it does not.
    """

    name: str
    reference: str
    layer: str | None = None
    pooling: Pooling | None = None
    values: Floats | None = None
    about: Mapping[str, str] = field(default_factory=dict)
    labels: LabelsBy | None = None
    prefix: str | None = None

    @cached_property
    def parsed(self) -> ModelReference:
        """The reference, parsed once. Not for inline values, which need none.

        Raises:
            InputError: it is malformed.
        """
        return ModelReference.parse(self.reference)

    @property
    def layered(self) -> bool:
        """Whether a network has to be run. True for a malformed reference, which fails where it is resolved."""
        if self.values is not None:
            return False
        try:
            return self.parsed.layered
        except InputError:
            return True

    @property
    def needs_rows(self) -> bool:
        """Whether texts are needed; a malformed reference counts as above."""
        if self.values is not None:
            return False
        try:
            return self.parsed.needs_rows
        except InputError:
            return True

    @property
    def is_array(self) -> bool:
        """Whether it is an array of features, inline or in a file."""
        return self.values is not None or (not self.needs_rows and self.parsed.kind == "array")

    @property
    def labels_only(self) -> bool:
        """Whether it is a candidate of finished labels, without any features; see `label_only`."""
        return self.reference.startswith("labels:")

    @property
    def as_describer(self) -> ModelSpec:
        """The model read where sentence embeddings are: at its last layer, unless it names another."""
        return replace(self, layer="last") if self.layered and self.layer is None else self

    @property
    def as_given(self) -> str:
        """The model as on the command line, alias and options included."""
        given = (("layer", self.layer), ("pooling", self.pooling), ("labels", self.labels))
        overrides = [f"{key}={value}" for key, value in given if value]
        overrides += [] if self.prefix is None else [f"prefix={quoted(self.prefix)}"]
        mark = "&" if "#" in self.reference else "#"
        reference = self.reference + (mark + "&".join(overrides) if overrides else "")
        return reference if self.name in (self.reference, reference) else f"{self.name}={reference}"


def split_alias(text: str) -> tuple[str | None, str]:
    """`NAME=MODEL` as (NAME, MODEL); (None, text) where there is no alias.

    The `=` of `pypi:PACKAGE==VERSION`, of `#layer=3`, of a path such as `runs/lr=0.1`, and of any text that exists as
    a path is none.
    """
    text = trimmed(text)
    found = _ALIAS.match(text)
    if found is None or existing_path(text) is not None:
        return None, text
    return found["name"].strip(), trimmed(found["model"])


def read_spec(text: str) -> ModelSpec:
    """The model that a text names, alias and options included.

    Without an alias the name is the reference as given; where it asks for several layers, the reference without
    options, since each layer then adds its own `#layer=K`.

    Raises:
        InputError: see `ModelReference.parse`.
    """
    alias, given = split_alias(text)
    reference = ModelReference.parse(given)
    several = reference.layer is not None and "," in reference.layer
    written = given if reference.prefix is None else str(reference)
    name = alias or (reference.body if several else written)
    return ModelSpec(
        name, reference.files, reference.layer, reference.pooling, labels=reference.labels, prefix=reference.prefix
    )
