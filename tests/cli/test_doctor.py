"""`w2s doctor`: what is missing is named with what to type, and only what breaks ordinary use fails it."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple

from client import checks


def test_everything_is_found_here_and_the_next_command_is_given(run):
    done = run("doctor", "--no-network")
    assert done.returncode == 0, done.stdout
    for extra in checks.EXTRAS:
        assert f"ok   extra {extra}: " in done.stdout
    assert "Then: w2s rank --strong MODEL" in done.stdout


def test_a_missing_extra_is_named_with_its_command_and_is_no_failure(run, monkeypatch):
    monkeypatch.setattr(checks, "find_spec", lambda name: None if name == "torch" else True)
    done = run("doctor", "--no-network", "--json")
    found = {one["name"]: one for one in json.loads(done.stdout)}
    assert done.returncode == 0
    assert found["extra models"] == {
        "name": "extra models",
        "state": "missing",
        "found": "without torch",
        "advice": "pip install 'w2s-predictor[models]'",
    }


def test_a_folder_that_cannot_be_made_fails_it(run, tmp_path):
    (tmp_path / "file").touch()
    done = run("doctor", "--no-network", env={"W2S_STATE_DIR": str(tmp_path / "file" / "state")})
    assert done.returncode == 1
    assert "set W2S_STATE_DIR" in done.stdout


def test_a_full_disk_fails_it(run, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 9, 1))
    done = run("doctor", "--no-network")
    assert done.returncode == 1
    assert "2 to mend: feature cache, state (jobs, outcomes, tokens)" in done.stdout


def test_a_server_that_does_not_answer_fails_it(run):
    done = run("doctor", "--no-network", "--server", "127.0.0.1:1")
    assert done.returncode == 1
    assert "!!   server: no server answers at 127.0.0.1:1" in done.stdout


def test_a_hub_that_is_not_reachable_is_no_failure(run, monkeypatch):
    monkeypatch.setattr(checks, "_registry", lambda: checks.Check("package registry", "ok", "not asked here"))
    done = run("doctor", env={"HF_ENDPOINT": "http://127.0.0.1:1"})
    assert done.returncode == 0
    assert "--   model hub: not reachable\n     use local folders" in done.stdout
