"""Identity: the keys of a model's features, and the facts that were found about it before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from predictor.extraction.model_facts import ModelFacts, facts_path, read_facts, write_facts
from predictor.models.artefact import Artefact
from predictor.query.row_form import RowForm
from predictor.query.settings import Pooling
from predictor.store.keys import FeatureKey


@dataclass(frozen=True)
class Identity:
    """One model's files by digest. Made without loading the model.

    Attributes:
        artefact: the files.
        weights, tokenizer: digests of the files.
        backend: name of the runtime that runs them.
        cache: folder that model facts are stored in.
    """

    artefact: Artefact
    weights: str
    tokenizer: str
    backend: str
    cache: Path

    @classmethod
    def of(cls, artefact: Artefact, cache: Path) -> Identity:
        """Read the files where no digest of them is known yet."""
        return cls(
            artefact,
            artefact.weights_digest(cache),
            artefact.tokenizer_digest(cache),
            artefact.form.engine,
            cache,
        )

    def facts(self, precision: str) -> ModelFacts | None:
        """The facts of this model in this precision, or None where none are stored."""
        return read_facts(self._facts_path(precision))

    def save_facts(self, precision: str, facts: ModelFacts) -> None:
        """Store the facts for next time."""
        write_facts(self._facts_path(precision), facts)

    def key(self, precision: str, layer: int, pooling: Pooling, form: RowForm) -> FeatureKey:
        """The key of one layer's features."""
        template = "" if form.prefix is None else f"prefix {form.prefix}"
        return FeatureKey(
            self.weights,
            self.tokenizer,
            precision,
            self.backend,
            layer,
            pooling,
            template,
            form.max_length,
            form.truncate,
        )

    def _facts_path(self, precision: str) -> Path:
        return facts_path(self.cache, self.weights, self.tokenizer, self.backend, precision)
