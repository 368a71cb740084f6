"""Starting: what an operator mistypes is refused at once, in one line, instead of serving something else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from predictor.errors import InputError
from server import __main__ as server
from server.telemetry.metrics import Metrics
from server.telemetry.scrape import Scrape
from server.workforce.model_roots import ROOTS


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (("--limit", "max_rows"), "--limit is 'max_rows'; give NAME=VALUE, as in max_rows=5000."),
        (("--model-root", "/no/models"), f"model root '/no/models' is no folder here; give --model-root or {ROOTS} fo"),
    ],
)
def test_a_flag_that_means_nothing_is_refused(words, reported, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv(ROOTS, str(tmp_path))  # what main() puts there is taken back afterwards
    assert server.main([*words, "--state-dir", str(tmp_path / "state")]) == 2
    assert capsys.readouterr().err.startswith(f"w2s serve: {reported}")
    assert not (tmp_path / "state").exists()


def test_a_root_of_the_environment_must_exist_too(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv(ROOTS, os.pathsep.join((str(tmp_path), str(tmp_path / "gone"))))
    assert server.main(["--state-dir", str(tmp_path / "state")]) == 2
    assert f"model root '{tmp_path / 'gone'}' is no folder here" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["9464", ":9464"])
def test_metrics_without_a_host_are_not_opened_to_everybody(address):
    with pytest.raises(InputError, match=r"names no host, and would be open to every machine; give HOST:PORT"):
        Scrape(address, Metrics(), lambda: True, frozenset)


def test_a_port_that_is_taken_is_reported_in_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run(
            [sys.executable, "-m", "server", "--address", address, "--state-dir", str(tmp_path / "state")],
            env={name: value for name, value in os.environ.items() if not name.startswith(("W2S_", "GRPC_"))},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == (
        f"w2s serve: cannot listen on {address}; it is most likely taken. Stop what listens there, or choose another "
        "port (0 takes any free one).\n"
    )
