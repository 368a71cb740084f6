"""Pool: the unlabelled rows, identical and in one order for every model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from predictor.errors import InputError


@dataclass(frozen=True, eq=False)
class Pool:
    """Rows in the order in which every model reads them.

    Attributes:
        ids: unique row names, one per row.
        texts: the rows; empty where the request carries arrays only (see `numbered`).
    """

    ids: tuple[str, ...]
    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.ids) < 2:
            raise InputError(
                f"the pool has {len(self.ids)} row(s); a ranking needs at least 2, and some hundreds to separate "
                "candidates. Give more rows.",
                reason="POOL_TOO_SMALL",
                field="pool",
            )
        if self.texts and len(self.texts) != len(self.ids):
            raise InputError(
                f"the pool has {len(self.ids)} ids but {len(self.texts)} texts; they must pair one to one.",
                reason="POOL_MISALIGNED",
                field="pool",
            )
        if len(set(self.ids)) != len(self.ids):
            seen: set[str] = set()
            twice = next(name for name in self.ids if name in seen or seen.add(name))  # type: ignore[func-returns-value]
            raise InputError(
                f"row id {twice!r} occurs more than once in the pool; ids must be unique. Drop the id column to "
                "number the rows instead.",
                reason="DUPLICATE_ROW_ID",
                field="pool",
            )

    @classmethod
    def of(cls, texts: Sequence[str], ids: Sequence[str] | None = None) -> Pool:
        """A pool of texts, numbered from 0 where no ids are given."""
        names = tuple(str(i) for i in range(len(texts))) if ids is None else tuple(str(i) for i in ids)
        return cls(names, tuple(texts))

    @classmethod
    def numbered(cls, rows: int) -> Pool:
        """A pool known by its row numbers only, for arrays whose texts are not at hand."""
        return cls(tuple(str(i) for i in range(rows)), ())

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def sha256(self) -> str:
        """Digest of ids and texts in order, each length-prefixed so that no two pools collide by concatenation."""
        digest = hashlib.sha256()
        for part in (self.ids, self.texts):
            digest.update(len(part).to_bytes(8, "little"))
            for item in part:
                raw = item.encode("utf-8", "surrogatepass")
                digest.update(len(raw).to_bytes(8, "little"))
                digest.update(raw)
        return digest.hexdigest()

    @property
    def empty_rows(self) -> int:
        """Rows whose text is blank. They stay in the pool: a model sees its own markers, or one padding token."""
        return sum(1 for text in self.texts if not text.strip())

    @property
    def duplicate_rows(self) -> int:
        """Rows whose text occurs earlier too. They stay in the pool and count, as they would in training."""
        return len(self.texts) - len(set(self.texts))

    def take(self, rows: np.ndarray) -> Pool:
        """The pool cut to the given row numbers, in that order."""
        return Pool(
            tuple(self.ids[i] for i in rows),
            tuple(self.texts[i] for i in rows) if self.texts else (),
        )
