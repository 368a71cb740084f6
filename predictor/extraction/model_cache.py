"""Shelf: the model in memory, and in which precision it is to be read."""

from __future__ import annotations

from dataclasses import dataclass, replace

from predictor.extraction.backend import Cell, Engine
from predictor.extraction.identity import Identity
from predictor.extraction.layers import resolve_layers
from predictor.extraction.loaded import LoadedModel, load_model
from predictor.extraction.model_facts import ModelCard
from predictor.extraction.precision import DRIFT_LIMIT, attempted, bearable
from predictor.query.settings import Pooling, Precision
from predictor.store.keys import FeatureKey


@dataclass(frozen=True)
class Reading:
    """How one model is to be read for one request.

    Attributes:
        precision: as it stands in feature keys.
        cells: layers with their pooling, in the order asked for.
        warnings: what the user should know of the precision.
    """

    identity: Identity
    precision: str
    card: ModelCard
    cells: tuple[Cell, ...]
    max_length: int
    warnings: tuple[str, ...] = ()

    def key(self, cell: Cell) -> FeatureKey:
        """What the features of a cell are kept under."""
        return self.identity.key(self.precision, *cell, self.max_length)

    def drift(self, layer: int) -> dict[str, float]:
        """What bf16 does to this layer, as a diagnostic; empty in another precision."""
        return {"bf16_drift": self.card.drift[layer]} if self.precision == "bf16" else {}


class Shelf:
    """Holds one loaded model; another takes its place.

    Attributes:
        engine: device and threads; its precision is that of each reading.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._held: tuple[Identity, str, LoadedModel] | None = None

    def reading(
        self, identity: Identity, name: str, layers: str, pooling: Pooling, asked: Precision, max_length: int
    ) -> Reading:
        """Decide precision and layers; the model is loaded where nothing is known of it yet.

        Raises:
            W2SError: the model's own fault, or a layer that it does not have.
        """
        warnings: tuple[str, ...] = ()
        precision = self.first_precision(identity, asked)
        card = self.card(identity, precision)
        numbers = resolve_layers(layers, card.layers, name)
        if precision == "bf16" and not bearable(card.drift, numbers):
            moved = f"{max(card.drift[n] for n in numbers):.0%} of their spread (limit {DRIFT_LIMIT:.0%})"
            if asked == "auto":
                precision, card = "fp32", self.card(identity, "fp32")
                warnings = (f"bf16 would move this model's features by {moved}, so it was read in fp32",)
            else:
                warnings = (f"bf16 moves this model's features by {moved}; fp32 is safer",)
        elif asked == "bf16" and precision == "fp32":
            warnings = ("this device does not compute in bf16, so the model was read in fp32",)
        cells: tuple[Cell, ...] = tuple((number, pooling) for number in numbers)
        return Reading(identity, precision, card, cells, max_length, warnings)

    def first_precision(self, identity: Identity, asked: Precision) -> str:
        """What is tried before anything is known of the model."""
        return identity.artefact.form.precision(attempted(asked, self.engine.device))

    def decided(self, identity: Identity, asked: Precision) -> bool:
        """Whether `reading` would load nothing, whatever the layers."""
        card = identity.card(self.first_precision(identity, asked))
        if card is None:
            return False
        return bearable(card.drift, range(len(card.drift))) or identity.card("fp32") is not None

    def card(self, identity: Identity, precision: str) -> ModelCard:
        """What is known of the model, found out by loading it where nothing is."""
        card = identity.card(precision)
        return card or self.model(identity, precision).card

    def model(self, identity: Identity, precision: str) -> LoadedModel:
        """The model in memory; what was there goes before another comes."""
        held = self._held
        if held is not None and held[:2] == (identity, precision):
            return held[2]
        self._held = None
        self.put(identity, precision, self.load(identity, precision))
        return self.model(identity, precision)

    def clear(self) -> None:
        """Let go of the model in memory."""
        self._held = None

    def load(self, identity: Identity, precision: str) -> LoadedModel:
        """A model from its files, the one in memory untouched."""
        known = identity.card(precision)
        model = load_model(identity.artefact, replace(self.engine, precision=precision), known)
        if known is None:
            identity.keep_card(precision, model.card)
        return model

    def put(self, identity: Identity, precision: str, model: LoadedModel) -> None:
        """Hold a model that was loaded elsewhere."""
        self._held = (identity, precision, model)
