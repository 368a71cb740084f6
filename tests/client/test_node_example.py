"""The example in Node, against a real server: what a client written from the protos alone can do."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.service.running import RunningServer

ROOT = Path(__file__).resolve().parents[2]
NPM = ("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts")


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The example with its two packages."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("no node and npm are installed here")
    folder = tmp_path_factory.mktemp("node") / "example"
    shutil.copytree(ROOT / "client/examples/node", folder, ignore=shutil.ignore_patterns("node_modules"))
    installed = subprocess.run(NPM, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    if installed.returncode:
        pytest.skip(f"npm cannot install @grpc/grpc-js here: {installed.stderr.strip()[-200:]}")
    return folder


def test_node_example(example, tmp_path):
    """It creates a job once, watches it to its end, finds it by its label, and reads the reason of a refusal."""
    with RunningServer(tmp_path) as running:
        command = ["node", "rank.mjs", running.address, str(ROOT / "protos")]
        found = subprocess.run(command, cwd=example, capture_output=True, text=True, timeout=120, check=False)
    assert found.returncode == 0, found.stderr
    lines = found.stdout.splitlines()
    assert lines[0].startswith("server ")
    assert lines[1:] == [
        "job made once",
        "JOB_STATE_SUCCEEDED",
        "1 near true",
        "2 far true",
        "listed true",
        "refused 3 ARRAY_SHAPE query.weak[1].values",
    ]
