"""Chaos at the size of a quick run; the long form is `python -m tests.chaos.NAME --rounds N --seed S`."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chaos import crowd, disk, full_disk, kill_server, kill_worker, leave, overload, soak
from tests.service.postgres import needs_postgres

pytestmark = pytest.mark.timeout(900)  # half a minute each, but for machines that are busy with something else

AT_ONCE = 2
"""Servers that are hurt at the same time: most of such a run is waiting."""


def at_once(run, folder, rounds):
    """Everything wrong in several runs beside each other, `rounds` of them in all."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        runs = [
            threads.submit(run, folder / f"{number}", rounds // AT_ONCE, random.Random(20 + number))
            for number in range(AT_ONCE)
        ]
        return [error for one in runs for error in one.result().problems()]


@pytest.mark.parametrize(("run", "rounds"), [(kill_server.run, 30), (kill_worker.run, 12)], ids=["server", "worker"])
def test_promises_hold_where_processes_are_killed(tmp_path, run, rounds):
    assert at_once(run, tmp_path, rounds) == []


@pytest.mark.parametrize(
    ("run", "rounds"),
    [(leave.run, 100), (crowd.run, 3), (full_disk.run, 2), (soak.run, 12)],
    ids=["leave", "crowd", "full disk", "soak"],
)
def test_promises_hold_under_errors(tmp_path, run, rounds):
    outcome = run(tmp_path, rounds, random.Random(20))
    assert outcome.problems() == []


@needs_postgres
def test_servers_are_replaced_under_load_and_nothing_is_lost_or_repeated(tmp_path):
    rolling = pytest.importorskip("tests.chaos.rolling_upgrade", reason="PostgreSQL needs the extra postgres")
    assert rolling.run(tmp_path, 2, random.Random(20)).problems() == []


@needs_postgres
@pytest.mark.parametrize(("store", "schema"), [("sqlite", 1), ("postgres", 4)])
def test_schema_upgrade(tmp_path, store, schema):
    """Today's server follows one of an earlier schema under load; the long run has every schema and store."""
    upgrades = pytest.importorskip("tests.chaos.schema_upgrade", reason="PostgreSQL needs the extra postgres")
    if not upgrades.known(upgrades.LAST_OF_SCHEMA[schema]):
        pytest.skip("this checkout has no history of earlier versions")
    assert upgrades.upgrade(tmp_path / "upgrade", store, schema, random.Random(20))[1] == []


def test_overload_is_turned_away_at_once_and_the_rest_served(tmp_path):
    for number, seconds in enumerate((2, 3, 5)):
        outcome = overload.run(tmp_path / f"{number}", seconds, random.Random(20 + number))
        if not any(error.startswith(overload.SLOW) for error in outcome.problems()):
            break  # else somebody had the cores for a while
    assert outcome.problems() == []


def test_a_disk_that_fails_anywhere_loses_nothing_acknowledged_and_shows_nothing_half(tmp_path):
    outcome = disk.run(tmp_path, 1, random.Random(20), disk.QUICK)
    assert outcome.problems() == []
