"""FineTuner: a student whose own weights are trained, end to end, through a linear head on its pooled states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from predictor.errors import InputError, LimitError
from predictor.extraction.precision import device_computes_bf16
from predictor.extraction.torch_backend import lack_of_memory
from predictor.finetuning.body import Body
from predictor.finetuning.schedule import batches, rate_at, steps_of
from predictor.models.artefact import Artefact
from predictor.models.forms import ARRAY
from predictor.models.resolve import resolve
from predictor.query.model_spec import ModelSpec
from predictor.query.row_form import RowForm
from predictor.query.settings import Settings
from predictor.statistics.arrays import Array
from predictor.statistics.threads import usable_threads
from predictor.training.confidence import mixed_targets, weight_at
from predictor.training.measures import codes, probabilities
from predictor.training.recipe import Recipe
from predictor.training.splits import Rows

HEAD_RATE = 1e-3
WEIGHT_DECAY = 0.01
MAX_GRADIENT_NORM = 1.0
"""Norm that gradients are cut to."""


@dataclass(frozen=True, eq=False)
class FineTuner:
    """A transformers model that learns any rows of a pool; see `predictor.training.learners.Trainee`.

    AdamW with a linear warm-up and decay over a fixed number of epochs; nothing is stopped or chosen by an outcome.
    The head starts at zero on states standardised as the untrained model gives them on the training rows.

    Attributes:
        recipe: of method `full` or `lora`, its loss chosen.
    """

    body: Body
    recipe: Recipe

    @classmethod
    def of(cls, spec: ModelSpec, texts: Sequence[str], settings: Settings, recipe: Recipe) -> FineTuner:
        """Load the strong model of a query for training.

        On a CPU it computes in fp32 unless the settings ask for bf16 and the CPU has it: `auto` knows what bf16 does to
        features, not to a training.

        Raises:
            InputError: features in place of a model, or no texts.
            W2SError: the model cannot be had, read or given adapters.
        """
        torch.set_num_threads(usable_threads())
        body = Body(
            trainable(spec),
            _texts(texts),
            recipe.tuning,
            adapters=recipe.method == "lora",
            pooling=spec.pooling or spec.parsed.pooling or settings.pooling,
            form=RowForm.of(spec, settings),
            half=settings.precision == "bf16" and device_computes_bf16("cpu"),
        )
        return cls(body, recipe)

    def on(self, train: Rows, other: Rows) -> FineTuneLearner:
        """See `Trainee`."""
        self.body.fresh()
        states = self.body.states(train)
        spread = states.std(dim=0, unbiased=False)
        varies = spread > 1e-6 * spread.max()
        scale = torch.where(
            varies, 1.0 / torch.where(varies, spread, torch.ones_like(spread)), torch.zeros_like(spread)
        )
        return FineTuneLearner(self.body, self.recipe, train, other, states.mean(dim=0), scale)


@dataclass(frozen=True, eq=False)
class FineTuneLearner:
    """One split's training rows, the rows asked about, and the head's scale.

    Attributes:
        mean, scale: (d,) that pooled states are standardised by, throughout the training.
    """

    body: Body
    recipe: Recipe
    train: Rows
    other: Rows
    mean: torch.Tensor
    scale: torch.Tensor

    def learn(self, labels: Array, seed: int, *, gold: bool = False) -> Array:
        """See `Learner`; the same seed gives the same bits on a CPU with the same number of threads.

        Raises:
            InputError: the loss is no longer finite.
            LimitError: one batch does not fit into the device's memory.
        """
        confidence = self.recipe.confidence if self.recipe.loss == "confidence" and not gold else 0.0
        try:
            with torch.random.fork_rng(), lack_of_memory():
                torch.manual_seed(seed)
                if self.recipe.loss == "squared":
                    return self._regressed(labels, seed)
                shares = probabilities(np.clip(labels, 0.0, 1.0))
                shares = shares / shares.sum(axis=1, keepdims=True)
                return codes(_softmax(self._fitted(shares, seed, confidence)))
        except MemoryError as error:
            raise LimitError(
                f"a batch of {self.recipe.tuning.batch_rows} rows does not fit the memory of this device; lower "
                "--batch-rows or --max-length, or give recipe lora.",
                reason="OUT_OF_MEMORY",
                field="batch_rows",
            ) from error

    def _regressed(self, labels: Array, seed: int) -> Array:
        """Squared loss on labels of mean 0 and variance 1, taken back to their own unit."""
        mean, spread = labels.mean(axis=0), float(np.sqrt(np.mean(np.var(labels, axis=0))))
        if spread == 0.0:
            return np.tile(mean, (len(self.other), 1))
        back: Array = self._fitted((labels - mean) / spread, seed, 0.0) * spread + mean
        return back

    def _fitted(self, targets: Array, seed: int, confidence: float) -> Array:
        """(m, c) outputs on the other rows of a model trained on (n, c) targets."""
        tuning = self.recipe.tuning
        rate = self.recipe.learning_rate
        trained = self.body.fresh()
        head = torch.nn.Linear(self.body.width, targets.shape[1]).to(self.body.device)
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
        optimiser = torch.optim.AdamW(
            [
                {"params": trained, "lr": rate, "full": rate},
                {"params": list(head.parameters()), "lr": HEAD_RATE, "full": max(HEAD_RATE, rate), "weight_decay": 0.0},
            ],
            weight_decay=WEIGHT_DECAY,
        )
        steps = steps_of(len(self.train), tuning.batch_rows, tuning.epochs)
        order = batches(self.body.lengths[self.train], tuning.batch_rows, tuning.epochs, np.random.default_rng(seed))
        self.body.train(True)
        for step, rows in enumerate(order):
            for group in optimiser.param_groups:
                group["lr"] = group["full"] * rate_at(step, steps)
            outputs = self._outputs(head, self.body.pooled(self.train[rows]))
            wanted = targets[rows]
            if confidence:
                own = _softmax(outputs.detach().cpu().double().numpy())
                wanted = mixed_targets(wanted, own, weight_at(step / steps, confidence))
            loss = self._loss(outputs, torch.from_numpy(wanted).to(outputs))
            if not torch.isfinite(loss):
                raise InputError(
                    f"the loss is {loss.item()} after {step} of {steps} steps; lower --learning-rate (now {rate:g}).",
                    reason="TRAINING_DIVERGED",
                    field="learning_rate",
                )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
            torch.nn.utils.clip_grad_norm_([*trained, *head.parameters()], MAX_GRADIENT_NORM)
            optimiser.step()
        with torch.no_grad():
            found = self._outputs(head, self.body.states(self.other))
        answer: Array = found.cpu().double().numpy()
        return answer

    def _outputs(self, head: torch.nn.Linear, pooled: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = head((pooled - self.mean) * self.scale)
        return outputs

    def _loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if self.recipe.loss == "squared":
            return torch.mean(torch.sum((outputs - targets) ** 2, dim=1))
        return torch.nn.functional.cross_entropy(outputs, targets)


def trainable(spec: ModelSpec) -> Artefact:
    """The files of a strong model, where they can be trained.

    Raises:
        InputError: an array, stored features, an ONNX graph or a table of embeddings.
        W2SError: it cannot be had.
    """
    reference = None if spec.values is not None else spec.parsed
    if reference is None:
        noun = ARRAY.noun
    elif reference.kind == "features":
        noun = "a stored feature set"
    else:
        artefact = resolve(reference)
        if artefact.form.trainable:
            return artefact
        noun = artefact.form.noun
    raise InputError(
        f"strong model {spec.name!r} is {noun}, which cannot be fine-tuned; give a transformers folder, a pypi: wheel, "
        "a hub: or gguf: model, or recipe ridge or logistic.",
        reason="NOT_TRAINABLE",
        field="strong",
    )


def _texts(texts: Sequence[str]) -> Sequence[str]:
    if not texts:
        raise InputError("fine-tuning reads texts, and none were given; name the rows.", reason="POOL_MISSING")
    return texts


def _softmax(logits: Array) -> Array:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Array = raised / raised.sum(axis=1, keepdims=True)
    return probabilities
