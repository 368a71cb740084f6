"""Page tokens: opaque, nobody else's, and good after a restart."""

import base64
import re

import grpc
import numpy as np
import pytest

from predictor.errors import InputError, UnavailableError
from predictor.folders import cache_dir
from predictor.store.stores import stores_in, sweep
from protos.w2s.v1 import features_pb2
from protos.w2s.v1 import ranking_service_pb2 as pb
from server.access.caller import LOCAL
from server.access.page_tokens import PageTokens, page_tokens
from server.access.tokens import TokenFile
from server.features.stores import feature_store
from tests.service.running import arrays, until
from tests.service.sending import signal, told

KEY = bytes(range(32))


def test_a_token_gives_back_its_place_to_its_own_tenant_and_list_only():
    pages = PageTokens(KEY)
    token = pages.give("jobs", "alice", "1234567")
    assert pages.take("jobs", "alice", token) == "1234567"
    assert pages.take("jobs", "alice", "") is None
    for listing, tenant in (("features", "alice"), ("jobs", "bob"), ("job", "salice")):
        with pytest.raises(InputError, match="was not given out by this server, to you and for this list"):
            pages.take(listing, tenant, token)
    with pytest.raises(InputError):
        PageTokens(bytes(32)).take("jobs", "alice", token)


@pytest.mark.parametrize("place", ["1", "äöü" * 60, "x" * 200])
def test_names_of_any_length_are_places(place):
    pages = PageTokens(KEY)
    assert pages.take("features", "a", pages.give("features", "a", place)) == place


def test_every_changed_bit_is_noticed():
    pages = PageTokens(KEY)
    raw = base64.urlsafe_b64decode(pages.give("jobs", "alice", "42"))
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InputError):
            pages.take("jobs", "alice", base64.urlsafe_b64encode(changed).decode())
    for token in ("x", "\x00", "am9iczox", "A" * 5000, "ä", base64.urlsafe_b64encode(raw[:16]).decode()):
        with pytest.raises(InputError):
            pages.take("jobs", "alice", token)


def test_tokens_of_neighbouring_places_have_nothing_in_common():
    pages = PageTokens(KEY)
    raw = [base64.urlsafe_b64decode(pages.give("jobs", "alice", str(place))) for place in range(1000, 1400)]
    assert len(set(raw)) == 400
    assert len({one[-4:] for one in raw}) > 390
    assert not any(re.search(rb"1\d\d\d", one[16:]) and one[16:].isdigit() for one in raw)


def test_the_key_is_private_made_once_and_checked(tmp_path):
    path = tmp_path / "pages.key"
    token = page_tokens(path).give("jobs", "a", "7")
    assert path.stat().st_mode & 0o077 == 0
    assert page_tokens(path).take("jobs", "a", token) == "7"
    path.write_bytes(b"short")
    with pytest.raises(UnavailableError, match="has 5 bytes, not 32; remove it"):
        page_tokens(path)


def test_lists_of_two_tenants_go_on_after_a_restart_and_tell_nothing_of_each_other(start, tmp_path):
    file = TokenFile(tmp_path / "tokens")
    tokens = {name: file.add(name, ["admin"], 3600) for name in ("alice", "bob")}
    shown = ("--tokens", str(tmp_path / "tokens"), "--limit", "max_page_jobs=2", "--limit", "max_page_features=1")
    running = start(*shown)
    headers = {name: (("authorization", f"Bearer {token}"),) for name, token in tokens.items()}

    def page(client, name, token=""):
        request = pb.ListRankingJobsRequest(page_token=token)
        return client._rankings.ListRankingJobs(request, timeout=10, metadata=headers[name])

    with running.client(token=tokens["alice"]) as alice, running.client(token=tokens["bob"]) as bob:
        made = []
        for number in range(3):
            made.append(alice.submit(arrays(number)))
            for other in range(number + 1):
                bob.submit(arrays(other))
        first = page(alice, "alice")
        with pytest.raises(grpc.RpcError) as stranger:
            page(bob, "bob", first.next_page_token)
        assert told(stranger.value).reason == "BAD_PAGE"
        for name in ("a", "b"):
            alice.features.push(name, signal(3, 2))
        listing = features_pb2.ListFeaturesRequest()
        sets = alice.features._stub.ListFeatures(listing, timeout=10, metadata=headers["alice"])
    running.kill()
    with start(*shown).client(token=tokens["alice"]) as alice:
        rest = page(alice, "alice", first.next_page_token)
        assert [job.id for job in (*first.jobs, *rest.jobs)] == made[::-1]
        listing.page_token = sets.next_page_token
        more = alice.features._stub.ListFeatures(listing, timeout=10, metadata=headers["alice"])
        assert [one.name for one in (*sets.features, *more.features)] == ["a", "b"]


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


def test_the_server_keeps_the_caches_of_all_tenants_below_their_bound(start, tmp_path):
    folder = tmp_path / "cache" / "tenants" / "ab" / "features" / "entries" / "cd"
    folder.mkdir(parents=True)
    (folder / f"{'cd' * 32}.w2sf").write_bytes(b"x" * 5000)
    start("--limit", "cache_bytes=1000", "--limit", "part_keep_seconds=1")
    until(lambda: not list(folder.iterdir()), 10)
