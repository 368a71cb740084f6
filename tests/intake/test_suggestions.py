"""Suggested rows as a file to fill in, which is read as labels as it is."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.intake.rows import read_labels
from predictor.intake.suggestions import check_suggestions, suggestions_text
from predictor.query.pool import Pool
from predictor.results.suggestion import SuggestedLabel

POOL = Pool.of(["one, with a comma", "=two", "drei\nZeilen", "four", "five", "six", "seven", "eight"], list("abcdefgh"))
SOME = (SuggestedLabel("c", "x and y differ here"), SuggestedLabel("a", "resembles"))


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl"])
def test_filled_file_is_read_as_labels(tmp_path: Path, ending: str) -> None:
    """Rows that are not filled in are no labels; those that are, are."""
    path = tmp_path / f"todo{ending}"
    every = tuple(SuggestedLabel(name, "why") for name in POOL.ids)
    path.write_text(suggestions_text(str(path), every, POOL), encoding="utf-8")
    given = {"a": "1", "c": "0", "d": "1", "h": "0"}
    _fill(path, given)
    labels = read_labels(path, POOL)
    assert [POOL.ids[row] for row in np.flatnonzero(labels.known)] == list(given)
    assert labels.targets[labels.known, 0].tolist() == [1.0, 0.0, 1.0, 0.0]


def _fill(path: Path, given: dict[str, str]) -> None:
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        path.write_text("".join(json.dumps(r | {"label": given.get(r["id"], r["label"])}) + "\n" for r in rows))
        return
    separator = "\t" if path.suffix == ".tsv" else ","
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter=separator))
    with path.open("w", newline="", encoding="utf-8") as file:
        sheet = csv.DictWriter(file, list(rows[0]), delimiter=separator)
        sheet.writeheader()
        sheet.writerows(row | {"label": given.get(row["id"], "")} for row in rows)


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_rows_that_are_there_stay(tmp_path: Path, ending: str) -> None:
    """A label that was filled in survives, no row comes twice, and new rows follow."""
    path = tmp_path / f"todo{ending}"
    path.write_text(suggestions_text(str(path), SOME, POOL), encoding="utf-8")
    _fill(path, {"c": "1"})
    more = (SuggestedLabel("a", "again"), SuggestedLabel("b", "new"))
    text = suggestions_text(str(path), more, POOL)
    path.write_text(text, encoding="utf-8")
    assert suggestions_text(str(path), (), POOL) == text
    if ending == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    else:
        rows = [json.loads(line) for line in text.splitlines()]
    assert [(row["id"], row["label"] or "") for row in rows] == [("c", "1"), ("a", ""), ("b", "")]
    assert rows[0]["text"] == "drei\nZeilen"
    assert rows[2]["text"] == "'=two"  # a spreadsheet would run it


def test_other_files_are_refused(tmp_path: Path) -> None:
    """Rows of another kind are not written over, and endings that nobody reads are named."""
    other = tmp_path / "rows.jsonl"
    other.write_text('{"id": "a", "text": "t"}\n')
    broken = tmp_path / "b.jsonl"
    broken.write_text("{not json\n")
    for path, words in (
        (other, "other rows than suggestions"),
        (broken, "cannot be read"),
        (tmp_path / "x.txt", ".csv"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            check_suggestions(str(path))
        assert caught.value.reason == "BAD_DESTINATION"
