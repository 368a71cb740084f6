"""Tokenizer files: names of files with a tokenizer, and the specification of one for SMILES."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

SPECIFICATION = "w2s_tokenizer.json"
"""A tokenizer by regular expression; `predictor.extraction.tokenizers` describes the format."""

SMILES_PATTERN = (
    r"(\%\([0-9]{3}\)|\[[^\]]+]|Br?|Cl?|N|O|S|P|F|I|b|c|n|o|s|p|\||\(|\)|\.|=|#|-|\+|\\|\/|:|~|@|\?|>>?|\*|\$"
    r"|\%[0-9]{2}|[0-9])"
)
"""Bracket atoms, two-letter elements, ring digits and bonds. Source: Schwaller et al., rxnfp, SMI_REGEX_PATTERN."""

SMILES_SPECIFICATION = {
    "kind": "regex",
    "pattern": SMILES_PATTERN,
    "vocab": "vocab.txt",
    "cls": "[CLS]",
    "sep": "[SEP]",
    "unk": "[UNK]",
    "pad": "[PAD]",
}

TOKENIZER_FILES = (
    SPECIFICATION,
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
    "sentencepiece.model",
    "tokenizer.model",
    "bpe.codes",
    "dict.txt",
    "prophetnet.tokenizer",
    "source.spm",
    "target.spm",
    "target_vocab.json",
    "tekken.json",
    "tiktoken.model",
)
"""Files that decide how text becomes token ids, by name. A folder with one of them has a tokenizer."""

CHAT_TEMPLATES = ("chat_template.jinja", "chat_template.json")
"""Files with the template of conversations, beside a tokenizer."""

TOKENIZER_PATTERNS = ("tokenizer*.json", "vocab*", "merges*", "*.model", "*.spm", "*.tiktoken", "*.codes", "dict*.txt")
"""Further names of such files: versions (`tokenizer.4.0.0.json`), other languages (`vocab-src.json`), other formats."""


def tokenizer_files(folder: Path) -> tuple[Path, ...]:
    """Files of a folder that decide how text becomes token ids, by name; empty where it has no tokenizer.

    These are the files with known names, those that they name, and config.json, which may name the tokenizer's class.
    """
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        return ()
    names = {*TOKENIZER_FILES, *CHAT_TEMPLATES, "config.json", *_named(folder)}
    return tuple(
        path
        for path in sorted(folder.iterdir())
        if (path.name in names or any(fnmatchcase(path.name, one) for one in TOKENIZER_PATTERNS)) and path.is_file()
    )


def _named(folder: Path) -> set[str]:
    """Names of the files that a specification or tokenizer_config.json refers to."""
    found: set[str] = set()
    for name in (SPECIFICATION, "tokenizer_config.json"):
        values = read_json(folder / name).items()
        found |= {
            Path(value).name
            for key, value in values
            if isinstance(value, str) and (key == "vocab" or key.endswith(("_file", "_files")))
        }
        found |= {
            Path(str(value)).name
            for key, listed in values
            if key.endswith("_files") and isinstance(listed, list)
            for value in listed
        }
    return found


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file; {} where there is none, or where it is unreadable, which its reader reports."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return raw if isinstance(raw, dict) else {}
