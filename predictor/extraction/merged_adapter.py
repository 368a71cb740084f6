"""Merged adapter: a base model whose weights an adapter has changed, as the peft package itself computes them.

Merging is checked: the adapted model and the merged one must give the same hidden states.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers import AutoModel

from predictor.errors import RefusedError
from predictor.extraction.declared_sizes import check_declared_sizes
from predictor.extraction.library_config import configuration
from predictor.models.adapter import SETTINGS, WEIGHTS, Adapter, read_adapter
from predictor.models.artefact import Artefact
from predictor.models.config_file import read_json_object
from predictor.models.libraries import need
from predictor.models.tensor_shapes import tensor_shapes

TOLERANCE = 1e-4
"""Largest difference of a hidden state between the adapted and the merged model, as a share of its length."""

_PREFIX = "base_model.model."
_CLASSES = {
    "FEATURE_EXTRACTION": "AutoModel",
    "CAUSAL_LM": "AutoModelForCausalLM",
    "SEQ_CLS": "AutoModelForSequenceClassification",
    "SEQ_2_SEQ_LM": "AutoModelForSeq2SeqLM",
    "TOKEN_CLS": "AutoModelForTokenClassification",
    "QUESTION_ANS": "AutoModelForQuestionAnswering",
    "MASKED_LM": "AutoModelForMaskedLM",
}
"""peft's names of tasks -> the class that the adapter was trained on; peft has no name for the last."""

_HEADS = ("score.weight", "classifier.weight", "classifier.out_proj.weight")
_CODE = ("megatron_config",)
"""Settings that make peft import a module."""


def load_merged(artefact: Artefact, auto: Any, unused: tuple[str, ...], load: Callable[..., Any]) -> Any:
    """The base with the adapter merged into it.

    Args:
        artefact: an adapter's, with its base.
        auto: the Auto class that is wanted. For `AutoModel`, the class that the adapter was trained on is loaded, and
            the network without its head is returned.
        unused: as of `load_weights`.
        load: loads the base, given an Auto class, the beginnings of unused names, and the outputs of its head.

    Raises:
        RefusedError: the adapter does not fit the base, or cannot be merged exactly.
    """
    need("peft", purpose="reading an adapter")
    adapter = read_adapter(artefact.path, str(artefact.path))
    check_declared_sizes(artefact.config, artefact.network.folder)
    settings = _settings(adapter)
    shapes = {name.removeprefix(_PREFIX): shape for name, shape in tensor_shapes(artefact.path / WEIGHTS).items()}
    kind = _trained_class(adapter, artefact, shapes) if auto is AutoModel else auto
    outputs = next((shapes[name][0] for name in _HEADS if name in shapes), None)
    whole = load(kind, (*unused, *shapes), outputs)
    part = whole if _fits(whole, shapes) else whole.base_model
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _resize(part, shapes)
            adapted, leftover = _attached(part, settings, adapter.folder, shapes)
            before = _states(whole)
            merged = adapted.merge_and_unload(safe_merge=True)
            after = _states(whole)
    except Exception as error:  # boundary: third-party loader over files that we did not write
        raise _refusal(adapter, artefact, f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}") from error
    if leftover:
        raise _refusal(adapter, artefact, f"{len(leftover)} tensors do not fit, first {leftover[0]!r}")
    if merged is not part or not _apart(after, before) <= TOLERANCE:
        raise _refusal(adapter, artefact, "the merged model gives other hidden states than the adapted one")
    return whole.base_model if auto is AutoModel and kind is not AutoModel else whole


def _settings(adapter: Adapter) -> Any:
    """The adapter's settings as peft reads them.

    Raises:
        RefusedError: settings that name code, or that this version of peft does not know and that are not off.
    """
    from peft import PeftConfig, PeftType
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    raw = read_json_object(adapter.folder / SETTINGS)
    known = PEFT_TYPE_TO_CONFIG_MAPPING[PeftType(adapter.kind)] if adapter.kind in PeftType.__members__ else PeftConfig
    names = {field.name for field in dataclasses.fields(known)}
    unread = [name for name, value in raw.items() if value and (name in _CODE or name not in names)]
    if unread:
        raise RefusedError(
            f"{adapter.folder / SETTINGS} sets {', '.join(unread[:4])}, which the installed peft does not know or "
            "which is not read; upgrade it with pip install -U peft, or merge the adapter where it was trained.",
            reason="ADAPTER_REFUSED",
            field="model",
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PeftConfig.from_pretrained(str(adapter.folder))


def _trained_class(adapter: Adapter, artefact: Artefact, shapes: dict[str, tuple[int, ...]]) -> Any:
    """The Auto class whose modules the adapter's tensors name: that of its task, else the first one that fits."""
    named = _CLASSES.get(adapter.task or "")
    for name in dict.fromkeys((*([named] if named else []), *_CLASSES.values())):
        auto = getattr(transformers, name)
        try:
            with torch.device("meta"):
                empty = auto.from_config(configuration(artefact.config, artefact.network.folder))
        except ValueError:
            continue  # no such class of this architecture
        if _fits(empty, shapes):
            return auto
    raise _refusal(adapter, artefact, f"no class of this architecture has a module like {next(iter(shapes), '')!r}")


def _fits(model: Any, shapes: dict[str, tuple[int, ...]]) -> bool:
    """Whether the first part of each tensor's name is a module of the model; names of shared tensors have none."""
    children = dict(model.named_children())
    return all(name.partition(".")[0] in (*children, "base_model") for name in shapes)


def _resize(model: Any, shapes: dict[str, tuple[int, ...]]) -> None:
    """Give the model as many token embeddings as the adapter brings: tokens were added before its training."""
    table = model.get_input_embeddings()
    name = next((name for name, module in model.named_modules() if module is table), None)
    rows = shapes.get(f"{name}.weight", (0,))[0]
    if rows and rows != table.weight.shape[0]:
        model.resize_token_embeddings(rows, mean_resizing=False)


def _attached(model: Any, settings: Any, folder: Path, shapes: dict[str, tuple[int, ...]]) -> tuple[Any, list[str]]:
    """The adapted model, and tensors that the file or the model has alone."""
    from peft import PeftModel

    settings.inference_mode = True
    adapted = PeftModel(model, settings)
    found = adapted.load_adapter(str(folder), "default", torch_device="cpu")
    missing = [name for name in found.missing_keys if "vblora_vector_bank" not in name]
    # peft writes a saved table of embeddings twice, and reads it once
    twins = {name.replace(".modules_to_save.", "."): name for name in found.unexpected_keys}
    unexpected = [name for twin, name in twins.items() if twin == name or twin.removeprefix(_PREFIX) not in shapes]
    adapted.eval()
    return adapted, [*unexpected, *missing]


@torch.inference_mode()
def _states(whole: Any) -> Any:
    """(layers + 1, tokens, d): hidden states of a short probe; of an encoder–decoder, of the encoder."""
    model = whole.get_encoder() if whole.config.is_encoder_decoder else whole
    ids = torch.arange(6)[None, :] % whole.config.vocab_size
    states = model(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True).hidden_states
    return np.stack([state[0].float().numpy() for state in states])


def _apart(one: Any, other: Any) -> float:
    lengths = np.linalg.norm(other, axis=-1)
    return float((np.linalg.norm(one - other, axis=-1) / np.maximum(lengths, 1e-12)).max())


def _refusal(adapter: Adapter, artefact: Artefact, why: str) -> RefusedError:
    base = "" if artefact.base is None else artefact.base.path.name
    return RefusedError(
        f"the {adapter.kind} adapter {adapter.folder} cannot be read over {base!r} ({why}). Check that this is the "
        "base that it was trained on, and name another with #base=MODEL.",
        reason="ADAPTER_MISMATCH",
        field="model",
    )
