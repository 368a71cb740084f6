"""Whose job is next, and what each worker may take."""

import os
import random
import signal
from collections import Counter
from pathlib import Path

import pytest

from predictor.errors import InputError
from server.access.tokens import TokenFile
from server.config import Config, Limits
from server.durable.database import Database
from server.durable.jobs import JobTable
from server.durable.rows import Declared, Waiting
from server.workforce.costs import declared_seconds
from server.workforce.fair_queue import FairQueue
from server.workforce.spawn import worker_environment
from server.workforce.worker_plan import Share, find_devices, plan_slots, side_share
from tests.service.running import arrays, until

FAKE_DEVICES = ("fake-gpu-0", "fake-gpu-1")
"""Names that no driver knows: what matters here is which worker is told which."""


def job(name, tenant="alice", cost=10.0, created=0.0):
    return Waiting(str(name), tenant, cost, round(created * 1e6))


def started(turns, waiting, count):
    """The jobs started one after another, with nothing new coming."""
    left, found = list(waiting), []
    for _ in range(count):
        chosen = turns.choose(left)
        left.remove(chosen)
        found.append(chosen)
    return found


def test_a_queue_of_one_tenant_never_holds_up_the_small_job_of_another():
    turns = FairQueue(60)
    waiting = [job(number, "alice", 100.0, number) for number in range(500)]
    started(turns, waiting, 50)
    late = job("small", "bob", 1.0, 1000)
    assert turns.choose([*waiting[50:], late]) == late


@pytest.mark.parametrize(("weights", "share"), [({}, 1 / 2), ({"alice": 3.0}, 3 / 4), ({"bob": 4.0}, 1 / 5)])
def test_time_is_shared_by_weight_whatever_the_lengths_of_jobs(weights, share):
    rng = random.Random(1)
    waiting = [job(f"a{n}", "alice", rng.uniform(1, 20), n) for n in range(1500)]
    waiting += [job(f"b{n}", "bob", rng.uniform(50, 200), n) for n in range(300)]
    spent = Counter()
    for one in started(FairQueue(0, weights), waiting, 300):
        spent[one.tenant] += one.cost
    assert spent["alice"] / spent.total() == pytest.approx(share, abs=0.05)


def test_jobs_without_a_cost_are_not_free():
    waiting = [job(f"a{n}", "alice", 0.0, n) for n in range(100)] + [job(f"b{n}", "bob", 5.0, n) for n in range(100)]
    counts = Counter(one.tenant for one in started(FairQueue(0), waiting, 60))
    assert counts == {"alice": 50, "bob": 10}


def test_who_was_idle_has_saved_nothing_up():
    turns = FairQueue(60)
    started(turns, [job(n, "alice", 10.0, n) for n in range(100)], 100)
    both = [job(f"a{n}", "alice", 10.0, 200 + n) for n in range(50)]
    both += [job(f"b{n}", "bob", 10.0, 200 + n) for n in range(50)]
    counts = Counter(one.tenant for one in started(turns, both, 20))
    assert max(counts.values()) <= 11


def test_a_short_job_passes_a_longer_one_of_its_tenant_within_the_bound():
    long, short = job("long", cost=500.0, created=0), job("short", cost=2.0, created=50)
    assert FairQueue(60).choose([long, short]) == short
    assert FairQueue(60).choose([long, job("late", cost=2.0, created=59)]) == long
    assert FairQueue(0).choose([long, short]) == long


def test_no_stream_of_short_jobs_starves_a_long_one():
    turns, waiting = FairQueue(60), [job("long", cost=10_000.0, created=0)]
    for second in range(0, 600, 2):
        waiting.append(job(second, cost=1.0, created=second))
        chosen = turns.choose(waiting)
        waiting.remove(chosen)
        if chosen.id == "long":
            assert second <= 62
            return
    raise AssertionError("the long job was never started")


def test_equal_jobs_go_in_the_order_of_creation():
    waiting = [job(n, cost=3.0, created=n) for n in range(20)]
    assert [one.id for one in started(FairQueue(60), waiting, 20)] == [str(n) for n in range(20)]


def test_the_table_starts_the_job_that_is_chosen_and_stores_its_cost(tmp_path):
    database = Database(tmp_path / "jobs.sqlite")
    table = JobTable(database, Limits())
    for name, cost in (("a", 900.0), ("b", 0.5)):
        table.create("alice", name, b"q", Declared(cost, ("ab" * 32,), "trace"))
    assert [(one.cost, one.tenant) for one in table.waiting()] == [(900.0, "alice"), (0.5, "alice")]
    claim = table.claim(FairQueue(60).choose)
    assert (claim.row.job.request_id, claim.trace) == ("b", "trace")
    assert table.parts() == {("alice", "ab" * 32)}
    table.finish(claim, "FAILED", None, None)
    again = table.repeat("alice", "c", claim.row.job.id)
    assert [one.cost for one in table.waiting() if one.id == again.job.id] == [0.5]
    database.close()


def test_declared_cost_grows_with_rows_and_models():
    small, large = declared_seconds(arrays(rows=60)), declared_seconds(arrays(rows=200_000))
    assert 0 < small < large


@pytest.mark.parametrize(
    ("asked", "environment", "found"),
    [
        ("auto", {}, ("0", "1", "2")),
        ("auto", {"CUDA_VISIBLE_DEVICES": "3, GPU-abc"}, ("3", "GPU-abc")),
        ("auto", {"CUDA_VISIBLE_DEVICES": ""}, ()),
        ("auto", {"CUDA_VISIBLE_DEVICES": "-1"}, ()),
        ("none", {"CUDA_VISIBLE_DEVICES": "0"}, ()),
        ("1,0", {}, ("1", "0")),
    ],
)
def test_devices_are_those_asked_for_or_those_that_are_there(tmp_path, asked, environment, found):
    for number in range(3):
        (tmp_path / f"0000:0{number}:00.0").mkdir()
    assert find_devices(asked, environment, tmp_path) == found


@pytest.mark.parametrize("asked", ["0,", "0,0", ","])
def test_devices_that_cannot_be_are_refused(asked):
    with pytest.raises(InputError, match="give auto, none, or the names of GPUs joined by commas"):
        find_devices(asked)


def test_a_number_beyond_the_gpus_that_are_there_is_refused_where_the_driver_shows_any(tmp_path):
    assert find_devices("7", {}, tmp_path / "no driver here") == ("7",)
    (tmp_path / "0000:00:00.0").mkdir()
    assert find_devices("GPU-abc,0", {}, tmp_path) == ("GPU-abc", "0")
    with pytest.raises(InputError, match=r"there is no GPU 7, 1: the driver shows 1, from 0 on"):
        find_devices("7,0,1", {}, tmp_path)


def test_each_device_has_a_worker_and_the_budgets_are_shared():
    limits = Limits(workers=5, predict_workers=1, cpu_budget_threads=8, memory_budget_bytes=30)
    slots = plan_slots(limits, FAKE_DEVICES)
    assert slots == (Share(0, "fake-gpu-0", 4, 10), Share(1, "fake-gpu-1", 4, 10))
    assert [worker_environment(limits, {}, one)["CUDA_VISIBLE_DEVICES"] for one in slots] == list(FAKE_DEVICES)
    assert worker_environment(limits, {}, side_share(slots, limits))["CUDA_VISIBLE_DEVICES"] == ""
    without = plan_slots(limits, ())
    assert [(one.device, one.threads, one.data_bytes) for one in without] == [(None, 1, 5)] * 5
    assert "CUDA_VISIBLE_DEVICES" not in worker_environment(limits, {}, without[0])
    assert worker_environment(limits, {"CUDA_VISIBLE_DEVICES": "7"}, without[0])["CUDA_VISIBLE_DEVICES"] == "7"
    assert plan_slots(Limits(worker_threads=3), FAKE_DEVICES)[1].threads == 3


@pytest.mark.parametrize("text", ["alice", "=2", "alice=0", "alice=-1", "alice=nan", "alice=x"])
def test_a_weight_that_cannot_be_is_refused(text):
    with pytest.raises(InputError, match="must be TENANT=NUMBER with a number above 0"):
        Config.read({}, weights=[text])


def test_weights_and_devices_come_from_flags_or_the_environment():
    given = {"W2S_TENANT_WEIGHT": "spiffe://lab/a=2 b=0.5", "W2S_DEVICES": "none"}
    found = Config.read(given)
    assert (found.weights, found.devices) == ({"spiffe://lab/a": 2.0, "b": 0.5}, "none")
    found = Config.read(given, weights=["b=4"], devices="0")
    assert (found.weights, found.devices) == ({"b": 4.0}, "0")


def variable(pid, name):
    pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return next((pair.partition(b"=")[2].decode() for pair in pairs if pair.startswith(name.encode() + b"=")), None)


def test_workers_of_a_server_see_one_device_each_and_the_server_shows_its_slots(start):
    running = start("--devices", ",".join(FAKE_DEVICES), "--limit", "cpu_budget_threads=6")
    until(lambda: len(running.events("worker_started")) == 2)
    seen = {variable(event["worker"], "CUDA_VISIBLE_DEVICES") for event in running.events("worker_started")}
    assert seen == set(FAKE_DEVICES)
    assert variable(running.predict_worker(), "CUDA_VISIBLE_DEVICES") == ""
    with running.client() as client:
        slots = client.server_info().slots
    assert [(one.number, one.device, one.busy, one.threads) for one in slots] == [
        (0, "fake-gpu-0", False, 3),
        (1, "fake-gpu-1", False, 3),
    ]


def test_two_workers_compute_at_once_and_the_rest_waits_for_its_turn(start, tmp_path):
    file = TokenFile(tmp_path / "tokens")
    tokens = {name: file.add(name, ["read", "submit"], 3600) for name in ("alice", "bob")}
    running = start("--tokens", str(tmp_path / "tokens"), "--limit", "workers=2")
    until(lambda: len(running.events("worker_started")) == 2)
    workers = [int(event["worker"]) for event in running.events("worker_started")]
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    with running.client(token=tokens["alice"]) as alice, running.client(token=tokens["bob"]) as bob:
        many = [alice.submit(arrays(seed)) for seed in range(8)]
        until(lambda: alice.server_info().queue.waiting_jobs == 6)
        only = bob.submit(arrays(99))
        info = bob.server_info()
        assert [one.busy for one in info.slots] == [True, True]
        assert (info.queue.waiting_jobs, info.queue.own_waiting_jobs) == (7, 1)
        assert info.queue.waiting_seconds > 0
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
        bob.wait(only)
        alice.wait(many[-1])
    order = [event["job"] for event in running.events("job_started")]
    assert order.index(only) <= 3
