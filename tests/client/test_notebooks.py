"""Every notebook runs, in a kernel of its own, on real rows and small real models; the committed outputs are small."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import client
from tests.weights import BERT_4L_ONNX, BERT_TINY_ONNX, MINILM, artefact, shared_cache

NOTEBOOKS = sorted((Path(client.__file__).parent / "notebooks").glob("*.ipynb"))
MAX_BYTES = 60_000


def test_there_are_three() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["arrays", "class_names", "labelled_task"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_outputs_are_whole_and_small(path: Path) -> None:
    """Each cell of code was run once, from the top, without an error."""
    nbformat = pytest.importorskip("nbformat")
    book = nbformat.read(path, as_version=4)
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all(output.output_type != "error" for cell in cells for output in cell.outputs)
    assert path.stat().st_size < MAX_BYTES


@pytest.mark.weights
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    for reference in (MINILM, BERT_TINY_ONNX, BERT_4L_ONNX):
        artefact(reference)
    monkeypatch.setenv("W2S_CACHE_DIR", str(shared_cache()))
    monkeypatch.setenv("W2S_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join(filter(None, (str(path.parents[2]), os.environ.get("PYTHONPATH"))))
    )
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    book = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    nbclient.NotebookClient(book, timeout=280, kernel_name="python3", resources=resources).execute()
    printed = [output.get("text", "") for cell in book.cells for output in cell.get("outputs", [])]
    assert any("rows out of" in text for text in printed)
