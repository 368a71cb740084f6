"""Readiness apart from liveness: a server without disk, database or workers answers, and says that it takes no jobs."""

import asyncio
import os
import socket

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from predictor.errors import UnavailableError
from server.readiness import HealthService, Readiness, writable
from server.systemd import feed_watchdog, notify
from tests.service.running import scrape
from tests.service.test_health import check

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


def test_readiness_is_damped_in_both_directions():
    """Two bad looks change nothing, three do, and three good ones change it back; other services stay as they were."""
    health, works = HealthService(), {"database": True, "disk": True}

    async def database() -> bool:
        if not works["database"]:
            raise UnavailableError("gone", reason="STORAGE_UNWRITABLE")
        return True

    async def disk() -> bool:
        return works["disk"]

    async def looks() -> list[tuple[list[str], int]]:
        readiness = Readiness(health, ("jobs",), {"database": database, "disk": disk})
        await health.set("jobs", SERVING)
        seen = []
        for state in (False, False, True, False, False, False, True, True, True):
            works["database"] = state
            await readiness.look()
            seen.append((sorted(readiness.missing), health._server_status["jobs"]))
        return seen

    good, bad = ([], SERVING), (["database"], NOT_SERVING)
    assert asyncio.run(looks()) == [good] * 5 + [bad] * 3 + [good]
    assert health._server_status[""] == SERVING


def test_a_full_or_read_only_disk_is_not_writable(tmp_path, monkeypatch):
    assert asyncio.run(writable(tmp_path)())
    real = os.statvfs(tmp_path)
    full = os.statvfs_result((*real[:4], 0, *real[5:10]))
    monkeypatch.setattr(os, "statvfs", lambda folder: full)
    assert not asyncio.run(writable(tmp_path)())


def test_a_server_that_takes_jobs_is_ready_over_http_and_grpc(start):
    running = start("--metrics", "127.0.0.1:0")
    assert scrape(running, "/readyz") == "ready\n"
    assert check(running.address, "w2s.v1.RankingService") == SERVING


def test_health_list_names_every_service_and_no_exception(server):
    with grpc.insecure_channel(server.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        found = stub.List(health_pb2.HealthListRequest(), timeout=120).statuses
        assert found["w2s.v1.RankingService"].status == SERVING
        with pytest.raises(grpc.RpcError) as caught:
            stub.Check(health_pb2.HealthCheckRequest(service="nobody"), timeout=120)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    assert "Health/List" in caught.value.details()


def test_systemd_hears_of_readiness_and_life(tmp_path, monkeypatch):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(120)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        monkeypatch.setenv("WATCHDOG_USEC", "20000")
        notify("READY=1")
        assert manager.recv(100) == b"READY=1"

        async def live() -> list[bytes]:
            task = asyncio.create_task(feed_watchdog())
            heard = [await asyncio.to_thread(manager.recv, 100) for _ in range(2)]
            task.cancel()
            return heard

        assert asyncio.run(live()) == [b"WATCHDOG=1"] * 2
    monkeypatch.delenv("NOTIFY_SOCKET")
    notify("READY=1")
