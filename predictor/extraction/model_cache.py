"""Model cache: the one model in memory, and the plan of how a model is run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isinf

from predictor.errors import RefusedError
from predictor.extraction.backend import LayerPooling, Runtime
from predictor.extraction.identity import Identity
from predictor.extraction.layers import resolve_layers
from predictor.extraction.loaded import LoadedModel, load_model
from predictor.extraction.model_facts import ModelFacts
from predictor.extraction.precision import DRIFT_LIMIT, drift_allowed, preferred_precision
from predictor.query.row_form import RowForm
from predictor.query.settings import Pooling, Precision
from predictor.store.keys import FeatureKey


@dataclass(frozen=True)
class RunPlan:
    """How one model is run for one request.

    Attributes:
        precision: as in feature keys.
        outputs: layers with their poolings, in the order of the request.
        form: how the model gets the rows.
        warnings: about the precision, for the user.
    """

    identity: Identity
    precision: str
    facts: ModelFacts
    outputs: tuple[LayerPooling, ...]
    form: RowForm
    warnings: tuple[str, ...] = ()

    def key(self, output: LayerPooling) -> FeatureKey:
        """The key of an output's features."""
        return self.identity.key(self.precision, *output, self.form)

    def drift(self, layer: int) -> dict[str, float]:
        """The drift of this layer in bf16, as a diagnostic; empty in another precision."""
        return {"bf16_drift": self.facts.drift[layer]} if self.precision == "bf16" else {}


class ModelCache:
    """Holds one loaded model; loading another replaces it.

    Attributes:
        runtime: device and threads; its precision is that of each plan.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._loaded: tuple[Identity, str, LoadedModel] | None = None

    def plan(
        self, identity: Identity, name: str, layers: str, pooling: Pooling, asked: Precision, form: RowForm
    ) -> RunPlan:
        """Decide precision and layers; the model is loaded where no facts of it are stored yet.

        Raises:
            W2SError: the model cannot be loaded, or has no such layer.
        """
        warnings: tuple[str, ...] = ()
        precision = self.first_precision(identity, asked)
        facts = self.facts(identity, precision)
        numbers = resolve_layers(layers, facts.layers, name)
        if precision == "bf16" and not drift_allowed(facts.drift, numbers):
            moved = f"{max(facts.drift[n] for n in numbers):.0%} of their spread (limit {DRIFT_LIMIT:.0%})"
            if isinf(facts.drift[0]):
                if asked != "auto":
                    raise RefusedError(
                        f"{name!r} has an operation that cannot be computed in bf16; give --precision fp32 or auto.",
                        reason="NO_BF16",
                        field="precision",
                    )
                precision, facts = "fp32", self.facts(identity, "fp32")
                warnings = ("this model cannot be computed in bf16, so it was read in fp32",)
            elif asked == "auto":
                precision, facts = "fp32", self.facts(identity, "fp32")
                warnings = (f"bf16 would move this model's features by {moved}, so it was read in fp32",)
            else:
                warnings = (f"bf16 moves this model's features by {moved}; fp32 is safer",)
        elif asked == "bf16" and precision == "fp32":
            warnings = ("this device does not compute in bf16, so the model was read in fp32",)
        outputs = tuple(LayerPooling(number, pooling) for number in numbers)
        return RunPlan(identity, precision, facts, outputs, form, warnings)

    def first_precision(self, identity: Identity, asked: Precision) -> str:
        """The precision that is tried first, for any model."""
        return identity.artefact.form.precision(preferred_precision(asked, self.runtime.device))

    def decided(self, identity: Identity, asked: Precision) -> bool:
        """Whether `plan` needs no model in memory, for any layers."""
        facts = identity.facts(self.first_precision(identity, asked))
        if facts is None:
            return False
        return drift_allowed(facts.drift, range(len(facts.drift))) or identity.facts("fp32") is not None

    def facts(self, identity: Identity, precision: str) -> ModelFacts:
        """The facts of the model as stored, else found by loading it."""
        facts = identity.facts(precision)
        return facts or self.model(identity, precision).facts

    def model(self, identity: Identity, precision: str) -> LoadedModel:
        """The model, loaded unless it is in memory. The previous one is dropped first."""
        loaded = self._loaded
        if loaded is not None and loaded[:2] == (identity, precision):
            return loaded[2]
        self._loaded = None
        self.put(identity, precision, self.load(identity, precision))
        return self.model(identity, precision)

    @property
    def current(self) -> LoadedModel | None:
        """The model in memory, or None."""
        return None if self._loaded is None else self._loaded[2]

    def clear(self) -> None:
        """Drop the model in memory."""
        self._loaded = None

    def load(self, identity: Identity, precision: str) -> LoadedModel:
        """A model from its files; the one in memory stays."""
        known = identity.facts(precision)
        model = load_model(identity.artefact, replace(self.runtime, precision=precision), known)
        if known is None:
            identity.save_facts(precision, model.facts)
        return model

    def put(self, identity: Identity, precision: str, model: LoadedModel) -> None:
        """Replace the model in memory by one that was loaded elsewhere."""
        self._loaded = (identity, precision, model)
