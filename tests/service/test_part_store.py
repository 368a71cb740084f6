"""Parts on disk: one writer, kept apart by tenant, checked when read, swept."""

import errno
import os

import pytest

from predictor.errors import ConflictError, LimitError, NotFoundError
from protos.features import MIN_CHUNK
from server.config import Limits
from server.parts.store import PartStore, read_part
from tests.service.parting import DATA, MANIFEST, chunks, fresh


def test_a_later_stream_takes_over(tmp_path):
    store = PartStore(tmp_path, Limits())
    first = store.open("alice", MANIFEST)
    first.write(chunks()[0].chunk)
    second = store.open("alice", MANIFEST)
    with pytest.raises(ConflictError, match="a later stream of the same part took over"):
        first.write(chunks()[1].chunk)
    for one in chunks()[1:]:
        second.write(one.chunk)
    second.finish()
    assert store.read("alice", MANIFEST.sha256) == DATA


def test_a_full_disk_keeps_what_came_and_lets_it_go_on(tmp_path, monkeypatch):
    store, written = PartStore(tmp_path, Limits()), []
    real = os.pwrite

    def full_after_one(*arguments):  # a disk made up for this test
        if written:
            raise OSError(errno.ENOSPC, "full")
        written.append(real(*arguments))
        return written[-1]

    monkeypatch.setattr("server.parts.upload.os.pwrite", full_after_one)
    upload = store.open("alice", MANIFEST)
    upload.write(chunks()[0].chunk)
    with pytest.raises(LimitError, match="the server's disk is full; the bytes received are stored") as caught:
        upload.write(chunks()[1].chunk)
    assert caught.value.reason == "STORAGE_FULL"
    upload.close()
    monkeypatch.undo()
    assert store.received("alice", MANIFEST) == (MIN_CHUNK, False)
    again = store.open("alice", MANIFEST)
    for one in chunks()[1:]:
        again.write(one.chunk)
    again.finish()
    assert store.read("alice", MANIFEST.sha256) == DATA


def test_parts_belong_to_their_tenant_and_damage_is_found(tmp_path):
    store = PartStore(tmp_path, Limits())
    upload = store.open("alice", MANIFEST)
    for one in chunks():
        upload.write(one.chunk)
    upload.finish()
    upload.close()
    assert store.received("bob", MANIFEST) == (0, False)
    with pytest.raises(NotFoundError, match="there is no part") as caught:
        store.read("bob", MANIFEST.sha256)
    assert caught.value.reason == "PART_MISSING"
    assert read_part(tmp_path, "alice", MANIFEST.sha256) == DATA
    path = next(path for path in tmp_path.rglob("*") if path.is_file())
    assert path.stat().st_mode & 0o077 == 0
    path.write_bytes(DATA[:-1] + b"x")
    with pytest.raises(NotFoundError):
        store.read("alice", MANIFEST.sha256)
    assert store.received("alice", MANIFEST) == (0, False)


def test_parts_are_swept_unless_a_job_refers_to_them_or_somebody_asked_lately(tmp_path):
    store = PartStore(tmp_path, Limits(part_keep_seconds=100))
    kept = {}
    for name, seed in (("referred", 1), ("asked", 2), ("left", 3)):
        manifest, data = fresh(seed)
        upload = store.open("alice", manifest)
        for one in chunks(data):
            upload.write(one.chunk)
        upload.finish()
        upload.close()
        kept[name] = manifest
    broken, data = fresh(4)
    half = store.open("alice", broken)
    half.write(chunks(data)[0].chunk)
    half.close()
    for path in tmp_path.rglob("*"):
        os.utime(path, (1, 1))
    assert store.received("alice", kept["asked"])[1]
    store.sweep({("alice", kept["referred"].sha256)})
    assert [store.received("alice", kept[name])[1] for name in ("referred", "asked", "left")] == [True, True, False]
    assert store.received("alice", broken) == (0, False)
