"""Names of pushed sets: in order, and read no further than a page goes."""

from __future__ import annotations

import numpy as np

from predictor.store import names
from predictor.store.features import FeatureStore

NAMES = ["a", "a+b", "a-b", "a.b", "ab", "b", "b-1", "b2"]


def store_of(folder) -> FeatureStore:
    store = FeatureStore(folder)
    for number, name in enumerate(reversed(NAMES)):
        store.push(name, np.full((3, 2), number, np.float32))
    return store


def test_names_come_in_their_own_order_and_not_in_that_of_their_files(tmp_path):
    store = store_of(tmp_path)
    assert [one.name for one in store.ls()] == NAMES == sorted(NAMES)


def test_pages_of_any_size_lose_no_name(tmp_path):
    store = store_of(tmp_path)
    for size in range(1, 10):
        found: list[str] = []
        while page := store.page(found[-1] if found else "", size):
            found += [one.name for one in page]
        assert found == NAMES


def test_a_page_reads_as_many_cards_as_it_shows(tmp_path, monkeypatch):
    store, read = store_of(tmp_path), []
    real = names._read
    monkeypatch.setattr(names, "_read", lambda path: (read.append(path.stem), real(path))[1])
    assert [one.name for one in store.page("a-b", 3)] == ["a.b", "ab", "b"] == read
