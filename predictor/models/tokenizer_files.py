"""Tokenizer files: names that hold a tokenizer, and the specification of one for SMILES."""

from __future__ import annotations

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
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "bpe.codes",
)
"""Files that decide how text becomes token ids, by name."""
