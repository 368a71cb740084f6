"""Model forms: one record per kind of model file, with everything that other modules must know of it.

A new backend is a module in `predictor.extraction` and its record in `FORMS`. Classes that need torch or onnxruntime
are named by path and imported by `predictor.extraction.open_model`, only when a model is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from predictor.models.adapter import is_adapter
from predictor.models.config_file import read_config
from predictor.models.tokenizer_files import SPECIFICATION

TokenizerReader = Literal["library", "file"]
"""Reads a tokenizer folder: transformers, or the tokenizers package where there is a tokenizer.json."""


def _never(folder: Path) -> bool:
    return False


@dataclass(frozen=True)
class ModelForm:
    """How the models of one form are recognised, keyed and read.

    Attributes:
        name: in reports; the reference kind of the same name (`onnx:`, `gguf:`, `array:`) demands this form.
        noun: for messages, with its article.
        suffixes: endings of the single files that have this form.
        recognises: whether a folder contains a model of this form.
        libraries: modules that must be installed to read it.
        engine: name of what runs it, as in feature keys. Another name makes other keys.
        own_precision: True where the files fix the precision; feature keys then have `graph`.
        load_factor: bytes of memory that loading takes per byte of weights on disk.
        data_beside: True where further tensors may be stored in files beside the weights.
        tokenizer_inside: True where the weights file contains the tokenizer too.
        tokenizer_above: True where the tokenizer may be one folder above the weights.
        tokenizer_reader: what reads its tokenizer folder.
        markers: True where rows get the tokenizer's opening and closing markers.
        trainable: True where its weights can be fine-tuned.
        backend: `module:class` that gives its hidden states, or "" where there is nothing to run.
        classifier: `module:class` that gives the logits of its classification head, or "".
    """

    name: str
    noun: str
    suffixes: tuple[str, ...] = ()
    recognises: Callable[[Path], bool] = _never
    libraries: tuple[str, ...] = ()
    engine: str = ""
    own_precision: bool = True
    load_factor: int = 2
    data_beside: bool = False
    tokenizer_inside: bool = False
    tokenizer_above: bool = False
    tokenizer_reader: TokenizerReader = "file"
    markers: bool = True
    trainable: bool = False
    backend: str = ""
    classifier: str = ""

    def precision(self, wanted: str) -> str:
        """Precision as in feature keys: `wanted`, or `graph` where the files fix it."""
        return "graph" if self.own_precision else wanted


def _model_type(folder: Path) -> str | None:
    """The `model_type` of a folder with tensors, or None where there are no tensors or no type."""
    config = read_config(folder) if any(folder.glob("*.safetensors")) else {}
    return str(config["model_type"]) if "model_type" in config else None


def _is_transformers(folder: Path) -> bool:
    return _model_type(folder) not in (None, "model2vec") and not is_adapter(folder)


def _is_static(folder: Path) -> bool:
    if _model_type(folder) == "model2vec":
        return True
    tokenizers = any((folder / name).is_file() for name in ("tokenizer.json", SPECIFICATION))
    return tokenizers and not is_adapter(folder) and len(list(folder.glob("*.safetensors"))) == 1


TRANSFORMERS = ModelForm(
    "transformers",
    "a transformers folder",
    recognises=_is_transformers,
    libraries=("torch", "transformers", "safetensors"),
    engine="transformers",
    own_precision=False,
    tokenizer_reader="library",
    trainable=True,
    backend="predictor.extraction.torch_backend:TorchBackend",
    classifier="predictor.extraction.torch_classifier:TorchClassifier",
)
ADAPTER = ModelForm(
    "adapter",
    "an adapter folder",
    recognises=is_adapter,
    libraries=(*TRANSFORMERS.libraries, "peft"),
    engine="transformers-peft",
    own_precision=False,
    load_factor=TRANSFORMERS.load_factor,
    tokenizer_reader="library",
    trainable=True,
    backend=TRANSFORMERS.backend,
    classifier=TRANSFORMERS.classifier,
)
GGUF = ModelForm(
    "gguf",
    "a GGUF file",
    suffixes=(".gguf",),
    libraries=("torch", "transformers", "gguf"),
    engine="transformers-gguf",
    own_precision=False,
    load_factor=16,  # a weight of 4 bits becomes 4 bytes, twice for a moment
    tokenizer_inside=True,
    tokenizer_reader="library",
    trainable=True,
    backend="predictor.extraction.torch_backend:TorchBackend",
)
ONNX = ModelForm(
    "onnx",
    "an ONNX graph",
    suffixes=(".onnx",),
    libraries=("onnxruntime", "onnx", "tokenizers"),
    engine="onnxruntime",
    data_beside=True,
    tokenizer_above=True,
    backend="predictor.extraction.onnx_backend:OnnxBackend",
    classifier="predictor.extraction.onnx_classifier:OnnxClassifier",
)
STATIC = ModelForm(
    "static",
    "a table of embeddings",
    recognises=_is_static,
    libraries=("safetensors", "tokenizers"),
    engine="static",
    markers=False,
    backend="predictor.extraction.static_backend:StaticBackend",
)
ARRAY = ModelForm("array", "an array", suffixes=(".npy", ".npz", ".safetensors"), engine="array")

FORMS = (ADAPTER, TRANSFORMERS, GGUF, ONNX, STATIC, ARRAY)
"""Every form. Folders are tried in this order."""


def form_of_name(name: str) -> ModelForm | None:
    """The form of that name, or None."""
    return next((form for form in FORMS if form.name == name), None)


def form_of_suffix(suffix: str) -> ModelForm | None:
    """The form of single files with that ending, or None."""
    return next((form for form in FORMS if suffix in form.suffixes), None)


def form_of_folder(folder: Path) -> ModelForm | None:
    """The form of a folder's model, or None where it contains none.

    Raises:
        RefusedError: its config.json is unreadable.
    """
    return next((form for form in FORMS if form.recognises(folder)), None)
