"""`w2s mcp` as an agent sees it: a real process, the SDK's own client, real jobs on this user's own server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from tests.cli.conftest import arrays  # noqa: F401 - a fixture
from tests.service.running import until

COMMAND = [sys.executable, "-m", "client.cli", "mcp"]


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    names = {"W2S_CACHE_DIR": str(tmp_path / "cache"), "W2S_STATE_DIR": str(tmp_path / "state")}
    return {**os.environ, **names, "W2S_EMBEDDED_IDLE_SECONDS": "5"}


def talk(environment, arrays: Path, conversation):  # noqa: F811 - the fixture's value
    """Hold a conversation with `w2s mcp` over stdio."""

    async def connected():
        server = StdioServerParameters(command=COMMAND[0], args=COMMAND[1:], env=environment, cwd=str(arrays))
        async with Client(stdio_client(server)) as client:
            return await conversation(client)

    return anyio.run(connected)


def test_an_agent_plans_ranks_reads_the_job_and_its_report(environment, arrays):  # noqa: F811
    asked = {"strong": "array:s.npy", "weak": ["good=array:good.npy", "noise=array:noise.npy"]}
    steps: list[str] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        steps.append(message or "")

    async def conversation(client: Client):
        names = [tool.name for tool in (await client.list_tools()).tools]
        planned = await client.call_tool("plan", asked)
        ranked = await client.call_tool("rank", asked, progress_callback=progress)
        job = ranked.structured_content["job"]
        again = await client.call_tool("job", {"job": job, "details": True})
        report = await client.call_tool("report", {"job": job})
        listed = await client.call_tool("jobs", {})
        return names, planned, ranked, again, report, listed

    names, planned, ranked, again, report, listed = talk(environment, arrays, conversation)
    assert {"plan", "rank", "predict", "validate", "job", "report", "models", "estimators"} <= set(names)
    assert planned.structured_content["weak"][0]["state"] == "cached"
    answer = ranked.structured_content["ranking"]
    assert not ranked.is_error
    assert answer["schema"] == "w2s.ranking.v1"
    assert answer["candidates"][0]["name"] == "good"
    assert "estimates" not in answer["candidates"][0]
    assert "good" in ranked.content[0].text
    assert again.structured_content["ranking"]["candidates"][0]["estimates"]
    assert again.structured_content["state"] == "SUCCEEDED"
    assert report.structured_content["markdown"].startswith("#") or "|" in report.structured_content["markdown"]
    assert [one["id"] for one in listed.structured_content["jobs"]] == [ranked.structured_content["job"]]


def test_errors_reach_the_agent_with_reason_and_next_step(environment, arrays):  # noqa: F811
    async def conversation(client: Client):
        return [
            await client.call_tool("rank", {"strong": "array:gone.npy", "weak": ["array:good.npy"]}),
            await client.call_tool("predict", {"strong": "s.npy", "weak": ["good.npy"], "rank_by": "luck"}),
            await client.call_tool("rnk", {}),
        ]

    gone, wrong, unknown = talk(environment, arrays, conversation)
    assert gone.is_error
    assert gone.structured_content["reason"] == "ARRAY_NOT_FOUND"
    assert wrong.is_error
    assert "luck" in wrong.content[0].text
    assert "there is no tool 'rnk'" in unknown.content[0].text


def test_arrays_are_ranked_over_http_on_this_machine(environment, arrays):  # noqa: F811
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    served = subprocess.Popen([*COMMAND, "--http", f"127.0.0.1:{port}"], env=environment, cwd=arrays)

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    async def conversation():
        async with Client(streamable_http_client(f"http://127.0.0.1:{port}/mcp")) as client:
            return await client.call_tool("predict", {"strong": "s.npy", "weak": ["good=good.npy", "noise=noise.npy"]})

    try:
        until(answers, 60)
        found = anyio.run(conversation)
    finally:
        served.terminate()
        served.wait(120)
    assert found.structured_content["ranking"]["candidates"][0]["name"] == "good"


@pytest.mark.parametrize("address", ["0.0.0.0:80", "example.org:80", "127.0.0.1", "127.0.0.1:99999"])
def test_other_machines_are_not_served(address):
    done = subprocess.run([*COMMAND, "--http", address], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "give a loopback address" in done.stderr
