"""Label cell: what one cell of a label column is, whatever wrote it."""

from __future__ import annotations

import ast
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import numpy as np

CellKind = Literal[
    "missing", "mark", "boolean", "number", "percentage", "comma", "code", "name", "list", "table", "other"
]

# fmt: off
MISSING = frozenset((
    "", "nan", "-nan", "NA", "<NA>", "N/A", "n/a", "NULL", "null", "None", "NaT", "\\N", "(null)", "#N/A",
    "#N/A N/A", "#NA", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN", "#VALUE!", "#REF!", "#DIV/0!", "#NUM!", "#NAME?",
    "#NULL!",
))
# fmt: on
"""What pandas, R, SQL and spreadsheets write where there is no value; `nan` in any case."""

MARKS = frozenset("none na n.a. nil nat undefined missing ? - -- – — . .. *".split())  # noqa: SIM905  # as above
"""What people write where there is no value, in any case. Beside names such a word may be a class."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
_CODE = re.compile(r"0[0-9]+")
_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?")
_MONEY = r"(?:[^\W\d_]{3}\b|[$€£¥₹₽₩₺₿¢])"
_OTHER_NUMBER = re.compile(rf"{_MONEY}?\s*[+-]?\s*{_MONEY}?\s*[.,]?\d[\d.,'’_\s]*\s*(?:[%‰]|{_MONEY})?")
_PRINTED = re.compile(r"\w[\w.]*\(\s*[\[(]?\s*[+-]?[0-9.].*\)", re.DOTALL)
_SEVERAL = re.compile(r"[+-]?[0-9.]\S*(?:[,;|/\s]\s*[+-]?[0-9.]\S*)+")
_BRACKETS = {"[": "]", "(": ")", "{": "}"}
_BREAK = re.compile(r"[\r\n\0]")


@dataclass(frozen=True)
class LabelCell:
    """One cell.

    Attributes:
        kind: `number`, `percentage` (its share), `comma` (a decimal comma, as text), `code` (digits behind a zero),
            `name`, `boolean`, `list` and `table` (name -> number) of numbers; `missing`, `mark` (missing beside
            numbers); `other` for what is refused.
        value: float, str, bool, tuple of floats, mapping, None; of `other` the reason.
        text: as given, for messages.
    """

    kind: CellKind
    value: Any
    text: str


def read_cell(given: object) -> LabelCell:
    """The cell that a file, a frame or a list has; never raises."""
    if given is None or type(given).__name__ in ("NAType", "NaTType"):
        return LabelCell("missing", None, "")
    if isinstance(given, bytes):
        given = given.decode("utf-8", "replace")
    if isinstance(given, str):
        return _text_cell(given)
    if isinstance(given, bool | np.bool_):
        return LabelCell("boolean", bool(given), str(given))
    if isinstance(given, int | float | Decimal | np.integer | np.floating):
        try:
            number = float(given)
        except OverflowError:
            return LabelCell("other", "a number beyond 1e308", str(given))
        return LabelCell("missing", None, "") if np.isnan(number) else LabelCell("number", number, str(given))
    if isinstance(given, Mapping):
        return _table_cell(given, str(dict(given)))
    if hasattr(given, "tolist"):
        given = given.tolist()
    if isinstance(given, list | tuple):
        return _list_cell(given, str(list(given)))
    return LabelCell("other", f"a {type(given).__name__}", str(given))


def _text_cell(given: str) -> LabelCell:
    text = unicodedata.normalize("NFC", given.strip().strip("\ufeff\u200b").strip())
    if text in MISSING or text.lower() == "nan":
        return LabelCell("missing", None, given)
    if text.lower() in MARKS:
        return LabelCell("mark", text, given)
    if text.lower() in ("true", "false"):
        return LabelCell("boolean", text.lower() == "true", given)
    plain = text.replace("\u2212", "-")
    if _CODE.fullmatch(plain):
        return LabelCell("code", text, given)
    if _NUMBER.fullmatch(plain) or _INFINITE.fullmatch(plain):
        return LabelCell("number", float(plain), given)
    if _COMMA.fullmatch(plain):
        return LabelCell("comma", plain, given)
    if plain.endswith("%") and _NUMBER.fullmatch(plain[:-1].rstrip()):
        return LabelCell("percentage", float(plain[:-1]) / 100.0, given)
    if plain.endswith("%") and _COMMA.fullmatch(plain[:-1].rstrip()):
        return LabelCell("percentage", float(plain[:-1].replace(",", ".")) / 100.0, given)
    if _BRACKETS.get(text[0]) == text[-1] and re.search(r"\d|nan", text, re.IGNORECASE):
        return _bracketed(text, given)
    for pattern, what in (
        (_OTHER_NUMBER, "a number in another notation"),
        (_SEVERAL, "several numbers"),
        (_PRINTED, "a printed object"),
        (_BREAK, "several lines"),
    ):
        if pattern.search(text) if pattern is _BREAK else pattern.fullmatch(plain):
            return LabelCell("other", what, given)
    return LabelCell("name", text, given)


def _bracketed(text: str, given: str) -> LabelCell:
    """A list or mapping as JSON, Python or numpy print it."""
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(found, Mapping):
            return _table_cell(found, given)
        if isinstance(found, list | tuple):
            return _list_cell(found, given)
        return LabelCell("other", "a number in brackets", given)
    words = text[1:-1].split()
    if words and all(_NUMBER.fullmatch(word) for word in words):
        return LabelCell("list", tuple(float(word) for word in words), given)
    return LabelCell("other", "something in brackets that is no list of numbers", given)


def _list_cell(given: list[Any] | tuple[Any, ...], text: str) -> LabelCell:
    if len(given) == 1:
        return read_cell(given[0])
    if given and all(isinstance(one, Mapping) and {"label", "score"} <= one.keys() for one in given):
        return _table_cell({one["label"]: one["score"] for one in given}, text)  # as transformers' pipelines answer
    cells = [read_cell(one) for one in given]
    if not cells or any(cell.kind not in ("number", "boolean") for cell in cells):
        return LabelCell("other", "a list with something else than finite numbers", text)
    return LabelCell("list", tuple(float(cell.value) for cell in cells), text)


def _table_cell(given: Mapping[Any, Any], text: str) -> LabelCell:
    cells = {str(name).strip(): read_cell(one) for name, one in given.items()}
    if not cells or any(cell.kind != "number" for cell in cells.values()):
        return LabelCell("other", "a mapping with something else than numbers", text)
    return LabelCell("table", {name: cell.value for name, cell in cells.items()}, text)
