"""`w2s validate` trains for real and scores the estimators."""

from __future__ import annotations

import json

import numpy as np


def task(arrays, tmp_path, missing: int = 0):
    rng = np.random.default_rng(5)
    strong = np.load(arrays / "s.npy")
    labels = strong @ rng.standard_normal(strong.shape[1]) / 10
    rows = (
        {"id": f"r{row}", "body": f"row {row}", "y": None if row < missing else float(label)}
        for row, label in enumerate(labels)
    )
    path = tmp_path / "task.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


WORDS = (
    "validate",
    "--strong",
    "s.npy",
    "--weak",
    "good=good.npy",
    "half=half.npy",
    "noise=noise.npy",
    "gone=gone.npy",
)
COLUMNS = ("--text-column", "body", "--label-column", "y", "--splits", "4")


def test_training_puts_the_candidates_in_their_true_order(run, arrays, tmp_path):
    path = task(arrays, tmp_path)
    done = run(*WORDS, "--task", path, *COLUMNS, "-o", str(tmp_path / "v.json"), "--json")
    assert done.returncode == 3, done.stderr
    raw = json.loads(done.stdout)
    assert json.loads((tmp_path / "v.json").read_text()) == raw
    assert raw["schema"] == "w2s.validation.v1"
    assert [one["name"] for one in raw["trained"]] == ["good", "half", "noise"]
    assert set(raw["failed"]) == {"gone"}
    scores = {(score["estimator"], score["evidence"]): score for score in raw["scores"]}
    assert scores["combined", "representations"]["spearman_error"] == 1.0
    assert "training" in done.stderr


def test_the_table_shows_measurements_and_scores(run, arrays, tmp_path):
    done = run(*WORDS, "--task", task(arrays, tmp_path), *COLUMNS, "--max-rows", "120")
    assert done.returncode == 3, done.stderr
    assert "120 rows · 4 splits · student s.npy" in done.stdout
    assert "✗ failed  gone: array file 'gone.npy' does not exist." in done.stdout
    assert "truth_posterior" in done.stdout


def test_every_row_of_a_task_needs_a_label(run, arrays, tmp_path):
    done = run(*WORDS, "--task", task(arrays, tmp_path, missing=2), *COLUMNS)
    assert done.returncode == 2
    assert "row 'r0' of the task has no label" in done.stderr
    done = run(*WORDS, "--task", task(arrays, tmp_path), "--text-column", "body")
    assert done.returncode == 2
    assert "has no column 'label'; its columns are: 'id', 'body', 'y'. Name another with --label-column." in done.stderr
