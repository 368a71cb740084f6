"""A store that is asked again and again: it reads what is new and what is asked for, and trusts nothing else."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import predictor.outcomes.store
from predictor.errors import LimitError
from predictor.outcomes.index import Mark
from predictor.outcomes.line import peek_line
from predictor.outcomes.outcome import Outcome, content_id
from predictor.outcomes.store import Added, Listing, OutcomeStore
from tests.outcomes.test_outcome import plain


def many(count: int) -> list[Outcome]:
    """Outcomes of three tasks and two recipes, by turns."""
    return [
        plain(f"weak {n}", task=f"task {n % 3}", recipe=("ridge", "lora")[n % 2], w2s_error=n / 8) for n in range(count)
    ]


def paged(store: OutcomeStore, size: int, **wanted: str) -> list[Outcome]:
    """What `read` gives, page by page."""
    found: list[Outcome] = []
    after: Mark | None = None
    while True:
        page = store.page(after, size, **wanted)
        assert len(page.outcomes) <= size
        found, after = [*found, *page.outcomes], page.after
        if after is None:
            return found


@pytest.fixture
def looked(monkeypatch) -> Counter[str]:
    """How many lines a store looked at, by how closely."""
    seen: Counter[str] = Counter()
    for name in ("peek_line", "read_line"):
        real = getattr(predictor.outcomes.store, name)

        def watched(line, real=real, name=name):
            seen[name] += 1
            return real(line)

        monkeypatch.setattr(predictor.outcomes.store, name, watched)
    return seen


def test_a_batch_costs_what_is_added_and_a_page_what_is_asked_for(tmp_path, looked):
    store, made = OutcomeStore(tmp_path), many(60)
    for start in range(0, 60, 10):
        store.add(made[start : start + 10])
    assert looked == {}
    assert store.page(Mark(20, made[19].id), 10).outcomes == tuple(made[20:30])
    assert looked == {"peek_line": 1, "read_line": 10}
    assert store.page(None, 10, task="task 1").outcomes == tuple(made[1:30:3])
    assert looked == {"peek_line": 1, "read_line": 20}
    assert store.add(made[:5]) == Added(0, 5)
    assert looked == {"peek_line": 6, "read_line": 20}


def test_what_another_process_added_is_read_once(tmp_path, looked):
    store, other, made = OutcomeStore(tmp_path), OutcomeStore(tmp_path), many(40)
    store.add(made[:20])
    other.add(made[20:])
    looked.clear()
    assert paged(store, 100) == made
    assert looked == {"peek_line": 21, "read_line": 40}  # the last line known, those that are new, and the page
    assert store.add(made[30:]) == Added(0, 10)
    assert store.indexed == other.indexed == 40


@pytest.mark.parametrize("size", [1, 7, 60, 100])
def test_pages_give_what_a_reading_gives_under_every_filter(tmp_path, size):
    store = OutcomeStore(tmp_path)
    store.add(many(60))
    for wanted in ({}, {"task": "task 1"}, {"recipe": "lora", "task": "task 2"}, {"strong": "strong"}, {"task": "no"}):
        assert tuple(paged(store, size, **wanted)) == store.read(**wanted).outcomes


def test_texts_whose_hashes_agree_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr("predictor.outcomes.index.hash", lambda text: 7, raising=False)
    store, made = OutcomeStore(tmp_path), many(20)
    store.add(made)
    assert paged(store, 4, task="task 1") == made[1::3]


def test_the_last_page_says_so_and_a_place_beyond_it_is_empty(tmp_path):
    store = OutcomeStore(tmp_path)
    assert store.page(None, 5).outcomes == ()
    store.add(many(10))
    first = store.page(None, 5)
    assert first.after == (5, many(10)[4].id)
    assert store.page(first.after, 5).after is None
    assert store.page(Mark(10**12, "0" * 64), 5).outcomes == ()


def test_a_damaged_line_is_set_aside_when_it_is_asked_for_and_counts_no_more(tmp_path):
    store, made = OutcomeStore(tmp_path), many(10)
    store.add(made)
    rot(tmp_path / "outcomes.jsonl", made[3])
    assert store.page(Mark(4, made[3].id), 6).damaged == 0
    found = store.page(None, 4)
    assert (found.outcomes, found.damaged, found.after) == ((*made[:3], made[4]), 1, (4, made[4].id))
    assert (tmp_path / "damaged.jsonl").read_bytes().count(b"\n") == 1
    assert store.add(made) == Added(1, 9)


def test_pages_go_on_where_they_were_though_lines_before_them_were_set_aside(tmp_path):
    store, made = OutcomeStore(tmp_path), many(30)
    store.add(made)
    first = store.page(None, 4, task="task 1")
    for place in (0, 3, 5):
        rot(tmp_path / "outcomes.jsonl", made[place])
    assert OutcomeStore(tmp_path).read().damaged == 3
    second = store.page(first.after, 4, task="task 1")
    assert first.outcomes + second.outcomes == tuple(made[1:24:3])
    rot(tmp_path / "outcomes.jsonl", second.outcomes[-1])
    assert paged(store, 30)
    assert store.page(second.after, 4, task="task 1").outcomes == tuple(made[25:30:3])


def test_lines_that_lie_there_twice_are_given_twice(tmp_path):
    store, made = OutcomeStore(tmp_path), many(10)
    store.add(made)
    path = tmp_path / "outcomes.jsonl"
    path.write_bytes(2 * path.read_bytes())
    assert paged(store, 3) == 2 * made
    assert store.add(made[:3], most=10) == Added(0, 3)


def test_an_outcome_whose_line_was_damaged_is_kept_when_it_comes_again(tmp_path):
    store, made = OutcomeStore(tmp_path), many(10)
    store.add(made)
    rot(tmp_path / "outcomes.jsonl", made[3])
    assert store.add(made[3:5], most=10) == Added(1, 1, damaged=1)
    assert paged(store, 4) == [*made[:3], *made[4:], made[3]]


def test_a_full_disk_makes_nobody_read_the_file_again(tmp_path, monkeypatch, looked):
    store, made = OutcomeStore(tmp_path), many(20)
    store.add(made[:10])

    def full(handle: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", full)
        with pytest.raises(LimitError, match="is full"):
            store.add(made[10:])
    assert store.add(made[10:]) == Added(10, 0)
    assert looked == {}
    assert paged(store, 100) == made


def test_a_file_that_was_put_in_place_of_the_other_is_read_anew(tmp_path):
    store, other = OutcomeStore(tmp_path / "here"), OutcomeStore(tmp_path / "there")
    made = [plain(f"weak {n:02}") for n in range(30)]  # lines of one length, so that each starts where another did
    store.add(made[:10])
    other.add(made[5:])
    os.replace(tmp_path / "there" / "outcomes.jsonl", tmp_path / "here" / "outcomes.jsonl")
    assert store.add(made[10:12]) == Added(0, 2)
    assert store.add(made) == Added(5, 25)
    assert paged(store, 100) == made[5:] + made[:5]
    (tmp_path / "here" / "outcomes.jsonl").unlink()
    assert store.add(made[:2]) == Added(2, 0)
    assert paged(store, 100) == made[:2]


@pytest.mark.parametrize("kept", [range(5, 30), [*range(20, 29), 9]], ids=["more", "as much, with the same end"])
def test_a_file_that_was_written_over_is_read_anew(tmp_path, kept):
    store, made = OutcomeStore(tmp_path / "here"), [plain(f"weak {n:02}") for n in range(30)]
    store.add(made[:10])
    other = OutcomeStore(tmp_path / "there")
    other.add(made[n] for n in kept)
    time.sleep(0.02)  # as finely as file systems tell times
    (tmp_path / "here" / "outcomes.jsonl").write_bytes((tmp_path / "there" / "outcomes.jsonl").read_bytes())
    assert store.add(made[n] for n in kept[5:7]) == Added(0, 2)
    assert paged(store, 100) == [made[n] for n in kept]


def test_a_torn_line_that_a_full_disk_did_not_let_us_mend_is_mended_later(tmp_path, monkeypatch):
    store, made = OutcomeStore(tmp_path), many(12)
    store.add(made[:10])
    with (tmp_path / "outcomes.jsonl").open("ab") as file:
        file.write(b'{"id": "torn')

    def full(handle: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", full)
        for _ in range(2):
            with pytest.raises(LimitError, match="is full"):
                store.add(made[10:])
    assert store.add(made[10:]) == Added(2, 0, damaged=1)
    assert paged(store, 100) == made


def test_a_line_that_is_not_as_we_write_it_is_no_outcome_though_its_id_is_right(tmp_path):
    raw = {key: value for key, value in plain("a").to_dict().items() if key != "recipe"}
    line = json.dumps({"id": content_id(raw), **raw}) + "\n"
    (tmp_path / "outcomes.jsonl").write_text(line)
    assert OutcomeStore(tmp_path).page(None, 5) == Listing((), damaged=1)
    assert (tmp_path / "damaged.jsonl").read_text() == line


def test_threads_that_share_a_store_lose_nothing_and_keep_nothing_twice(tmp_path):
    store, made = OutcomeStore(tmp_path), many(60)

    def keep(part: int) -> None:
        for start in range(0, 60, 6):
            store.add(made[start : start + 2 + 2 * part])
            store.page(None, 5)

    threads = [threading.Thread(target=keep, args=(part,)) for part in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    found = paged(store, 100)
    assert sorted(one.id for one in found) == sorted(one.id for one in made)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_becomes_of_the_file_a_store_that_stays_agrees_with_one_that_comes(tmp_path, seed):
    rng, path, made = np.random.default_rng(seed), tmp_path / "outcomes.jsonl", many(40)
    stores = [OutcomeStore(tmp_path), OutcomeStore(tmp_path)]
    here: list[Outcome] = []
    for _ in range(60):
        store, deed = stores[rng.integers(2)], rng.integers(8)
        if deed < 4:
            batch = [made[n] for n in rng.choice(40, size=rng.integers(1, 6), replace=False)]
            fresh = [one for one in batch if one not in here]
            added = store.add(batch)
            assert (added.kept, added.repeated) == (len(fresh), len(batch) - len(fresh))
            here += fresh
        elif deed < 6:
            assert paged(store, int(rng.integers(1, 9)), task="task 1") == [one for one in here if one.task == "task 1"]
        elif here and deed == 6:
            rot(path, here.pop(rng.integers(len(here))))
        elif here:
            os.truncate(path, int(rng.integers(1, path.stat().st_size)))
            left = [peeked[0] for line in path.read_bytes().splitlines(keepends=True) if (peeked := peek_line(line))]
            here = [one for one in here if one.id in left]
    assert paged(stores[0], 7) == paged(stores[1], 100) == list(OutcomeStore(tmp_path).read().outcomes) == here


def rot(path: Path, outcome: Outcome) -> None:
    """Change one letter of an outcome's last line as a disk would, without the file system's times."""
    before, raw = path.stat(), path.read_bytes()
    place = raw.index(b'"strong": "', raw.rindex(outcome.id.encode())) + 12
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"#")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
