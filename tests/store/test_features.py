"""The feature store: whole or missing, never wrong."""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from predictor import folders
from predictor.errors import InputError, LimitError, NotFoundError, UnavailableError
from predictor.store.features import FeatureStore
from predictor.store.keys import FeatureKey
from predictor.store.stores import sweep

KEY = "a" * 64
OTHER = "b" * 64
VALUES = np.array([[1.5, -2.0], [0.25, 3.0]], dtype=np.float32)


def entry(store: FeatureStore, key: str = KEY) -> Path:
    return store.folder / "entries" / key[:2] / f"{key}.w2sf"


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "features")


def test_what_was_put_is_got(store: FeatureStore) -> None:
    store.put(KEY, VALUES, {"parameters": 5, "warnings": ["w"]})
    found = store.get(KEY)
    assert found is not None
    np.testing.assert_array_equal(found.values, VALUES)
    assert found.values.dtype == np.float32
    assert found.about == {"parameters": 5, "warnings": ["w"]}
    assert store.get(OTHER) is None


def test_every_flipped_bit_and_every_cut_reads_as_missing(store: FeatureStore) -> None:
    store.put(KEY, VALUES, {})
    whole = entry(store).read_bytes()
    damages = [whole[:i] for i in range(len(whole))] + [whole + b"\0"]
    damages += [
        whole[: bit // 8] + bytes([whole[bit // 8] ^ (1 << bit % 8)]) + whole[bit // 8 + 1 :]
        for bit in range(len(whole) * 8)
    ]
    for count, damage in enumerate(damages, start=1):
        entry(store).write_bytes(damage)
        assert store.get(KEY) is None
        assert store.damaged == count
        assert not entry(store).exists()
    assert len(list((store.folder / "quarantine").iterdir())) == len(damages)
    store.put(KEY, VALUES, {})
    assert store.get(KEY) is not None


def test_an_entry_under_another_key_reads_as_missing(store: FeatureStore) -> None:
    store.put(KEY, VALUES, {})
    entry(store, OTHER).parent.mkdir(parents=True)
    os.replace(entry(store), entry(store, OTHER))
    assert store.get(OTHER) is None
    assert store.damaged == 1


def test_features_that_are_not_finite_are_not_stored(store: FeatureStore) -> None:
    with pytest.raises(InputError, match="has nan at row 0, column 1"):
        store.put(KEY, np.array([[1.0, np.nan]]), {})


def test_a_full_disk_is_reported_and_leaves_nothing_behind(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folders.os, "fsync", full)
    with pytest.raises(LimitError, match="is full; free some space, run `w2s features gc`") as error:
        store.put(KEY, VALUES, {})
    assert error.value.reason == "STORAGE_FULL"
    assert [p for p in store.folder.rglob("*") if p.is_file()] == []


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="cannot be written"):
        FeatureStore(tmp_path / "file").put(KEY, VALUES, {})


def test_each_step_of_a_write_may_fail_and_the_store_stays_whole(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The n-th call of write, fsync or rename fails, for n = 1, 2, … until none does; the old entry survives each."""
    store.put(KEY, VALUES, {"turn": "old"})
    for name in ("fsync", "replace"):
        for failing in range(1, 9):
            calls = 0
            real = getattr(os, name)

            def faulty(*arguments: object, real: object = real, failing: int = failing) -> object:
                nonlocal calls
                calls += 1
                if calls == failing:
                    raise OSError(errno.EIO, "Input/output error")
                return real(*arguments)  # type: ignore[operator]

            with monkeypatch.context() as patch:
                patch.setattr(folders.os, name, faulty)
                try:
                    store.put(KEY, VALUES + failing, {"turn": "new"})
                except UnavailableError:
                    failed = True
                else:
                    failed = False
            found = store.get(KEY)
            assert found is not None
            assert found.about["turn"] in ("old", "new")
            np.testing.assert_array_equal(found.values, VALUES if found.about["turn"] == "old" else VALUES + failing)
            store.put(KEY, VALUES, {"turn": "old"})
            if not failed:
                break
        else:
            pytest.fail(f"{name} was called more often than expected")
    assert store.damaged == 0


def test_the_file_reaches_the_disk_before_its_name_and_its_name_before_the_answer(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(handle: int) -> None:
        steps.append("fsync folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "fsync file")
        real_fsync(handle)

    def replace(source: Path, target: Path) -> None:
        assert source.parent == target.parent
        steps.append("rename")
        real_replace(source, target)

    monkeypatch.setattr(folders.os, "fsync", fsync)
    monkeypatch.setattr(folders.os, "replace", replace)
    store.put(KEY, VALUES, {})
    assert steps == ["fsync file", "rename", "fsync folder"]


def test_readers_and_writers_of_one_entry_never_meet_half_a_file(store: FeatureStore) -> None:
    values = np.ones((200, 50), dtype=np.float32)
    store.put(KEY, values, {})
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            FeatureStore(store.folder).put(KEY, values, {})

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(100):
            assert store.get(KEY) is not None
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert store.damaged == 0
    assert not list(store.folder.rglob("*.tmp"))


def test_a_pushed_set_is_pulled_by_name_and_replaced_by_the_next(store: FeatureStore) -> None:
    first = store.push("mine-v1.2", VALUES, rows_sha256="c" * 64, about={"parameters": 9})
    assert store.pull("mine-v1.2").about["parameters"] == 9
    (listed,) = store.ls()
    assert (listed.name, listed.key, listed.rows, listed.dim, listed.rows_sha256) == (
        "mine-v1.2",
        first,
        2,
        2,
        "c" * 64,
    )
    store.push("mine-v1.2", VALUES * 2)
    np.testing.assert_array_equal(store.pull("mine-v1.2").values, VALUES * 2)
    store.remove("mine-v1.2")
    assert store.ls() == ()
    with pytest.raises(NotFoundError, match=r"there is no feature set 'mine-v1\.2'; stored are: none"):
        store.pull("mine-v1.2")


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 129, "a\0b", "a b"])
def test_names_that_could_leave_the_folder_are_refused(store: FeatureStore, name: str) -> None:
    with pytest.raises(InputError, match="cannot name a feature set"):
        store.push(name, VALUES)
    with pytest.raises(InputError, match="cannot name a feature set"):
        store.pull(name)


@pytest.mark.parametrize("key", ["", "../../etc", "A" * 64, "a" * 63])
def test_keys_that_are_no_digest_are_refused(store: FeatureStore, key: str) -> None:
    with pytest.raises(InputError, match="is not a feature key of 64 hexadecimal digits"):
        store.get(key)


def test_verify_reads_all_and_sets_damaged_ones_aside(store: FeatureStore) -> None:
    store.put(KEY, VALUES, {})
    store.put(OTHER, VALUES, {})
    entry(store).write_bytes(b"W2SFEAT1 torn")
    found = store.verify()
    assert (found.checked, found.damaged) == (2, (KEY,))
    assert store.get(OTHER) is not None


def test_sweep_drops_what_was_read_longest_ago_and_no_pushed_sets(store: FeatureStore) -> None:
    pushed = store.push("mine", VALUES + 1)
    for age, key in ((300, KEY), (200, OTHER), (400, pushed)):
        if key != pushed:
            store.put(key, VALUES, {})
        then = time.time() - age
        os.utime(entry(store, key), (then, then))
    store.get(KEY)
    one = entry(store).stat().st_size
    freed = sweep((store,), store.size() - one)
    assert freed == one
    assert store.get(OTHER) is None
    assert store.get(KEY) is not None
    sweep((store,), 0)
    assert store.get(KEY) is None
    np.testing.assert_array_equal(store.pull("mine").values, VALUES + 1)


def test_sweep_clears_the_leftovers_of_dead_writers(store: FeatureStore) -> None:
    store.put(KEY, VALUES, {})
    leftover = entry(store).parent / ".x.w2sf.1.ab.tmp"
    leftover.write_bytes(b"half")
    old = time.time() - 7200
    os.utime(leftover, (old, old))
    assert sweep((store,), 1 << 30) == 4
    assert not leftover.exists()


def test_every_part_of_the_key_makes_another_entry() -> None:
    base = {
        "weights": "w", "tokenizer": "t", "precision": "fp32", "backend": "transformers",
        "layer": 3, "pooling": "mean", "template": "", "max_length": 256,
    }  # fmt: skip
    changed = {**{name: f"{value}x" for name, value in base.items()}, "layer": 4, "max_length": 128}
    keys = {FeatureKey(**base).entry(KEY), FeatureKey(**base).entry(OTHER)}  # type: ignore[arg-type]
    keys |= {FeatureKey(**{**base, name: changed[name]}).entry(KEY) for name in base}  # type: ignore[arg-type]
    assert len(keys) == 2 + len(base)


def test_a_long_entry_is_mapped_aligned_and_outlives_its_file(tmp_path, monkeypatch):
    monkeypatch.setattr("predictor.store.entries.MAPPED", 1000)
    store = FeatureStore(tmp_path)
    values = np.random.default_rng(0).standard_normal((50, 7)).astype(np.float32)
    store.put("a" * 64, values, {"note": "ä"})
    found = store.get("a" * 64)
    assert found is not None
    assert found.values.flags.aligned
    assert found.values.ctypes.data % 64 == 0
    next(tmp_path.rglob("*.w2sf")).unlink()
    np.testing.assert_array_equal(found.values, values)
    assert found.about == {"note": "ä"}


def test_a_damaged_long_entry_reads_as_missing(tmp_path, monkeypatch):
    monkeypatch.setattr("predictor.store.entries.MAPPED", 1000)
    store = FeatureStore(tmp_path)
    store.put("a" * 64, np.ones((50, 7), np.float32), {})
    path = next(tmp_path.rglob("*.w2sf"))
    raw = bytearray(path.read_bytes())
    raw[-100] ^= 1
    path.write_bytes(bytes(raw))
    assert store.get("a" * 64) is None
    assert store.damaged == 1
