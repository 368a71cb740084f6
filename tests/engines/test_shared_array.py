"""Where workers find features: in the file they are a map of, or in one written for them."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.engines.shared_array import locate
from predictor.store.arrays import check_features
from predictor.store.features import FeatureStore

VALUES = np.random.default_rng(0).standard_normal((50, 7)).astype(np.float32)


def test_a_map_of_a_file_is_found_again_through_plain_views(tmp_path):
    np.save(tmp_path / "a.npy", VALUES)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    for values in (mapped, np.asarray(mapped), check_features(mapped, "a")):
        found = locate(values, tmp_path / "shared")
        assert (found.path, found.ours) == (str(tmp_path / "a.npy"), False)
        np.testing.assert_array_equal(found.open(), VALUES)
    assert not (tmp_path / "shared").exists()


def test_a_long_entry_of_the_store_is_found_where_it_lies(tmp_path, monkeypatch):
    monkeypatch.setattr("predictor.store.entries.MAPPED", 1000)
    store = FeatureStore(tmp_path)
    store.put("b" * 64, VALUES, {})
    kept = store.get("b" * 64)
    found = locate(np.asarray(kept.values), tmp_path / "shared")
    assert found.path.endswith(".w2sf")
    np.testing.assert_array_equal(found.open(), VALUES)


@pytest.mark.parametrize("part", [slice(10, 50), slice(0, 40), slice(None, None, 2)], ids=str)
def test_part_of_a_map_is_written_apart(tmp_path, part):
    np.save(tmp_path / "a.npy", VALUES)
    values = np.load(tmp_path / "a.npy", mmap_mode="r")[part]
    found = locate(values, tmp_path / "shared")
    assert found.ours
    np.testing.assert_array_equal(found.open(), VALUES[part])


def test_numbers_in_memory_are_written_once_under_their_digest(tmp_path):
    one, other = locate(VALUES, tmp_path), locate(VALUES.copy(), tmp_path)
    assert one == other
    assert len(list(tmp_path.iterdir())) == 1
    np.testing.assert_array_equal(np.load(one.path), VALUES)
    assert locate(VALUES.astype(np.float64), tmp_path) != one
