"""TorchBackend: transformers models, from safetensors folders and GGUF files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from predictor.errors import RefusedError
from predictor.extraction.backend import LayerPooling, Runtime, Vectors
from predictor.extraction.packed_linear import pack
from predictor.extraction.pooling import pool
from predictor.extraction.precision import drift_of
from predictor.extraction.torch_weights import load_weights
from predictor.models.architectures import usable_positions
from predictor.models.artefact import Artefact

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
_PACKED_TOLERANCE = {"fp32": 1e-3, "bf16": 0.1}
_BLOCK_SPARSE = "block_sparse"


class _EnoughLayers(Exception):  # noqa: N818 - control flow that leaves the forward pass early, not an error
    """Raised by a hook once the deepest wanted layer is at hand."""


class TorchBackend:
    """A transformers model without its head; of an encoder–decoder, the encoder.

    Layers below the last are caught by hooks on the blocks and the pass ends at the deepest one wanted, which halves
    the cost of the default, middle layer. Where hooks do not give what the model itself reports as hidden states
    (shared blocks, unusual orders), the model's own report is used.

    Attributes:
        model: the torch module without its head.
        attention_by_length: whether the length of a batch chooses the attention of its rows.
    """

    def __init__(self, artefact: Artefact, runtime: Runtime) -> None:
        torch.set_num_threads(runtime.threads)
        self._device = torch.device(device_of(runtime.device))
        self._precision = runtime.precision
        whole = load_weights(artefact, torch.float32)
        config = whole.config
        self.model = whole.get_encoder() if config.is_encoder_decoder else whole
        self.model.eval().requires_grad_(False).to(self._device)
        self.attention_by_length = getattr(config, "attention_type", "") == _BLOCK_SPARSE
        self.architecture = f"{type(self.model).__name__} ({config.model_type})"
        self.parameters = _parameters(self.model)
        self.positions = usable_positions(config.to_dict())
        self.vocabulary: int | None = int(config.vocab_size)
        self._blocks: list[torch.nn.Module] | None = None
        probe = np.arange(6, dtype=np.int64)[None, :] % config.vocab_size
        mask = np.ones_like(probe)
        self._probe = self._tensors(probe, mask)
        states = self._first_pass()
        self.layers = len(states) - 1
        self.shown = tuple(range(len(states)))
        self.width = int(states[-1].shape[-1])
        self._blocks = self._trusted_blocks(probe, mask, states)

    def forward(
        self, ids: NDArray[np.int64], mask: NDArray[np.int64], outputs: tuple[LayerPooling, ...]
    ) -> dict[LayerPooling, Vectors]:
        """See `Backend`."""
        with lack_of_memory():
            inputs = self._tensors(ids, mask)
            states = self._hidden(inputs, tuple(dict.fromkeys(layer for layer, _ in outputs)))
            weights = inputs["attention_mask"].float()
            length = ids.shape[1]  # block-sparse attention pads its states on the right
            pooled = {
                output: pool(states[output.layer][:, :length].float(), weights, output.pooling) for output in outputs
            }
            return {output: found.cpu().numpy().astype(np.float32, copy=False) for output, found in pooled.items()}

    def tune(self, probes: list[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> tuple[float, ...]:
        """See `Tunable`."""
        drift: tuple[float, ...] = ()
        if self._precision == "bf16":
            outputs = tuple(LayerPooling(layer, "mean") for layer in self.shown)
            exact = [self.forward(*batch, outputs) for batch in probes]
            narrow(self.model)
            try:
                rounded = [self.forward(*batch, outputs) for batch in probes]
            except (RuntimeError, NotImplementedError, TypeError, ValueError):  # an operation that has no bf16
                widen(self.model)
                return tuple(inf for _ in outputs)
            if probes:
                pairs = list(zip(exact, rounded, strict=True))
                drift = tuple(max(drift_of(a[output], b[output]) for a, b in pairs) for output in outputs)
        before = self._reported(self._probe)
        undo = pack(self.model)
        after = self._reported(self._probe)
        apart = max(float((a - b).float().norm() / b.float().norm()) for a, b in zip(after, before, strict=True))
        if not apart <= _PACKED_TOLERANCE[self._precision]:
            undo()  # a model that reads weights without calling their layer
        return drift

    def _tensors(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> dict[str, torch.Tensor]:
        return {
            "input_ids": torch.from_numpy(ids).to(self._device),
            "attention_mask": torch.from_numpy(mask).to(self._device),
        }

    def _hidden(self, inputs: dict[str, torch.Tensor], layers: tuple[int, ...]) -> dict[int, torch.Tensor]:
        if self._blocks is None or self.layers in layers:
            states = self._reported(inputs) if self._blocks is None or len(layers) > 1 else None
            if states is None:
                return {self.layers: self._last(inputs)}
            return {layer: states[layer] for layer in layers}
        return self._caught(inputs, layers, self._blocks)

    def _first_pass(self) -> tuple[torch.Tensor, ...]:
        """Hidden states of the probe.

        Raises:
            RefusedError: the model cannot be run at all, whatever the rows.
        """
        try:
            with lack_of_memory():
                return self._reported(self._probe)
        except (RuntimeError, ValueError, TypeError, AttributeError, IndexError, KeyError) as error:  # its own code
            raise RefusedError(
                f"{self.architecture} fails in its forward pass over {self._probe['input_ids'].shape[1]} tokens "
                f"({type(error).__name__}: {(str(error).splitlines() or [''])[0]}); fix its config.json, or export it "
                "to ONNX and give onnx:FILE.",
                reason="MODEL_UNREADABLE",
                field="model",
            ) from error

    @torch.inference_mode()
    def _reported(self, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
        output = self._run(inputs, output_hidden_states=True)
        return tuple(_first(state) for state in output.hidden_states)  # PEGASUS-X adds global tokens to the last

    @torch.inference_mode()
    def _last(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        state: torch.Tensor = self._run(inputs).last_hidden_state
        return state

    def _run(self, inputs: dict[str, torch.Tensor], **wanted: bool) -> Any:
        if self.attention_by_length:
            self.model.set_attention_type(_BLOCK_SPARSE)  # a short batch turned it off for all that follow
        return self.model(**inputs, return_dict=True, **wanted)

    @torch.inference_mode()
    def _caught(
        self, inputs: dict[str, torch.Tensor], layers: tuple[int, ...], blocks: list[torch.nn.Module]
    ) -> dict[int, torch.Tensor]:
        found: dict[int, torch.Tensor] = {}
        deepest = max(layers)

        def catch(layer: int, state: torch.Tensor) -> None:
            found[layer] = state
            if layer == deepest:
                raise _EnoughLayers

        def before(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            catch(0, args[0] if args else kwargs["hidden_states"])

        def after(layer: int) -> Any:
            return lambda module, args, output: catch(layer, _first(output))

        handles = [blocks[layer - 1].register_forward_hook(after(layer)) for layer in layers if layer > 0]
        if 0 in layers:
            handles.append(blocks[0].register_forward_pre_hook(before, with_kwargs=True))
        try:
            self._run(inputs)
        except _EnoughLayers:
            pass  # the pass went as deep as it had to
        finally:
            for handle in handles:
                handle.remove()
        return found

    def _trusted_blocks(
        self, ids: NDArray[np.int64], mask: NDArray[np.int64], reported: tuple[torch.Tensor, ...]
    ) -> list[torch.nn.Module] | None:
        """The block list, if hooks on it give exactly the hidden states that the model reports."""
        lists: list[list[torch.nn.Module]] = [
            [*m] for m in self.model.modules() if isinstance(m, torch.nn.ModuleList) and len(m) == self.layers
        ]
        if not lists or self.layers < 1:
            return None
        blocks = max(lists, key=lambda modules: sum(map(_parameters, modules)))
        below = tuple(range(self.layers))
        try:
            caught = self._caught(self._tensors(ids, mask), below, blocks)
        except (KeyError, AttributeError, TypeError):
            return None  # blocks that are called in another way
        same = all(k in caught and torch.equal(caught[k], reported[k]) for k in below)
        return blocks if same else None


def _first(output: Any) -> Any:
    """The hidden state among the outputs of a block."""
    return output[0] if isinstance(output, tuple | list) else output


def _parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@contextmanager
def lack_of_memory() -> Iterator[None]:
    """Turn torch's out-of-memory errors into MemoryError.

    Raises:
        MemoryError: it did.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise MemoryError(str(error)) from error
    except RuntimeError as error:
        if "alloc" not in str(error).lower():
            raise
        raise MemoryError(str(error)) from error


def device_of(name: str) -> str:
    """The device that an runtime's `auto` means here; other names as they are."""
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"


def narrow(model: torch.nn.Module) -> None:
    """Round the weights to bf16 in place. Buffers stay: rotary angles, for one, do not bear it."""
    in_fp32 = set(getattr(model, "_keep_in_fp32_modules_strict", None) or ())
    for name, weight in model.named_parameters():
        if weight.is_floating_point() and not in_fp32 & set(name.split(".")):
            weight.data = weight.data.to(torch.bfloat16)


def widen(model: torch.nn.Module) -> None:
    """Bring weights in bf16 back to fp32; what was rounded stays rounded."""
    for weight in model.parameters():
        if weight.dtype == torch.bfloat16:
            weight.data = weight.data.float()
