"""Gates: one tenant may take a share of the places only, so that it shuts nobody out."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from contextvars import Context
from typing import Any

import pytest

from server.access.admission import Admission, BusyError
from server.access.caller import Caller, set_caller
from server.access.fair_lock import FairLock
from server.access.fair_threads import FairThreads
from server.access.scopes import NEEDED
from server.config import Limits

GATED = (
    "/w2s.v1.PredictorService/Predict",
    "/w2s.v1.CalibrationService/FitCalibration",
    "/w2s.v1.FeatureService/UploadFeatures",
    "/w2s.v1.FeatureService/DownloadFeatures",
    "/w2s.v1.PartService/UploadPart",
    "/w2s.v1.RankingService/WatchRankingJob",
    "/w2s.v1.RankingService/WaitRankingJob",
    "/w2s.v1.RankingService/CreateRankingJob",
)
LIMITS = Limits(max_predict_waiting=8, max_open_transfers=8, max_open_watches=8, max_queued_jobs=8)


@pytest.mark.parametrize("method", GATED)
def test_one_tenant_takes_half_of_a_gate_and_another_finds_room(method: str):
    admission = Admission(LIMITS, lambda: 0)
    with ExitStack() as inside:
        set_caller(Caller("hostile"))
        for _ in range(4):
            inside.enter_context(admission.enter(method))
        with pytest.raises(BusyError, match="of one tenant") as caught:
            inside.enter_context(admission.enter(method))
        assert caught.value.reason == "TENANT_SHARE"
        set_caller(Caller("other"))
        inside.enter_context(admission.enter(method))
    set_caller(Caller("hostile"))
    with admission.enter(method):
        pass


def test_one_tenant_has_so_many_cheap_calls_at_once():
    admission = Admission(Limits(tenant_open_calls=2), lambda: 0)
    method = "/w2s.v1.RankingService/ListRankingJobs"
    with ExitStack() as inside:
        set_caller(Caller("hostile"))
        for _ in range(2):
            inside.enter_context(admission.enter(method))
        with pytest.raises(BusyError, match="calls at once of one tenant"):
            inside.enter_context(admission.enter(method))
        set_caller(Caller("other"))
        inside.enter_context(admission.enter(method))


def test_the_only_user_of_a_machine_has_all_places():
    admission = Admission(LIMITS, lambda: 0)
    set_caller(Caller())
    with ExitStack() as inside:
        for _ in range(8):
            inside.enter_context(admission.enter(GATED[0]))


def test_every_gate_is_a_declared_method():
    assert set(GATED) <= set(NEEDED)


def test_one_tenant_never_holds_the_last_place():
    async def run(tenant: str, other: str) -> list[str]:
        lock, order = FairLock(2), []
        go = asyncio.Event()

        async def call(name: str) -> None:
            async with lock.hold(name):
                order.append(name)
                await go.wait()

        calls = [asyncio.create_task(call(name)) for name in (tenant, tenant, tenant, other)]
        for _ in range(10):
            await asyncio.sleep(0)
        before = list(order)
        go.set()
        await asyncio.gather(*calls)
        assert sorted(order) == sorted([tenant, tenant, tenant, other])
        return before

    assert asyncio.run(run("hostile", "other")) == ["hostile", "other"]
    assert asyncio.run(run("local", "other")) == ["local", "local"]


def submitted(threads: FairThreads, tenant: str, step: Callable[[], Any]) -> Future[Any]:
    """A step on behalf of a tenant, or of the server where it is empty."""

    def submit() -> Future[Any]:
        if tenant:
            set_caller(Caller(tenant))
        return threads.submit(step)

    return Context().run(submit)


def test_steps_go_from_tenant_to_tenant():
    """Hundreds of steps of one tenant delay another's by one; the server's own steps come first."""
    order: list[str] = []
    with FairThreads(1, "fair") as threads:
        go = threading.Event()
        submitted(threads, "hostile", lambda: go.wait(120))
        names = [*("hostile",) * 100, "other", "", "hostile", "other"]
        steps = [submitted(threads, name, lambda name=name: order.append(name)) for name in names]
        steps[3].cancel()
        go.set()
        with pytest.raises(ZeroDivisionError):
            submitted(threads, "other", lambda: 1 / 0).result(30)
        assert threads.last(lambda: list(order)).result(30) == order
    assert order[0] == ""
    assert order[1:5].count("other") == 2
    assert len(order) == 103


def test_one_tenant_has_half_of_the_threads():
    """Its further steps wait while other tenants' run, and every one runs in the end."""
    order: list[str] = []
    with FairThreads(4, "fair") as threads:
        begun, go = threading.Semaphore(0), threading.Event()

        def hold() -> None:
            begun.release()
            go.wait(120)

        held = [submitted(threads, "hostile", hold) for _ in range(2)]
        for _ in held:
            begun.acquire()
        more = [submitted(threads, "hostile", lambda: order.append("hostile")) for _ in range(50)]
        for _ in range(50):
            submitted(threads, "other", lambda: order.append("other")).result(30)
        assert set(order) == {"other"}
        go.set()
        for step in (*held, *more):
            step.result(30)
    assert order.count("hostile") == 50


def test_turns_go_from_tenant_to_tenant():
    served: list[str] = []

    async def call(lock: FairLock, tenant: str) -> None:
        async with lock.hold(tenant):
            served.append(tenant)
            await asyncio.sleep(0)

    async def run() -> None:
        lock = FairLock()
        calls = [asyncio.create_task(call(lock, tenant)) for tenant in "aaaab"]
        await asyncio.sleep(0)
        cancelled = calls.pop(2)
        cancelled.cancel()
        await asyncio.gather(*calls)
        async with lock.hold("c"):
            served.append("c")

    asyncio.run(run())
    assert served == ["a", "b", "a", "a", "c"]
