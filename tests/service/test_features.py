"""Feature sets over real sockets: whole, checked and under their name, or not there."""

import json
import subprocess
import sys

import numpy as np
import pytest

from predictor.errors import InputError, NotFoundError, RefusedError
from predictor.pools import Pool
from predictor.store.arrays import fingerprint, read_array, rows_digest
from predictor.store.manifest import Manifest
from protos import convert
from protos.w2s.v1 import features_pb2 as pb
from server.access.tokens import TokenFile
from tests.service.running import RunningServer, arrays
from tests.service.sending import CHUNK, chunks, download, head, received, send, signal, told
from tests.service.test_equal import bare

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
    kept = client.features.push("any", values, rows_sha256="ab" * 32, layer="6", parameters=12)
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


def test_the_same_upload_again_answers_at_once_and_keeps_nothing_twice(server, client):
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


def spoiled(values, reason):
    """Messages of an upload that is wrong in one way."""
    parts = chunks(values)
    if reason == "offset":
        parts[2].chunk.offset += 1
    elif reason == "order":
        parts[1], parts[2] = parts[2], parts[1]
    elif reason == "repeat":
        parts.insert(1, parts[0])
    elif reason == "crc":
        parts[2].chunk.crc32 ^= 1
    elif reason == "data":
        parts[2].chunk.data = b"\x00" + parts[2].chunk.data[1:]
    elif reason == "small":
        parts = chunks(values, size=CHUNK - 1)
    elif reason == "large":
        parts = chunks(values, size=(1 << 20) + 1)
    elif reason == "empty":
        parts[0].chunk.CopyFrom(convert.chunk_to_proto(0, b""))
    elif reason == "long":
        parts = [*parts[:-1], pb.UploadFeaturesRequest(chunk=convert.chunk_to_proto(4 * CHUNK, bytes(CHUNK)))]
    elif reason == "manifest":
        parts.insert(2, head(Manifest.of("spoiled", values)))
    return parts


@pytest.mark.parametrize(
    ("how", "text", "reason", "left"),
    [
        ("offset", "a chunk starts at byte 524289, and 524288 are here; go on from there", "UPLOAD_OFFSET", 2),
        ("order", "a chunk starts at byte 524288, and 262144 are here", "UPLOAD_OFFSET", 1),
        ("repeat", "a chunk starts at byte 0, and 262144 are here", "UPLOAD_OFFSET", 1),
        ("crc", "chunk at byte 524288 was damaged on its way", "UPLOAD_CHECKSUM", 2),
        ("data", "chunk at byte 524288 was damaged on its way", "UPLOAD_CHECKSUM", 2),
        ("small", "has 262143 bytes; chunks have 262144 to 1048576", "UPLOAD_CHUNK", 0),
        ("large", "has 1048577 bytes; chunks have 262144 to 1048576", "UPLOAD_CHUNK", 0),
        ("empty", "has 0 bytes", "UPLOAD_CHUNK", 0),
        ("long", "chunk at byte 1048576 of 1228800 has 262144 bytes", "UPLOAD_CHUNK", 4),
        ("manifest", "a message after the first holds no chunk", "MISSING_FIELD", 2),
    ],
)
def test_a_wrong_chunk_is_refused_and_what_came_before_stays(client, how, text, reason, left):
    values = signal(seed=50)
    manifest = Manifest.of("spoiled-" + how, values)
    with pytest.raises(InputError, match=text) as caught:
        send(client, [head(manifest), *spoiled(values, how)])
    assert caught.value.reason == reason
    assert received(client, manifest) == left * CHUNK
    with pytest.raises(NotFoundError):
        client.features.pull("spoiled-" + how)


def test_an_upload_without_a_manifest_is_refused(client):
    for messages in ([], chunks(signal()), [pb.UploadFeaturesRequest()]):
        with pytest.raises(InputError, match="the first message of an upload holds no manifest"):
            send(client, messages)


def test_bytes_of_another_fingerprint_are_dropped(client):
    values = signal(seed=51)
    manifest = Manifest.of("lie", values)
    with pytest.raises(InputError, match="the bytes of 'lie' have fingerprint") as caught:
        send(client, [head(manifest), *chunks(signal(seed=52))])
    assert caught.value.reason == "UPLOAD_FINGERPRINT"
    assert received(client, manifest) == 0
    client.features.push("lie", values)


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("dtype", 0, "dtype has dtype number 0"),
        ("dtype", 99, "dtype has dtype number 99"),
        ("shape", [], r"has shape \(\)"),
        ("shape", [0, 4], r"has shape \(0, 4\)"),
        ("shape", [-3, -4], r"has shape \(-3, -4\)"),
        ("shape", [2, 2, 2], r"has shape \(2, 2, 2\)"),
        ("shape", [1 << 62, 1 << 62], "has shape"),
        ("fingerprint", "", "fingerprint has 0 characters; it must be a SHA-256"),
        ("fingerprint", "../" * 21 + "x", "fingerprint has 64 characters"),
        ("rows_sha256", "AB" * 32, "rows_sha256 has 64 characters"),
        ("layer", "x" * 65, "layer has 65 characters"),
        ("layer", "\x1b[2J", "layer has 4 characters; it must be 1 to 64 printable"),
        ("parameters", -1, "parameters is -1; it must be 0 or more"),
    ],
)
def test_a_malformed_manifest_is_refused_before_a_byte_is_taken(client, field, value, text):
    message = head(Manifest.of("malformed", signal()))
    if field == "shape":
        message.manifest.shape[:] = value
    else:
        setattr(message.manifest, field, value)
    with pytest.raises(InputError, match=text):
        send(client, [message])


def test_another_element_type_or_shape_than_that_of_the_bytes_is_found_out(client):
    values = signal(seed=53)
    for change in ({"dtype": np.dtype("<i4")}, {"shape": (1024, 300)}):
        honest = Manifest.of("other", values)
        manifest = Manifest(**{**vars(honest), **change})
        with pytest.raises(InputError, match="they are dropped"):
            send(client, [head(manifest), *chunks(values)])


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


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, CHUNK // 4 - 1, CHUNK // 4, 299 * 1024 + 1023])
def test_a_value_that_is_not_finite_is_named_by_row_and_column(client, bad, place):
    values = signal(seed=54)
    values.reshape(-1)[place] = bad
    manifest = Manifest.of("nan", values)
    with pytest.raises(InputError, match=f"at row {place // 1024}, column {place % 1024}; every value") as caught:
        send(client, [head(manifest), *chunks(values)])
    assert caught.value.reason == "NOT_FINITE"
    assert received(client, manifest) == 0


def test_a_double_that_overflows_32_bits_is_refused_wherever_chunks_are_cut(client):
    values = np.zeros((50_000, 3))
    values[40_000, 2] = 1e300
    manifest = Manifest.of("huge", values)
    with pytest.raises(InputError, match=r"holds 1e\+300 at row 40000, column 2"):
        send(client, [head(manifest), *chunks(values, size=CHUNK + 3)])


def test_objects_and_texts_never_leave_the_client(client):
    for values in (np.array([[object()]]), np.array([["a"]]), np.array([[1j]]), np.array([[True]])):
        with pytest.raises(InputError, match="features must be float or integer"):
            client.features.push("objects", values)


@pytest.mark.parametrize("start", range(0, 1_228_801, 307_200))
def test_a_download_goes_on_from_any_byte(client, start):
    values = signal(seed=60)
    client.features.push("down", values)
    first, *rest = download(client, "down", start)
    description = convert.description_from_proto(first.description)
    assert (description.size, description.features.rows) == (values.nbytes, 300)
    assert b"".join(answer.chunk.data for answer in rest) == values.tobytes()[start:]
    again = next(download(client, "down", start, description.sha256))
    assert again.description == first.description


def test_a_download_that_cannot_go_on_says_why(server, client):
    client.features.push("down", signal(seed=61))
    with pytest.raises(RefusedError, match="is another one by now; download it from the start") as caught:
        list(download(client, "down", 100, "0" * 64))
    assert caught.value.reason == "FEATURES_CHANGED"
    for offset in (-1, 1_228_801):
        with pytest.raises(InputError, match="it must be from 0 to 1228800"):
            list(download(client, "down", offset))
    with pytest.raises(NotFoundError, match="there is no feature set 'nothing'"):
        list(download(client, "nothing"))


def test_a_damaged_set_is_never_sent(start):
    running = start()
    with running.client() as client:
        client.features.push("frail", signal())
        path = next((running.folder / "cache").rglob("*.w2sf"))
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        path.write_bytes(raw)
        with pytest.raises(NotFoundError, match="'frail' was lost or damaged; push it again"):
            client.features.pull("frail")
        client.features.push("frail", signal())
        np.testing.assert_array_equal(client.features.pull("frail").values, signal())


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    limits = ("max_page_features=2",)
    with RunningServer(tmp_path_factory.mktemp("paged"), *(p for one in limits for p in ("--limit", one))) as running:
        yield running


def test_a_list_comes_in_pages_and_a_deleted_set_is_gone(small):
    with small.client() as client:
        names = ["a", "b", "c.1", "d", "ä"]
        for name in reversed(names):
            client.features.push(name, signal(20, 3))
        assert [one.name for one in client.features.ls()] == names
        page = client.features._stub.ListFeatures(pb.ListFeaturesRequest(page_size=1), timeout=5)
        assert ([one.name for one in page.features], bool(page.next_page_token)) == (["a"], True)
        client.features.remove("b")
        assert [one.name for one in client.features.ls()] == ["a", "c.1", "d", "ä"]
        with pytest.raises(NotFoundError, match="there is no feature set 'b'"):
            client.features.remove("b")
        np.testing.assert_array_equal(client.features.pull("a").values, signal(20, 3))
        for request in ({"page_token": "x"}, {"page_token": "am9iczox"}, {"page_size": -1}):
            with pytest.raises(Exception, match="page_") as caught:
                client.features._stub.ListFeatures(pb.ListFeaturesRequest(**request), timeout=5)
            assert told(caught.value).reason == "BAD_PAGE"


def test_a_ranking_of_pushed_sets_equals_the_ranking_of_the_arrays(client):
    query = arrays(3, rows=90)
    strong, weak = query.strong.values, {spec.name: spec.values.astype(np.float64) for spec in query.weak}
    client.features.push("the-strong", strong)
    for name, values in weak.items():
        client.features.push(f"weak-{name}", values)
    inline = client.rank(strong=strong, weak=weak, seed=3)
    pushed = client.rank(
        strong="strong=features:the-strong",
        weak=[f"{name}=features:weak-{name}" for name in weak],
        seed=3,
    )
    assert unasked(pushed) == unasked(inline)
    with pytest.raises(NotFoundError, match=r"there is no feature set 'nowhere' on 127\.0\.0\.1:\d+; push it with"):
        client.rank(strong="features:nowhere", weak=weak)


def unasked(ranking):
    """The answer without wall times and without the request, in which models are named as they were typed."""
    found = json.loads(bare(ranking))
    del found["provenance"]["request"]
    return json.dumps(found, indent=1)


def test_features_of_other_texts_than_the_pool_are_refused(client):
    texts = [f"row {row}" for row in range(60)]
    query = arrays(4)
    client.features.push("read", query.strong.values, rows_sha256=rows_digest(Pool.of(texts)))
    weak = {"near": query.weak[0].values}
    assert client.rank(strong="features:read", weak=weak, pool=texts).rows == 60
    with pytest.raises(InputError, match="was computed on other rows than this pool"):
        client.rank(strong="features:read", weak=weak, pool=texts[::-1])


@pytest.mark.parametrize("suffix", [".npy", ".safetensors"])
def test_a_download_to_a_file_is_read_back_as_an_array(client, tmp_path, suffix):
    values = signal(77, 13)
    client.features.push("filed", values, rows_sha256="cd" * 32, layer="3", parameters=9)
    path = tmp_path / f"out{suffix}"
    for _ in client.features.pull_steps("filed", path):
        pass
    found = read_array(str(path))
    np.testing.assert_array_equal(found.values, values)
    if suffix == ".safetensors":
        assert (found.about["rows_sha256"], found.about["parameters"], found.about["layer"]) == ("cd" * 32, "9", "3")
    with pytest.raises(NotFoundError):
        list(client.features.pull_steps("absent", path))
    with pytest.raises(InputError, match=r"name a \.npy or \.safetensors file"):
        list(client.features.pull_steps("filed", tmp_path / "out.bin"))
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_the_command_line_pushes_lists_pulls_and_forgets(server, tmp_path):
    values = signal(30, 4)
    np.save(tmp_path / "a.npy", values)

    def w2s(*words):
        command = [sys.executable, "-m", "client.cli", "features", *words, "--server", server.address]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    assert w2s("push", "typed", "a.npy") == f"kept; use it with --weak features:typed --server {server.address}"
    assert {"name": "typed", "rows": 30, "dim": 4} in [
        {key: one[key] for key in ("name", "rows", "dim")} for one in json.loads(w2s("ls", "--json"))
    ]
    assert "typed" in w2s("ls")
    assert w2s("pull", "typed", "-o", "b.npy") == "b.npy: 30 rows × 4"
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), values)
    assert ranked(server, tmp_path)["rows"] == 30
    assert w2s("rm", "typed") == "typed is forgotten"
    assert "typed" not in w2s("ls")


def ranked(server, folder):
    command = ["rank", "--strong", "features:typed", "--weak", "half=a.npy", "--json", "--server", server.address]
    done = subprocess.run(
        [sys.executable, "-m", "client.cli", *command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 4), done.stderr
    return json.loads(done.stdout)


def test_a_ranking_reads_the_sets_of_its_own_tenant_only(tmp_path):
    file = TokenFile(tmp_path / "tokens")
    tokens = {name: file.add(name, ["read", "submit", "upload"], 600) for name in ("alice", "bob")}
    query = arrays(5)
    weak = {"near": query.weak[0].values}
    with (
        RunningServer(tmp_path, "--tokens", str(file.path)) as running,
        running.client(token=tokens["alice"]) as alice,
        running.client(token=tokens["bob"]) as bob,
    ):
        alice.features.push("mine", query.strong.values)
        assert alice.rank(strong="features:mine", weak=weak, pool=query.pool).rows == 60
        assert list(bob.features.ls()) == []
        for attempt in (
            lambda: bob.features.pull("mine"),
            lambda: bob.features.remove("mine"),
            lambda: bob.rank(strong="features:mine", weak=weak, pool=query.pool),
        ):
            with pytest.raises(NotFoundError, match="there is no feature set 'mine'"):
                attempt()
        bob.features.push("mine", query.strong.values[:, :3])
        assert bob.rank(strong="features:mine", weak=weak, pool=query.pool).strong.dim == 3
        assert alice.rank(strong="features:mine", weak=weak, pool=query.pool).strong.dim == 6
