"""Chaos at the size of a quick run; the long form is `python -m tests.chaos.NAME --rounds N --seed S`."""

import random

import pytest

from tests.chaos import crowd, disk, full_disk, kill_server, kill_worker, leave, overload


@pytest.mark.parametrize(
    ("run", "rounds"),
    [(kill_server.run, 5), (kill_worker.run, 8), (leave.run, 200), (crowd.run, 3), (full_disk.run, 2)],
    ids=["server", "worker", "leave", "crowd", "full disk"],
)
def test_promises_hold_under_faults(tmp_path, run, rounds):
    outcome = run(tmp_path, rounds, random.Random(20))
    assert outcome.judge() == []


def test_overload_is_turned_away_at_once_and_the_rest_served(tmp_path):
    outcome = overload.run(tmp_path / "first", 2, random.Random(20))
    if any(fault.startswith(overload.SLOW) for fault in outcome.judge()):  # somebody else had the cores
        outcome = overload.run(tmp_path / "second", 4, random.Random(21))
    assert outcome.judge() == []


def test_a_disk_that_fails_anywhere_loses_nothing_acknowledged_and_shows_nothing_half(tmp_path):
    outcome = disk.run(tmp_path, 1, random.Random(20), disk.QUICK)
    assert outcome.judge() == []
