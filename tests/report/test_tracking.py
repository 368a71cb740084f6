"""Rankings as runs of W&B and MLflow: real libraries, offline; skipped where they are not installed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from predictor.api import predict
from predictor.errors import InputError, UnavailableError
from predictor.report.tracking import asked, measured, track
from predictor.results.ranking import Ranking


@pytest.fixture(scope="module")
def ranking() -> Ranking:
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(120, 8))
    weak = {"small/α=1": hidden[:, :3] @ rng.normal(size=(3, 6)), "large": hidden @ rng.normal(size=(8, 9))}
    return predict(strong=hidden @ rng.normal(size=(8, 12)), weak={**weak, "short": np.ones((3, 2))})


def test_numbers_of_every_candidate(ranking: Ranking) -> None:
    found = measured(ranking)
    best = ranking.best()
    assert best.predicted_w2s_error is not None
    assert (
        found[f"{best.name}/predicted_w2s_error"] == found["best/predicted_w2s_error"] == best.predicted_w2s_error.value
    )
    assert not any(name.startswith("short/predicted") for name in found)
    assert asked(ranking)["rows"] == 120


def test_a_target_that_is_none(ranking: Ranking, monkeypatch: pytest.MonkeyPatch) -> None:
    for target in ("neptune:x", "wandb", "wandb:"):
        with pytest.raises(InputError, match="give wandb:PROJECT or mlflow:EXPERIMENT"):
            track(ranking, target)
    monkeypatch.setitem(__import__("sys").modules, "wandb", None)
    with pytest.raises(UnavailableError, match="pip install wandb"):
        track(ranking, "wandb:teachers")


def test_mlflow_gives_the_ranking_back(ranking: Ranking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "runs").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    run = mlflow.get_run(track(ranking, "mlflow:teachers"))
    assert run.data.params["rows"] == "120"
    assert run.data.metrics["large/predicted_w2s_error"] == measured(ranking)["large/predicted_w2s_error"]
    (stored,) = (tmp_path / "runs").rglob("ranking.json")
    assert Ranking.from_dict(json.loads(stored.read_text())) == ranking


def test_wandb_gives_the_ranking_back(ranking: Ranking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.chdir(tmp_path)
    for name, value in {"MODE": "offline", "DIR": str(tmp_path), "SILENT": "true", "DATA_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    run = track(ranking, "wandb:teachers")
    (folder,) = (tmp_path / "wandb").glob(f"offline-run-*-{run}")
    (stored,) = folder.rglob("*.table.json")
    table = json.loads(stored.read_text())
    assert len(table["data"]) == 3
