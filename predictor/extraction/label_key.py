"""LabelKey: what a model's stored labels depend on, apart from the rows."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from predictor.extraction.precision import preferred_precision
from predictor.models.artefact import Artefact
from predictor.query.prompt import LabelPrompt
from predictor.query.row_form import RowForm
from predictor.query.settings import Settings


@dataclass(frozen=True)
class LabelKey:
    """Everything that a model's labels of rows depend on, apart from the rows.

    Attributes:
        weights, tokenizer, precision, backend: as of `FeatureKey`.
        kind: `logits`, `words` or `refined`.
        words, template: label words and prompt; () and "" for logits.
        form: how the model gets the rows.
        context: digest of the rows in context and their labels, "" for none.
        version: of how labels are computed; another version makes other entries.
    """

    weights: str
    tokenizer: str
    precision: str
    backend: str
    kind: str
    words: tuple[str, ...]
    template: str
    form: RowForm
    context: str = ""
    version: int = 1

    def entry(self, rows_sha256: str) -> str:
        """SHA-256 hex under which the labels of these rows are stored."""
        facts = json.dumps(asdict(self) | {"rows": rows_sha256}, sort_keys=True)
        return hashlib.sha256(f"labels\n{facts}".encode()).hexdigest()

    @classmethod
    def of(
        cls,
        artefact: Artefact,
        cache: Path,
        kind: str,
        settings: Settings,
        form: RowForm,
        device: str,
        label_prompt: LabelPrompt | None = None,
    ) -> LabelKey:
        """The key of a model's labels of one kind, without any context. Made without loading the model."""
        return cls(
            artefact.weights_digest(cache),
            artefact.tokenizer_digest(cache),
            artefact.form.precision(label_precision(settings, device)),
            artefact.form.engine,
            kind,
            () if label_prompt is None else label_prompt.words,
            "" if label_prompt is None else label_prompt.template,
            form,
        )


def label_precision(settings: Settings, device: str) -> str:
    """fp32 unless bf16 is asked for: labels are used as they are, and no later step averages their rounding."""
    return preferred_precision("bf16", device) if settings.precision == "bf16" else "fp32"
