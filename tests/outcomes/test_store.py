"""OutcomeStore: how outcomes are kept, and what a crash, a disk or another process cannot take."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from predictor.errors import InputError, LimitError
from predictor.outcomes.store import Added, Listing, OutcomeStore
from tests.outcomes.test_outcome import FULL, plain


def test_kept_outcomes_come_back_in_order_and_repeats_are_ignored(tmp_path):
    store = OutcomeStore(tmp_path / "outcomes")
    assert store.read().outcomes == ()
    a, b = plain("a"), plain("b")
    assert store.add([b, a, replace(b, origin="again")]) == Added(kept=2, repeated=1)
    assert store.add([a, FULL]) == Added(kept=1, repeated=1)
    assert OutcomeStore(tmp_path / "outcomes").read().outcomes == (b, a, FULL)


def test_a_listing_is_filtered_by_task_strong_model_and_recipe(tmp_path):
    store = OutcomeStore(tmp_path)
    store.add([plain("a"), plain("b", task="other"), plain("c", strong="giant"), plain("d", recipe="lora")])

    def names(**wanted: str) -> list[str]:
        return [one.weak for one in store.read(**wanted).outcomes]

    assert names(task="other") == ["b"]
    assert names(strong="giant") == ["c"]
    assert names(recipe="lora") == ["d"]
    assert names(task="news", strong="strong") == ["a", "d"]


def test_more_than_the_quota_is_refused_and_nothing_of_the_batch_kept(tmp_path):
    store = OutcomeStore(tmp_path)
    store.add([plain("a")], most=2)
    with pytest.raises(LimitError, match="2 new outcomes beside the 1 that are kept; at most 2 may be"):
        store.add([plain("b"), plain("c")], most=2)
    assert store.add([plain("a"), plain("b")], most=2) == Added(1, 1)


def test_an_outcome_too_long_to_keep_is_refused_and_nothing_of_its_batch_kept(tmp_path):
    store = OutcomeStore(tmp_path)
    with pytest.raises(InputError, match="bytes; at most 16384 are kept"):
        store.add([plain("a"), plain("b", origin="x" * 20_000)])
    assert store.read().outcomes == ()


def test_every_truncation_of_the_file_loses_the_cut_line_only_and_reports_it(tmp_path):
    whole = OutcomeStore(tmp_path / "whole")
    whole.add([plain("a"), plain("b")])
    raw = (whole.folder / "outcomes.jsonl").read_bytes()
    first = raw.index(b"\n") + 1
    for length in range(first, len(raw)):
        folder = tmp_path / str(length)
        folder.mkdir()
        (folder / "outcomes.jsonl").write_bytes(raw[:length])
        found = OutcomeStore(folder).read()
        assert found.outcomes == (plain("a"),)
        assert found.damaged == (length > first)
        if length > first:
            assert (folder / "damaged.jsonl").read_bytes() == raw[first:length] + b"\n"
        assert OutcomeStore(folder).add([plain("b")]) == Added(1, 0)
        assert OutcomeStore(folder).read().outcomes == (plain("a"), plain("b"))


def test_every_flipped_bit_that_changes_an_outcome_is_noticed(tmp_path):
    store = OutcomeStore(tmp_path)
    kept = (plain("a"), plain("b", w2s_error=0.25))
    store.add(kept)
    path = tmp_path / "outcomes.jsonl"
    raw = path.read_bytes()
    for place in range(0, len(raw), 3):
        path.write_bytes(raw[:place] + bytes([raw[place] ^ 1 << place % 8]) + raw[place + 1 :])
        found = store.read()
        others = [replace(one, origin="", measured_on="") for one in found.outcomes if one not in kept]
        assert not set(map(str, others)) - set(map(str, kept)), place
        assert found.damaged or found.outcomes == kept, place


def test_a_full_disk_keeps_nothing_of_the_batch_and_the_file_goes_on(tmp_path, monkeypatch):
    store = OutcomeStore(tmp_path)
    store.add([plain("a")])
    write, calls = os.write, []

    def full_after_a_part(handle: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, data[:40])

    monkeypatch.setattr(os, "write", full_after_a_part)
    with pytest.raises(LimitError, match="is full"):
        store.add([plain("b")])
    monkeypatch.undo()
    assert store.read() == Listing((plain("a"),), damaged=0)
    assert store.add([plain("b")]) == Added(1, 0)


def test_what_add_returned_for_is_on_disk_when_the_process_is_killed(tmp_path):
    code = """
import os, sys
from pathlib import Path
from predictor.outcomes.store import OutcomeStore
from predictor.outcomes.outcome import Outcome
store = OutcomeStore(Path(sys.argv[1]))
for number in range(1000):
    store.add([Outcome("t", "s", str(number), w2s_error=0.5)])
    os.write(1, b"x")
"""
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    told = len(child.stdout.read(20))
    child.kill()
    told += len(child.stdout.read())
    child.wait()
    found = OutcomeStore(tmp_path).read().outcomes
    assert [one.weak for one in found[:told]] == [str(number) for number in range(told)]
    assert len(found) <= told + 1


def test_processes_that_add_at_once_lose_nothing_and_keep_nothing_twice(tmp_path):
    code = """
import os, sys, time
from pathlib import Path
from predictor.outcomes.store import OutcomeStore
from predictor.outcomes.outcome import Outcome
Path(sys.argv[1], sys.argv[2]).touch()
while len(list(Path(sys.argv[1]).glob("[abc]"))) < 3:
    time.sleep(0.001)
for number in range(40):
    own, shared = (Outcome("t", name, str(number), w2s_error=0.5) for name in (sys.argv[2], "shared"))
    OutcomeStore(Path(sys.argv[1])).add([own, shared])
"""
    children = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in "abc"]
    assert [child.wait() for child in children] == [0, 0, 0]
    found = OutcomeStore(tmp_path).read()
    assert (len(found.outcomes), len({one.id for one in found.outcomes}), found.damaged) == (160, 160, 0)


def test_who_adds_or_reads_waits_until_the_lock_is_free(tmp_path):
    store = OutcomeStore(tmp_path)
    store.add([plain("a")])
    with (tmp_path / "lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = [threading.Thread(target=act) for act in (store.read, lambda: store.add([plain("b")]))]
        for one in waiting:
            one.start()
        time.sleep(0.2)
        assert all(one.is_alive() for one in waiting)
        fcntl.flock(held, fcntl.LOCK_UN)
        for one in waiting:
            one.join(10)
    assert store.read().outcomes == (plain("a"), plain("b"))


def test_add_waits_for_the_disk_file_and_folder_before_it_returns(tmp_path, monkeypatch):
    synced: list[str] = []
    fsync = os.fsync

    def watched(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    store = OutcomeStore(tmp_path / "outcomes")
    store.add([plain("a")])
    assert synced == [str(tmp_path / "outcomes" / "outcomes.jsonl"), str(tmp_path / "outcomes")]
    store.add([plain("b")])
    assert synced[2:] == [str(tmp_path / "outcomes" / "outcomes.jsonl")]
    store.add([plain("b")])
    assert len(synced) == 3


def test_without_a_folder_the_store_is_this_users_own(tmp_path, monkeypatch):
    monkeypatch.setenv("W2S_STATE_DIR", str(tmp_path))
    OutcomeStore().add([FULL])
    line = json.loads((tmp_path / "outcomes" / "outcomes.jsonl").read_text())
    assert line == {"id": FULL.id, "schema": "w2s.outcome.v1", **asdict(FULL)}
    assert (tmp_path / "outcomes").stat().st_mode & 0o077 == 0
    assert Path(tmp_path / "outcomes" / "outcomes.jsonl").stat().st_mode & 0o077 == 0
