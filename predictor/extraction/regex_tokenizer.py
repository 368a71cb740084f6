"""RegexTokenizer: tokens by a regular expression, as a folder describes them for models that no library tokenises.

A model folder may have a `w2s_tokenizer.json` instead of a tokenizer that transformers knows:

    {"kind": "regex", "pattern": "...", "vocab": "vocab.txt",
     "cls": "[CLS]", "sep": "[SEP]", "unk": "[UNK]", "pad": "[PAD]"}

Every match of `pattern` (group 1 where there is one) is a token; `vocab` has one token a line, numbered from 0; `cls`
and `sep` are put around a row unless null. What the pattern does not match is dropped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from predictor.errors import RefusedError
from predictor.extraction.token_cut import RIGHT, Cut
from predictor.extraction.tokenizer import Tokens
from predictor.models.tokenizer_files import SPECIFICATION

_MAX_PATTERN = 2000


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


def from_specification(folder: Path) -> RegexTokenizer:
    """The tokenizer that a folder describes.

    Raises:
        RefusedError: the description cannot be used.
    """
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
