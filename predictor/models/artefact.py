"""Artefact: the local files of a model, classified by form before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from predictor.errors import InputError, NotFoundError, RefusedError
from predictor.models.adapter import SETTINGS, WEIGHTS
from predictor.models.checkpoints import is_checkpoint
from predictor.models.config_file import read_config
from predictor.models.digests import files_digest
from predictor.models.forms import (
    ADAPTER,
    ARRAY,
    FORMS,
    GGUF,
    ONNX,
    STATIC,
    TRANSFORMERS,
    ModelForm,
    form_of_folder,
    form_of_suffix,
)
from predictor.models.refusals import check_no_pointers, no_model, pickled_file
from predictor.models.sentence_pipeline import SentencePipeline, read_pipeline, transformer_folder
from predictor.models.tokenizer_files import tokenizer_files
from predictor.models.training_state import check_no_shards, check_not_quantised

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
"""Endings of files that can run code when loaded."""

NOT_WEIGHTS = ("training_args", "optimizer", "scheduler", "rng_state", "scaler", "random_states")
"""Stems of pickles that trainers leave beside the weights."""

_NO_TENSORS = (".onnx", ".json", ".txt", ".md", ".py", ".model", ".html", ".js")


@dataclass(frozen=True)
class Artefact:
    """Where a model's files are and what form they have.

    Attributes:
        form: how they are read.
        path: the folder of a transformers or static model, else the weights file.
        key: tensor inside a `.safetensors` file, or "".
        tokenizer: folder or file named by `#tokenizer=`, or None where it is with the weights.
        source: folder of the pickled weights that these were converted from, or None.
        base: of an adapter, the model that it changes; else None.
    """

    form: ModelForm
    path: Path
    key: str = ""
    tokenizer: Path | None = None
    source: Path | None = None
    base: Artefact | None = None

    @cached_property
    def pipeline(self) -> SentencePipeline | None:
        """What a sentence-transformers folder declares around its transformer, or None."""
        declared = self.source or self.folder
        own = read_pipeline(declared) or read_pipeline(declared.parent, declared)
        return self.base.pipeline if own is None and self.base is not None else own

    @property
    def network(self) -> Artefact:
        """What has the layers: itself, of an adapter the base below all adapters."""
        return self if self.base is None else self.base.network

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of the network."""
        return read_config(self.network.folder)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user on how its files become a model."""
        if self.base is None:
            return ()
        return (f"the adapter is merged into its base {self.base.path.name!r}", *self.base.notes)

    @property
    def folder(self) -> Path:
        """The folder of the weights."""
        return self.path if self.path.is_dir() else self.path.parent

    @property
    def weight_files(self) -> tuple[Path, ...]:
        """Weights and the configuration that gives them and their outputs their meaning.

        Of a graph also the files beside it that are no text and no other graph, since they may contain tensors. Of an
        adapter also those of its base.
        """
        return (*self._own_files, *(() if self.base is None else self.base.weight_files))

    @property
    def _own_files(self) -> tuple[Path, ...]:
        config = tuple(p for p in (self.folder / "config.json", self.folder / SETTINGS) if p.is_file())
        if self.form.data_beside:
            beside = (p for p in self.folder.iterdir() if p.suffix not in _NO_TENSORS and p.is_file())
            return (self.path, *sorted(beside), *config)
        if not self.path.is_dir():
            return (self.path,)
        names = [*self.path.glob("*.safetensors"), *self.path.glob("*.safetensors.index.json")]
        return (*sorted(names), *config, *(() if self.pipeline is None else self.pipeline.files))

    @property
    def tokenizer_files(self) -> tuple[Path, ...]:
        """Files that decide how text becomes token ids, the weights file apart."""
        if self.tokenizer is not None:
            return (self.tokenizer,) if self.tokenizer.is_file() else tokenizer_files(self.tokenizer)
        found = tokenizer_files(self.folder) or self._tokenizer_above
        return self.base.tokenizer_files if not found and self.base is not None else found

    @property
    def _tokenizer_above(self) -> tuple[Path, ...]:
        """The tokenizer one folder above: of forms that have it there, and of checkpoints of a training."""
        above = self.form.tokenizer_above or is_checkpoint(self.source or self.folder)
        return tokenizer_files((self.source or self.folder).parent) if above else ()

    def weights_digest(self, cache: Path | None = None) -> str:
        """SHA-256 hex over the weight files."""
        digest = files_digest(self._own_files, cache)
        if self.base is not None:
            digest = sha256(f"{digest}\n{self.base.weights_digest(cache)}".encode()).hexdigest()
        return f"{digest}::{self.key}" if self.key else digest

    def tokenizer_digest(self, cache: Path | None = None) -> str:
        """SHA-256 hex over the tokenizer files."""
        return files_digest(self.tokenizer_files, cache)


def classify(path: Path, key: str = "", *, as_given: str, converted: Path | None = None) -> Artefact:
    """The artefact at a local path.

    Args:
        path: folder or file.
        key: tensor name after `::`.
        as_given: the reference as the user wrote it, for messages.
        converted: folder of weights converted earlier, by digest of their source, or None.

    Raises:
        NotFoundError: nothing there.
        RefusedError: pickled weights, or a folder without weights. The base of an adapter is not looked for here.
        InputError: a file of another kind.
    """
    if path.is_dir():
        return _classify_folder(path, as_given, converted)
    if not path.is_file():
        raise NotFoundError(f"model {as_given!r} does not exist.", reason="MODEL_NOT_FOUND", field="model")
    check_no_pointers(path)
    form = form_of_suffix(path.suffix)
    if form is not None:
        return Artefact(form, path, key)
    if path.suffix in PICKLES:
        raise pickled_file(path, as_given)
    raise InputError(
        f"{as_given!r} ends in {path.suffix!r}; give a folder, or a file that ends in "
        f"{', '.join(suffix for form in FORMS for suffix in form.suffixes)}.",
        reason="MODEL_FORMAT",
        field="model",
    )


def _classify_folder(path: Path, as_given: str, converted: Path | None) -> Artefact:
    check_no_pointers(path)
    pickled = pickled_weights(path)
    form = form_of_folder(path)
    if form is not None and (form != ADAPTER or (path / WEIGHTS).is_file()):
        if form == TRANSFORMERS:
            check_not_quantised(read_config(path), path, as_given)
        return Artefact(form, path)
    transformer = transformer_folder(path)
    if transformer is not None and transformer != path:
        return _classify_folder(transformer, as_given, converted)
    check_no_shards(path, as_given)
    if pickled:
        earlier = None if converted is None else converted / source_digest(path)
        if earlier is not None and (earlier / "provenance.json").is_file():
            return Artefact(form or TRANSFORMERS, earlier, source=path)
        raise pickle_refusal(pickled[0], as_given)
    raise no_model(path, as_given, holds_model, (*ONNX.suffixes, *GGUF.suffixes))


def holds_model(folder: Path) -> bool:
    """Whether a folder's own files are a model, read or to be converted first."""
    return form_of_folder(folder) is not None or bool(pickled_weights(folder))


def pickled_weights(folder: Path) -> list[Path]:
    """Pickled weight files of a folder, trainers' leftovers apart."""
    return sorted(
        p for p in folder.iterdir() if p.suffix in PICKLES and not p.stem.startswith(NOT_WEIGHTS) and p.is_file()
    )


def source_digest(folder: Path) -> str:
    """Digest under which converted weights are stored: the pickles and the configuration."""
    settings = (p for p in (folder / "config.json", folder / SETTINGS) if p.is_file())
    return files_digest([*pickled_weights(folder), *settings])


def pickle_refusal(path: Path, as_given: str) -> RefusedError:
    """Why pickled weights are not read, and the command that makes them readable."""
    return RefusedError(
        f"{as_given!r} has its weights in {path.name}, a pickle, and loading a pickle can run any code; only "
        f".safetensors, .gguf and .onnx are read. Convert it once, in a process of its own, with: "
        f"w2s models convert {as_given}",
        reason="PICKLE_REFUSED",
        field="model",
    )


def with_tokenizer(artefact: Artefact, tokenizer: Path) -> Artefact:
    """The same weights read with a tokenizer from elsewhere; an array then is an embedding table."""
    return replace(artefact, form=STATIC if artefact.form == ARRAY else artefact.form, tokenizer=tokenizer)
