"""The same commands against a server, and jobs that outlive the command that asked for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.answers import bare
from tests.cli.conftest import WEAK
from tests.service.running import until


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[str]:
    """The address of a running `w2s serve`, which must stop cleanly."""
    state = tmp_path_factory.mktemp("server")
    process = subprocess.Popen(
        [sys.executable, "-m", "client.cli", "serve", "--address", "127.0.0.1:0", "--state-dir", str(state)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("w2s serves on 127.0.0.1:"), line
    yield line.removeprefix("w2s serves on ").strip()
    process.terminate()
    assert process.wait(timeout=120) == 0


@pytest.mark.parametrize("command", ["predict", "rank"])
def test_a_server_gives_the_same_json_table_and_exit_code(run, server, command):
    words = (command, "--strong", "s.npy", *WEAK, "gone=none.npy", "--labels", "gold.npy", "--seed", "2")
    here, there = run(*words, "--json"), run(*words, "--json", "--server", server)
    assert there.returncode == here.returncode == 3, there.stderr
    assert bare(there.stdout) == bare(here.stdout)
    assert run(*words, "--server", server).stdout == run(*words).stdout
    assert run(*words, env={"W2S_SERVER": server}).returncode == 3


def test_input_errors_are_the_same_from_a_server(run, server):
    words = ("predict", "--strong", "s.npy", *WEAK, "--estimator", "magic")
    here, there = run(*words), run(*words, "--server", server)
    assert (there.returncode, there.stderr.splitlines()[-1]) == (here.returncode, here.stderr.splitlines()[-1])


def test_a_server_that_is_not_there_is_reported_in_one_line(run):
    done = run("predict", "--strong", "s.npy", *WEAK, "--server", "127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr.startswith("w2s: error: ")
    assert "127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_detached_job_is_listed_watched_shown_resumed_and_removed(run, server):
    at = ("--server", server)
    weak = (*WEAK, "gone=none.npy")
    job = json.loads(run("rank", "--strong", "s.npy", *weak, "--detach", "--json", *at).stdout)["job"]
    watched = run("jobs", "watch", job, "--json", *at)
    assert watched.returncode == 3, watched.stderr
    assert len(json.loads(watched.stdout)["candidates"]) == 4
    shown = json.loads(run("jobs", "show", job, "--json", *at).stdout)
    assert (shown["id"], shown["state"]) == (job, "PARTIAL")
    assert json.dumps(shown["ranking"]) == json.dumps(json.loads(watched.stdout))
    assert "P(best)" in run("jobs", "show", job, *at).stdout
    assert job in {one["id"] for one in json.loads(run("jobs", "ls", "--json", *at).stdout)}
    assert f"{job}  PARTIAL" in run("jobs", "ls", "--last", "5", *at).stdout
    again = json.loads(run("jobs", "resume", job, "--json", *at).stdout)["job"]
    assert again != job
    assert run("jobs", "watch", again, *at).returncode == 3
    assert "PARTIAL" in run("jobs", "cancel", again, *at).stdout
    assert run("jobs", "rm", job, *at).stdout.strip() == f"removed {job}"
    gone = run("jobs", "show", job, *at)
    assert gone.returncode == 2
    assert f"there is no job {job!r}" in gone.stderr


def test_without_a_server_jobs_run_in_this_users_own_which_ends_when_idle(run, tmp_path):
    """It leaves the addresses alone that the environment gives to a server for several users."""
    idle = {"W2S_EMBEDDED_IDLE_SECONDS": "4", "W2S_HTTP": "127.0.0.1:0", "W2S_METRICS": "127.0.0.1:0"}
    done = run("rank", "--strong", "s.npy", *WEAK, "--detach", "--json", env=idle)
    assert done.returncode == 0, done.stderr
    job = json.loads(done.stdout)["job"]
    assert run("jobs", "watch", job, env=idle).returncode == 0
    assert json.loads(run("jobs", "show", job, "--json", env=idle).stdout)["state"] == "SUCCEEDED"
    until(lambda: '"stopped"' in (tmp_path / "state" / "embedded.log").read_text())
    assert "_served" not in (tmp_path / "state" / "embedded.log").read_text()
    # The job store outlives it, and the next command starts another.
    assert json.loads(run("jobs", "show", job, "--json", env=idle).stdout)["state"] == "SUCCEEDED"
    assert os.stat(tmp_path / "state").st_mode & 0o077 == 0


def test_a_job_store_in_use_is_reported_with_the_way_out(run, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "server", "--address", "127.0.0.1:0", "--state-dir", str(tmp_path / "state")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        done = run("jobs", "ls")
    finally:
        process.terminate()
        process.wait(timeout=120)
    assert done.returncode == 1
    assert "If a server already runs, name it with --server HOST:PORT." in done.stderr


def test_a_detached_job_prints_its_id_and_nothing_else(run, server):
    done = run("rank", "--strong", "s.npy", *WEAK, "--detach", "--server", server)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == done.stdout.strip() + "\n"
    assert run("jobs", "cancel", done.stdout.strip(), "--server", server).returncode == 0


def test_leaving_a_watch_reports_that_the_job_goes_on(run, server, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("client.cli.jobs.follow", interrupted)
    done = run("jobs", "watch", "some-job", "--server", server)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == (
        f"w2s: stopped watching; the job goes on. Watch it again with w2s jobs watch some-job --server {server}.\n"
    )
