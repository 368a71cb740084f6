"""Model facts: found once on loading and stored, so that a cached run need not load the model."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from predictor.errors import LimitError, UnavailableError
from predictor.extraction.batching import Batching
from predictor.folders import replace_file


@dataclass(frozen=True)
class ModelFacts:
    """Facts about a model's weights under one engine and precision.

    Attributes:
        layers: number of blocks L; layer numbers run from 0 to L.
        parameters: weights that a forward pass uses.
        batching: how rows may be combined, as found by the self-check.
        drift: per layer, what bf16 does to the features (`predictor.extraction.precision.drift_of`); empty in fp32.
    """

    architecture: str
    layers: int
    width: int
    parameters: int
    tokenizer: str
    batching: Batching
    drift: tuple[float, ...] = ()

    def depth(self, layer: int) -> float:
        """Share of the blocks below a layer: 0 for embeddings, also where there are no blocks, 1 for the last."""
        return layer / self.layers if self.layers else 0.0


def facts_path(cache: Path, weights: str, tokenizer: str, backend: str, precision: str) -> Path:
    """The file with the facts of these weights, this tokenizer, engine and precision."""
    key = hashlib.sha256("\n".join((weights, tokenizer, backend, precision)).encode()).hexdigest()
    return cache / "model_facts" / f"{key}.json"


def read_facts(path: Path) -> ModelFacts | None:
    """The facts, or None where there is none that can be read."""
    try:
        raw = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(raw, dict) or set(raw) != {one.name for one in fields(ModelFacts)}:
        return None
    return ModelFacts(**{**raw, "drift": tuple(raw["drift"])})


def write_facts(path: Path, facts: ModelFacts) -> None:
    """Store the facts; where the disk is full or read-only, they are found again next time."""
    try:
        replace_file(path, [json.dumps(asdict(facts)).encode()])
    except (LimitError, UnavailableError):
        return
