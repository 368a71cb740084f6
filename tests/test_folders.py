"""Folders that are made are their user's alone, those above them too."""

import errno
import io
import os
import tempfile

import pytest

from predictor.errors import LimitError, UnavailableError
from predictor.folders import check_writable, make_private, replace_file
from predictor.outcomes.store import OutcomeStore
from tests.outcomes.test_outcome import plain


def test_a_folder_is_made_private_with_those_above_it(tmp_path):
    before = os.umask(0)
    try:
        make_private(tmp_path / "a" / "b" / "c")
        replace_file(tmp_path / "d" / "e" / "file", [b"x"])
    finally:
        os.umask(before)
    made = [path for path in tmp_path.rglob("*") if path.is_dir()]
    assert len(made) == 5
    assert [path for path in made if path.stat().st_mode & 0o077] == []


def test_outcomes_are_stored_where_nobody_else_can_list_them(tmp_path):
    before = os.umask(0)
    try:
        OutcomeStore(tmp_path / "tenants" / "abc" / "outcomes").add([plain("a")])
    finally:
        os.umask(before)
    assert [path for path in tmp_path.rglob("*") if path.stat().st_mode & 0o077] == []


def test_a_folder_that_is_there_keeps_its_mode(tmp_path):
    (tmp_path / "open").mkdir(mode=0o755)
    make_private(tmp_path / "open" / "inner")
    make_private(tmp_path / "open")
    assert (tmp_path / "open").stat().st_mode & 0o777 == 0o755


def test_a_file_in_the_way_is_no_folder(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileExistsError):
        make_private(tmp_path / "file")
    with pytest.raises(NotADirectoryError):
        make_private(tmp_path / "file" / "below")


def test_a_folder_that_files_can_be_stored_in_is_made_and_left_empty(tmp_path):
    check_writable(tmp_path / "new" / "cache")
    assert list((tmp_path / "new" / "cache").iterdir()) == []


def test_a_folder_that_cannot_be_is_reported_with_the_way_out(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        UnavailableError, match=r"cannot be written .*make it writable or move the cache with"
    ) as caught:
        check_writable(tmp_path / "file" / "cache")
    assert caught.value.reason == "STORAGE_UNWRITABLE"


def test_a_folder_on_a_full_disk_is_reported(tmp_path, monkeypatch):
    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    with pytest.raises(LimitError, match="is full; free some space"):
        check_writable(tmp_path)
