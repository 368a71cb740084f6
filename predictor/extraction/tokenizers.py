"""Tokenizers: those of files and of transformers, and which one reads a model; never by running a model's own code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from predictor.errors import RefusedError
from predictor.extraction.marks import marks_of, opening
from predictor.extraction.regex_tokenizer import from_specification
from predictor.extraction.token_cut import RIGHT, Cut
from predictor.extraction.tokenizer import Tokenizer, Tokens
from predictor.models.artefact import Artefact
from predictor.models.gguf_file import check_gguf_architecture
from predictor.models.libraries import need
from predictor.models.tokenizer_files import SPECIFICATION, TOKENIZER_FILES, read_json

_PROBE = "a"


class FileTokenizer:
    """A `tokenizer.json` of the tokenizers library, read without transformers."""

    def __init__(self, path: Path, *, markers: bool = True, config: Mapping[str, Any] | None = None) -> None:
        """
        Args:
            markers: whether rows get opening and closing marks.
            config: the tokenizer_config.json that belongs to it, if any.
        """
        from tokenizers import Tokenizer as Fast

        self.kind = "tokenizer.json"
        self.prompt = ""
        self.limit: int | None = None
        try:
            self._fast = Fast.from_file(str(path))
        except Exception as error:  # boundary: the library raises bare Exception on a file it cannot read
            raise RefusedError(
                f"{path} is not a readable tokenizer.json ({error}).", reason="TOKENIZER_UNREADABLE", field="model"
            ) from error
        self._fast.no_padding()
        self._markers = markers
        names = ("[PAD]", "<pad>", "<|endoftext|>", "</s>")
        self.pad_id = next((i for i in map(self._fast.token_to_id, names) if i is not None), 0)
        self.fallback = self.pad_id
        marked, bare = self._fast.encode(_PROBE).ids if markers else [], self.pieces([_PROBE])[0]
        asked = config if markers and config is not None else {}
        self._marks = marks_of(asked, marked, bare, self._id(asked, "bos_token"), self._id(asked, "eos_token"))
        self.notes = self._marks.notes
        self.opening = opening(self._marks.apply(marked), bare)
        self._closing = max(0, len(self._marks.apply(marked)) - len(self.opening) - len(bare))

    def _id(self, config: Mapping[str, Any], name: str) -> int | None:
        token = config.get(name)
        found: int | None = self._fast.token_to_id(str(token["content"] if isinstance(token, dict) else token))
        return found

    def pieces(self, texts: Sequence[str]) -> list[list[int]]:
        """See `PieceTokenizer`."""
        self._fast.no_truncation()
        return [list(row.ids) for row in self._fast.encode_batch(list(texts), add_special_tokens=False)]

    def encode(self, texts: Sequence[str], max_length: int, cut: Cut = RIGHT) -> Tokens:
        """See `Tokenizer`."""
        self._fast.no_truncation()
        whole = self._encoded(texts)
        long = [i for i, row in enumerate(whole) if len(row) > max_length]
        if cut.side != "right":
            for i in long:
                whole[i] = cut.between(whole[i], len(self.opening), self._closing, max_length)
        elif long:
            self._fast.enable_truncation(max(1, max_length - self._marks.added))
            for i, row in zip(long, self._encoded([texts[i] for i in long]), strict=True):
                whole[i] = row
        return Tokens([np.array(row or [self.pad_id], dtype=np.int64) for row in whole], len(long), max_length)

    def _encoded(self, texts: Sequence[str]) -> list[list[int]]:
        found = self._fast.encode_batch(list(texts), add_special_tokens=self._markers)
        return [self._marks.apply(row.ids) for row in found]


class LibraryTokenizer:
    """Any tokenizer that `AutoTokenizer` builds from a folder or a GGUF file, remote code excluded."""

    def __init__(self, folder: Path, gguf: str | None = None) -> None:
        need("transformers")
        from transformers import AutoTokenizer

        self.kind = "gguf" if gguf else "transformers"
        self.prompt = ""
        try:
            options = {"gguf_file": gguf} if gguf else {}
            self.library = AutoTokenizer.from_pretrained(
                str(folder), trust_remote_code=False, local_files_only=True, **options
            )
        except Exception as error:  # boundary: third-party loader over files that we did not write
            if gguf:
                check_gguf_architecture(folder / gguf)
            raise RefusedError(
                f"the tokenizer {'inside' if gguf else 'in'} {gguf or folder} cannot be loaded "
                f"({type(error).__name__}: {str(error).splitlines()[0]}); "
                + ("" if gguf else f"describe it in {SPECIFICATION}, or ")
                + "name another with #tokenizer=MODEL.",
                reason="TOKENIZER_UNREADABLE",
                field="model",
            ) from error
        self.kind = type(self.library).__name__
        known = (self.library.pad_token_id, self.library.eos_token_id, self.library.unk_token_id)
        self.pad_id = int(next((i for i in known if i is not None), 0))
        declared = self.library.model_max_length
        self.limit = int(declared) if declared and declared < 1 << 30 else None
        starts = (self.library.bos_token_id, self.library.cls_token_id, self.library.eos_token_id, self.pad_id)
        self.fallback = int(next(i for i in starts if i is not None))
        marked, bare = self.library(_PROBE)["input_ids"], self.pieces([_PROBE])[0]
        config = {} if gguf else read_json(folder / "tokenizer_config.json")
        self._marks = marks_of(config, marked, bare, self.library.bos_token_id, self.library.eos_token_id)
        self.notes = self._marks.notes
        self.opening = opening(self._marks.apply(marked), bare)
        self._closing = max(0, len(self._marks.apply(marked)) - len(self.opening) - len(bare))

    def pieces(self, texts: Sequence[str]) -> list[list[int]]:
        """See `PieceTokenizer`."""
        found: list[list[int]] = self.library(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
        return found

    def encode(self, texts: Sequence[str], max_length: int, cut: Cut = RIGHT) -> Tokens:
        """See `Tokenizer`."""
        found: list[list[int]] = self.library(list(texts), truncation=False, verbose=False)["input_ids"]
        whole = [self._marks.apply(row) for row in found]
        long = [i for i, row in enumerate(whole) if len(row) > max_length]
        if cut.side != "right":
            for i in long:
                whole[i] = cut.between(whole[i], len(self.opening), self._closing, max_length)
        elif long:
            room = max(1, max_length - self._marks.added)
            short = self.library([texts[i] for i in long], truncation=True, max_length=room, verbose=False)
            for i, row in zip(long, short["input_ids"], strict=True):
                whole[i] = self._marks.apply(row)
        return Tokens([np.array(row or [self.fallback], dtype=np.int64) for row in whole], len(long), max_length)

    @property
    def has_chat_template(self) -> bool:
        """See `predictor.extraction.row_tokens.ChatTokenizer`."""
        return bool(self.library.chat_template)

    def chat(self, messages: Sequence[dict[str, Any]]) -> list[int]:
        """See `predictor.extraction.row_tokens.ChatTokenizer`."""
        try:
            text = self.library.apply_chat_template(list(messages), tokenize=False)
        except Exception as error:  # boundary: a template that came with the model's files
            raise RefusedError(
                f"the chat template of {self.kind} does not take this conversation ({error}); give another model, or "
                "texts in place of messages.",
                reason="CHAT_TEMPLATE_FAILED",
                field="pool",
            ) from error
        found: list[int] = self.library(text, add_special_tokens=False, verbose=False)["input_ids"]
        return found


def load_tokenizer(artefact: Artefact) -> Tokenizer:
    """The tokenizer that belongs to a model's files.

    Raises:
        RefusedError: there is none, or it cannot be read.
        UnavailableError: what reads such a model is not installed.
    """
    need(*artefact.form.libraries)
    if artefact.tokenizer is not None and artefact.tokenizer.is_file():
        return FileTokenizer(artefact.tokenizer, markers=artefact.form.markers)
    if artefact.form.tokenizer_inside and artefact.tokenizer is None:
        return LibraryTokenizer(artefact.folder, artefact.path.name)
    files = artefact.tokenizer_files
    if not files and artefact.base is not None:
        return load_tokenizer(artefact.base)
    if not files:
        raise RefusedError(
            f"{artefact.tokenizer or artefact.folder} has no tokenizer ({', '.join(TOKENIZER_FILES[1:8])} …); name one "
            f"with #tokenizer=FOLDER, or describe it in a {SPECIFICATION} beside the weights.",
            reason="NO_TOKENIZER",
            field="model",
        )
    folder, names = files[0].parent, {file.name for file in files}
    if SPECIFICATION in names:
        return from_specification(folder)
    if artefact.form.tokenizer_reader == "file" and "tokenizer.json" in names:
        config = {**read_json(folder / "special_tokens_map.json"), **read_json(folder / "tokenizer_config.json")}
        return FileTokenizer(folder / "tokenizer.json", markers=artefact.form.markers, config=config)
    return LibraryTokenizer(folder)
