"""`w2s validate` trains for real and scores the estimators."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from tests import weights


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
    table = done.stdout.splitlines()
    heading = "estimator                     predicts   τ      ρ error  ρ gain  regret  |error|  |gain|  90 %"
    start = table.index(heading)
    assert table[start + 1] == "(representations)"
    assert any(line.startswith("truth_posterior") and "W2S error" in line for line in table[start:])
    assert any(line.startswith("misfit ") and " gain " in line for line in table[start:])
    assert max(map(len, table[1:])) <= 100


def test_every_row_of_a_task_needs_a_label(run, arrays, tmp_path):
    done = run(*WORDS, "--task", task(arrays, tmp_path, missing=2), *COLUMNS)
    assert done.returncode == 2
    assert "row 'r0' of the task has no label" in done.stderr
    done = run(*WORDS, "--task", task(arrays, tmp_path), "--text-column", "body")
    assert done.returncode == 2
    columns = "has no column 'label'; its columns are: 'id', 'body', 'y'. "
    assert f"{columns}Name the column of labels with --label-column." in done.stderr


def classes(arrays, tmp_path):
    """Two classes, in groups of two rows with the same first word."""
    rng = np.random.default_rng(5)
    strong = np.load(arrays / "s.npy")
    signs = strong @ rng.standard_normal(strong.shape[1]) > 0
    rows = ({"id": f"r{i}", "body": f"group{i // 2} row", "y": "yes" if one else "no"} for i, one in enumerate(signs))
    path = tmp_path / "classes.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


TRAINED = ("validate", "--strong", "s.npy", "--weak", "good=good.npy", "half=half.npy", "noise=noise.npy")


def test_recipe_flags_reach_the_training_and_stand_in_the_answer(run, arrays, tmp_path):
    words = (*TRAINED, "--task", classes(arrays, tmp_path), *COLUMNS, "--recipe", "logistic", "--loss", "confidence")
    asked = ("--label-form", "hard", "--weak-rows", "60", "--weak-ridge", "0.01", "--confidence-weight", "0.3")
    done = run(*words, *asked, "--group-by-first-words", "1", "--json")
    assert done.returncode == 0, done.stderr
    raw = json.loads(done.stdout)
    assert (raw["recipe"], raw["loss"], raw["label_form"]) == ("logistic", "confidence", "hard")
    assert raw["training"] == {"weak_rows": 60, "weak_ridge": 0.01, "confidence": 0.3}
    assert raw["parts"][0] == 60
    assert raw["ceiling_accuracy"]["value"] > 0.8
    best = raw["trained"][0]
    assert best["w2s_log_loss"]["value"] > 0.0
    assert best["predicted"]["combined"]["value"] > 0.0
    assert "gain" in best["predicted"]["truth_posterior"]


def test_recipe_flags_come_from_the_environment_too(run, arrays, tmp_path):
    done = run(*TRAINED, "--task", classes(arrays, tmp_path), *COLUMNS, "--json", env={"W2S_RECIPE": "logistic"})
    assert json.loads(done.stdout)["recipe"] == "logistic"


def test_recorded_outcomes_are_those_in_the_file(run, arrays, tmp_path):
    out = str(tmp_path / "v.json")
    done = run(*TRAINED, "--task", classes(arrays, tmp_path), *COLUMNS, "--record", "-o", out)
    assert done.returncode == 0, done.stderr
    assert "recorded 3 outcome(s), 0 known before" in done.stderr
    written = json.loads((tmp_path / "v.json").read_text())["outcomes"]
    kept = json.loads(run("outcomes", "ls", "--json").stdout)
    strip = {"id", "schema"}
    assert [{k: v for k, v in one.items() if k not in strip} for one in kept] == [
        {k: v for k, v in one.items() if k not in strip} for one in written
    ]
    assert {one["weak"] for one in kept} == {"good", "half", "noise"}
    assert kept[0]["predicted"]["combined"]["value"] > 0.0
    again = run("outcomes", "add", out)
    assert again.returncode == 0, again.stderr
    assert len(json.loads(run("outcomes", "ls", "--json").stdout)) == 3


def test_a_validation_is_shown_again_as_table_page_markdown_and_csv(run, arrays, tmp_path):
    out, page = str(tmp_path / "v.json"), tmp_path / "v.html"
    done = run(*TRAINED, "--task", classes(arrays, tmp_path), *COLUMNS, "-o", out, "--html", str(page))
    assert run("report", out).stdout == done.stdout
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert "was the best teacher" in page.read_text()
    assert "| candidate | W2S error |" in run("report", out, "--md").stdout
    assert run("report", out, "--csv").stdout.startswith("name,weak_error,weak_error_standard_error,w2s_error,")
    other = run("report", out, "--html", "-o", str(tmp_path / "again.html"))
    assert other.returncode == 0
    assert (tmp_path / "again.html").read_text() == page.read_text()


def test_an_array_cannot_be_fine_tuned(run, arrays, tmp_path):
    done = run(*TRAINED, "--task", classes(arrays, tmp_path), *COLUMNS, "--recipe", "full")
    assert done.returncode == 2
    assert "strong model 's.npy' is an array, which cannot be fine-tuned; give a transformers folder" in done.stderr


@pytest.fixture
def start(arrays, tmp_path):
    """Starts `w2s` as `run` does, without waiting for it."""
    begun = []

    def starter(*words):
        own = {"W2S_CACHE_DIR": str(tmp_path / "cache"), "W2S_STATE_DIR": str(tmp_path / "state")}
        command = [sys.executable, "-m", "client.cli", *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        begun.append(subprocess.Popen(command, env={**os.environ, **own}, cwd=arrays, **pipes))
        return begun[-1]

    yield starter
    for process in begun:
        process.kill()
        process.wait()


def test_leaving_early_leaves_nothing_behind(start, arrays, tmp_path):
    out = tmp_path / "v.json"
    words = ("--task", classes(arrays, tmp_path), "--text-column", "body", "--label-column", "y", "--record")
    process = start(*TRAINED, *words, "--splits", "100000", "-o", str(out))
    for line in process.stderr:
        if "training" in line:
            break
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=120)[1]
    assert process.returncode == 130
    assert "w2s: cancelled" in rest
    assert not out.exists()
    assert not (tmp_path / "state" / "outcomes" / "outcomes.sqlite").exists()


@pytest.mark.weights
def test_a_real_model_is_really_fine_tuned(run, arrays, tmp_path):
    strong = weights.converted_folder(weights.RXNFP)
    smiles = [f"{'C' * (1 + i % 5)}{'O' * (i % 3)}{'N' * (i // 15)}" for i in range(45)]
    task = tmp_path / "oxygens.jsonl"
    rows = ({"text": text, "label": text.count("O") / len(text)} for text in smiles)
    task.write_text("".join(json.dumps(row) + "\n" for row in rows))
    rng = np.random.default_rng(0)
    counts = np.array([[text.count(letter) for letter in "CNO"] for text in smiles])
    np.save(tmp_path / "counts.npy", counts + 0.1 * rng.standard_normal(counts.shape))
    words = (
        "--strong",
        f"student={strong}#layer=2",
        "--weak",
        f"counts={tmp_path / 'counts.npy'}",
        "--task",
        str(task),
    )
    tuning = ("--recipe", "lora", "--epochs", "2", "--head-layer", "2", "--learning-rate", "0.01", "--splits", "2")
    done = run("validate", *words, *tuning, "--json")
    assert done.returncode == 0, done.stderr
    raw = json.loads(done.stdout)
    assert (raw["recipe"], raw["loss"], raw["training"]["epochs"]) == ("lora", "squared", 2)
    assert raw["trained"][0]["w2s_error"]["value"] != raw["ceiling_error"]["value"] > 0.0
    assert "counts: training, split 1 of 2" in done.stderr
    assert "counts: training, split 2 of 2" in done.stderr
