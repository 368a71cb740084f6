"""Priorities: who used more than others yields the processor, where the system lets it come back."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from server.workforce.priorities import Priorities

MINE = os.getpriority(os.PRIO_PROCESS, 0)


def test_who_uses_more_than_others_is_greedy_for_a_while():
    now = 0.0
    priorities = Priorities(lambda: now)
    assert not priorities.greedy("alice")
    priorities.use("alice", 5.0)
    assert not priorities.greedy("alice")  # alone, nobody is
    priorities.use("bob", 0.5)
    assert priorities.greedy("alice")
    assert not priorities.greedy("bob")
    for _ in range(10):
        now += 1.0
        priorities.use("alice", 0.2)
        priorities.use("bob", 0.2)
    assert not priorities.greedy("alice")


@pytest.fixture
def child():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, process_group=0) as process:
        yield process.pid
        process.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become less nice again")
def test_a_worker_of_a_greedy_tenant_is_nicer_and_the_next_is_not(child):
    priorities = Priorities()
    priorities.use("alice", 5.0)
    priorities.use("bob", 0.1)
    priorities.apply(child, 3, "alice")
    assert os.getpriority(os.PRIO_PROCESS, child) == min(19, MINE + 13)
    priorities.apply(child, 3, "bob")
    assert os.getpriority(os.PRIO_PROCESS, child) == min(19, MINE + 3)


def test_without_the_right_to_come_back_nobody_becomes_nicer_twice(child, monkeypatch):
    def refuse(*_):
        raise PermissionError

    priorities = Priorities()
    priorities.apply(child, 3, "bob")
    monkeypatch.setattr(os, "setpriority", refuse)
    priorities.apply(child, 1, "bob")
    monkeypatch.undo()
    priorities.use("alice", 5.0)
    priorities.use("bob", 0.1)
    priorities.apply(child, 3, "alice")
    assert os.getpriority(os.PRIO_PROCESS, child) == min(19, MINE + 3)


def test_a_worker_that_has_ended_has_no_priority(child):
    os.kill(child, 9)
    os.waitpid(child, 0)
    Priorities().apply(child, 3, "bob")
