"""Keys of stored features, computed or pushed, and the names that users may give them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from predictor.errors import InputError

_NAME = re.compile(r"\w[\w.@+-]{0,127}")
_NAME_BYTES = 200
_KEY = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FeatureKey:
    """Everything that pooled features depend on.

    Attributes:
        weights, tokenizer: digests of the model's files.
        precision: of the arithmetic, `fp32` or `bf16`, or `graph` where the file decides.
        backend: engine that ran it.
        layer: 0 is the embeddings' output, k the output of block k.
        template: text put around each row, "" for none.
        max_length: tokens.
        truncate: what a longer row loses; a key without it means its end.
    """

    weights: str
    tokenizer: str
    precision: str
    backend: str
    layer: int
    pooling: str
    template: str
    max_length: int
    truncate: str = "right"

    @property
    def fingerprint(self) -> str:
        """SHA-256 hex of the features' definition, without the rows."""
        facts = {name: value for name, value in asdict(self).items() if (name, value) != ("truncate", "right")}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def entry(self, rows_sha256: str) -> str:
        """SHA-256 hex under which the features of these rows are stored."""
        return hashlib.sha256(f"{self.fingerprint}\n{rows_sha256}".encode()).hexdigest()


def is_key(text: str) -> bool:
    """Whether a text is an entry's key, 64 hexadecimal digits."""
    return _KEY.fullmatch(text) is not None


def check_name(name: str) -> None:
    """Refuse what cannot name a feature set, and so a file.

    Raises:
        InputError: another character, too long, or nothing.
    """
    if not _NAME.fullmatch(name) or len(name.encode()) > _NAME_BYTES:
        raise InputError(
            f"{name!r} cannot name a feature set; use up to 128 letters, digits and . _ @ + -, a letter, digit or "
            "_ first.",
            reason="BAD_FEATURE_NAME",
            field="name",
        )


def pushed_key(digest: str, rows_sha256: str | None, about: Mapping[str, Any] | None = None) -> str:
    """The key of a pushed set: equal sets of equal provenance are stored once."""
    facts = json.dumps(dict(about or {}), sort_keys=True)
    return hashlib.sha256(f"pushed\n{digest}\n{rows_sha256}\n{facts}".encode()).hexdigest()
