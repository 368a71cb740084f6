"""SentencePipeline: what a sentence-transformers folder declares beside its transformer, read from modules.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from predictor.models.tokenizer_files import read_json
from predictor.query.settings import Pooling

MODULES = "modules.json"

POOLINGS: dict[str, Pooling] = {"cls": "cls", "mean": "mean", "lasttoken": "last"}
"""Pooling of sentence-transformers -> ours."""

ACTIVATIONS = ("Identity", "Tanh", "ReLU", "Sigmoid")
"""Activation functions of Dense modules that are computed here."""

_LEGACY = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


@dataclass(frozen=True)
class Dense:
    """A linear layer with an activation, stored in a module's folder.

    Attributes:
        weights: its `.safetensors` file, with `linear.weight` and perhaps `linear.bias`.
        activation: one of `ACTIVATIONS`.
    """

    weights: Path
    activation: str


@dataclass(frozen=True)
class Normalize:
    """Scaling of each row to length 1."""


@dataclass(frozen=True)
class SentencePipeline:
    """The modules around a sentence encoder.

    Attributes:
        transformer: folder of the transformer.
        pooling: what the folder declares, or None where it declares one that is not read.
        steps: what follows the pooling of the last layer.
        prompt: text before each row, "" for none.
        max_length: most tokens of a row, or None.
        lower: whether rows are lower-cased.
        unread: parts that the folder declares and that are not followed, as sentences.
        files: every file that this was read from.
    """

    transformer: Path
    pooling: Pooling | None
    steps: tuple[Dense | Normalize, ...]
    prompt: str
    max_length: int | None
    lower: bool
    unread: tuple[str, ...]
    files: tuple[Path, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user: what is followed, and what is not."""
        parts = [
            f"{self.pooling} pooling" if self.pooling else "",
            f"the prompt {self.prompt!r}" if self.prompt else "",
            f"at most {self.max_length} tokens" if self.max_length else "",
            "lower case" if self.lower else "",
            f"{' and '.join(type(step).__name__ for step in self.steps)} at layer=last" if self.steps else "",
        ]
        declared = ", ".join(part for part in parts if part)
        found = (f"{MODULES} is followed, unless another pooling is named: {declared}",) if declared else ()
        return (*found, *self.unread)


def read_pipeline(folder: Path, transformer: Path | None = None) -> SentencePipeline | None:
    """The pipeline of a sentence-transformers folder, or None where it declares none with a transformer.

    Args:
        folder: the one with modules.json.
        transformer: the folder that its transformer must be in; `folder` itself where None.
    """
    modules = _modules(folder)
    if not modules or modules[0] != ("Transformer", transformer or folder):
        return None
    transformer = modules[0][1]
    settings = read_json(transformer / "sentence_bert_config.json")
    prompts = read_json(folder / "config_sentence_transformers.json")
    pooling, steps, unread = _behind(modules[1:])
    named = prompts.get("default_prompt_name")
    texts = prompts.get("prompts")
    prompt = str(texts.get(named) or "") if isinstance(texts, dict) and named is not None else ""
    limit = settings.get("max_seq_length")
    places = (path for _, path in modules if path != folder)
    files = [
        *(folder / name for name in (MODULES, "config_sentence_transformers.json")),
        transformer / "sentence_bert_config.json",
        *(path / name for path in places if path != transformer for name in ("config.json", "model.safetensors")),
    ]
    return SentencePipeline(
        transformer,
        pooling,
        steps,
        prompt,
        limit if isinstance(limit, int) and limit > 0 else None,
        settings.get("do_lower_case") is True,
        unread,
        tuple(dict.fromkeys(path for path in files if path.is_file())),
    )


def transformer_folder(folder: Path) -> Path | None:
    """Where modules.json puts the transformer, or the table of embeddings; None where it declares neither."""
    modules = _modules(folder)
    read = modules and modules[0][0] in ("Transformer", "StaticEmbedding") and modules[0][1].is_dir()
    return modules[0][1] if read else None


def _modules(folder: Path) -> list[tuple[str, Path]]:
    """Class and folder of each module, in order; none where modules.json is absent or of another form."""
    try:
        raw = json.loads((folder / MODULES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    if not isinstance(raw, list) or not all(isinstance(one, dict) for one in raw):
        return []
    found = [(str(one.get("type", "")).rpartition(".")[2], str(one.get("path", ""))) for one in raw]
    # a module is a folder directly inside: no path leads out
    return [(kind, folder / Path(path).name if path else folder) for kind, path in found]


def _behind(
    modules: list[tuple[str, Path]],
) -> tuple[Pooling | None, tuple[Dense | Normalize, ...], tuple[str, ...]]:
    pooling: Pooling | None = None
    steps: list[Dense | Normalize] = []
    unread: list[str] = []
    for kind, path in modules:
        config = read_json(path / "config.json")
        if kind == "Pooling":
            modes = _pooling_modes(config)
            pooling = POOLINGS.get(modes[0]) if len(modes) == 1 else None
            if pooling is None:
                unread.append(
                    f"{MODULES} declares {' + '.join(modes)} pooling, which is not read; mean is used instead"
                )
            if config.get("include_prompt") is False:
                unread.append(f"{MODULES} leaves the prompt out of the pooling, which is not followed")
        elif kind == "Normalize":
            steps.append(Normalize())
        elif kind == "Dense" and _readable(path, config):
            activation = str(config.get("activation_function", "Tanh")).rpartition(".")[2]
            steps.append(Dense(path / "model.safetensors", activation))
        elif kind != "Dropout":
            unread.append(
                f"{MODULES} declares {kind} in {path.name}, which is not read (a Dense layer needs model.safetensors "
                f"and one of {', '.join(ACTIVATIONS)}), so it and what follows it is left out"
            )
            break
    return pooling, tuple(steps) if pooling is not None else (), tuple(unread)


def _pooling_modes(config: dict[str, Any]) -> list[str]:
    given = config.get("pooling_mode")
    if given is not None:
        return [str(one) for one in given] if isinstance(given, list) else [str(given)]
    return [mode for key, mode in _LEGACY.items() if config.get(key)] or ["mean"]


def _readable(path: Path, config: dict[str, Any]) -> bool:
    activation = str(config.get("activation_function", "Tanh")).rpartition(".")[2]
    plain = config.get("use_residual") is not True and config.get("module_input_name", "sentence_embedding") == (
        "sentence_embedding"
    )
    return plain and activation in ACTIVATIONS and (path / "model.safetensors").is_file()
