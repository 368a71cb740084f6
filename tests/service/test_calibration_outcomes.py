"""Outcomes over a real socket: what a call costs, and what it sees of a file that others write too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from predictor.outcomes.outcome import Outcome
from predictor.outcomes.store import OutcomeStore
from server.access.caller import LOCAL
from server.calibration import stores
from server.calibration.stores import TenantStores
from server.config import Limits
from tests.calibration.simulated import outcomes
from tests.service.running import RunningServer

MADE = outcomes(tasks=20, candidates=30)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with RunningServer(tmp_path_factory.mktemp("kept"), "--limit=max_page_outcomes=20") as running:
        yield running


def characters_read(running: RunningServer) -> int:
    """What the front process has read from files so far; sockets do not count."""
    lines = Path(f"/proc/{running.process.pid}/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("rchar")).split()[1])


def test_recording_and_paging_read_no_more_than_they_ask_for(running):
    with running.client() as client:
        client.calibrations.record(MADE[:20])
        list(client.calibrations.outcomes())
        before = characters_read(running)
        for start in range(20, len(MADE), 20):
            client.calibrations.record(MADE[start : start + 20])
        recorded = characters_read(running) - before
        assert list(client.calibrations.outcomes()) == MADE
        paged = characters_read(running) - before - recorded
    size = (running.folder / "state" / "outcomes" / "outcomes.jsonl").stat().st_size
    assert recorded < size  # by reading all of it for each call, 15 times as much
    assert paged < 2 * size


def test_a_file_that_others_write_too_is_seen_as_it_is(running):
    folder = running.folder / "state" / "outcomes"
    with running.client() as client:
        client.calibrations.record(MADE[:20])
        here = list(client.calibrations.outcomes())
        own = Outcome("own", "strong", "weak", w2s_error=0.5)
        OutcomeStore(folder).add([own])
        assert list(client.calibrations.outcomes(task="own")) == [own]
        assert client.calibrations.record([own]).repeated == 1
        with (folder / "outcomes.jsonl").open("ab") as file:
            file.write(b'{"id": "torn')
        assert list(client.calibrations.outcomes()) == [*here, own]
        assert running.events("outcomes_damaged")[-1]["lines"] == 1
        OutcomeStore(folder.parent / "other").add(MADE[:3])
        os.replace(folder.parent / "other" / "outcomes.jsonl", folder / "outcomes.jsonl")
        assert list(client.calibrations.outcomes()) == MADE[:3]
        assert client.calibrations.record(MADE[:5]).kept == 2


def test_the_places_of_outcomes_are_remembered_of_the_latest_tenants_only(tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "_MAX_INDEXED", 50)
    kept = TenantStores(tmp_path, Limits())
    for tenant in ("a", "b", "c", LOCAL):
        kept.outcomes(tenant).add(MADE[:20])
    first = kept.outcomes("b")
    assert kept.outcomes("b") is first
    assert first.indexed == 20
    assert kept.outcomes("a").indexed == 0
    assert kept.outcomes("a").page(None, 30).outcomes == tuple(MADE[:20])
    monkeypatch.setattr(stores, "_MAX_STORES", 2)
    empty = kept.outcomes("empty")
    kept.outcomes("other")
    kept.outcomes("third")
    assert kept.outcomes("empty") is not empty
