"""`w2s init` and `w2s completion`: files that the next command and the shell really take."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.intake.candidates import read_candidates
from tests.cli.conftest import Run
from tests.extraction.tiny import encoder_classifier

COMMIT = "a" * 40


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of work: models, a training, pickles, files, an environment; and a cache of the hub library."""
    top = tmp_path / "work"
    one = encoder_classifier(top / "models" / "bert")
    for place in ("models/other/bert", "runs/llama/checkpoint-5", "runs/llama/checkpoint-10", ".hidden/x", "env/x"):
        shutil.copytree(one, top / place)
    (top / "env" / "pyvenv.cfg").touch()
    shutil.copytree(one, tmp_path / "hf" / "models--o--n" / "snapshots" / COMMIT)
    shutil.copytree(one, top / "models" / "old")
    (top / "models" / "old" / "model.safetensors").rename(top / "models" / "old" / "pytorch_model.bin")
    (top / "models" / "bad").mkdir()
    (top / "models" / "bad" / "config.json").write_text("{")
    (top / "models" / "bad" / "model.safetensors").touch()
    for name in ("small.gguf", "graph.onnx"):
        (top / name).touch()
    return top


def test_init_names_what_is_here(run: Run, machine: Path, tmp_path: Path) -> None:
    """Models in no model, a training once, pickles with their command; hidden folders and environments are left out."""
    done = run("init", cwd=machine, env={"HF_HUB_CACHE": str(tmp_path / "hf")})
    assert done.returncode == 0, done.stderr
    assert "candidates.yaml: 8 model(s) found" in done.stdout
    assert "--candidates candidates.yaml --pool rows.jsonl --dry-run" in done.stdout
    found = {spec.name: spec.reference for spec in read_candidates(machine / "candidates.yaml").models}
    assert found == {
        "small": "gguf:./small.gguf",
        "graph": "onnx:./graph.onnx",
        "bad": "./models/bad",
        "bert": "./models/bert",
        "bert-2": "./models/other/bert",
        "llama": "./runs/llama",
        "old": "./models/old",
        "n": f"hub:o/n@{COMMIT}",
    }
    text = (machine / "candidates.yaml").read_text()
    assert "# 2 checkpoint(s), one candidate each" in text
    assert "# pickles; first: w2s models convert ./models/old" in text
    assert "# its configuration cannot be read" in text
    again = run("init", cwd=machine)
    assert again.returncode == 2
    assert "'candidates.yaml' exists" in again.stderr


def test_the_file_of_init_is_ranked(run: Run, machine: Path, tmp_path: Path) -> None:
    """The command that it prints, with a strong model and rows."""
    for name in ("bad", "old"):
        shutil.rmtree(machine / "models" / name)
    assert run("init", "models", "runs", "-o", "c.yaml", "--no-hub-cache", cwd=machine).returncode == 0
    (machine / "rows.txt").write_text("\n".join(f"row {i} of some" for i in range(40)))
    np.save(machine / "s.npy", np.random.default_rng(0).normal(size=(40, 6)))
    done = run("rank", "--strong", "s.npy", "--candidates", "c.yaml", "--pool", "rows.txt", "--dry-run", cwd=machine)
    assert done.returncode == 0, done.stderr
    assert "llama/checkpoint-10" in done.stdout


def test_init_without_models(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run("init", "empty", "--no-hub-cache", cwd=tmp_path)
    assert "0 model(s) found" in done.stdout
    assert "take the # from known ones in the file" in done.stdout
    file = tmp_path / "candidates.yaml"
    with pytest.raises(InputError, match="names none; give one MODEL a line"):
        read_candidates(file)
    file.write_text(file.read_text().replace("# - pypi:", "- pypi:", 1))
    assert [one.reference.startswith("pypi:") for one in read_candidates(file).models] == [True]
    assert "no folder" in run("init", "nowhere", "-o", "x.yaml", cwd=tmp_path).stderr


def test_completion_completes(run: Run, tmp_path: Path) -> None:
    """The script, sourced by bash itself: subcommands, flags, choices."""
    pytest.importorskip("shtab")
    script = run("completion", "bash")
    assert script.returncode == 0, script.stderr
    (tmp_path / "w2s.bash").write_text(script.stdout)

    def completed(*words: str) -> set[str]:
        asked = " ".join(f"'{word}'" for word in ("w2s", *words))
        program = (
            f"source {tmp_path}/w2s.bash; COMP_WORDS=({asked}); COMP_CWORD={len(words)}; COMP_LINE={words[-1]!r}; "
            "_shtab_w2s 2>/dev/null; printf '%s\\n' \"${COMPREPLY[@]}\""
        )
        done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
        return {word.strip() for word in done.stdout.splitlines()}

    assert {"rank", "report"} <= completed("ra") | completed("re")
    assert "--suggest-labels" in completed("rank", "--sugg")
    assert "w2s_error" in completed("rank", "--rank-by", "w2s")
    (tmp_path / "rows.jsonl").touch()
    assert "rows.jsonl" in completed("rank", "--pool", "ro")
    assert run("completion", "zsh").stdout.startswith("#compdef w2s")
    assert run("completion", "fish").returncode == 2


def test_completion_without_its_library(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "shtab", None)
    done = run("completion", "bash")
    assert done.returncode == 1
    assert "pip install 'w2s-predictor[completion]'" in done.stderr
