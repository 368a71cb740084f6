"""Names: the entry of a store behind each name that a user chose."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from predictor.errors import NotFoundError
from predictor.folders import replace_file
from predictor.store.keys import check_name, is_key


@dataclass(frozen=True)
class NamedEntry:
    """The entry of a name: key, shape, the digest of its rows' texts, if they have any, and labels."""

    key: str
    rows: int
    dim: int
    rows_sha256: str | None
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)


class Names:
    """Entries of a store by name, one file per name in a folder.

    Attributes:
        folder: of the files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str) -> NamedEntry | None:
        """The entry of that name, or None where its file is missing or unreadable.

        Raises:
            InputError: no possible name.
        """
        return _read(self._path(name))

    def write(self, name: str, entry: NamedEntry) -> None:
        """Store the entry of a name, in place of an earlier one.

        Raises:
            InputError: no possible name.
            LimitError, UnavailableError: the folder cannot be written.
        """
        replace_file(self._path(name), [json.dumps(asdict(entry)).encode()])

    def forget(self, name: str) -> NamedEntry:
        """Delete a name and return its entry.

        Raises:
            NotFoundError: no such name.
        """
        entry = self.read(name)
        if entry is None:
            raise NotFoundError(f"there is no feature set {name!r}.", reason="FEATURES_NOT_FOUND", field=name)
        self._path(name).unlink(missing_ok=True)
        return entry

    def all(self, after: str = "") -> Iterator[tuple[str, NamedEntry]]:
        """Every name after this one with its entry, in name order; each file is read when it is reached."""
        for name in sorted(path.stem for path in self.folder.glob("*.json")):
            entry = _read(self.folder / f"{name}.json") if name > after else None
            if entry is not None:
                yield name, entry

    def _path(self, name: str) -> Path:
        check_name(name)
        return self.folder / f"{name}.json"


def _read(path: Path) -> NamedEntry | None:
    try:
        raw = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    known = {one.name for one in fields(NamedEntry)}
    whole = isinstance(raw, dict) and known - {"labels"} <= set(raw) <= known  # there were no labels at first
    return NamedEntry(**raw) if whole and is_key(str(raw["key"])) else None
