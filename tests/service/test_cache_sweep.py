"""The cache of features, swept over all tenants."""

import numpy as np

from predictor.folders import cache_dir
from predictor.store.stores import stores_in, sweep
from server.access.caller import LOCAL
from server.features.stores import feature_store
from tests.service.running import until


def test_clearing_visits_every_tenant_and_leaves_what_was_pushed(tmp_path, monkeypatch):
    monkeypatch.setenv("W2S_CACHE_DIR", str(tmp_path))
    values = np.ones((100, 10), np.float32)
    for number, tenant in enumerate((LOCAL, "alice", "bob")):
        store = feature_store(tenant)
        store.push("kept", values * number)
        store.put(f"{number}" * 64, values, {})
    stores = stores_in(cache_dir())
    assert len(stores) == 3
    before = sum(store.size() for store in stores)
    freed = sweep(stores, before - 1)
    assert feature_store(LOCAL).get("0" * 64) is None
    assert feature_store("bob").get("2" * 64) is not None
    freed += sweep(stores, 0)
    assert sum(store.size() for store in stores) == before - freed > 0
    assert [[one.name for one in store.ls()] for store in stores] == [["kept"]] * 3


def test_the_server_bounds_the_caches_of_all_tenants(start, tmp_path):
    folder = tmp_path / "cache" / "tenants" / "ab" / "features" / "entries" / "cd"
    folder.mkdir(parents=True)
    (folder / f"{'cd' * 32}.w2sf").write_bytes(b"x" * 5000)
    start("--limit", "cache_bytes=1000", "--limit", "part_keep_seconds=1")
    until(lambda: not list(folder.iterdir()))
