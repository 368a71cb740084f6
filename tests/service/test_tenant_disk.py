"""The bytes of a tenant: bounded together at every gate, so that a hostile one cannot fill the disk for the others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from predictor.errors import LimitError
from predictor.store.features import FeatureStore
from server.access.tokens import TokenFile
from server.calibration.stores import TenantStores
from server.config import Limits
from server.features.stores import feature_store
from server.features.uploads import Uploads
from server.parts.store import PartStore
from server.usage import TenantUsage, Usage
from tests.calibration.simulated import outcomes
from tests.service.parting import Sender, chunks, fresh, head
from tests.service.running import RunningServer, arrays, limited

ALLOWED = 400_000


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> tuple[TokenFile, dict[str, str]]:
    file = TokenFile(tmp_path_factory.mktemp("tokens") / "tokens")
    return file, {name: file.add(name, ("admin",), 3600.0) for name in ("hostile", "other")}


@pytest.fixture(scope="module")
def small(
    tmp_path_factory: pytest.TempPathFactory, tokens: tuple[TokenFile, dict[str, str]]
) -> Iterator[RunningServer]:
    folder, limits = tmp_path_factory.mktemp("small"), limited(tenant_disk_bytes=ALLOWED)
    with RunningServer(folder, "--tokens", str(tokens[0].path), *limits) as running:
        yield running


def bytes_in(folder: Path) -> int:
    """Bytes of files, but for the log of the database, which is bounded for all tenants together, and the reserve."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files if not path.name.endswith(("-wal", "reserve")))


def test_a_hostile_tenant_cannot_fill_the_disk_and_others_go_on(
    small: RunningServer, tokens: tuple[TokenFile, dict[str, str]]
):
    """It asks at every gate until each refuses; what it has stays below its bound, and the other tenant ranks."""
    refused: dict[str, LimitError] = {}
    hostile = small.client(token=tokens[1]["hostile"])
    parts = Sender(small.address, tokens[1]["hostile"])
    measured = outcomes()

    def part(number: int) -> None:
        manifest, data = fresh(number)
        parts.send([head(manifest), *chunks(data)])

    gates = {
        "features": lambda number: hostile.features.push(f"set{number}", np.ones((100, 300), np.float32) * number),
        "jobs": lambda number: hostile.submit(arrays(number, rows=400), f"r{number}"),
        "parts": part,
        "outcomes": lambda number: hostile.calibrations.record(measured),
    }
    before = bytes_in(small.folder)
    for gate, ask in gates.items():
        for number in range(60):
            try:
                ask(number)
            except LimitError as error:
                refused[gate] = error
                break
    assert refused.keys() >= {"features", "jobs", "parts"}
    for error in refused.values():
        assert error.reason == "TENANT_DISK_FULL"
        assert f"this server allows {ALLOWED} in all. Delete finished jobs" in error.message
    assert bytes_in(small.folder) - before < 2 * ALLOWED  # pages of the database are larger than what is in them
    with small.client(token=tokens[1]["other"]) as other:
        assert other.server_info().limits["tenant_disk_bytes"] == ALLOWED
        other.features.push("mine", np.ones((100, 300), np.float32))
        assert other.wait(other.submit(arrays())).state == "SUCCEEDED"
    hostile.features.remove("set0")
    hostile.features.push("set0", np.ones((50, 100), np.float32))
    hostile.close()


def test_bytes_of_every_kind_count_together():
    usage = Usage(100, jobs=10, features=20, parts=30, records=39)
    usage.check(1)
    with pytest.raises(LimitError, match=r"you store 99 bytes \(jobs 10, feature sets 20, .* needs 2 more") as caught:
        usage.check(2, "manifest")
    assert (caught.value.reason, caught.value.field) == ("TENANT_DISK_FULL", "manifest")
    Usage().check(1 << 60)


def test_the_longest_unread_goes_first_and_pushed_sets_stay(tmp_path: Path):
    store = FeatureStore(tmp_path, 10_000)
    store.push("kept", np.ones((10, 50)))
    keys = [f"{number:064x}" for number in range(8)]
    for key in keys:
        store.put(key, np.ones((10, 50)), {})
    assert store.size() <= 10_000
    assert store.has(keys[-1])
    assert not store.has(keys[0])
    store.pull("kept")
    with pytest.raises(LimitError, match="pushed sets take"):
        store.put(keys[0], np.ones((100, 50)), {})


def test_what_models_gave_is_trimmed_to_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("W2S_CACHE_DIR", str(tmp_path / "cache"))
    store = feature_store("alice")
    store.put("0" * 64, np.ones((10, 50)), {})
    limits = Limits()
    files = Uploads(tmp_path / "uploads", limits), PartStore(tmp_path / "parts", limits), TenantStores(tmp_path, limits)

    async def stored(tenant: str) -> int:
        return 9_000

    async def trim(allowed: int) -> int:
        return await TenantUsage(allowed, stored, *files).trim({"alice", "local"})

    assert asyncio.run(trim(20_000)) == 0
    assert asyncio.run(trim(10_000)) > 2_000
    assert store.size() == 0
