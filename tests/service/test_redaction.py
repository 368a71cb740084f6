"""Messages to callers with credentials name no folder of the server; this machine's own user sees them whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from predictor.errors import LimitError, NotFoundError
from predictor.folders import storage_error
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from protos.w2s.v1 import ranking_pb2
from server.access.caller import LOCAL
from server.access.redaction import error_for, redact_ranking, without_places
from server.access.tokens import TokenFile
from tests.service.model import write_model
from tests.service.running import RunningServer

ROWS = ["CNO" * 5 + "C" * first + "N" * second for first in range(3) for second in range(4)]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("W2S_CACHE_DIR", str(tmp_path / "secret-cache"))
    monkeypatch.setenv("W2S_STATE_DIR", str(tmp_path / "secret-state"))
    monkeypatch.setenv("W2S_MODEL_ROOTS", str(tmp_path / "secret-models"))
    return tmp_path


def test_folders_of_the_server_are_replaced(places: Path):
    text = f"{places}/secret-cache/wheels/x, {places}/secret-state is bad, {places}/secret-models/m/config.json, n/a"
    assert without_places(text) == "CACHE/wheels/x, STATE is bad, m/config.json, n/a"
    full = storage_error(OSError(28, "full"), places / "secret-cache" / "features")
    assert "secret" not in error_for("alice", full).message
    assert isinstance(error_for("alice", full), LimitError)
    assert error_for("alice", full).reason == "STORAGE_FULL"
    assert error_for(LOCAL, full) is full


def test_every_text_of_a_ranking_is_redacted(places: Path):
    secret = f"{places}/secret-cache/x"
    ranking = ranking_pb2.Ranking(warnings=[secret])
    ranking.candidates.add(warnings=[secret]).error.message = secret
    ranking.provenance.request.update({"a": secret, "b": {"c": [secret]}})
    redact_ranking(ranking)
    assert "secret" not in str(ranking)


@pytest.mark.parametrize("name", ["broken", "absent"])
def test_a_failing_candidate_names_no_folder(start: Callable[..., RunningServer], tmp_path: Path, name: str):
    """A configuration that cannot be read, in the operator's folder, ranked by a caller with a token."""
    root = tmp_path / "secret-models"
    write_model(root / "good")
    (root / "broken").mkdir()
    (root / "broken" / "config.json").write_text("[" * 1000)
    (root / "broken" / "model.safetensors").write_bytes(b"\0" * 100)
    file = TokenFile(tmp_path / "tokens")
    token = file.add("alice", ["admin"], 3600.0)
    running = start("--tokens", str(file.path), "--model-root", str(root))
    good = f"onnx:{root}/good/model.onnx#layer=1"
    weak = (ModelSpec("bad", str(root / name)), ModelSpec("other", good))
    query = RankingQuery(ModelSpec("s", good), weak, Pool.of(ROWS), settings=Settings(estimators=("cka",)))
    with running.client(token=token) as client:
        job = client.wait(client.submit(query))
        assert job.ranking is not None, job.error
        text = json.dumps(job.to_dict())
        assert [one.name for one in job.ranking.candidates if one.error is not None] == ["bad"]
        assert str(tmp_path) not in text
        with pytest.raises(NotFoundError) as caught:
            client.features.pull("none")
        assert str(tmp_path) not in caught.value.message
