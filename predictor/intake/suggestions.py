"""Suggestions as a file to fill in: id, text, label and reason of every row, which `--labels` reads as it is.

An earlier file is kept: its rows stay as they are, filled in or not, and rows that it lacks are added.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from predictor.errors import InputError
from predictor.query.pool import Pool
from predictor.results.csv import safe
from predictor.results.suggestion import SuggestedLabel

COLUMNS = ("id", "text", "label", "reason")
SEPARATORS = {".csv": ",", ".tsv": "\t"}
ENDINGS = (*SEPARATORS, ".jsonl")


def check_suggestions(path: str) -> None:
    """Refuse a file that suggestions cannot be written or added to.

    Raises:
        InputError: its ending is unknown, or what it holds now is no list of rows with an id and a label each.
    """
    _rows(path)


def _check_ending(path: str) -> None:
    if Path(path).suffix.lower() not in ENDINGS:
        raise _refused(f"{path!r} has none of the endings that suggestions are written as: {', '.join(ENDINGS)}")


def suggestions_text(path: str, suggested: Sequence[SuggestedLabel], pool: Pool) -> str:
    """What the file is to hold.

    Raises:
        InputError: its ending is unknown, or what it holds now is no list of rows with an id and a label each.
    """
    before = _rows(path)
    texts = dict(zip(pool.ids, pool.texts, strict=True)) if pool.texts else {}
    there = {str(row["id"]) for row in before}
    new = [
        {"id": one.id, "text": safe(texts.get(one.id, "")), "label": "", "reason": safe(one.reason)}
        for one in suggested
        if one.id not in there
    ]
    rows = [*before, *new]
    if Path(path).suffix.lower() == ".jsonl":
        lines = ({**row, "label": None} if row["label"] == "" else row for row in rows)
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in lines)
    columns = [*COLUMNS, *(name for name in (rows[0] if rows else {}) if name not in COLUMNS)]
    text = io.StringIO()
    sheet = csv.DictWriter(
        text, columns, delimiter=SEPARATORS[Path(path).suffix.lower()], restval="", lineterminator="\n"
    )
    sheet.writeheader()
    sheet.writerows(rows)
    return text.getvalue()


def _rows(path: str) -> list[dict[str, object]]:
    """Those that the file has; none where there is no file."""
    _check_ending(path)
    if not Path(path).exists():
        return []
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        if Path(path).suffix.lower() == ".jsonl":
            rows: list[dict[str, object]] = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            separator = SEPARATORS[Path(path).suffix.lower()]
            rows = [dict(row) for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)]
        complete = all({"id", "label"} <= row.keys() and None not in row for row in rows)
    except (ValueError, AttributeError, csv.Error) as error:
        raise _refused(f"{path!r} is there and cannot be read as suggestions ({error}); name another file") from error
    if not complete:
        raise _refused(
            f"{path!r} is there and holds other rows than suggestions, which have an id and a label; name another file"
        )
    return rows


def _refused(message: str) -> InputError:
    return InputError(f"{message}.", reason="BAD_DESTINATION", field="suggestions")
