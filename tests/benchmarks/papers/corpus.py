"""Corpus: the rows that a zoo is trained on, as token ids; here those of the SMILES zoo."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from predictor.folders import cache_dir
from predictor.models.tokenizer_files import SMILES_PATTERN, SMILES_SPECIFICATION, SPECIFICATION
from tests.benchmarks.lineup import data_folder

FILE = "chembl_smiles_200k.txt.gz"
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD, UNKNOWN, START, END, MASK = range(len(SPECIAL))
FREQUENT = 20
"""Tokens seen less often are unknown."""

LONGEST = 48
"""Tokens of a row, its ends included; longer rows are left out of training."""

HELD_OUT = 256
"""Rows at the end of the file that no model is trained on."""

Ids = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Corpus:
    """Token ids, padded behind.

    Attributes:
        vocabulary: tokens by id.
        ids: (n, longest).
        lengths: (n,) tokens of each row.
        tokenizer: names and texts of the files that a model's folder needs to read rows in the same way.
    """

    vocabulary: tuple[str, ...]
    ids: Ids
    lengths: NDArray[np.intp]
    tokenizer: tuple[tuple[str, str], ...]


def smiles_corpus() -> Corpus:
    """All rows in the file's order, tokenised once and stored."""
    stored = cache_dir() / "benchmarks" / "zoo" / "corpus.npz"
    if not stored.exists():
        stored.parent.mkdir(parents=True, exist_ok=True)
        words, ids, lengths = _tokenised(data_folder() / FILE)
        temporary = stored.with_name("corpus.part.npz")
        np.savez(temporary, vocabulary=np.array(words), ids=ids, lengths=lengths)
        temporary.rename(stored)
    with np.load(stored) as found:
        vocabulary = tuple(found["vocabulary"].tolist())
        tokenizer = (
            ("vocab.txt", "\n".join(vocabulary) + "\n"),
            (SPECIFICATION, json.dumps(SMILES_SPECIFICATION, indent=1) + "\n"),
        )
        return Corpus(vocabulary, found["ids"], found["lengths"], tokenizer)


def _tokenised(path: Path) -> tuple[list[str], NDArray[np.uint8], NDArray[np.intp]]:
    find = re.compile(SMILES_PATTERN).findall
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [found for line in file if len(found := find(line.strip())) <= LONGEST - 2]
    counted = Counter(token for row in rows for token in row)
    vocabulary = [*SPECIAL, *sorted(token for token, count in counted.items() if count >= FREQUENT)]
    place = {token: at for at, token in enumerate(vocabulary)}
    ids = np.zeros((len(rows), LONGEST), dtype=np.uint8)
    for at, row in enumerate(rows):
        ids[at, : len(row) + 2] = [START, *(place.get(token, UNKNOWN) for token in row), END]
    return vocabulary, ids, np.array([len(row) + 2 for row in rows])
