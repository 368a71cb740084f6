"""Label column: the cells of one column, brought to one kind or refused by row and value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.query.label_cell import CellKind, LabelCell, read_cell

ColumnKind = Literal["numbers", "booleans", "names", "lists", "tables", "empty"]

MAX_CLASSES = 64
"""More distinct names are refused; more distinct integers are read as a number to regress on."""

IGNORED = -100.0
"""The label that training libraries skip; missing where all others are class codes."""

SENTINELS = (-1.0, -9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0)
"""Numbers that tables have for "no answer". Beside class codes they are refused, since they may be a class."""

MAX_CODE = 8
"""Class codes beside which a sentinel is looked for are 0 to this."""

_KINDS = {
    "number": "a number",
    "percentage": "a percentage",
    "comma": "a number with a comma",
    "code": "a code with a leading zero",
    "boolean": "true or false",
    "name": "a name",
    "list": "a list",
    "table": "a mapping",
}


@dataclass(frozen=True)
class LabelColumn:
    """One column of labels.

    Attributes:
        kind: of every value.
        values: per row a float, a name, a tuple of floats or a mapping name -> float; None where there is none.
            Booleans are the names `False` and `True`.
        places: of every row, for messages.
    """

    kind: ColumnKind
    values: tuple[object, ...]
    places: tuple[str, ...]

    @classmethod
    def of(
        cls, given: Sequence[object] | NDArray[np.generic], what: str, field: str, places: Sequence[str] | None = None
    ) -> LabelColumn:
        """Read the cells of a column.

        Args:
            given: numbers, texts, lists, or what frames and files have.
            what: the column, for messages, such as `weak labels of 'a'`.
            field: of the request.
            places: of every row; its number from 0 where None.

        Raises:
            InputError: a cell that cannot be read, or cells of kinds that do not go together, by row and value.
        """
        reader = _Reader(what, field, tuple(places or (f"row {row}" for row in range(len(given)))))
        if isinstance(given, np.ndarray) and given.ndim == 1 and given.dtype.kind in "iuf":
            plain = given.astype(np.float64)
            return reader.done("numbers", reader.without_sentinels([None if x != x else x for x in plain.tolist()]))
        return reader.read(given)


@dataclass(frozen=True)
class _Reader:
    what: str
    field: str
    places: tuple[str, ...]

    def read(self, given: Iterable[object]) -> LabelColumn:
        cells = [read_cell(value) for value in given]
        bad = next((row for row, cell in enumerate(cells) if cell.kind == "other"), None)
        if bad is not None:
            self.refuse(
                bad,
                cells[bad].text,
                f"is {cells[bad].value}; a label is a plain number (0.85), a class name, or a list of class "
                "probabilities ([0.15, 0.85]). Write it so",
            )
        kinds = Counter(cell.kind for cell in cells)
        there = set(kinds) - {"missing", "mark"}
        if not there <= {"number", "comma"} | {"percentage"}:
            return self._named(cells, there, kinds)
        if "percentage" in there and len(there) > 1:
            self.mixed(cells, kinds)
        values = self._commas(cells) if "comma" in there else [cell.value for cell in cells]
        numbers = [None if cell.kind == "mark" else value for cell, value in zip(cells, values, strict=True)]
        if not there:
            self._marks(cells)
        return self.done("numbers" if there else "empty", self.without_sentinels(numbers))

    def _named(self, cells: list[LabelCell], there: set[CellKind], kinds: Counter[CellKind]) -> LabelColumn:
        texts: list[object]
        if there == {"boolean"}:
            return self.done("booleans", [str(cell.value) if cell.kind == "boolean" else None for cell in cells])
        if there in ({"list"}, {"table"}):
            self._same_width(cells)
            return self.done("lists" if there == {"list"} else "tables", [_value(cell) for cell in cells])
        if there <= {"code", "number"}:
            texts = [cell.text.strip() if cell.kind in ("code", "number") else None for cell in cells]
            self._distinct(cells, texts, _unpadded, "a code with and without its leading zeros")
            return self.done("names", texts)
        if not there <= {"name", "boolean"}:
            self.mixed(cells, kinds)
        self._marks(cells)
        texts = [None if cell.kind == "missing" else str(cell.value) for cell in cells]
        self._distinct(cells, texts, str.casefold, "one name in two spellings")
        self._classes(cells, texts)
        return self.done("names", texts)

    def done(self, kind: ColumnKind, values: Sequence[object]) -> LabelColumn:
        return LabelColumn(kind, tuple(values), self.places)

    def _marks(self, cells: list[LabelCell]) -> None:
        marked = next((row for row, cell in enumerate(cells) if cell.kind == "mark"), None)
        if marked is not None:
            self.refuse(
                marked,
                cells[marked].text,
                "may be a class, or a mark for a missing label. Leave the cell empty where there is no label, or name "
                "the class by another word",
            )

    def _commas(self, cells: list[LabelCell]) -> list[float | None]:
        """Decimal commas, where they cannot be separators of thousands."""
        point = next((row for row, cell in enumerate(cells) if cell.kind == "number" and "." in cell.text), None)
        commas = [(row, cell) for row, cell in enumerate(cells) if cell.kind == "comma"]
        clear = any(
            len(tail) != 3 or head.lstrip("+-") in ("", "0") for head, tail in (c.value.split(",") for _, c in commas)
        )
        if point is not None or not clear:
            row, cell = commas[0]
            why = "beside numbers with a point" if point is not None else "and may be a decimal or one of thousands"
            self.refuse(row, cell.text, f"has a comma {why}. Write plain numbers, as 0.85 and 1234")
        return [float(cell.value.replace(",", ".")) if cell.kind == "comma" else cell.value for cell in cells]

    def without_sentinels(self, numbers: Sequence[float | None]) -> Sequence[float | None]:
        distinct = {value for value in numbers if value is not None}
        codes = {value for value in distinct if value in range(MAX_CODE + 1)}
        odd = distinct - codes
        if codes and odd == {IGNORED}:
            return [None if value == IGNORED else value for value in numbers]
        is_code = len(odd) == 1 and odd <= set(SENTINELS) and codes not in (set(), {1.0})
        far = {value for value in distinct if value in SENTINELS[2:5]}
        rest = [abs(value) if value >= 0.0 else np.inf for value in distinct - far]
        if is_code or (far and rest and 10.0 * max(rest) < -max(far)):
            row = numbers.index(next(iter(odd if is_code else far)))
            others = f"{', '.join(f'{code:g}' for code in sorted(codes))}" if is_code else "numbers from 0 on"
            self.refuse(
                row,
                f"{numbers[row]:g}",
                f"beside {others} may be a label, or a mark for a missing one. Leave the cell empty where there is no "
                "label, or give the classes names",
            )
        return numbers

    def _same_width(self, cells: list[LabelCell]) -> None:
        given = [row for row, cell in enumerate(cells) if cell.value is not None and cell.kind != "mark"]
        sizes = [len(cells[row].value) if cells[row].kind == "list" else set(cells[row].value) for row in given]
        odd = next((row for row, size in zip(given, sizes, strict=True) if size != sizes[0]), None)
        if odd is not None:
            self.refuse(
                odd, cells[odd].text, f"does not have the classes of {self.places[given[0]]}. Give every row the same"
            )

    def _distinct(self, cells: list[LabelCell], texts: list[object], key: Callable[[str], object], what: str) -> None:
        seen: dict[object, str] = {}
        for row, text in enumerate(texts):
            if text is not None:
                alike = seen.setdefault(key(str(text)), str(text))
                if alike != text:
                    self.refuse(row, cells[row].text, f"stands beside {alike!r}: {what}. Write one class in one way")

    def _classes(self, cells: list[LabelCell], texts: list[object]) -> None:
        """Refuse texts that are no classes: nearly every row has its own, and digits in it."""
        given = [str(text) for text in texts if text is not None]
        distinct = set(given)
        if max(8, len(given) // 2) < len(distinct) <= MAX_CLASSES and all(
            any(map(str.isdigit, text)) for text in distinct
        ):
            row = next(row for row, text in enumerate(texts) if text is not None)
            self.refuse(
                row,
                cells[row].text,
                f"is one of {len(distinct)} different texts in {len(given)} rows, which are no classes. Write numbers "
                "as plain digits, or name the column that has the labels",
            )

    def mixed(self, cells: list[LabelCell], kinds: Counter[CellKind]) -> NoReturn:
        """Refuse a column by its rarest kind."""
        rare = min((one for one in kinds if one not in ("missing", "mark")), key=lambda one: kinds[one])
        common = max((one for one in kinds if one not in ("missing", "mark", rare)), key=lambda one: kinds[one])
        row = next(row for row, cell in enumerate(cells) if cell.kind == rare)
        self.refuse(
            row,
            cells[row].text,
            f"is {_KINDS[rare]} and others are {_KINDS[common]}. Write all labels in one way, and leave the cell empty "
            "where there is none",
        )

    def refuse(self, row: int, text: str, why: str) -> NoReturn:
        shown = text if len(text) <= 60 else text[:57] + "…"
        raise InputError(f"{self.what}: {self.places[row]}: {shown!r} {why}.", reason="BAD_LABELS", field=self.field)


def _value(cell: LabelCell) -> object:
    return None if cell.kind in ("missing", "mark") else cell.value


def _unpadded(text: str) -> float:
    return float(text.replace("\u2212", "-"))
