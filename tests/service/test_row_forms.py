"""Rows as a model gets them, and folders of checkpoints, over a real server: the answer is that of this process."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from client import PredictorClient
from predictor.errors import LimitError
from predictor.intake.request import build_query
from predictor.query.model_spec import read_spec
from predictor.steps import drain
from server.workforce.model_roots import ROOTS, roots_of, with_checkpoints
from tests.answers import bare, ranked_here
from tests.extraction.tiny import encoder_classifier, language_model, metaspace
from tests.service.running import RunningServer
from tests.weights import SENTENCES

TEMPLATE = "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|> {{ m['content'] }}{{ eos_token }}{% endfor %}"
TEXTS = [f"{SENTENCES[row % len(SENTENCES)]} {row}" for row in range(40)]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model with a chat template, and an encoder without one."""
    folder = tmp_path_factory.mktemp("models")
    language_model(folder / "chat", metaspace)
    (folder / "chat" / "chat_template.jinja").write_text(TEMPLATE)
    encoder_classifier(folder / "plain")
    return folder


def conversations(folder: Path) -> Path:
    rows = [
        {"id": str(row), "messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "good"}]}
        for row, text in enumerate(TEXTS)
    ]
    path = folder / "chat.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def columns(folder: Path) -> Path:
    rows = [{"id": str(row), "passage": text, "question": "good?"} for row, text in enumerate(TEXTS)]
    path = folder / "columns.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


FORMS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "prefix": lambda folder: {"pool": TEXTS, "mark": "#prefix=good: "},
    "truncated left": lambda folder: {"pool": TEXTS, "max_length": 6, "truncate": "left"},
    "prefix, truncated in the middle": lambda folder: {
        "pool": TEXTS, "max_length": 8, "truncate": "middle", "mark": "#prefix=good: ",
    },
    "conversations": lambda folder: {"pool": str(conversations(folder)), "max_length": 30, "truncate": "right"},
    "columns": lambda folder: {"pool": str(columns(folder)), "template": "{passage}\nQ: {question}"},
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_rows_are_read_there_as_here(client: PredictorClient, models: Path, own_folders: Path, form: str) -> None:
    """Templates of columns are filled in before the request; prefixes, chat templates and cuts belong to each model."""
    asked = FORMS[form](own_folders)
    mark = asked.pop("mark", "")
    request = {
        "strong": f"strong={models}/chat{mark}",
        "weak": [f"chat={models}/chat{mark or '#layer=1'}", f"plain={models}/plain{mark}", f"bare={models}/plain"],
        "precision": "fp32",
        **asked,
    }
    here, there = ranked_here(request), client.rank(**request)
    assert [candidate.error for candidate in here.candidates] == [None] * 3
    assert bare(there) == bare(here)
    plain, changed = ({c.name: c.diagnostics for c in here.candidates}[name] for name in ("bare", "plain"))
    assert ("prefix" in form) == (plain != changed)


def test_the_checkpoints_of_a_folder_of_the_server_are_candidates(
    models: Path, tmp_path: Path, own_folders: Path
) -> None:
    """A path that is on the server only; one checkpoint there cannot be read, and the others are ranked."""
    run = tmp_path / "root" / "run"
    for number, source in ((500, "chat"), (1000, "plain")):
        shutil.copytree(models / source, run / f"checkpoint-{number}")
    (run / "checkpoint-1500").mkdir()
    (run / "checkpoint-1500" / "optimizer.pt").write_bytes(b"x")
    asked = build_query(strong=f"{run}/checkpoint-500", weak="bare.npy", pool=TEXTS)
    query = replace(asked, weak=(read_spec(f"r={run}#layer=1"), read_spec(f"{run}#layer=2")))
    with RunningServer(tmp_path / "server", "--model-root", str(tmp_path / "root")) as server, server.client() as there:
        found = drain(there.rank_steps(query))
    named = {candidate.name: candidate.error for candidate in found.candidates}
    folders = [f"checkpoint-{number}" for number in (500, 1000, 1500)]
    assert set(named) == {*(f"r/{name}" for name in folders), *(f"{run}/{name}#layer=2" for name in folders)}
    failed = {name: error.message for name, error in named.items() if error is not None}
    assert set(failed) == {"r/checkpoint-1500", f"{run}/checkpoint-1500#layer=2"}
    assert "contains no model" in failed["r/checkpoint-1500"]


def test_checkpoints_count_as_candidates(models: Path, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        shutil.copytree(models / "plain", tmp_path / "run" / f"checkpoint-{number}")
    asked = build_query(strong=f"{models}/plain", weak="bare.npy", pool=TEXTS)
    query = replace(asked, weak=(read_spec(f"{tmp_path}/run"),))
    roots = roots_of("alice", {ROOTS: str(tmp_path)})
    assert len(with_checkpoints(query, roots, 3).weak) == 3
    with pytest.raises(LimitError, match="with their checkpoints the candidates are 3; at most 2"):
        with_checkpoints(query, roots, 2)
    assert len(with_checkpoints(query, roots_of("alice", {}), 3).weak) == 1
