"""The command in this process or in one of its own, and arrays for it to rank."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from client.cli.__main__ import main

Run = Callable[..., Any]

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


@dataclass(frozen=True)
class Done:
    """What a command returned and printed; a CompletedProcess has the same attributes."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(arrays, tmp_path) -> Run:
    """Runs `w2s` in this process and in the folder of arrays, with cache and state folders of its own."""

    def runner(*words: str, env: dict[str, str] | None = None, cwd: Path = arrays, input: str = "", **_) -> Done:
        streams = [io.TextIOWrapper(io.BytesIO(raw), "utf-8", newline="") for raw in (input.encode(), b"", b"")]
        with (
            contextlib.chdir(cwd),
            mock.patch.dict(os.environ, _environment(tmp_path, env), clear=True),
            mock.patch.multiple(sys, stdin=streams[0], stdout=streams[1], stderr=streams[2]),
        ):
            try:
                code = main(words)
            except SystemExit as end:  # of --help
                code = end.code
        for stream in streams[1:]:
            stream.flush()
        return Done(code, *(stream.buffer.getvalue().decode() for stream in streams[1:]))

    return runner


@pytest.fixture
def process(arrays, tmp_path) -> Run:
    """`run` as a real process, for exit codes, streams and signals."""

    def runner(*words: str, env: dict[str, str] | None = None, **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "client.cli", *words],
            env=_environment(tmp_path, env),
            capture_output=True,
            text=True,
            check=False,
            **{"cwd": arrays, "stdin": subprocess.DEVNULL, "timeout": 120, **options},
        )

    return runner


def _environment(folder: Path, more: dict[str, str] | None) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("W2S_")}
    own = {"W2S_CACHE_DIR": str(folder / "cache"), "W2S_STATE_DIR": str(folder / "state"), "COLUMNS": "100"}
    return {**clean, **own, **(more or {})}


WEAK = ("--weak", "good=good.npy", "half=half.npy", "noise=noise.npy")
