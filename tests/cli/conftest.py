"""The command as a real process, and arrays for it to rank."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

ROWS = 160


@pytest.fixture(scope="session")
def arrays(tmp_path_factory) -> Path:
    """A folder with s.npy (student), good.npy, half.npy and noise.npy (candidates), gold.npy (half the labels)."""
    folder = tmp_path_factory.mktemp("arrays")
    rng = np.random.default_rng(11)
    hidden = rng.standard_normal((ROWS, 8)) * np.geomspace(3, 0.5, 8)

    def mix(width: int, shape: np.ndarray) -> np.ndarray:
        return shape @ rng.standard_normal((shape.shape[1], width))

    np.save(folder / "s.npy", mix(24, hidden) + 0.1 * rng.standard_normal((ROWS, 24)))
    np.save(folder / "good.npy", mix(16, hidden) + 0.1 * rng.standard_normal((ROWS, 16)))
    np.save(folder / "half.npy", mix(16, hidden[:, :3]) + 0.5 * rng.standard_normal((ROWS, 16)))
    np.save(folder / "noise.npy", rng.standard_normal((ROWS, 16)))
    gold = hidden @ rng.standard_normal(8)
    np.save(folder / "gold.npy", np.where(np.arange(ROWS) % 2, gold, np.nan))
    return folder


@pytest.fixture
def run(arrays, tmp_path) -> Run:
    """Runs `w2s` in the folder of arrays, with folders of its own; returns the finished process."""

    def runner(*words: str, env: dict[str, str] | None = None, **options: object) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("W2S_")}
        own = {"W2S_CACHE_DIR": str(tmp_path / "cache"), "W2S_STATE_DIR": str(tmp_path / "state")}
        return subprocess.run(
            [sys.executable, "-m", "client.cli", *words],
            env={**clean, **own, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
            **{"cwd": arrays, "stdin": subprocess.DEVNULL, "timeout": 120, **options},
        )

    return runner


WEAK = ("--weak", "good=good.npy", "half=half.npy", "noise=noise.npy")
