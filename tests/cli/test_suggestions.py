"""The loop: suggest, label, give the labels, suggest again."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np

from tests.cli.conftest import WEAK


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_loop(run, arrays, tmp_path):
    """One file is written, filled in, read as labels and added to; no row is named twice."""
    todo, gold = tmp_path / "todo.csv", np.load(arrays / "gold.npy")
    gold = np.where(np.isnan(gold), 0.0, gold)
    ask = ("predict", "--strong", "s.npy", *WEAK, "--suggest-labels", "12", "--suggestions", str(todo))
    first = run(*ask)
    assert first.returncode == 0, first.stderr
    assert "labels    Expected regret of the choice" in first.stdout
    named = rows_of(todo)
    assert len(named) == 12
    with todo.open("w", newline="", encoding="utf-8") as file:
        sheet = csv.DictWriter(file, list(named[0]))
        sheet.writeheader()
        sheet.writerows(row | {"label": f"{gold[int(row['id'])]:.4f}" if i < 10 else ""} for i, row in enumerate(named))
    second = run(*ask, "--labels", str(todo), "--json")
    assert second.returncode in (0, 4), second.stderr
    after = rows_of(todo)
    assert [row["id"] for row in after[:12]] == [row["id"] for row in named]
    assert [row["label"] != "" for row in after[:12]] == [True] * 10 + [False] * 2
    new = [one["id"] for one in json.loads(second.stdout)["suggested_labels"]]
    assert not set(new) & {row["id"] for row in named[:10]}
    assert len({row["id"] for row in after}) == len(after)


def test_suggestions_without_rows_to_suggest(run, tmp_path):
    """The file needs rows, and may not replace what another flag reads."""
    alone = run("predict", "--strong", "s.npy", *WEAK, "--suggestions", str(tmp_path / "todo.csv"))
    assert alone.returncode == 2
    assert "--suggest-labels N" in alone.stderr
    wrong = run("predict", "--strong", "s.npy", *WEAK, "--suggest-labels", "3", "--suggestions", str(tmp_path / "x.md"))
    assert wrong.returncode == 2
    assert ".csv, .tsv, .jsonl" in wrong.stderr
