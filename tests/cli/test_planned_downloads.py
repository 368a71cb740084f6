"""What `--dry-run` says of downloads, of models on a fake hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from client.cli.plan import plan_of
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from tests.extraction.tiny import encoder_classifier
from tests.models.hub_emulator import FakeHub, serving


def test_downloads_are_summed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file once, also where two models need it; what is closed is an error before anything is run."""
    monkeypatch.setenv("W2S_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "hub").mkdir()
    with serving(FakeHub(tmp_path / "hub"), monkeypatch, tmp_path / "hf") as hub:
        for name in ("bert", "closed"):
            encoder_classifier(hub.root / "o" / name)
        hub.gated.add("o/closed")
        reference = hub.reference("o/bert")
        query = RankingQuery(
            strong=ModelSpec("strong", reference),
            weak=(ModelSpec("first", reference), ModelSpec("closed", hub.reference("o/closed"))),
            pool=Pool.of([f"row {i}" for i in range(30)]),
        )
        planned = plan_of(query)
        names = [name.rpartition("/")[2] for name in planned.missing]
        assert sorted(names) == ["model.safetensors", "tokenizer.json", "tokenizer_config.json"]
        assert planned.download_bytes == sum((hub.root / "o" / "bert" / name).stat().st_size for name in names)
        assert f"to download: {planned.download_bytes / 1e3:.0f} kB in 3 file(s)" in planned.text
        assert f"time of forward passes not known: {planned.to_fetch} model(s) to fetch first;" in planned.text
        assert "is gated" in planned.steps[2].error
        assert planned.exit_code == 3
        assert planned.to_dict()["weak"][0]["download"]["files"]

        monkeypatch.setenv("W2S_OFFLINE", "1")
        planned = plan_of(query)
        assert planned.to_dict()["download_bytes"] is None
        assert "size not known: " in planned.text
        assert "W2S_OFFLINE is set" in planned.text
