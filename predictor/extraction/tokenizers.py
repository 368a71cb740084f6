"""Tokenizers: text to token ids, from files alone and never by running a model's own code.

A model folder may carry `w2s_tokenizer.json` instead of a tokenizer that transformers knows:

    {"kind": "regex", "pattern": "...", "vocab": "vocab.txt",
     "cls": "[CLS]", "sep": "[SEP]", "unk": "[UNK]", "pad": "[PAD]"}

Every match of `pattern` (group 1 where there is one) is a token; `vocab` has one token a line, numbered from 0; `cls`
and `sep` are put around a row unless null. What the pattern does not match is dropped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from predictor.errors import RefusedError
from predictor.extraction.marks import marks_of, opening
from predictor.extraction.token_cut import RIGHT, Cut
from predictor.models.artefact import Artefact
from predictor.models.gguf_file import check_gguf_architecture
from predictor.models.libraries import need
from predictor.models.tokenizer_files import SPECIFICATION, TOKENIZER_FILES, read_json

_MAX_PATTERN = 2000
_PROBE = "a"


@dataclass(frozen=True, eq=False)
class Tokens:
    """A pool as token ids.

    Attributes:
        rows: one int64 array per text, at least one token each.
        truncated: how many rows were cut at the length limit.
        limit: the length limit, in tokens.
        notes: sentences for the user on how the rows were read.
    """

    rows: list[NDArray[np.int64]]
    truncated: int
    limit: int
    notes: tuple[str, ...] = ()


class Tokenizer(Protocol):
    """Text in, token ids out.

    Attributes:
        kind: its class, for reports.
        pad_id: what shorter rows are padded with.
        limit: most tokens of a row that its configuration allows, or None.
        notes: sentences for the user on how it was read.
        prompt: what the model's folder puts before each row, "" for nothing.
    """

    kind: str
    pad_id: int
    limit: int | None
    notes: tuple[str, ...]
    prompt: str

    def encode(self, texts: Sequence[str], max_length: int, cut: Cut = RIGHT) -> Tokens:
        """Token ids with the model's own markers, at most `max_length` a row, cut as `cut` says."""
        ...


@runtime_checkable
class PieceTokenizer(Protocol):
    """A tokenizer that can encode parts of a text: pieces without markers, after the opening ones.

    Attributes:
        opening: markers before a text.
        fallback: the token of an empty text.
    """

    opening: list[int]
    fallback: int

    def pieces(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text without markers; none for an empty text."""
        ...


class RegexTokenizer:
    """Tokens by a regular expression and a vocabulary file; see this module's docstring."""

    def __init__(self, folder: Path, specification: dict[str, Any]) -> None:
        self.kind = "regex"
        self.prompt = ""
        self.limit: int | None = None
        self.notes: tuple[str, ...] = ()
        vocabulary = folder / Path(str(specification.get("vocab", "vocab.txt"))).name
        pattern = str(specification.get("pattern", ""))
        if not vocabulary.is_file() or not 0 < len(pattern) <= _MAX_PATTERN:
            raise _bad_specification(
                folder, f"vocab {vocabulary.name!r} must exist and pattern have 1-{_MAX_PATTERN} characters"
            )
        try:
            self._pattern = re.compile(pattern)
        except re.error as error:
            raise _bad_specification(folder, f"pattern is no regular expression ({error})") from error
        lines = vocabulary.read_text(encoding="utf-8").split("\n")
        self._ids = {token: i for i, token in enumerate(line.rstrip("\r") for line in lines) if token}
        named = {mark: specification.get(mark) for mark in ("cls", "sep", "unk", "pad")}
        missing = [mark for mark, token in named.items() if token is not None and token not in self._ids]
        if missing or named["unk"] is None:
            raise _bad_specification(folder, f"markers {missing or ['unk']} are not in the vocabulary")
        self._unknown = self._ids[named["unk"]]
        self._before = [] if named["cls"] is None else [self._ids[named["cls"]]]
        self._after = [] if named["sep"] is None else [self._ids[named["sep"]]]
        self.pad_id = 0 if named["pad"] is None else self._ids[named["pad"]]

    def split(self, text: str) -> list[str]:
        """The tokens of one text, without markers."""
        return [match.group(match.lastindex or 0) for match in self._pattern.finditer(text)]

    def encode(self, texts: Sequence[str], max_length: int, cut: Cut = RIGHT) -> Tokens:
        """See `Tokenizer`."""
        room = max(1, max_length - len(self._before) - len(self._after))
        rows, truncated = [], 0
        for text in texts:
            inner = [self._ids.get(token, self._unknown) for token in self.split(text)]
            truncated += len(inner) > room
            ids = self._before + cut.apply(inner, room) + self._after
            rows.append(np.array(ids or [self._unknown], dtype=np.int64))
        return Tokens(rows, truncated, max_length)


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
                f"the tokenizer in {folder} cannot be loaded ({type(error).__name__}: {str(error).splitlines()[0]}); "
                f"describe it in {SPECIFICATION}, or name another with #tokenizer=.",
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
        return _from_specification(folder)
    if artefact.form.tokenizer_reader == "file" and "tokenizer.json" in names:
        config = {**read_json(folder / "special_tokens_map.json"), **read_json(folder / "tokenizer_config.json")}
        return FileTokenizer(folder / "tokenizer.json", markers=artefact.form.markers, config=config)
    return LibraryTokenizer(folder)


def _from_specification(folder: Path) -> Tokenizer:
    try:
        raw = json.loads((folder / SPECIFICATION).read_text(encoding="utf-8"))
    except ValueError as error:
        raise _bad_specification(folder, f"it is not JSON ({error})") from error
    if not isinstance(raw, dict) or raw.get("kind") != "regex":
        raise _bad_specification(folder, 'kind must be "regex"')
    return RegexTokenizer(folder, raw)


def _bad_specification(folder: Path, why: str) -> RefusedError:
    return RefusedError(
        f"{folder / SPECIFICATION} cannot be used: {why}.", reason="TOKENIZER_UNREADABLE", field="model"
    )
