"""Model check: whether a model can be run, and how. Only its facts are stored."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from predictor.errors import W2SError
from predictor.folders import existing_path
from predictor.models.resolve import resolve
from predictor.query.model_reference import ModelReference


@dataclass(frozen=True)
class ModelReport:
    """What a model is, or why it cannot be used.

    Attributes:
        reference: as given.
        kind: how it was named: `folder`, `hub`, `pypi` …
        form: name of its form (`predictor.models.forms.FORMS`); None where it was not found.
        layers: number of blocks; layer 0 is the embeddings' output.
        width: features per row.
        parameters: weights that a forward pass uses.
        tokenizer: its class.
        padding: result of the self-check: `padded` (any rows may share a batch), `equal_lengths`, or `single`.
        weights_sha256: digest over the weight files.
        notes: sentences on how the files are read.
        problems: sentences; empty where the model can be used.
    """

    reference: str
    kind: str
    form: str | None = None
    architecture: str | None = None
    layers: int | None = None
    width: int | None = None
    parameters: int | None = None
    tokenizer: str | None = None
    padding: str | None = None
    weights_sha256: str | None = None
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """True where a ranking can use the model."""
        return not self.problems

    def to_json(self) -> str:
        """The report as one JSON object."""
        return json.dumps(asdict(self), indent=1)


def check(reference: str, cache: Path | None = None) -> ModelReport:
    """Fetch and load a model, run its self-check, and report.

    Args:
        reference: as for a ranking; `array:` files are opened and checked too.
        cache: cache folder; `predictor.folders.cache_dir()` where None.

    Raises:
        InputError: the reference itself cannot be read. Every error of the model is a problem in the report.
    """
    parsed = ModelReference.parse(reference)
    report = ModelReport(reference, parsed.kind)
    try:
        folder = existing_path(parsed.locator) if parsed.kind == "array" and parsed.tokenizer is None else None
        if folder is not None and folder.is_dir():
            return _check_array(replace(report, form="array"), parsed)
        artefact = resolve(parsed, cache)
        report = ModelReport(
            reference, parsed.kind, artefact.form.name, weights_sha256=artefact.weights_digest(cache).partition("::")[0]
        )
        if not artefact.form.backend:
            where = f"{artefact.path}::{artefact.key}" if artefact.key else str(artefact.path)
            return _check_array(report, replace(parsed, locator=where))
        from predictor.extraction.backend import Runtime
        from predictor.extraction.loaded import load_model
        from predictor.statistics.threads import usable_threads

        model = load_model(artefact, Runtime("fp32", "auto", usable_threads()))
        facts = model.facts
    except W2SError as error:
        return ModelReport(**{**asdict(report), "problems": (error.message,)})
    return ModelReport(
        **{
            **asdict(report),
            "architecture": facts.architecture,
            "layers": facts.layers,
            "width": facts.width,
            "parameters": facts.parameters,
            "tokenizer": facts.tokenizer,
            "padding": facts.batching,
            "notes": model.notes,
        }
    )


def _check_array(report: ModelReport, reference: ModelReference) -> ModelReport:
    from predictor.store.array_files import read_array
    from predictor.store.array_layers import array_layers
    from predictor.store.arrays import check_features

    values = read_array(reference.locator, reference.pooling or "mean").values
    name = Path(reference.path).name
    layers = int(values.shape[1]) if values.ndim == 3 else None
    asked = reference.layer or ("0" if layers else None)  # any one of them shows what the others are
    checked = [check_features(layer.values, layer.name) for layer in array_layers(values, asked, name)]
    return replace(report, architecture=f"{len(values)} rows", layers=layers, width=checked[0].shape[1])
