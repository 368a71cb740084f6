"""Chaos at the size of a quick run; the long form is `python -m tests.chaos.NAME --rounds N --seed S`."""

import random

import pytest

from tests.chaos import kill_server, kill_worker, leave


@pytest.mark.parametrize(
    ("run", "rounds"), [(kill_server.run, 5), (kill_worker.run, 8), (leave.run, 200)], ids=["server", "worker", "leave"]
)
def test_promises_hold_under_faults(tmp_path, run, rounds):
    outcome = run(tmp_path, rounds, random.Random(20))
    assert outcome.judge() == []
