"""Tables: files of records read as columns, with errors that name the line."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import sys
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from predictor.errors import InputError, NotFoundError
from predictor.intake.arrow_rows import read_arrow, read_arrow_folder
from predictor.intake.json_rows import JsonRows, read_json, read_json_lines
from predictor.intake.separated import lines_of, read_separated

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".arrow", ".npz", ".txt")
"""File kinds that can be read, each also compressed; `-` is standard input, as JSON or plain lines."""

COMPRESSED: Mapping[bytes, tuple[str, Callable[[bytes], bytes]]] = {
    b"\x1f\x8b": (".gz", gzip.decompress),
    b"BZh": (".bz2", bz2.decompress),
    b"\xfd7zXZ\x00": (".xz", lzma.decompress),
}
"""First bytes of a compressed file -> its suffix and what decompresses it."""


SHOWN = 12
"""Columns that a message lists."""


@dataclass(frozen=True, eq=False)
class Table:
    """Records in file order, read column by column.

    Attributes:
        source: the file as the user named it, for messages.
        columns: every column name that occurs, in order of first appearance.
        lines: for each record the place to name in a message, such as `line 3`.
        read: the values of a column; None where a record does not have it.
        positional: whether rows without ids are those of the pool in its order, as in files of arrays.
    """

    source: str
    columns: tuple[str, ...]
    lines: tuple[str, ...]
    read: Callable[[str], Sequence[object]]
    positional: bool = False

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def places(self) -> list[str]:
        """Where every record is, with the name of the file."""
        return [f"{self.source}, {line}" for line in self.lines]

    @property
    def column_names(self) -> str:
        """The columns as a message lists them: the first twelve of many."""
        more = len(self.columns) - SHOWN
        shown = ", ".join(repr(name) for name in self.columns[:SHOWN]) or "none"
        return f"{shown} and {more} more" if more > 0 else shown

    def need(self, column: str, meaning: str, advice: str = "", field: str = "pool") -> None:
        """Refuse a column that the table does not have.

        Raises:
            InputError: with the columns that it has.
        """
        if column not in self.columns:
            raise InputError(
                f"{self.source} has no column {column!r}; its columns are: {self.column_names}. "
                f"{advice or f'Name another with --{meaning}-column.'}",
                reason="MISSING_COLUMN",
                field=field,
            )

    def records(self) -> list[dict[str, object]]:
        """The rows as dictionaries, without absent values."""
        columns = [(name, self.read(name)) for name in self.columns]
        return [{name: values[row] for name, values in columns if values[row] is not None} for row in range(len(self))]


def read_table(path: str | Path) -> Table:
    """Read a file of one of SUFFIXES, a saved dataset, or standard input where the path is `-`.

    Files may be compressed by gzip, bzip2 or xz. Text is UTF-8 with or without a byte order mark. A `.txt` file is one
    column named `text`, one row a line: the newline that ends the file is ignored, a blank line inside is a row.
    `.csv` and `.tsv`: see `predictor.intake.separated`. `.json`: see `predictor.intake.json_rows`. A folder is one that
    `datasets.Dataset.save_to_disk` wrote, or has the shards of one split. Standard input is taken as JSON where its
    first line is a JSON object or starts an array, as plain lines otherwise.

    Raises:
        NotFoundError: no such file.
        InputError: a kind that cannot be read, bytes that are not UTF-8, a malformed line.
    """
    name = str(path)
    if name == "-":
        return _read_stdin()
    if Path(name).is_dir():
        return Table(name, *read_arrow_folder(name))
    suffix = _suffix(name)
    if suffix not in SUFFIXES:
        this = repr(suffix) if suffix else "a file without an ending"
        raise InputError(
            f"{name}: rows are read from {', '.join(SUFFIXES)} (also .gz), a datasets folder, or - (standard input), "
            f"not from {this}; {_advice(suffix)}.",
            reason="UNKNOWN_FILE_KIND",
        )
    if not Path(name).is_file():
        found = "is not a file" if Path(name).exists() else "does not exist"
        raise NotFoundError(f"{name} {found}; check the path.", reason="FILE_NOT_FOUND")
    if suffix == ".npz":
        return _arrays(name)
    raw = _decompressed(_read_bytes(name), name)
    if suffix in (".parquet", ".arrow"):
        return Table(name, *read_arrow(raw, name))
    text = _decode(raw, name)
    if suffix == ".txt":
        return _plain_lines(text, name)
    if suffix in (".csv", ".tsv"):
        header, rows = read_separated(text, name, "," if suffix == ".csv" else "\t")
        places = {column: place for place, column in enumerate(header)}
        return Table(
            name,
            header,
            tuple(f"line {number}" for number, _ in rows),
            lambda column: [cells[places[column]] for _, cells in rows],
        )
    return _json_table(text, name, suffix == ".json")


def _suffix(name: str) -> str:
    inner = name.lower()
    for ending in (".gz", ".bz2", ".xz"):
        inner = inner.removesuffix(ending)
    return Path(inner).suffix


def _advice(suffix: str) -> str:
    advice = {
        ".zst": "decompress it: zstd -d FILE",
        ".zip": "unpack it: unzip FILE",
        ".xlsx": "save the sheet as .csv in UTF-8",
        ".xls": "save the sheet as .csv in UTF-8",
        ".pkl": "pickles can run code; write the frame with .to_parquet or .to_json(lines=True, orient='records')",
        ".pt": "write the rows with datasets' .to_json, or as .jsonl",
        ".npy": "arrays are features or labels; give them with --strong, --weak, --labels or --weak-labels",
    }
    return advice.get(suffix, "rename or convert the file")


def _read_bytes(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}.", reason="FILE_UNREADABLE") from error


def _decompressed(raw: bytes, name: str) -> bytes:
    for start, (suffix, decompress) in COMPRESSED.items():
        if raw.startswith(start):
            try:
                return decompress(raw)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
                raise InputError(
                    f"{name} is a damaged {suffix} file ({error}); copy or download it again.",
                    reason="FILE_UNREADABLE",
                ) from error
    return raw


def _read_stdin() -> Table:
    name = "standard input"
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError("rows were asked from standard input (-), but nothing is piped in.", reason="NO_ROWS")
    text = _decode(_decompressed(sys.stdin.buffer.read(), name), name)
    first = text.lstrip().partition("\n")[0]
    try:
        is_json = isinstance(json.loads(first), dict)
    except ValueError:
        is_json = False
    if not is_json and text.lstrip()[:1] == "[":
        try:
            return _json_table(text, name, whole=True)
        except InputError:
            return _plain_lines(text, name)
    return _json_table(text, name, whole=False) if is_json else _plain_lines(text, name)


def _decode(raw: bytes, name: str) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(
            f"{name} is UTF-16; rows must be UTF-8. Convert it: iconv -f UTF-16 -t UTF-8.", reason="BAD_ENCODING"
        )
    if b"\0" in raw:
        line = raw.count(b"\n", 0, raw.index(b"\0")) + 1
        raise InputError(
            f"{name}, line {line}: a NUL byte, which no text has. The file is damaged, or UTF-16 without a mark: "
            "iconv -f UTF-16LE -t UTF-8.",
            reason="BAD_ENCODING",
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{name}, line {line}: byte 0x{error.object[error.start]:02x} is not UTF-8. Convert the file, for example "
            "with iconv -f LATIN1 -t UTF-8.",
            reason="BAD_ENCODING",
        ) from error


def _arrays(name: str) -> Table:
    try:
        with np.load(name, allow_pickle=False) as loaded:
            arrays = {key: loaded[key] for key in loaded.files}
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{name} is not a file of plain arrays ({error}). Save numbers or strings with numpy.savez; objects are "
            "refused.",
            reason="BAD_ARRAY_FILE",
        ) from error
    rows = max((len(one) for one in arrays.values() if one.ndim), default=0)
    columns = {key: one for key, one in arrays.items() if one.ndim and len(one) == rows}
    places = tuple(f"row {row}" for row in range(rows))
    return Table(name, tuple(columns), places, lambda column: columns[column].tolist(), positional=True)


def _plain_lines(text: str, name: str) -> Table:
    lines = lines_of(text)
    return Table(name, ("text",), tuple(f"line {i}" for i in range(1, len(lines) + 1)), lambda _: lines)


def _json_table(text: str, name: str, whole: bool) -> Table:
    rows: JsonRows = read_json(text, name) if whole else read_json_lines(text, name)
    return Table(name, rows.columns, rows.places, lambda column: [one.get(column) for one in rows.records])
