"""Uploads on a server of narrow limits: their places, their time, their size and their tenant's room."""

import grpc
import numpy as np
import pytest

from predictor.errors import DeadlineError, InputError, LimitError
from predictor.store.manifest import Manifest
from tests.service.running import limited, until
from tests.service.sending import CHUNK, Slow, chunks, details_of, error_of, head, received, send, signal


@pytest.fixture
def narrow(start):
    return start(
        *limited(
            max_open_transfers=1,
            upload_idle_seconds=0.5,
            max_feature_bytes=2_000_000,
            tenant_feature_bytes=3_000_000,
            max_rows=5000,
            max_dimensions=1024,
        )
    )


def test_an_upload_gives_its_place_back_when_its_client_is_gone(narrow):
    values = signal(seed=4)
    manifest = Manifest.of("gone", values)
    with narrow.client() as other:
        with narrow.client() as client:
            slow = Slow([head(manifest), *chunks(values)], 3)
            call = client.features._stub.UploadFeatures.future(iter(slow), timeout=120)
            until(lambda: received(client, manifest) == 2 * CHUNK)
            with pytest.raises(grpc.RpcError) as refused:
                other.features._stub.UploadFeatures(iter([]), timeout=120)
            assert "google.rpc.RetryInfo" in details_of(refused.value)
            assert error_of(refused.value).reason == "TOO_MANY_TRANSFERS"
            call.cancel()
        until(lambda: _completes(other, manifest, values))
        np.testing.assert_array_equal(other.features.pull("gone").values, values)


def _completes(client, manifest, values):
    try:
        return send(client, [head(manifest), *chunks(values, received(client, manifest))])
    except LimitError:
        return None


def test_a_silent_upload_is_ended_and_can_go_on(narrow):
    values = signal(seed=5)
    manifest = Manifest.of("silent", values)
    slow = Slow([head(manifest), *chunks(values)], 2)
    with narrow.client() as client:
        with pytest.raises(DeadlineError, match=r"nothing came for 0\.5 s; the bytes received are stored"):
            send(client, slow)
        slow.go_on()
        assert received(client, manifest) == CHUNK
        send(client, [head(manifest), *chunks(values, CHUNK)])


def test_what_is_more_than_the_server_allows_is_refused_by_its_declaration(narrow):
    with narrow.client() as client:
        for values, text in (
            (signal(500, 1001), "has 2002000 bytes; this server stores at most 2000000"),
            (signal(5001, 2), "has 5001 rows; this server stores at most 5000"),
            (signal(2, 1025), "has 1025 dimensions; this server stores at most 1024"),
        ):
            manifest = Manifest.of("much", values)
            for ask in (lambda m=manifest: send(client, [head(m)]), lambda m=manifest: received(client, m)):
                with pytest.raises(LimitError, match=text) as caught:
                    ask()
                assert caught.value.reason == "OVER_LIMIT"


def test_sets_and_declared_uploads_count_against_the_quota(narrow):
    with narrow.client() as client:
        client.features.push("first", signal(seed=6))
        with pytest.raises(InputError, match="send the rest"):
            send(client, [head(Manifest.of("half", signal(seed=7))), *chunks(signal(seed=7))[:1]])
        with pytest.raises(LimitError, match="are taken and 1228800 promised to other uploads") as caught:
            client.features.push("third", signal(seed=8))
        assert caught.value.reason == "FEATURES_QUOTA"
        client.features.push("half", signal(seed=7))
        client.features.push("first", signal(seed=9))
        client.features.remove("first")
        client.features.push("third", signal(seed=8))
