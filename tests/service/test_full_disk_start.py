"""A server that is started on a full disk answers reads, deletions and health, and goes on once there is room."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from client import PredictorClient
from predictor.errors import LimitError
from tests.chaos.full_disk import can_mount
from tests.service.running import RunningServer, arrays, under_way
from tests.service.test_health import check


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[tuple[tuple[str, ...], Path]]:
    """A command that runs another where `tmp_path/room` is a tmpfs of 12 MB, and the tmpfs as seen from here."""
    if not can_mount() or shutil.which("nsenter") is None:
        pytest.skip("no tmpfs can be mounted here")
    room = tmp_path / "room"
    room.mkdir()
    script = 'mount -t tmpfs -o size=12m none "$0" && echo mounted && exec cat'
    holder = subprocess.Popen(
        ["unshare", "-m", "sh", "-c", script, str(room)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "mounted\n"
    yield ("nsenter", "-t", str(holder.pid), "-m"), Path(f"/proc/{holder.pid}/root") / room.relative_to("/")
    holder.kill()
    holder.wait()


def fill(room: Path) -> None:
    with (room / "ballast").open("wb", buffering=0) as out, contextlib.suppress(OSError):
        while out.write(bytes(4096)):
            pass


def submit_many(client: PredictorClient) -> None:
    """Submit until the last page of the disk is taken."""
    for number in range(200):
        client.submit(arrays(number, rows=2000))


def test_a_server_starts_on_a_full_disk(tmp_path: Path, small_disk: tuple[tuple[str, ...], Path]):
    before, room = small_disk
    with RunningServer(tmp_path, before=before, inside="room") as first, first.client() as client:
        done = client.submit(arrays(), "done")
        assert client.wait(done).state == "SUCCEEDED"
        first.freeze_job_worker()
        running = under_way(client, arrays(1), "running")
    fill(room)
    with RunningServer(tmp_path, before=before, inside="room") as second, second.client() as client:
        assert second.events("storage_full_at_start")
        assert client.job(done).ranking is not None
        assert {job.id for job in client.jobs()} >= {done, running}
        assert check(second.address, "") == 1
        client.delete(done)
        assert done not in {job.id for job in client.jobs()}
        with pytest.raises(LimitError):
            submit_many(client)
        (room / "ballast").unlink()
        assert client.wait(running).state == "SUCCEEDED"
