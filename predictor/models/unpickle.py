"""The child process of the converter: pickled weights in, safetensors out, nothing else loaded.

Run as `python -m predictor.models.unpickle weights|arrays SOURCE... DESTINATION`. Tensors alone are unpickled
(`weights_only=True`), and should that guard ever fail, the parent has neither the pickle nor its objects. An error is
one line on stderr and exit code 2.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

OLD_NAMES = ((".gamma", ".weight"), (".beta", ".bias"))
"""Layer-norm parameters as TensorFlow checkpoints called them."""


def read_tensors(paths: list[str]) -> dict[str, Any]:
    """Tensors of one or several pickled state dicts, each with its own memory.

    Raises:
        ValueError: no tensor in them.
    """
    import torch

    tensors: dict[str, Any] = {}
    for path in paths:
        raw = torch.load(path, map_location="cpu", weights_only=True)
        for wrapper in ("state_dict", "model_state_dict", "model"):
            if isinstance(raw, Mapping) and isinstance(raw.get(wrapper), Mapping):
                raw = raw[wrapper]
        for name, value in raw.items() if isinstance(raw, Mapping) else ():
            if isinstance(value, torch.Tensor):
                # safetensors refuses tensors that share memory, as tied embeddings do
                tensors[_modern(str(name))] = value.detach().clone().contiguous()
    if not tensors:
        raise ValueError("no tensors in it")
    return tensors


def read_arrays(path: str) -> dict[str, Any]:
    """Tensors of a pickle by name, however they are nested: `values` where it is one tensor, else places and keys.

    Raises:
        ValueError: no tensor in it.
    """
    import torch

    found: dict[str, Any] = {}
    waiting: list[tuple[str, Any]] = [("", torch.load(path, map_location="cpu", weights_only=True))]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, torch.Tensor):
            found[name or "values"] = value.detach().clone().contiguous()
        elif isinstance(value, Mapping):
            waiting += [(f"{name}.{key}".lstrip("."), inner) for key, inner in value.items()]
        elif isinstance(value, list | tuple):
            waiting += [(f"{name}.{place}".lstrip("."), inner) for place, inner in enumerate(value)]
    if not found:
        raise ValueError("no tensors in it")
    return found


def _modern(name: str) -> str:
    for old, new in OLD_NAMES:
        if name.endswith(old) and "norm" in name.lower():
            return name.removesuffix(old) + new
    return name


def main(arguments: list[str]) -> int:
    """Convert; 0 on success."""
    from safetensors.torch import save_file

    kind, *sources, destination = arguments
    try:
        tensors = read_tensors(sources) if kind == "weights" else read_arrays(sources[0])
        save_file(tensors, destination, metadata={"format": "pt"})
    except Exception as error:  # boundary of the process: every error must reach the parent as one line
        sys.stderr.write(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
