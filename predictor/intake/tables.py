"""Tables: files of records read as columns and rows, with errors that name the line."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from predictor.errors import InputError, NotFoundError

SUFFIXES = (".jsonl", ".csv", ".tsv", ".parquet", ".txt")
"""File kinds that can be read; `-` is standard input, as JSON lines or plain lines."""


@dataclass(frozen=True)
class Table:
    """Records in file order.

    Attributes:
        source: the file as the user named it, for messages.
        columns: every column name that occurs, in order of first appearance.
        records: column -> value of each row; a JSON row may lack columns.
        lines: for each record the place to name in a message, such as `line 3`.
    """

    source: str
    columns: tuple[str, ...]
    records: tuple[dict[str, object], ...]
    lines: tuple[str, ...]


def read_table(path: str | Path) -> Table:
    """Read `.jsonl`, `.csv`, `.tsv`, `.parquet`, `.txt`, or standard input where the path is `-`.

    Text is UTF-8 with or without a byte order mark. A `.txt` file is one column named `text`, one row a line: the
    newline that ends the file is ignored, a blank line inside is a row. Blank lines of `.jsonl` are skipped. `.csv`
    and `.tsv` need a header line and follow the quoting rules of spreadsheets. Standard input is taken as JSON lines
    where its first line is a JSON object, as plain lines otherwise.

    Raises:
        NotFoundError: no such file.
        InputError: a kind that cannot be read, bytes that are not UTF-8, a malformed line.
    """
    name = str(path)
    if name == "-":
        return _read_stdin()
    suffix = Path(name).suffix.lower()
    if Path(name).is_dir():
        raise NotFoundError(f"{name} is a folder; name a file of rows in it.", reason="FILE_NOT_FOUND")
    if suffix not in SUFFIXES:
        this = repr(suffix) if suffix else "a file without an ending"
        raise InputError(
            f"{name}: rows are read from {', '.join(SUFFIXES)} or - (standard input), not from {this}; rename or "
            "convert the file.",
            reason="UNKNOWN_FILE_KIND",
        )
    if not Path(name).is_file():
        found = "is not a file" if Path(name).exists() else "does not exist"
        raise NotFoundError(f"{name} {found}; check the path.", reason="FILE_NOT_FOUND")
    if suffix == ".parquet":
        return _read_parquet(name)
    text = _decode(_read_bytes(name), name)
    if suffix == ".jsonl":
        return _read_json_lines(text, name)
    if suffix == ".txt":
        return _read_plain_lines(text, name)
    return _read_separated(text, name, "," if suffix == ".csv" else "\t")


def _read_bytes(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}.", reason="FILE_UNREADABLE") from error


def _read_stdin() -> Table:
    name = "standard input"
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError("rows were asked from standard input (-), but nothing is piped in.", reason="NO_ROWS")
    text = _decode(sys.stdin.buffer.read(), name)
    first = text.lstrip().partition("\n")[0]
    try:
        is_json = isinstance(json.loads(first), dict)
    except ValueError:
        is_json = False
    return _read_json_lines(text, name) if is_json else _read_plain_lines(text, name)


def _decode(raw: bytes, name: str) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(
            f"{name} is UTF-16; rows must be UTF-8. Convert it: iconv -f UTF-16 -t UTF-8.", reason="BAD_ENCODING"
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


def _lines(text: str) -> list[str]:
    # Not str.splitlines: it also cuts at U+2028, form feeds and other characters that real texts contain.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _read_plain_lines(text: str, name: str) -> Table:
    lines = _lines(text)
    places = tuple(f"line {number}" for number in range(1, len(lines) + 1))
    return Table(name, ("text",), tuple({"text": line} for line in lines), places)


def _read_json_lines(text: str, name: str) -> Table:
    columns: dict[str, None] = {}
    records: list[dict[str, object]] = []
    places: list[str] = []
    for number, line in enumerate(_lines(text), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            why = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            raise InputError(
                f'{name}, line {number}: not JSON ({why}). Each line must be one object, as in {{"text": "…"}}.',
                reason="BAD_JSON_LINE",
            ) from error
        if not isinstance(record, dict):
            raise InputError(
                f'{name}, line {number}: a {type(record).__name__} where an object is needed, as in {{"text": "…"}}.',
                reason="BAD_JSON_LINE",
            )
        columns.update(dict.fromkeys(record))
        records.append(record)
        places.append(f"line {number}")
    return Table(name, tuple(columns), tuple(records), tuple(places))


def _read_separated(text: str, name: str, separator: str) -> Table:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows = list(_separated_rows(reader, name))
    if not rows:
        return Table(name, (), (), ())
    header = tuple(rows[0][1])
    twice = next((column for column in header if header.count(column) > 1), None)
    if twice is not None:
        raise InputError(f"{name}: column {twice!r} occurs twice in the header.", reason="DUPLICATE_COLUMN")
    for number, row in rows[1:]:
        if len(row) != len(header):
            raise InputError(
                f"{name}, line {number}: {len(row)} fields where the header has {len(header)}. Quote fields that "
                "contain the separator or a line break, or use .jsonl.",
                reason="BAD_ROW",
            )
    records = tuple(dict[str, object](zip(header, row, strict=True)) for _, row in rows[1:])
    return Table(name, header, records, tuple(f"line {number}" for number, _ in rows[1:]))


def _separated_rows(reader: Iterator[list[str]], name: str) -> Iterator[tuple[int, list[str]]]:
    line = 0
    try:
        for row in reader:
            first, line = line + 1, reader.line_num  # type: ignore[attr-defined]  # csv.reader has it
            if row:
                yield first, row
    except csv.Error as error:
        raise InputError(
            f"{name}, line {line + 1}: {error}. Is a quote left open or unescaped? Double the quotes inside a quoted "
            "field, or use .jsonl.",
            reason="BAD_ROW",
        ) from error


def _read_parquet(name: str) -> Table:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise InputError(
            f"{name}: reading .parquet needs pyarrow, which is not installed. pip install 'w2s-predictor[models]', or "
            "convert the rows to .jsonl.",
            reason="PYARROW_MISSING",
        ) from error
    try:
        table = pyarrow.parquet.read_table(name)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{name} is not a readable parquet file: {error}", reason="BAD_PARQUET") from error
    records = tuple(table.to_pylist())
    return Table(name, tuple(table.column_names), records, tuple(f"row {i}" for i in range(1, len(records) + 1)))
