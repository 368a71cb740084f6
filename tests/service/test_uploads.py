"""Uploads that are interrupted, raced, damaged or out of disk."""

import errno
import os
import shutil
import threading
import time

import grpc
import numpy as np
import pytest

from client import PredictorClient
from predictor.errors import ConflictError, InputError, LimitError, NotFoundError, UnavailableError
from predictor.store.manifest import Manifest
from protos import convert
from server.access.caller import LOCAL
from server.config import Limits
from server.features.stores import feature_store
from server.features.uploads import Uploads
from tests.service.running import until
from tests.service.sending import CHUNK, Slow, chunks, download, error_of, head, received, send, signal


@pytest.mark.parametrize("whole", [1, 3])
def test_what_came_survives_the_kill_of_the_server(start, whole):
    values = signal(seed=1)
    manifest = Manifest.of("kept", values)
    running = start()
    slow = Slow([head(manifest), *chunks(values)], whole + 1)
    with running.client() as client:
        call = client.features._stub.UploadFeatures.future(iter(slow), timeout=120)
        until(lambda: received(client, manifest) == whole * CHUNK)
        running.kill()
        slow.go_on()
        assert call.code() is grpc.StatusCode.UNAVAILABLE
    with start().client() as client:
        assert received(client, manifest) == whole * CHUNK
        with pytest.raises(NotFoundError):
            client.features.pull("kept")
        send(client, [head(manifest), *chunks(values, whole * CHUNK)])
        np.testing.assert_array_equal(client.features.pull("kept").values, values)


def test_a_push_and_a_pull_outlive_the_server(start, tmp_path):
    address = f"unix:{tmp_path}/door/w2s.sock"
    values = signal(4000, 2048)
    running = start(address=address)
    with PredictorClient(address, reconnect_seconds=30) as client:
        manifest = Manifest.of("outlive", values)
        steps = client.features.push_steps(manifest, values)
        while next(steps).done < values.nbytes // 8:
            pass
        running.kill()
        running = start(address=address)
        assert [step.phase for step in steps][-1] == "upload"
        steps = client.features.pull_steps("outlive", tmp_path / "x.npy")
        while next(steps).done < values.nbytes // 8:
            pass
        running.kill()
        start(address=address)
        assert [step.done for step in steps][-1] == values.nbytes
        np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), values)


def test_a_staged_file_that_was_cut_or_damaged_is_found_out(start):
    values = signal(seed=2)
    manifest = Manifest.of("cut", values)
    running = start()
    with running.client() as client:
        with pytest.raises(InputError, match="send the rest"):
            send(client, [head(manifest), *chunks(values)[:3]])
        part = next((running.folder / "state" / "uploads").rglob("*.part"))
        os.truncate(part, CHUNK + 5)
        assert received(client, manifest) == CHUNK + 5
        part.write_bytes(b"\0" * CHUNK)
        with pytest.raises(InputError, match="they are dropped"):
            send(client, [head(manifest), *chunks(values, CHUNK)])
        assert list((running.folder / "state" / "uploads").rglob("*.*")) == []
        client.features.push("cut", values)


def test_a_later_stream_takes_over_and_the_earlier_writes_no_more(client):
    values = signal(seed=3)
    manifest = Manifest.of("race", values)
    slow = Slow([head(manifest), *chunks(values)], 3)
    call = client.features._stub.UploadFeatures.future(iter(slow), timeout=120)
    until(lambda: received(client, manifest) == 2 * CHUNK)
    with pytest.raises(InputError, match="send the rest"):
        send(client, [head(manifest), *chunks(values, 2 * CHUNK)[:1]])
    slow.go_on()
    error = error_of(call.exception())
    assert (type(error), error.reason) == (ConflictError, "UPLOAD_SUPERSEDED")
    assert received(client, manifest) == 3 * CHUNK
    send(client, [head(manifest), *chunks(values, 3 * CHUNK)])
    np.testing.assert_array_equal(client.features.pull("race").values, values)


def test_an_upload_waits_for_no_other_tenant(staged, monkeypatch):
    """While the disk holds up one tenant's, stood in for by a look at its room."""
    begun, go = threading.Event(), threading.Event()
    slow = staged._folder_of("hostile")

    def slowly(folder):
        if folder == slow:
            begun.set()
            assert go.wait(120)
        return 1 << 40

    monkeypatch.setattr("server.features.uploads.room", slowly)
    manifest = Manifest.of("set", signal(10))
    waiting = threading.Thread(target=lambda: staged.open("hostile", manifest).close())
    waiting.start()
    assert begun.wait(120)
    other = threading.Thread(target=lambda: staged.open("other", manifest).close(), daemon=True)
    other.start()
    other.join(120)
    assert not other.is_alive()
    go.set()
    waiting.join()


@pytest.fixture
def staged(own_folders):
    return Uploads(own_folders / "uploads", Limits(upload_keep_seconds=100))


def taken(upload, values, count, start=0):
    for message in chunks(values, start)[:count]:
        upload.write(message.chunk)


def test_an_upload_that_nobody_goes_on_with_expires(staged, own_folders):
    values = signal()
    manifest = Manifest.of("stale", values)
    upload = staged.open(LOCAL, manifest)
    taken(upload, values, 2)
    old = time.time() - 101
    os.utime(upload.place, (old, old))
    assert staged.expire() == 0
    upload.close()
    os.utime(upload.place, (old, old))
    assert staged.expire() == 1
    assert staged.received(LOCAL, manifest) == (0, None)
    assert list((own_folders / "uploads").rglob("*.*")) == []


def test_a_full_disk_keeps_what_came_and_names_no_path(staged, monkeypatch):
    values = signal()
    manifest = Manifest.of("full", values)
    upload = staged.open(LOCAL, manifest)
    taken(upload, values, 1)
    real = os.pwrite

    def half_then_full(handle, data, offset):
        if offset >= 2 * CHUNK:
            if offset == 2 * CHUNK and len(data) == CHUNK:
                return real(handle, data[:1000], offset)
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, data, offset)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", half_then_full)
        with pytest.raises(LimitError, match="the server's disk is full; the bytes received are stored") as caught:
            taken(upload, values, 5, start=CHUNK)
    assert caught.value.reason == "STORAGE_FULL"
    assert os.sep not in caught.value.message
    upload.close()
    assert staged.received(LOCAL, manifest) == (2 * CHUNK, None)
    again = staged.open(LOCAL, manifest)
    for message in chunks(values, 2 * CHUNK):
        again.write(message.chunk)
    assert again.finish().rows == 300


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_refuses_the_last_step_leaves_the_upload_to_go_on(staged, monkeypatch, error):
    values = signal()
    manifest = Manifest.of("late", values)
    upload = staged.open(LOCAL, manifest)
    taken(upload, values, 5)

    def refuse(*arguments):
        raise OSError(error, os.strerror(error))

    with monkeypatch.context() as patched:
        patched.setattr("predictor.folders.os.fsync", refuse)
        with pytest.raises((LimitError, UnavailableError)) as caught:
            upload.finish()
    assert caught.value.reason == ("STORAGE_FULL" if error == errno.ENOSPC else "STORAGE_UNWRITABLE")
    assert "/" not in caught.value.message
    assert feature_store(LOCAL).find("late") is None
    upload.close()
    assert staged.open(LOCAL, manifest).finish().rows == 300


def test_an_upload_is_not_begun_where_the_disk_has_no_room_for_it(staged, monkeypatch):
    usage = shutil.disk_usage(os.curdir)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=2_000_000))
    with pytest.raises(LimitError, match="disk is full") as caught:
        staged.open(LOCAL, Manifest.of("roomless", signal()))
    assert caught.value.reason == "STORAGE_FULL"


def test_each_tenant_sees_its_own_sets_only(staged):
    for tenant, seed in (("one", 1), ("two", 2)):
        values = signal(seed=seed)
        upload = staged.open(tenant, Manifest.of("same", values))
        taken(upload, values, 5)
        upload.finish()
        upload.close()
    for tenant, seed in (("one", 1), ("two", 2)):
        np.testing.assert_array_equal(feature_store(tenant).pull("same").values, signal(seed=seed))
    assert staged.received("three", Manifest.of("same", signal(seed=1))) == (0, None)
    assert feature_store(LOCAL).ls() == ()


def test_many_streams_of_one_upload_end_in_one_whole_set(client):
    values = signal(seed=10)
    manifest = Manifest.of("crowd", values)

    def push():
        for _ in range(20):
            try:
                client.features.push("crowd", values)
            except ConflictError:
                continue

    threads = [threading.Thread(target=push) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.features.push("crowd", values)
    assert received(client, manifest) == values.nbytes
    np.testing.assert_array_equal(client.features.pull("crowd").values, values)
    first = next(download(client, "crowd")).description
    assert convert.description_from_proto(first).size == values.nbytes
