"""Body: the strong model with the pool as tokens, giving pooled states that gradients flow through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from predictor.extraction.batching import pad_right
from predictor.extraction.layers import resolve_layers
from predictor.extraction.loaded import row_tokenizer
from predictor.extraction.pooling import pool
from predictor.extraction.row_tokens import row_tokens
from predictor.extraction.torch_backend import device_of
from predictor.extraction.torch_weights import load_weights
from predictor.finetuning.adapters import attach, reset
from predictor.models.architectures import usable_positions
from predictor.models.artefact import Artefact
from predictor.query.row_form import RowForm
from predictor.query.settings import Pooling
from predictor.training.recipe import Tuning

Rows = NDArray[np.intp]

FORWARD_ROWS = 64
"""Rows per batch where nothing is trained."""


class _Reached(Exception):  # noqa: N818 - control flow that leaves the forward pass early, not an error
    """Raised by a hook once the wanted layer is at hand."""


class Body:
    """One transformers model whose weights, or whose adapters, can be set back and trained again.

    Attributes:
        lengths: (n,) tokens of each row.
        layer: whose states are pooled.
        width: d.
        device: where the model is.
    """

    def __init__(
        self,
        artefact: Artefact,
        texts: Sequence[str],
        tuning: Tuning,
        *,
        adapters: bool,
        pooling: Pooling,
        form: RowForm,
        half: bool = False,
    ) -> None:
        """
        Args:
            adapters: train low-rank adapters and leave the weights alone.
            half: multiply matrices in bf16, weights staying in fp32; a GPU always does.

        Raises:
            RefusedError: unreadable weights or tokenizer.
            InputError: no such layer; adapters without their package, or a model that they fit nowhere.
        """
        self.device = torch.device(device_of(tuning.device))
        self._half = half or self.device.type == "cuda"
        whole = load_weights(artefact, torch.float32)
        self.model = whole.get_encoder() if whole.config.is_encoder_decoder else whole
        self.model.eval().to(self.device)
        with torch.no_grad():
            self.depth = len(self._reported(self._probe())) - 1
        (self.layer,) = resolve_layers(tuning.head_layer, self.depth, "the strong model")
        self._pooling: Pooling = pooling
        tokenizer = row_tokenizer(artefact)
        limits = tokenizer.limit, usable_positions(whole.config.to_dict())
        self._tokens = row_tokens(tokenizer, texts, form.within(*limits)).rows
        self._pad = tokenizer.pad_id
        self.lengths = np.array([len(row) for row in self._tokens])
        self._adapters = adapters
        if adapters:
            attach(self.model, tuning.lora_rank)
        self._trained = [weight for weight in self.model.parameters() if weight.requires_grad]
        self.block = self._last_needed()
        self._first = [] if adapters else [weight.detach().clone() for weight in self._trained]
        self.width = int(self.states(np.array([0])).shape[1])

    def fresh(self) -> list[torch.nn.Parameter]:
        """Set everything back to where it was before any training; the weights that are to be trained."""
        if self._adapters:
            reset(self.model)
        with torch.no_grad():
            for weight, first in zip(self._trained, self._first, strict=not self._adapters):
                weight.copy_(first)
        return self._trained

    def train(self, learning: bool) -> None:
        """Switch the model's own dropout on or off."""
        self.model.train(learning)

    def pooled(self, rows: Rows) -> torch.Tensor:
        """(b, d) pooled states of some rows, float32, with gradients where those are recorded."""
        ids, mask = pad_right([self._tokens[row] for row in rows], self._pad)
        inputs = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
        inputs = {name: values.to(self.device) for name, values in inputs.items()}
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._half):
            state = self._state(inputs)
        found: torch.Tensor = pool(state.float(), inputs["attention_mask"].float(), self._pooling)
        return found

    @torch.no_grad()
    def states(self, rows: Rows) -> torch.Tensor:
        """(m, d) pooled states of many rows as the model gives them now, without dropout."""
        self.train(False)
        order = np.argsort(-self.lengths[rows], kind="stable")
        found = torch.cat([self.pooled(rows[order[i : i + FORWARD_ROWS]]) for i in range(0, len(order), FORWARD_ROWS)])
        back = torch.empty_like(found)
        back[torch.from_numpy(order).to(self.device)] = found
        return back

    def _state(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """(b, t, d) at the layer, from no more of the model than that takes."""
        if self.block is not None:
            return self._caught(self.block, inputs)
        if self.layer < self.depth:
            return self._reported(inputs)[self.layer]
        last: torch.Tensor = self.model(**inputs, return_dict=True).last_hidden_state
        return last

    def _reported(self, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
        return tuple(self.model(**inputs, output_hidden_states=True, return_dict=True).hidden_states)

    def _caught(self, block: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        found: list[torch.Tensor] = []

        def catch(module: Any, args: Any, output: Any) -> None:
            found.append(output[0] if isinstance(output, tuple) else output)
            raise _Reached

        handle = block.register_forward_hook(catch)
        try:
            self.model(**inputs, return_dict=True)
        except _Reached:
            pass  # the pass went as deep as it had to
        finally:
            handle.remove()
        return found[0]

    @torch.no_grad()
    def _last_needed(self) -> torch.nn.Module | None:
        """The block whose output is the layer's state, where that is below the last and a hook shows the same."""
        lists = [m for m in self.model.modules() if isinstance(m, torch.nn.ModuleList) and len(m) == self.depth]
        if not lists or not 0 < self.layer < self.depth:
            return None
        largest = max(lists, key=lambda blocks: sum(weight.numel() for weight in blocks.parameters()))
        block, probe = largest[self.layer - 1], self._probe()
        return block if torch.equal(self._caught(block, probe), self._reported(probe)[self.layer]) else None

    def _probe(self) -> dict[str, torch.Tensor]:
        ids = torch.arange(6, device=self.device)[None, :]
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
