"""Feature sets over real sockets: pushed, listed, replaced and forgotten under their names."""

import json
import subprocess
import sys

import numpy as np
import pytest

from predictor.errors import InputError, NotFoundError
from predictor.store.arrays import fingerprint
from predictor.store.manifest import Manifest
from protos.w2s.v1 import features_pb2 as pb
from tests.service.running import RunningServer, limited
from tests.service.sending import CHUNK, chunks, download, error_of, head, received, send, signal

TRICKS = (
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "/etc/passwd",
    "a\\b",
    "a\0b",
    "a\n",
    "\n",
    " a",
    "-rf",
    "~root",
    "a b",
    "a:b",
    "%2e%2e",
    "a" * 129,
    "ß" * 120,
    "\u202egnp",
    "CON:",
)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8", "i1", "<i2", "<i4", "<i8", "u1", "<u2", "<u4", "<u8"])
@pytest.mark.parametrize("shape", [(40,), (40, 7)])
def test_what_is_pushed_is_pulled_as_float32(client, dtype, shape):
    values = (np.random.default_rng(1).normal(size=shape) * 50 + 60).astype(dtype)
    kept = client.features.push("any", values, rows_sha256="ab" * 32, layer="6", parameters=12, depth=0.5)
    assert (kept.name, kept.rows, kept.dim, kept.rows_sha256) == (
        "any",
        40,
        shape[1:][0] if shape[1:] else 1,
        "ab" * 32,
    )
    found = client.features.pull("any")
    np.testing.assert_array_equal(found.values, values.reshape(40, -1).astype(np.float32))
    assert dict(found.about) == {
        "fingerprint": fingerprint(values),
        "rows_sha256": "ab" * 32,
        "layer": "6",
        "parameters": 12,
        "depth": 0.5,
    }


def test_arrays_in_any_order_of_memory_arrive_as_they_read(client):
    values = signal()
    for given in (np.asfortranarray(values), values[::-1][::-1], np.repeat(values, 2, axis=1)[:, ::2]):
        client.features.push("order", given)
        np.testing.assert_array_equal(client.features.pull("order").values, values)


@pytest.mark.parametrize("before", range(6))
def test_an_upload_goes_on_after_each_chunk(client, before):
    values = signal(seed=before)
    manifest = Manifest.of("resumed", values)
    if before < 5:
        with pytest.raises(InputError, match=r"of 1228800 bytes came; ask where to go on") as caught:
            send(client, [head(manifest), *chunks(values)[:before]])
        assert caught.value.reason == "UPLOAD_INCOMPLETE"
    else:
        send(client, [head(manifest), *chunks(values)])
    place = received(client, manifest)
    assert place == min(before * CHUNK, values.nbytes)
    send(client, [head(manifest), *chunks(values, place)])
    np.testing.assert_array_equal(client.features.pull("resumed").values, values)


def test_the_same_upload_again_answers_at_once_and_stores_nothing_twice(server, client):
    values = signal(seed=40)
    client.features.push("again", values)
    entries = sorted((server.folder / "cache" / "features" / "entries").rglob("*.w2sf"))
    written = [path.stat().st_ino for path in entries]
    assert send(client, [head(Manifest.of("again", values))]).rows == 300
    client.features.push("again", values)
    assert [path.stat().st_ino for path in entries] == written
    assert [one.name for one in client.features.ls()].count("again") == 1


def test_another_set_of_the_same_name_replaces_the_first_once_it_is_whole(client):
    first, second = signal(seed=41), signal(seed=42)
    client.features.push("one", first)
    with pytest.raises(InputError, match="ask where to go on"):
        send(client, [head(Manifest.of("one", second)), *chunks(second)[:2]])
    np.testing.assert_array_equal(client.features.pull("one").values, first)
    client.features.push("one", second)
    np.testing.assert_array_equal(client.features.pull("one").values, second)


@pytest.mark.parametrize("name", TRICKS)
def test_a_name_that_could_be_a_path_is_refused_everywhere(server, client, name):
    message = head(Manifest.of("ok", signal()))
    message.manifest.name = name
    with pytest.raises(InputError, match="cannot name a feature set") as caught:
        send(client, [message])
    assert caught.value.reason == "BAD_FEATURE_NAME"
    with pytest.raises(InputError, match="cannot name a feature set"):
        list(download(client, name))
    with pytest.raises(InputError, match="cannot name a feature set"):
        client.features.remove(name)


def test_objects_and_texts_never_leave_the_client(client):
    for values in (np.array([[object()]]), np.array([["a"]]), np.array([[1j]]), np.array([[True]])):
        with pytest.raises(InputError, match="features must be float or integer"):
            client.features.push("objects", values)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    with RunningServer(tmp_path_factory.mktemp("paged"), *limited(max_page_features=2)) as running:
        yield running


def test_a_list_comes_in_pages_and_a_deleted_set_is_gone(small):
    with small.client() as client:
        names = ["a", "b", "c.1", "d", "ä"]
        for name in reversed(names):
            client.features.push(name, signal(20, 3))
        assert [one.name for one in client.features.ls()] == names
        page = client.features._stub.ListFeatures(pb.ListFeaturesRequest(page_size=1), timeout=120)
        assert ([one.name for one in page.features], bool(page.next_page_token)) == (["a"], True)
        client.features.remove("b")
        assert [one.name for one in client.features.ls()] == ["a", "c.1", "d", "ä"]
        with pytest.raises(NotFoundError, match="there is no feature set 'b'"):
            client.features.remove("b")
        np.testing.assert_array_equal(client.features.pull("a").values, signal(20, 3))
        for request in ({"page_token": "../x"}, {"page_token": "x" * 5000}, {"page_size": -1}):
            with pytest.raises(Exception, match="page_") as caught:
                client.features._stub.ListFeatures(pb.ListFeaturesRequest(**request), timeout=120)
            assert error_of(caught.value).reason == "BAD_PAGE"


def test_the_command_line_pushes_lists_pulls_and_forgets(server, tmp_path):
    values = signal(30, 4)
    np.save(tmp_path / "a.npy", values)

    def w2s(*words):
        command = [sys.executable, "-m", "client.cli", "features", *words, "--server", server.address]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    assert (
        w2s("push", "from-shell", "a.npy")
        == f"stored; use it with --weak features:from-shell --server {server.address}"
    )
    assert {"name": "from-shell", "rows": 30, "dim": 4} in [
        {key: one[key] for key in ("name", "rows", "dim")} for one in json.loads(w2s("ls", "--json"))
    ]
    assert "from-shell" in w2s("ls")
    assert w2s("pull", "from-shell", "-o", "b.npy") == "b.npy: 30 rows × 4"
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), values)
    assert ranked(server, tmp_path)["rows"] == 30
    assert w2s("rm", "from-shell") == "from-shell is deleted"
    assert "from-shell" not in w2s("ls")


def ranked(server, folder):
    command = ["rank", "--strong", "features:from-shell", "--weak", "half=a.npy", "--json", "--server", server.address]
    done = subprocess.run(
        [sys.executable, "-m", "client.cli", *command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 4), done.stderr
    return json.loads(done.stdout)
