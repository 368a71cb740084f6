"""Fixtures that every part's tests share."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

# Two threads on a busy shared machine run several times slower than one; tests on rows this few need no more.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would every command that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """`-n auto` starts two workers a core: half of the tests wait for servers and processes."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(scope="session")
def weights_cache() -> Path:
    """The cache folder that real weights are fetched into, once per machine."""
    from tests.weights import shared_cache

    return shared_cache()


@pytest.fixture
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cache and state folders of this test alone; returns their parent."""
    monkeypatch.setenv("W2S_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("W2S_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture(scope="session")
def labelled_rows() -> Callable[[str, int], tuple[list[str], list[float]]]:
    """`labelled_rows(name, n)`: first n texts and labels of a table in W2S_DATA; skips where it is absent."""

    def read(name: str, rows: int) -> tuple[list[str], list[float]]:
        folder = os.environ.get("W2S_DATA", "")
        path = Path(folder) / f"{name}.jsonl"
        if not folder or not path.is_file():
            pytest.skip(f"{name}.jsonl is read from the folder that W2S_DATA names, and is not there")
        with path.open(encoding="utf-8") as file:
            parsed = [json.loads(line) for _, line in zip(range(rows), file, strict=False)]
        return [one["text"] for one in parsed], [float(one["label"]) for one in parsed]

    return read
