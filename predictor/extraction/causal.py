"""CausalModel: a language model's probabilities of given tokens behind a shared prefix that is run once."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM

from predictor.errors import RefusedError
from predictor.extraction.backend import Runtime
from predictor.extraction.batching import pad_right
from predictor.extraction.torch_backend import device_of, lack_of_memory, narrow
from predictor.extraction.torch_weights import load_weights
from predictor.models.architectures import DECODERS, usable_positions
from predictor.models.artefact import Artefact
from predictor.models.forms import ADAPTER, GGUF, TRANSFORMERS

Ints = NDArray[np.int64]

TOLERANCE = {"fp32": 1e-3, "bf16": 1e-1}
"""Largest difference in nats between a row run behind a cached prefix and the same row run whole."""


@dataclass(frozen=True, eq=False)
class Prefix:
    """Tokens before every row of some batches.

    Attributes:
        ids: the tokens; () for no prefix.
        cache: keys and values of one row, or None where the tokens are run again with every row.
    """

    ids: tuple[int, ...]
    cache: Any = None


NO_PREFIX = Prefix(())


class CausalModel:
    """A decoder with its language-modelling head.

    Attributes:
        positions: longest row the model takes, or None.
        vocabulary: number of token ids.
        caches_prefix: whether keys and values of a prefix are reused; False where that moved the probabilities on
            loading.
        tokens_read: token positions computed so far, without padding.
    """

    def __init__(self, artefact: Artefact, runtime: Runtime, *, cache_prefix: bool = True) -> None:
        check_promptable(artefact)
        torch.set_num_threads(runtime.threads)
        self._device = torch.device(device_of(runtime.device))
        self.model = load_weights(artefact, torch.float32, AutoModelForCausalLM, ())
        self.model.eval().to(self._device)
        if runtime.precision == "bf16":
            narrow(self.model)
        config = self.model.config
        self.positions = usable_positions(config.to_dict())
        self.vocabulary = int(config.vocab_size)
        self.tokens_read = 0
        self.caches_prefix = cache_prefix and self._caching_is_safe(TOLERANCE[runtime.precision])

    def begin(self, ids: Sequence[int]) -> Prefix:
        """Run the tokens that every row begins with, once.

        Raises:
            MemoryError: too long for the device.
        """
        if not ids or not self.caches_prefix:
            return Prefix(tuple(ids))
        return self.cached_prefix(ids)

    def log_probabilities(
        self, prefix: Prefix, rows: Sequence[Ints], last: int, tokens: Sequence[int]
    ) -> NDArray[np.float64]:
        """Log-probabilities of some tokens after the last positions of each row.

        Shorter rows are padded on the right: a causal model does not see what follows.

        Args:
            prefix: tokens before each row.
            rows: b rows of token ids, of any lengths.
            last: 1 to the length of the shortest row.
            tokens: ids whose probabilities are returned.

        Returns:
            (b, last, tokens) in nats, over the whole vocabulary.

        Raises:
            MemoryError: the batch is too large for the device.
        """
        with lack_of_memory():
            logits = self._logits(prefix, rows, last)
            chosen = torch.log_softmax(logits.float(), dim=-1)[:, :, list(tokens)]
            return chosen.cpu().numpy().astype(np.float64)

    @torch.inference_mode()
    def cached_prefix(self, ids: Sequence[int]) -> Prefix:
        """A prefix with its keys and values, whether or not reusing them is safe."""
        with lack_of_memory():
            self.tokens_read += len(ids)
            inputs = torch.tensor([list(ids)], device=self._device)
            found = self.model(
                input_ids=inputs, attention_mask=torch.ones_like(inputs), use_cache=True, logits_to_keep=1
            )
            return Prefix(tuple(ids), found.past_key_values)

    @torch.inference_mode()
    def _logits(self, prefix: Prefix, rows: Sequence[Ints], last: int) -> torch.Tensor:
        count, lengths = len(rows), torch.tensor([len(row) for row in rows], device=self._device)
        ids = torch.from_numpy(pad_right(list(rows), 0)[0]).to(self._device)
        width, shortest = ids.shape[1], int(lengths.min())
        options: dict[str, Any] = {"use_cache": False}
        if prefix.cache is not None:
            cached = copy.deepcopy(prefix.cache)  # a forward pass writes into the cache it is given
            cached.batch_repeat_interleave(count)
            options = {"use_cache": True, "past_key_values": cached}
        elif prefix.ids:
            before = torch.tensor([prefix.ids], device=self._device)
            ids = torch.cat([before.expand(count, -1), ids], dim=1)
        mask = torch.ones((count, width + len(prefix.ids)), dtype=torch.long, device=self._device)
        self.tokens_read += int(lengths.sum()) + count * (ids.shape[1] - width)
        kept_logits = width - shortest + last
        found: torch.Tensor = self.model(
            input_ids=ids, attention_mask=mask, logits_to_keep=kept_logits, **options
        ).logits[:, -kept_logits:]
        places = (lengths - shortest)[:, None] + torch.arange(last, device=self._device)
        return found[torch.arange(count, device=self._device)[:, None], places]

    def _caching_is_safe(self, tolerance: float) -> bool:
        """Whether two rows behind a cached prefix get the probabilities that they get when run whole."""
        probe = np.arange(1, 13, dtype=np.int64) % self.vocabulary
        rows, tokens = [probe[6:10], probe[10:]], [int(i) for i in probe]
        whole = self.log_probabilities(Prefix(tuple(tokens[:6])), rows, 2, tokens)
        try:
            cached = self.log_probabilities(self.cached_prefix(tokens[:6]), rows, 2, tokens)
        except (AttributeError, TypeError, ValueError, NotImplementedError):
            return False  # a cache of another kind, which cannot be repeated
        return bool(np.abs(cached - whole).max() <= tolerance)


def check_promptable(artefact: Artefact) -> None:
    """Refuse a model that is no causal language model.

    Raises:
        RefusedError: an encoder, a graph, a table or an array.
    """
    if artefact.form == GGUF:
        return
    kind = (
        str(artefact.config.get("model_type", "")) if artefact.form in (ADAPTER, TRANSFORMERS) else artefact.form.name
    )
    if kind not in DECODERS:
        raise RefusedError(
            f"{artefact.path.name} is of kind {kind!r}, and only a causal language model can be asked for words: a "
            "transformers folder or a GGUF file of one. For a classifier give #labels=logits; for any model its own "
            "predictions with --weak-labels.",
            reason="NOT_PROMPTABLE",
            field="model",
        )
