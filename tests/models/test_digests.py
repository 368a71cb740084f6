"""Digests are remembered only as long as the file is the same."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from predictor.models.digests import file_digest, files_digest


def test_a_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"weights")
    assert file_digest(tmp_path / "a") == hashlib.sha256(b"weights").hexdigest()


def test_an_edit_of_equal_size_is_noticed_by_its_time(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"before")
    os.utime(path, ns=(1, 1_000_000_000))
    before = file_digest(path, tmp_path / "cache")
    path.write_bytes(b"edited")
    os.utime(path, ns=(1, 1_000_000_001))
    assert file_digest(path, tmp_path / "cache") == hashlib.sha256(b"edited").hexdigest() != before


def test_a_file_that_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"before")
    os.utime(path, ns=(1, 1))
    before = file_digest(path, tmp_path / "cache")
    path.write_bytes(b"edited")
    os.utime(path, ns=(1, 1))
    assert file_digest(path, tmp_path / "cache") == before


def test_a_torn_note_is_only_a_lost_memory(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"weights")
    expected = file_digest(path, tmp_path / "cache")
    (note,) = (tmp_path / "cache" / "digests").iterdir()
    note.write_bytes(b"[")
    assert file_digest(path, tmp_path / "cache") == expected


def test_names_count_as_well_as_contents(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"same")
    assert files_digest([tmp_path / "a"]) != files_digest([tmp_path / "b"])
    assert files_digest([tmp_path / "a", tmp_path / "b"]) == files_digest([tmp_path / "b", tmp_path / "a"])
