"""OutcomeStore: how outcomes are kept, and what a crash, a disk or another process cannot take."""

from __future__ import annotations

import shlex
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from client.cli.__main__ import main
from predictor.errors import InputError, LimitError, NotFoundError, UnavailableError
from predictor.outcomes.store import Added, OutcomeStore
from tests.outcomes.test_outcome import FULL, plain


def test_stored_outcomes_come_back_in_order_and_repeats_are_ignored(tmp_path):
    store = OutcomeStore(tmp_path / "outcomes")
    assert store.read() == ()
    a, b = plain("a"), plain("b")
    assert store.add([b, a, replace(b, origin="again")]) == Added(recorded=2, repeated=1)
    assert store.add([a, FULL]) == Added(recorded=1, repeated=1)
    assert OutcomeStore(tmp_path / "outcomes").read() == (b, a, FULL)


def test_a_listing_is_filtered_by_task_strong_model_and_recipe(tmp_path):
    store = OutcomeStore(tmp_path)
    store.add([plain("a"), plain("b", task="other"), plain("c", strong="giant"), plain("d", recipe="lora")])

    def names(**wanted: str) -> list[str]:
        return [one.weak for one in store.read(**wanted)]

    assert names(task="other") == ["b"]
    assert names(strong="giant") == ["c"]
    assert names(recipe="lora") == ["d"]
    assert names(task="news", strong="strong") == ["a", "d"]


def test_more_than_the_quota_is_refused_and_nothing_of_the_batch_stored(tmp_path):
    store = OutcomeStore(tmp_path)
    store.add([plain("a")], limit=2)
    with pytest.raises(LimitError, match="2 new outcomes beside the 1 recorded before; at most 2 may be"):
        store.add([plain("b"), plain("c")], limit=2)
    assert store.add([plain("a"), plain("b")], limit=2) == Added(1, 1)


def test_an_outcome_too_long_to_keep_is_refused_and_nothing_of_its_batch_stored(tmp_path):
    store = OutcomeStore(tmp_path)
    with pytest.raises(InputError, match="bytes; at most 16384 are recorded"):
        store.add([plain("a"), plain("b", origin="x" * 20_000)])
    assert store.read() == ()


def test_pages_follow_the_id_of_the_last_outcome(tmp_path):
    store, made = OutcomeStore(tmp_path), [plain(f"w{n}", task=("a", "b")[n % 2]) for n in range(9)]
    store.add(made)
    assert store.read(size=4) == tuple(made[:4])
    assert store.read(after=made[3].id, size=4) == tuple(made[4:8])
    assert store.read(after=made[8].id) == ()
    assert store.read(task="b", after=made[1].id, size=2) == (made[3], made[5])
    with pytest.raises(NotFoundError, match="no outcome has the id 'x'"):
        store.read(after="x")


def test_an_outcome_that_is_not_what_was_written_is_never_returned(tmp_path):
    store = OutcomeStore(tmp_path)
    store.add([plain("a"), plain("b", w2s_error=0.25)])
    with closing(sqlite3.connect(tmp_path / "outcomes.sqlite")) as raw, raw:
        raw.execute("UPDATE outcomes SET json = replace(json, '0.25', '0.15')")
    with pytest.raises(UnavailableError, match=r"is not what was written.*w2s outcomes import"):
        store.read()
    assert store.read(size=1) == (plain("a"),)


def test_a_file_that_is_no_database_is_refused_and_stays(tmp_path):
    path = tmp_path / "outcomes.sqlite"
    path.write_bytes(b"task,strong,weak\n" * 100)
    for act in (OutcomeStore(tmp_path).read, lambda: OutcomeStore(tmp_path).add([plain("a")])):
        with pytest.raises(UnavailableError, match=r"is damaged .*; move it away") as caught:
            act()
        assert caught.value.reason == "OUTCOMES_DAMAGED"
    assert path.read_bytes().startswith(b"task,strong")


def test_a_full_disk_stores_nothing_of_the_batch_and_the_file_goes_on(tmp_path, monkeypatch):
    store, connect = OutcomeStore(tmp_path), sqlite3.connect
    store.add([plain("a")])

    def on_a_full_disk(*given, **named):
        database = connect(*given, **named)
        database.execute("PRAGMA max_page_count = 8")
        return database

    monkeypatch.setattr(sqlite3, "connect", on_a_full_disk)
    with pytest.raises(LimitError, match="is full") as caught:
        store.add([plain(f"b{n}", origin="x" * 8000) for n in range(20)])
    assert caught.value.reason == "STORAGE_FULL"
    monkeypatch.undo()
    assert store.read() == (plain("a"),)
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
    reported = len(child.stdout.read(20))
    child.kill()
    reported += len(child.stdout.read())
    child.wait()
    found = OutcomeStore(tmp_path).read()
    assert [one.weak for one in found[:reported]] == [str(number) for number in range(reported)]
    assert len(found) <= reported + 1


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
    assert (len(found), len({one.id for one in found})) == (160, 160)


def test_a_transaction_of_another_process_is_waited_for_and_then_reported(tmp_path, monkeypatch):
    store = OutcomeStore(tmp_path)
    store.add([plain("a")])
    monkeypatch.setattr("predictor.outcomes.store.BUSY_SECONDS", 0.0)
    with closing(sqlite3.connect(tmp_path / "outcomes.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match="another process has locked"):
            store.add([plain("b")])
        assert store.read() == (plain("a"),)  # readers do not wait for writers
        other.execute("ROLLBACK")
    assert store.add([plain("b")]) == Added(1, 0)


def test_commits_wait_for_the_disk(tmp_path, monkeypatch):
    """Every connection that writes asks for a write-ahead log that is synced at each commit."""
    asked, connect = [], sqlite3.connect

    def traced(*given, **named):
        database = connect(*given, **named)
        database.set_trace_callback(asked.append)
        return database

    monkeypatch.setattr(sqlite3, "connect", traced)
    OutcomeStore(tmp_path).add([plain("a")])
    begun = asked.index("BEGIN IMMEDIATE")
    assert {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL"} <= set(asked[:begun])


def test_threads_that_share_a_store_lose_nothing_and_record_nothing_twice(tmp_path):
    store = OutcomeStore(tmp_path)

    def work(name: str) -> int:
        return sum(store.add([plain(f"{name}{n}"), plain(f"shared{n}")]).recorded for n in range(20))

    with ThreadPoolExecutor(4) as pool:
        recorded = list(pool.map(work, "abcd"))
    assert sum(recorded) == len(store.read()) == 100


def test_without_a_folder_the_store_is_this_users_own(tmp_path, monkeypatch):
    monkeypatch.setenv("W2S_STATE_DIR", str(tmp_path))
    OutcomeStore().add([FULL])
    assert OutcomeStore(tmp_path / "outcomes").read() == (FULL,)
    assert (tmp_path / "outcomes").stat().st_mode & 0o077 == 0
    assert Path(tmp_path / "outcomes" / "outcomes.sqlite").stat().st_mode & 0o077 == 0


def test_old_json_lines_are_refused(tmp_path, monkeypatch):
    """A store of before SQLite is refused, not ignored, and the command in the message takes its outcomes over."""
    monkeypatch.setenv("W2S_STATE_DIR", str(tmp_path / "a state"))
    store = OutcomeStore()
    store.folder.mkdir(parents=True)
    (store.folder / "outcomes.jsonl").write_text(plain("a").to_json() + "\n", encoding="utf-8")
    with pytest.raises(UnavailableError, match="is a store of an older version") as caught:
        store.read()
    with pytest.raises(UnavailableError, match="is a store of an older version"):
        store.add([plain("b")])
    moving, importing = (shlex.split(part) for part in caught.value.message.split(": ", 1)[1].split(" && "))
    assert (moving[0], importing[0]) == ("mv", "w2s")
    Path(moving[1]).rename(moving[2])
    assert main(importing[1:]) == 0
    assert [one.weak for one in store.read()] == ["a"]


@pytest.mark.parametrize("recorded", [False, True])
def test_a_page_after_an_outcome_that_is_not_there_is_refused(tmp_path, recorded):
    store = OutcomeStore(tmp_path)
    if recorded:
        store.add([FULL])
    with pytest.raises(NotFoundError, match="no outcome has the id 'gone'"):
        store.read(after="gone")
