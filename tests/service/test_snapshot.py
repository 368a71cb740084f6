"""Snapshots of a running server, and their way back; metrics and logs that an operator reads."""

import json
import subprocess
import sys

from tests.service.running import RunningServer, arrays, samples, scrape, under_way


def snapshot(*arguments):
    command = [sys.executable, "-m", "server.snapshot", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_snapshot_of_a_running_server_is_restored_with_its_jobs(start, tmp_path):
    """Also a job that was running in the copy runs again, and the server that was copied goes on."""
    running = start()
    with running.client() as client:
        done = client.submit(arrays(), "done")
        assert client.wait(done).state == "SUCCEEDED"
        running.freeze_job_worker()
        open_ = under_way(client, arrays(1), "open")
        for name in ("first", "second"):
            taken = snapshot("take", tmp_path / name, "--state-dir", running.folder / "state")
            assert taken.returncode == 0, taken.stderr
        after = client.submit(arrays(2), "after")
    other = tmp_path / "other"
    restored = snapshot("restore", tmp_path / "second", "--state-dir", other / "state")
    assert restored.returncode == 0, restored.stderr
    with RunningServer(other) as again, again.client() as client:
        assert client.job(done).ranking is not None
        assert client.wait(open_).state == "SUCCEEDED"
        assert after not in {job.id for job in client.jobs()}
    assert snapshot("restore", tmp_path / "second", "--state-dir", other / "state").returncode == 2
    assert snapshot("take", tmp_path / "second", "--state-dir", running.folder / "state").returncode == 2


def test_a_snapshot_of_a_stopped_server_and_of_no_server(start, tmp_path):
    running = start()
    with running.client() as client:
        done = client.submit(arrays(), "done")
        client.wait(done)
    assert running.terminate() == 0
    assert snapshot("take", tmp_path / "copy", "--state-dir", running.folder / "state").returncode == 0
    (tmp_path / "copy" / "jobs.sqlite").write_bytes(b"torn" * 2000)
    torn = snapshot("restore", tmp_path / "copy", "--state-dir", tmp_path / "new")
    assert torn.returncode == 2
    assert "has no sound jobs.sqlite" in torn.stderr


def test_metrics_and_logs_have_process_disk_slots_readiness_peer_and_trace(start):
    running = start("--metrics", "127.0.0.1:0")
    with running.client() as client:
        client.wait(client.submit(arrays()))
    found = samples(scrape(running))
    assert found[("process_resident_memory_bytes",)] > 0
    assert found[("w2s_disk_free_bytes", ("folder", "state"))] > 0
    assert found[("w2s_worker_slots", ("state", "busy"))] + found[("w2s_worker_slots", ("state", "idle"))] == 1
    assert [found[("w2s_ready", ("part", part))] for part in ("database", "disk", "workers")] == [1, 1, 1]
    call = next(event for event in running.events("call") if event["method"].endswith("CreateRankingJob"))
    assert (call["peer"], call["trace"]) == ("ipv4:127.0.0.1", None)
    lines = (running.folder / "state" / "audit.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["peer"] == "ipv4:127.0.0.1"
