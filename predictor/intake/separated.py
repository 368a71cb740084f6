"""Separated values: `.csv` and `.tsv`, whichever way their writer quotes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from predictor.errors import InputError

Row = tuple[int, list[str]]
"""Line on which a record starts, and its fields."""

SEPARATORS = ",;\t|"

_DIGITS = re.compile(r"\d+")
_LETTERS = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"[+-]?[0-9.,]+(?:[eE][+-]?[0-9]+)?")


def lines_of(text: str) -> list[str]:
    """The lines of a text, without an empty one behind the last newline."""
    # Not str.splitlines: it also cuts at U+2028, form feeds and other characters that real texts contain.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def read_separated(text: str, name: str, separator: str) -> tuple[tuple[str, ...], list[Row]]:
    """Header and records.

    Another separator is taken where the header has only that one, or where a first line `sep=;` names it. `.csv`
    follows the quoting rules of spreadsheets. Tab-separated files come with these rules and without any quoting; where
    both readings are possible, quotes are part of the texts unless every quoted field of a column needs its quotes, or
    all texts of it have them.

    Raises:
        InputError: fields that do not fit the header, a quote left open, a quoted field that swallows rows, a header
            that occurs twice.
    """
    named = re.match(r"sep=(.)\r?\n", text)
    if named is not None:
        source = _Source(name, named[1], 1, text[named.end() :])
    else:
        source = _Source(name, _separator(text.partition("\n")[0], separator), 0, text)
    rows = source.rows()
    if not rows:
        return (), []
    header = tuple(column.strip() for column in rows[0][1])
    twice = next((column for column in header if header.count(column) > 1), None)
    if twice is not None:
        raise InputError(f"{name}: column {twice!r} occurs twice in the header.", reason="DUPLICATE_COLUMN")
    again = next((number for number, row in rows[1:] if row == rows[0][1] and any(row)), None)
    if again is not None:
        raise InputError(
            f"{name}, line {again}: the header occurs again, as in files that were joined. Delete that line.",
            reason="BAD_ROW",
        )
    return header, rows[1:]


@dataclass(frozen=True)
class _Source:
    name: str
    separator: str
    skipped: int
    text: str

    def rows(self) -> list[Row]:
        """Header and records, under the quoting that the file has."""
        plain = self.plain()
        if '"' not in self.text:
            return self.checked(plain)
        if self.separator == "\t" and self.fits(plain):
            quoted = self.tried()
            full = [row for _, row in plain if row]
            if quoted is None or len(quoted) != len(full) or not _is_quoted(full):
                return [(line, ["" if cell == '""' else cell for cell in row]) for line, row in self.checked(plain)]
            return quoted
        rows = self.checked(list(self.quoted()))
        self.no_swallowed_rows(rows)
        return rows

    def plain(self) -> list[Row]:
        lines = enumerate(lines_of(self.text.rstrip("\r\n")), 1 + self.skipped)
        return [(number, line.split(self.separator) if line else []) for number, line in lines]

    def quoted(self) -> Iterator[Row]:
        csv.field_size_limit(max(csv.field_size_limit(), 2**31 - 1))
        stream = io.StringIO(self.text.rstrip("\r\n"), newline="")
        reader = csv.reader(stream, delimiter=self.separator, strict=True)
        line = 0
        try:
            for row in reader:
                first, line = line + 1, reader.line_num
                yield first + self.skipped, row
        except csv.Error as error:
            raise InputError(
                f"{self.name}, line {line + 1 + self.skipped}: {error}. Is a quote left open or unescaped? Double the "
                "quotes inside a quoted field, or use .jsonl.",
                reason="BAD_ROW",
            ) from error

    def tried(self) -> list[Row] | None:
        try:
            rows = list(self.quoted())
        except InputError:
            return None
        return [(line, row) for line, row in rows if row] if self.fits(rows) else None

    def fits(self, rows: Sequence[Row]) -> bool:
        return bool(rows) and all(len(row) in (0, len(rows[0][1])) for _, row in rows)

    def checked(self, rows: Sequence[Row]) -> list[Row]:
        """The rows without blank lines, each as wide as the header."""
        width = len(rows[0][1]) if rows else 0
        for number, row in rows[1:]:
            if not row and width == 1:
                # With one column a blank line may be an empty text.
                raise InputError(
                    f'{self.name}, line {number}: blank, which may be a row or not. Write "" for an empty text, or '
                    "delete the line.",
                    reason="BAD_ROW",
                )
            if len(row) not in (0, width):
                advice = "Take tabs out of the texts"
                if self.separator != "\t":
                    advice = "Quote fields that contain the separator or a line break"
                raise InputError(
                    f"{self.name}, line {number}: {len(row)} fields where the header has {width}. {advice}, or use "
                    ".jsonl.",
                    reason="BAD_ROW",
                )
        return [(number, row) for number, row in rows if row]

    def no_swallowed_rows(self, rows: Sequence[Row]) -> None:
        """Refuse a quoted field over several lines that look like rows: its quote may be part of a text."""
        lines = lines_of(self.text)
        ends = [number for number, _ in rows[1:]] + [len(lines) + 1 + self.skipped]
        spans = [(number, end - number, row) for (number, row), end in zip(rows, ends, strict=True)]
        single = [row for _, length, row in spans if length == 1]
        for number, length, row in spans:
            first = number - 1 - self.skipped
            own = [line for line in lines[first : first + length] if line]
            if len(own) < 2 or len(row) < 2:
                continue
            place, others = (-1, own[:-1]) if own[0].startswith('"') else (0, own[1:])
            seen = {one[place] for one in single[1:]}
            if all(_is_row(line.split(self.separator), len(row), place, row[place], seen) for line in others):
                raise InputError(
                    f"{self.name}, line {number}: a quoted field runs over {len(own)} lines, which look like rows of "
                    "their own. If the quote is part of the text, double it and quote the field; or use .jsonl.",
                    reason="BAD_ROW",
                )


def _separator(header: str, given: str) -> str:
    """The separator of a header line; another than the given one where only another divides it."""
    return given if given in header else max(SEPARATORS, key=lambda one: (header.count(one), one == given))


def _is_quoted(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the quotes of a file, whose every line is a row, are those of a writer that quotes."""
    for column in zip(*rows, strict=True):
        cells = [cell for cell in column if cell not in ("", '""')]
        marked = [cell for cell in cells if '"' in cell]
        inner = [cell[1:-1] for cell in marked if len(cell) > 1 and cell[0] == cell[-1] == '"']
        if len(inner) < len(marked) or any('"' in text.replace('""', "") for text in inner):
            return False
        always = all(cell[0] == '"' or _NUMBER.fullmatch(cell) for cell in cells[1:])
        if marked and not always and not all('""' in text for text in inner):
            return False
    return True


def _is_row(cells: Sequence[str], width: int, place: int, own: str, seen: set[str]) -> bool:
    shape = _shape(own)
    return len(cells) >= width and (cells[place] in seen or ("0" in shape and _shape(cells[place]) == shape))


def _shape(cell: str) -> str:
    return _LETTERS.sub("a", _DIGITS.sub("0", cell))
