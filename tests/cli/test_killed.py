"""A command that is killed after its models are read goes on from what is stored, and half a file is never seen.

Kills while rows are read or labelled: `tests/extraction/test_resume.py` and `test_labels_resume.py`; while a model is
downloaded: `tests/models/test_killed_download.py`; of servers and their workers: `tests/service/test_survival.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.calibration.simulated import outcomes
from tests.cli.killed import kill_at
from tests.extraction import tiny
from tests.weights import SENTENCES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models and a pool."""
    home = tmp_path_factory.mktemp("killed")
    tiny.encoder_classifier(home / "bert")
    tiny.language_model(home / "llama")
    (home / "pool.txt").write_text("\n".join(f"{text} {place}" for place, text in enumerate(SENTENCES * 20)))
    return home


def answer(path: Path) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads(path.read_text())
    for candidate in raw["candidates"]:
        candidate["timings"] = {}
    return raw


@pytest.mark.parametrize(
    ("place", "argument"),
    [
        ("predictor.ranking.answer:estimate_alone", ""),
        ("predictor.ranking.answer:order", ""),
        ("os:replace", "out.json"),
        ("os:replace", "out.html"),
    ],
    ids=["kernels", "estimate", "output", "report"],
)
def test_a_killed_ranking_reads_nothing_again(
    run: Any, folder: Path, tmp_path: Path, place: str, argument: str
) -> None:
    """The models are in the cache, the old file is whole, and the answer is that of an undisturbed run."""
    env = {name: str(tmp_path / name) for name in ("W2S_CACHE_DIR", "W2S_STATE_DIR")}
    out, page = tmp_path / "out.json", tmp_path / "out.html"
    words = ("rank", "--strong", "llama", "--weak", "bert", "--pool", "pool.txt", "-o", str(out), "--html", str(page))
    for file in (out, page):
        file.write_text("{}")
    kill_at(place, words, folder, env, argument)
    if argument:
        assert (tmp_path / argument).read_text() == "{}"
    planned = json.loads(run(*words, "--dry-run", "--json", env=env, cwd=folder).stdout)
    assert [planned["strong"]["state"], planned["weak"][0]["state"]] == ["cached", "cached"]
    assert run(*words, env=env, cwd=folder).returncode in (0, 4)
    resumed = answer(out)
    assert page.read_text() != "{}"
    anew = {name: str(tmp_path / "anew" / name) for name in env}
    run(*words, env=anew, cwd=folder)
    assert answer(out) == resumed


@pytest.mark.parametrize(
    ("place", "argument"),
    [("predictor.calibration.calibrate:calibrate", ""), ("os:replace", ".json"), ("os:replace", "current")],
    ids=["fit", "version", "current"],
)
def test_a_killed_fit_leaves_the_calibration_before(run: Any, tmp_path: Path, place: str, argument: str) -> None:
    """It can be used meanwhile, and the same command makes the new one."""
    env = {"W2S_STATE_DIR": str(tmp_path / "state")}
    past = tmp_path / "past.jsonl"
    lines = [one.to_json() + "\n" for one in outcomes()]
    past.write_text("".join(lines[: -len(lines) // 3]))
    assert run("outcomes", "import", str(past), env=env).returncode == 0
    before = json.loads(run("calibrate", "mine", "--json", env=env).stdout)
    past.write_text("".join(lines))
    run("outcomes", "import", str(past), env=env)
    kill_at(place, ("calibrate", "mine"), tmp_path, env, argument)
    assert json.loads(run("calibrate", "mine", "--show", "--json", env=env).stdout) == before
    after = json.loads(run("calibrate", "mine", "--json", env=env).stdout)
    assert after != before
    assert json.loads(run("calibrate", "mine", "--show", "--json", env=env).stdout) == after
