"""Fills in the labels that the demo was asked for, and compares its answers with what training measured.

Usage: python .ci/demo_answers.py fill|compare FOLDER
"""

import csv
import json
import sys
from pathlib import Path


def fill(folder: Path) -> None:
    """Put the labels that were set aside into the file of suggested rows, as a person would."""
    gold = {row["id"]: row["label"] for row in map(json.loads, (folder / "labelled.jsonl").open(encoding="utf-8"))}
    with (folder / "todo.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with (folder / "todo.csv").open("w", newline="", encoding="utf-8") as file:
        sheet = csv.DictWriter(file, list(rows[0]))
        sheet.writeheader()
        sheet.writerows({**row, "label": gold[row["id"]]} for row in rows)
    sys.stdout.write(f"{len(rows)} labels filled in, from those set aside\n")


def compare(folder: Path) -> None:
    """What the student of each advised teacher loses against the best one."""
    trained = json.loads((folder / "trained.json").read_text(encoding="utf-8"))["trained"]
    right = {one["name"]: one["w2s_accuracy"]["value"] for one in trained}
    best = max(right, key=lambda name: right[name])
    lines = [f"measured    {best} is the best teacher: its student is right in {right[best]:.1%} of rows"]
    for name, what in (("here", "no label"), ("labels", "50 labels")):
        launch = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["decision"]["launch"]
        advised = max(launch, key=lambda one: right[one]) if launch else None
        lost = "" if advised is None else f"; the best of these loses {right[best] - right[advised]:.1%} of rows"
        lines.append(f"{what:11} advised {' and '.join(launch) or 'none yet'}{lost}")
    worst = min(right, key=lambda one: right[one])
    lines.append(f"for scale   the worst teacher, {worst}, loses {right[best] - right[worst]:.1%}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    {"fill": fill, "compare": compare}[sys.argv[1]](Path(sys.argv[2]))
