"""The commands of the section on HTTP in server/README.md, run by a shell with the real curl."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import server
from server.app import DECLARED
from server.http.openapi import openapi
from tests.http.web import serve, web

README = Path(server.__file__).with_name("README.md").read_text(encoding="utf-8")
SECTION = README.partition("\n## HTTP")[2].partition("\n## ")[0]
BLOCKS = [block for block in re.findall(r"^```sh\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL) if "$W2S" in block]

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the examples are of curl")


def test_commands_do_what_the_page_says(tmp_path):
    """On a server that fetches no model, so that the job ends soon."""
    with serve(tmp_path / "server", "--models-from", "none") as running:
        environment = os.environ | {"W2S": web(running).url}
        command = ["bash", "-euo", "pipefail", "-c", "\n".join(BLOCKS)]
        ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    info, created, listed, *events, waited, deleted, stored, refused = ran.stdout.strip().splitlines()
    assert "limits" in json.loads(info)
    job = json.loads(created)["job"]["id"]
    assert [one["id"] for one in json.loads(listed)["jobs"]] == [job]
    last = [line for line in events if line.startswith("data: ")][-1]
    assert json.loads(last.removeprefix("data: "))["job"]["state"] == "JOB_STATE_FAILED"
    assert json.loads(waited)["job"]["state"] == "JOB_STATE_FAILED"
    assert json.loads(deleted) == {}
    assert json.loads(stored)["features"]["rows"] == "2"
    np.testing.assert_array_equal(np.load(tmp_path / "small.npy"), [[1, 2], [3, 4]])
    assert json.loads(refused)["details"][1]["fieldViolations"][0]["field"] == "query.wek"


def test_paths_of_the_page_are_paths_of_the_server():
    paths = {re.sub(r"\{\w+\}", "ITEM", path) for path in openapi(DECLARED, authenticated=False)["paths"]}
    named = re.findall(r"(?:\$W2S|(?:POST|PUT|GET) )(/v1/[\w/{}$-]+)", SECTION)
    assert len(named) >= 8
    assert {re.sub(r"\{\w+\}|\$job|\bsmall$", "ITEM", path) for path in named} <= paths
