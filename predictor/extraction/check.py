"""Model check: whether a model can be run, and how. Only its facts are stored."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from predictor.errors import W2SError
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
        artefact = resolve(parsed, cache)
        report = ModelReport(
            reference, parsed.kind, artefact.form.name, weights_sha256=artefact.weights_digest(cache).partition("::")[0]
        )
        if not artefact.form.backend:
            return _check_array(report, artefact.path, artefact.key)
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


def _check_array(report: ModelReport, path: Path, key: str) -> ModelReport:
    from predictor.store.array_files import read_array
    from predictor.store.arrays import check_features

    values = check_features(read_array(f"{path}::{key}" if key else str(path)).values, path.name)
    return ModelReport(**{**asdict(report), "architecture": f"{len(values)} rows", "width": values.shape[1]})
