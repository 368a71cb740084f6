"""Pass cost: multiplications of a forward pass from the headers of the weights, and how fast this machine does them.

No weight is loaded. The rate is measured on two linear layers, for a second per precision.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from predictor.extraction.backend import Runtime
from predictor.models.artefact import Artefact
from predictor.models.forms import GGUF, ONNX, TRANSFORMERS
from predictor.models.tensor_shapes import tensor_shapes
from predictor.query.row_form import RowForm

PROBE_SECONDS = 1.0

PROBE_TOKENS, PROBE_WIDTH = 2048, 384
"""Size of the probe's products: a usual batch through the blocks of a small encoder."""

EFFICIENCY = 0.7
"""Rate of whole passes over that of the probe; the rest goes to attention, norms and padding. Chosen after the figures
of tests/benchmarks/dry_run.md."""

SAMPLE_ROWS = 200
"""Rows that are tokenised to estimate the tokens of a pool."""

_LOOKED_UP = (
    "embed",
    "embd",
    "wte",
    "wpe",
    "lm_head",
    "token_types",
    "pooler",
    "classifier",
    "decoder.",
    "cls.",
    "shared.",
)
"""Parts of the names of tensors that no token is multiplied by on the way to the hidden states."""


def multiplied_weights(artefact: Artefact) -> float:
    """Weights that one token is multiplied by on its way through all blocks; 0 of a table of embeddings."""
    artefact = artefact.network
    config = artefact.config if artefact.form == TRANSFORMERS else {}
    sizes = (math.prod(shape) for name, shape in _tensors(artefact) if len(shape) >= 2 and not _looked_up(name))
    repeats = config.get("num_hidden_layers", 1) if "num_hidden_groups" in config else 1
    return float(sum(sizes) * repeats / max(1, config.get("num_hidden_groups", 1)))


def block_count(artefact: Artefact) -> int | None:
    """Blocks as the configuration declares them, or None where it does not."""
    artefact = artefact.network
    config = artefact.config if artefact.form == TRANSFORMERS else {}
    names = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers")
    found = next((config[name] for name in names if isinstance(config.get(name), int)), None)
    return None if found is None or found < 1 else int(found)


def mean_tokens(artefact: Artefact, texts: Sequence[str], max_length: int, frame: int = 0) -> float:
    """Tokens a row, from a sample of the rows and the model's own tokenizer.

    Args:
        frame: characters that a prompt puts around each row.

    Raises:
        W2SError: the tokenizer is missing or unreadable.
    """
    from predictor.extraction.loaded import row_tokenizer
    from predictor.extraction.row_tokens import row_tokens

    places = np.unique(np.linspace(0, len(texts) - 1, min(len(texts), SAMPLE_ROWS)).astype(int))
    rows = row_tokens(row_tokenizer(artefact), [texts[i] + "x" * frame for i in places], RowForm(max_length)).rows
    return float(np.mean([len(row) for row in rows]))


def _tensors(artefact: Artefact) -> Iterator[tuple[str, Sequence[int]]]:
    """Name and shape of every tensor."""
    if artefact.form == TRANSFORMERS:
        for path in artefact.weight_files:
            if path.suffix == ".safetensors":
                yield from tensor_shapes(path).items()
    elif artefact.form == GGUF:
        from gguf import GGUFReader

        yield from ((tensor.name, [int(n) for n in tensor.shape]) for tensor in GGUFReader(str(artefact.path)).tensors)
    elif artefact.form == ONNX:
        import onnx

        graph = onnx.load(str(artefact.path), load_external_data=False).graph
        yield from ((tensor.name, list(tensor.dims)) for tensor in graph.initializer)


def _looked_up(name: str) -> bool:
    return name == "output.weight" or any(part in name.lower() for part in _LOOKED_UP)


def measured_rates(runtime: Runtime) -> Callable[[str], float]:
    """A function from a precision to the multiplications a second of a forward pass here, each measured once."""
    known: dict[str, float] = {}

    def rate(precision: str) -> float:
        precise = "bf16" if precision == "bf16" else "fp32"
        if precise not in known:
            known[precise] = EFFICIENCY * _probe(runtime, precise)
        return known[precise]

    return rate


def _probe(runtime: Runtime, precision: str) -> float:
    import torch

    from predictor.extraction.packed_linear import pack
    from predictor.extraction.torch_backend import DTYPES, device_of

    torch.set_num_threads(runtime.threads)
    device, dtype = torch.device(device_of(runtime.device)), DTYPES[precision]
    layers = torch.nn.Sequential(
        torch.nn.Linear(PROBE_WIDTH, 4 * PROBE_WIDTH), torch.nn.Linear(4 * PROBE_WIDTH, PROBE_WIDTH)
    )
    layers = layers.to(device=device, dtype=dtype).requires_grad_(False)
    pack(layers)
    tokens = torch.randn(PROBE_TOKENS, PROBE_WIDTH, device=device, dtype=dtype)
    with torch.inference_mode():
        layers(tokens).sum().item()
        started, passes = time.perf_counter(), 0
        while time.perf_counter() - started < PROBE_SECONDS:
            layers(tokens).sum().item()  # the number waits for a GPU
            passes += 1
        seconds = time.perf_counter() - started
    return passes * PROBE_TOKENS * 8 * PROBE_WIDTH**2 / seconds
