"""Every block of the client's pages runs, in order, in one empty folder."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import client
from client.cli.__main__ import main
from tests.weights import MINILM, artefact, shared_cache

BLOCK = re.compile(r"^```(python|sh|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)
HERE = Path(client.__file__).parent


def run_python(block: str, page: str) -> None:
    exec(compile(block, page, "exec"), {})


def run_lines(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of `w2s`, in this process."""
    for line in block.splitlines():
        words = shlex.split(line)
        with monkeypatch.context() as environment:
            while "=" in words[0]:
                environment.setenv(*words.pop(0).split("=", 1))
            assert words.pop(0) == "w2s"
            assert main(words) == 0, line


def run_script(block: str, folder: Path) -> None:
    """By bash, which stops at the first error, with this code's `w2s` first in its path."""
    tool = folder / "bin" / "w2s"
    tool.parent.mkdir(exist_ok=True)
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m client.cli "$@"\n')
    tool.chmod(0o755)
    above = filter(None, (str(HERE.parent), os.environ.get("PYTHONPATH")))
    environment = {"PATH": f"{tool.parent}:{os.environ['PATH']}", "PYTHONPATH": os.pathsep.join(above)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"


def test_the_blocks_of_the_readme_run(tmp_path, own_folders, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall((HERE / "README.md").read_text(encoding="utf-8"))
    assert [language for language, _ in blocks].count("bash") == 0
    assert len(blocks) == 9
    for language, block in blocks:
        if language == "python":
            run_python(block, "client/README.md")
        else:
            run_lines(block, monkeypatch)
    assert "large" in capsys.readouterr().out


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with what the first block of the page of questions makes."""
    artefact(MINILM)
    monkeypatch.setenv("W2S_CACHE_DIR", str(shared_cache()))
    monkeypatch.setenv("W2S_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "page").mkdir()
    monkeypatch.chdir(tmp_path / "page")
    (first,) = [block for language, block in BLOCK.findall(QUESTIONS) if language == "python"]
    run_python(first, "client/questions.md")
    return tmp_path / "page"


QUESTIONS = (HERE / "questions.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", QUESTIONS, re.MULTILINE | re.DOTALL))


@pytest.mark.weights
@pytest.mark.parametrize("section", SECTIONS)
def test_the_blocks_of_a_question_run(section: str, shown: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = BLOCK.findall(SECTIONS[section])
    assert blocks, "a page by question has something to type"
    for language, block in blocks:
        if language == "bash":
            run_script(block, shown)
        else:
            run_lines(block, monkeypatch)


@pytest.mark.parametrize("page", [HERE / "questions.md", HERE.parent / "llms.txt"], ids=lambda page: page.name)
def test_the_links_of_an_index_lead_somewhere(page: Path) -> None:
    """They are files, folders and sections that exist."""
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", one).strip().lower().replace(" ", "-") for one in headings}, link
