"""Names: which entry of a store each name of the user's choice stands for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from predictor.errors import NotFoundError
from predictor.folders import replace_file
from predictor.store.keys import check_name, is_key


@dataclass(frozen=True)
class Card:
    """What a name stands for: key and shape of the entry, and the digest of its rows' texts, if they have any."""

    key: str
    rows: int
    dim: int
    rows_sha256: str | None


class Names:
    """Cards in a folder, one file a name.

    Attributes:
        folder: of the cards.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str) -> Card | None:
        """The card of that name, or None where it is missing or unreadable.

        Raises:
            InputError: no possible name.
        """
        return _read(self._path(name))

    def write(self, name: str, card: Card) -> None:
        """Let a name stand for an entry from now on.

        Raises:
            InputError: no possible name.
            LimitError, UnavailableError: the folder cannot be written.
        """
        replace_file(self._path(name), [json.dumps(asdict(card)).encode()])

    def forget(self, name: str) -> Card:
        """Take a name away; returns what it stood for.

        Raises:
            NotFoundError: no such name.
        """
        card = self.read(name)
        if card is None:
            raise NotFoundError(f"there is no feature set {name!r}.", reason="FEATURES_NOT_FOUND", field=name)
        self._path(name).unlink(missing_ok=True)
        return card

    def all(self, after: str = "") -> Iterator[tuple[str, Card]]:
        """Every name after this one with its card, in name order; cards are read as they are asked for."""
        for name in sorted(path.stem for path in self.folder.glob("*.json")):
            card = _read(self.folder / f"{name}.json") if name > after else None
            if card is not None:
                yield name, card

    def _path(self, name: str) -> Path:
        check_name(name)
        return self.folder / f"{name}.json"


def _read(path: Path) -> Card | None:
    try:
        raw = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    whole = isinstance(raw, dict) and set(raw) == {field.name for field in fields(Card)}
    return Card(**raw) if whole and is_key(str(raw["key"])) else None
