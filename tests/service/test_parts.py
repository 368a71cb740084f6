"""Requests larger than a message: their parts are sent once, resumed, kept apart by tenant, and swept."""

import errno
import hashlib
import os
import threading
import time
from dataclasses import replace

import grpc
import numpy as np
import pytest

from client.channel import open_channel
from client.credentials import Credentials
from client.talks import Ask
from predictor.errors import ConflictError, DeadlineError, InputError, LimitError, NotFoundError
from predictor.folders import cache_dir
from predictor.intake.draw import cut_stored, own_store
from predictor.intake.drawn import Drawn
from predictor.intake.request import build_query
from predictor.labels import Labels
from predictor.pools import Pool
from predictor.query import ModelSpec, RankingQuery
from predictor.store.arrays import rows_digest
from predictor.store.features import FeatureStore
from protos import convert
from protos.features import LEAST_CHUNK
from protos.parts import PartManifest, attach, attached, detach, part_manifest_to_proto
from protos.w2s.v1 import parts_pb2 as pb
from protos.w2s.v1 import parts_pb2_grpc, query_pb2
from protos.w2s.v1 import predictor_service_pb2 as ask
from protos.w2s.v1 import ranking_service_pb2 as ranking
from server.access.tokens import TokenFile
from server.config import Limits
from server.parts.store import PartStore, read_part
from tests.protos.samples import full_query
from tests.service.running import arrays, until
from tests.service.sending import told
from tests.service.test_equal import bare, ranked_here

DATA = np.random.default_rng(0).bytes(LEAST_CHUNK * 2 + 5000)
MANIFEST = PartManifest.of(DATA)


class Sender:
    """Sends parts message by message."""

    def __init__(self, address, token=None):
        self._channel = open_channel(address, 8 << 20, Credentials())
        self._stub = parts_pb2_grpc.PartServiceStub(self._channel)
        self._headers = Credentials(token).headers()

    def send(self, messages):
        try:
            self._stub.UploadPart(iter(messages), timeout=20, metadata=self._headers)
        except grpc.RpcError as fault:
            raise told(fault) from None

    def received(self, manifest):
        request = pb.QueryPartRequest(manifest=part_manifest_to_proto(manifest))
        try:
            found = self._stub.QueryPart(request, timeout=20, metadata=self._headers)
        except grpc.RpcError as fault:
            raise told(fault) from None
        return found.received_bytes, found.complete


@pytest.fixture
def sender(server):
    return Sender(server.address)


def head(manifest=MANIFEST):
    return pb.UploadPartRequest(manifest=part_manifest_to_proto(manifest))


def chunks(data=DATA, start=0, size=LEAST_CHUNK):
    return [
        pb.UploadPartRequest(chunk=convert.chunk_to_proto(place, data[place : place + size]))
        for place in range(start, len(data), size)
    ]


def fresh(seed):
    data = np.random.default_rng(seed).bytes(LEAST_CHUNK * 2 + 77)
    return PartManifest.of(data), data


def test_detached_fields_come_back_as_they_were():
    query = full_query()
    whole = convert.query_to_proto(query)
    for field in (whole.strong.values, whole.labels.targets):
        field.data = field.data * 2000
    whole.pool.texts[:] = ["long " * 500] * 6
    before = whole.SerializeToString(deterministic=True)
    parts = detach(whole, 1500)
    assert whole.ByteSize() < len(before) / 50
    kept = {manifest.sha256: data for manifest, data in parts.items()}
    assert set(attached(whole)) == set(kept)
    assert attach(whole, kept.__getitem__).SerializeToString(deterministic=True) == before


def test_no_more_is_detached_than_has_to_be():
    message = convert.query_to_proto(arrays(rows=2000))
    sizes = sorted((len(one.values.data) for one in (message.strong, *message.weak)), reverse=True)
    assert [manifest.size for manifest in detach(message, message.ByteSize() - sizes[0] + 200)] == sizes[:1]
    assert [manifest.size for manifest in detach(message, message.ByteSize() - sizes[1] + 200)] == sizes[1:2]


def test_nothing_is_detached_from_what_fits():
    whole = convert.query_to_proto(full_query())
    before = whole.SerializeToString(deterministic=True)
    assert detach(whole, whole.ByteSize()) == {}
    assert attached(whole) == ()
    assert attach(whole, lambda _: b"").SerializeToString(deterministic=True) == before


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda m: m.pool.ids.append("x"), "refers to a part and has contents of its own"),
        (lambda m: setattr(m.strong.values, "data", b"x"), "refers to a part and has contents of its own"),
        (lambda m: setattr(m.pool, "part", "../" * 21 + "x"), "part has 64 characters; it must be a SHA-256"),
        (lambda m: setattr(m.pool, "part", ""), "part has 0 characters"),
    ],
)
def test_a_malformed_reference_is_refused(spoil, text):
    message = query_pb2.RankingQuery()
    message.pool.part = message.strong.values.part = "ab" * 32
    spoil(message)
    with pytest.raises(InputError, match=text):
        attach(message, lambda _: b"")


def test_a_part_of_rows_that_holds_no_rows_is_refused():
    message = query_pb2.RankingQuery()
    message.pool.part = "ab" * 32
    with pytest.raises(InputError, match="holds no Pool message"):
        attach(message, lambda _: b"\xff\xff\xff")
    with pytest.raises(InputError, match="refers to another part"):
        attach(message, lambda _: query_pb2.Pool(part="cd" * 32).SerializeToString())


REQUESTS = {
    "rows": {"pool": [f"row {i} " + "x" * 200 for i in range(90)]},
    "labels": {"labels": [float(i) if i < 40 else None for i in range(90)]},
    "weak labels": {"weak_labels": {"near": np.linspace(0, 1, 90), "far": np.linspace(1, 0, 90)}},
    "rows drawn": {"max_rows": 50},
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_in_parts_gets_the_bytes_of_the_whole_one(server, client, name):
    query = arrays(7, rows=90, broken=True)
    weak = {spec.name: np.repeat(spec.values, 3, axis=1) for spec in query.weak}
    request = {"strong": query.strong.values, "weak": weak, "seed": 7, **REQUESTS[name]}
    here = bare(ranked_here(request))
    with server.client(max_message_bytes=5000) as small:
        assert bare(small.rank(**request)) == here
        assert bare(small.predict(build_query(**request))) == here
        assert small.validate(build_query(**request)) == client.validate(build_query(**request))
    parts = list((server.folder / "state" / "parts").rglob("*"))
    assert [path for path in parts if path.is_file()]


def test_a_hundred_thousand_rows_of_text_go_through_four_megabytes(server, client):
    texts = [f"row {i}: " + "some words of no meaning " * 3 for i in range(100_000)]
    query = RankingQuery(*_two(len(texts)), pool=Pool.of(texts))
    assert convert.query_to_proto(query).ByteSize() > 8 << 20
    checked = client.validate(query)
    assert (checked.rows, checked.candidates) == (100_000, 1)
    with pytest.raises(LimitError, match="is larger than the server at"), server.client() as blunt:
        blunt._line.ask(_as_it_is(blunt, query))


def _two(rows):
    spec = arrays().strong
    values = np.random.default_rng(1).normal(size=(rows, 3)).astype(np.float32)
    return replace(spec, values=values), (replace(spec, name="only", values=values[:, :2]),)


def _as_it_is(client, query):
    yield Ask(client._predictor.Validate, ask.ValidateRequest(query=convert.query_to_proto(query)), 20)


def test_a_part_is_sent_once_however_many_jobs_refer_to_it(server):
    query = arrays(11, rows=1200)
    with server.client(max_message_bytes=20_000) as client:
        steps = [step for step in client.rank_steps(query) if step.phase == "upload"]
        again = list(client.rank_steps(replace(query, settings=replace(query.settings, seed=1))))
    assert len(steps) <= len(query.weak) + 1 + 3
    assert [step for step in again if step.phase == "upload"] == []


@pytest.mark.parametrize("before", range(4))
def test_an_upload_goes_on_after_each_chunk(sender, before):
    manifest, data = fresh(100 + before)
    parts = chunks(data)
    if before < len(parts):
        with pytest.raises(InputError, match="ask where to go on"):
            sender.send([head(manifest), *parts[:before]])
    else:
        sender.send([head(manifest), *parts])
    place, complete = sender.received(manifest)
    assert (place, complete) == (min(before * LEAST_CHUNK, len(data)), before == len(parts))
    sender.send([head(manifest), *chunks(data, place)])
    assert sender.received(manifest) == (len(data), True)
    sender.send([head(manifest)])


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("sha256", "", "manifest.sha256 has 0 characters; it must be a SHA-256"),
        ("sha256", "../" * 21 + "x", "manifest.sha256 has 64 characters"),
        ("sha256", "AB" * 32, "it must be a SHA-256 of 64 lower-case"),
        ("size_bytes", 0, "a part of 0 bytes cannot be sent"),
        ("size_bytes", -1, "a part of -1 bytes cannot be sent"),
    ],
)
def test_a_malformed_manifest_is_refused(sender, field, value, text):
    message = head()
    setattr(message.manifest, field, value)
    with pytest.raises(InputError, match=text):
        sender.send([message])


def test_what_is_out_of_place_is_refused_and_what_came_stays(sender):
    manifest, data = fresh(110)
    good = chunks(data)
    for bad, text in (
        ([good[1]], "a chunk starts at byte 262144, and 0 are here"),
        ([good[0], good[0]], "a chunk starts at byte 0, and 262144 are here"),
        ([good[1], head(manifest)], "a message after the first holds no chunk"),
    ):
        with pytest.raises(InputError, match=text):
            sender.send([head(manifest), *bad])
        assert sender.received(manifest)[0] in (LEAST_CHUNK, 2 * LEAST_CHUNK, 0)
    for messages in ([], good, [pb.UploadPartRequest()]):
        with pytest.raises(InputError, match="the first message of an upload holds no manifest"):
            sender.send(messages)


def test_bytes_of_another_digest_are_dropped(sender):
    manifest, _ = fresh(120)
    with pytest.raises(InputError, match="the bytes have digest") as caught:
        sender.send([head(manifest), *chunks(fresh(121)[1])])
    assert caught.value.reason == "UPLOAD_FINGERPRINT"
    assert sender.received(manifest) == (0, False)


def test_what_came_survives_the_kill_of_the_server(start):
    manifest, data = fresh(130)
    running = start()
    held, go = threading.Event(), threading.Event()

    def slow():
        yield head(manifest)
        yield chunks(data)[0]
        held.set()
        go.wait(20)

    first = Sender(running.address)
    call = first._stub.UploadPart.future(slow(), timeout=20)
    until(lambda: first.received(manifest)[0] == LEAST_CHUNK)
    running.kill()
    go.set()
    assert call.code() is grpc.StatusCode.UNAVAILABLE
    again = Sender(start().address)
    assert again.received(manifest) == (LEAST_CHUNK, False)
    again.send([head(manifest), *chunks(data, LEAST_CHUNK)])
    assert again.received(manifest) == (len(data), True)


def test_a_silent_upload_ends_and_a_large_part_and_a_full_quota_are_refused(start):
    running = start(
        *("--limit", "upload_idle_seconds=0.3", "--limit", f"max_part_bytes={len(DATA)}"),
        *("--limit", f"tenant_part_bytes={len(DATA) + 10}"),
    )
    sender = Sender(running.address)

    def silent():
        yield head()
        time.sleep(3)

    with pytest.raises(DeadlineError, match=r"nothing came for 0.3 s"):
        sender.send(silent())
    with pytest.raises(LimitError, match=rf"a part has {len(DATA) + 1} bytes; this server takes at most {len(DATA)}"):
        sender.received(PartManifest.of(DATA + b"x"))
    sender.send([head(), *chunks()])
    manifest, data = fresh(140)
    with pytest.raises(LimitError, match=rf"your parts hold {len(DATA)} bytes") as caught:
        sender.send([head(manifest), *chunks(data)])
    assert caught.value.reason == "PARTS_QUOTA"


def test_a_later_stream_takes_over(tmp_path):
    store = PartStore(tmp_path, Limits())
    first = store.open("alice", MANIFEST)
    first.write(chunks()[0].chunk)
    second = store.open("alice", MANIFEST)
    with pytest.raises(ConflictError, match="a later stream of the same part took over"):
        first.write(chunks()[1].chunk)
    for one in chunks()[1:]:
        second.write(one.chunk)
    second.finish()
    assert store.read("alice", MANIFEST.sha256) == DATA


def test_a_part_counts_as_often_as_it_is_referred_to(start):
    running = start("--limit", f"max_request_bytes={2 * len(DATA)}")
    Sender(running.address).send([head(), *chunks()])
    message = convert.query_to_proto(arrays())
    for spec in (message.strong, *message.weak):
        spec.values.data, spec.values.part = b"", MANIFEST.sha256
    with (
        running.client() as client,
        pytest.raises(LimitError, match=rf"the parts of the request hold {3 * len(DATA)} bytes; this server takes"),
    ):
        client._line.ask(_asked(client, message))


def _asked(client, message):
    yield Ask(client._predictor.Validate, ask.ValidateRequest(query=message), 20)


def test_a_full_disk_keeps_what_came_and_lets_it_go_on(tmp_path, monkeypatch):
    store, written = PartStore(tmp_path, Limits()), []
    real = os.pwrite

    def full_after_one(*arguments):  # a disk made up for this test
        if written:
            raise OSError(errno.ENOSPC, "full")
        written.append(real(*arguments))
        return written[-1]

    monkeypatch.setattr("server.parts.upload.os.pwrite", full_after_one)
    upload = store.open("alice", MANIFEST)
    upload.write(chunks()[0].chunk)
    with pytest.raises(LimitError, match="the server's disk is full; what came is kept") as caught:
        upload.write(chunks()[1].chunk)
    assert caught.value.reason == "STORAGE_FULL"
    upload.close()
    monkeypatch.undo()
    assert store.received("alice", MANIFEST) == (LEAST_CHUNK, False)
    again = store.open("alice", MANIFEST)
    for one in chunks()[1:]:
        again.write(one.chunk)
    again.finish()
    assert store.read("alice", MANIFEST.sha256) == DATA


def test_parts_belong_to_their_tenant_and_damage_is_found(tmp_path):
    store = PartStore(tmp_path, Limits())
    upload = store.open("alice", MANIFEST)
    for one in chunks():
        upload.write(one.chunk)
    upload.finish()
    upload.close()
    assert store.received("bob", MANIFEST) == (0, False)
    with pytest.raises(NotFoundError, match="there is no part") as caught:
        store.read("bob", MANIFEST.sha256)
    assert caught.value.reason == "PART_MISSING"
    assert read_part(tmp_path, "alice", MANIFEST.sha256) == DATA
    path = next(path for path in tmp_path.rglob("*") if path.is_file())
    assert path.stat().st_mode & 0o077 == 0
    path.write_bytes(DATA[:-1] + b"x")
    with pytest.raises(NotFoundError):
        store.read("alice", MANIFEST.sha256)
    assert store.received("alice", MANIFEST) == (0, False)


def test_parts_are_swept_unless_a_job_refers_to_them_or_somebody_asked_lately(tmp_path):
    store = PartStore(tmp_path, Limits(part_keep_seconds=100))
    kept = {}
    for name, seed in (("referred", 1), ("asked", 2), ("left", 3)):
        manifest, data = fresh(seed)
        upload = store.open("alice", manifest)
        for one in chunks(data):
            upload.write(one.chunk)
        upload.finish()
        upload.close()
        kept[name] = manifest
    broken, data = fresh(4)
    half = store.open("alice", broken)
    half.write(chunks(data)[0].chunk)
    half.close()
    for path in tmp_path.rglob("*"):
        os.utime(path, (1, 1))
    assert store.received("alice", kept["asked"])[1]
    store.sweep({("alice", kept["referred"].sha256)})
    assert [store.received("alice", kept[name])[1] for name in ("referred", "asked", "left")] == [True, True, False]
    assert store.received("alice", broken) == (0, False)


def test_the_server_sweeps_by_itself_once_the_job_is_deleted(start):
    running = start("--limit", "part_keep_seconds=1")
    folder = running.folder / "state" / "parts"
    with running.client(max_message_bytes=4000) as client:
        name = client.submit(arrays(3, rows=400))
        client.wait(name)
        time.sleep(2)
        assert [path for path in folder.rglob("*") if path.is_file()]
        assert client.wait(client.submit(arrays(3, rows=400))).state == "SUCCEEDED"
        for job in list(client.jobs()):
            client.delete(job.id)
        until(lambda: not [path for path in folder.rglob("*") if path.is_file()], 10)


def test_a_job_in_parts_outlives_a_kill_and_runs_again_by_its_id(start):
    running = start()
    running.freeze_job_worker()
    query = arrays(4, rows=500, broken=True)
    with running.client(max_message_bytes=4000) as client:
        name = client.submit(query, "parts")
        assert client.submit(query, "parts") == name
    running.kill()
    with start().client(max_message_bytes=4000) as client:
        assert client.wait(name).state == "PARTIAL"
        assert client.wait(client.resume(name)).state == "PARTIAL"


def test_anothers_part_is_no_part_of_ones_own(tmp_path, start):
    file = TokenFile(tmp_path / "tokens")
    tokens = {name: file.add(name, ["read", "submit"], 3600) for name in ("alice", "bob")}
    running = start("--tokens", str(tmp_path / "tokens"))
    Sender(running.address, tokens["alice"]).send([head(), *chunks()])
    assert Sender(running.address, tokens["bob"]).received(MANIFEST) == (0, False)
    request = ranking.CreateRankingJobRequest(request_id="r", query=convert.query_to_proto(arrays()))
    request.query.strong.values.data = b""
    request.query.strong.values.part = MANIFEST.sha256
    with running.client(token=tokens["bob"]) as bob:

        def create():
            yield Ask(bob._rankings.CreateRankingJob, request, 20)

        with pytest.raises(NotFoundError, match=rf"there is no part {MANIFEST.sha256[:12]}"):
            bob._line.ask(create())
        assert list(bob.jobs()) == []


def test_a_cut_takes_the_rows_drawn_and_leaves_alone_what_does_not_fit(tmp_path):
    store = FeatureStore(tmp_path)
    store.push("fits", np.arange(20.0)[:, None], rows_sha256="ab" * 32)
    store.push("short", np.arange(19.0)[:, None])
    store.push("others", np.arange(20.0)[:, None], rows_sha256="cd" * 32)
    specs = [ModelSpec(name, f"features:{name}") for name in ("fits", "short", "others", "absent")]
    drawn = Drawn(np.array([2, 7, 19]), 20, "ab" * 32)
    cut = cut_stored(RankingQuery(specs[0], tuple(specs), Pool.numbered(3), drawn=drawn), store)
    assert cut.drawn is None
    assert cut.strong.values[:, 0].tolist() == [2, 7, 19]
    assert "rows_sha256" not in cut.strong.about
    assert [spec.values is None for spec in cut.weak] == [False, True, True, True]


@pytest.mark.parametrize("rows", [[3, 2], [1, 1], [-1, 2], [5, 20], [], [[1, 2]]])
def test_rows_that_cannot_have_been_drawn_are_refused(rows):
    with pytest.raises(InputError, match="ascending row numbers below 20; give each row once"):
        Drawn(np.array(rows, dtype=np.int64), 20)


def test_sets_on_the_server_are_cut_to_drawn_rows_as_in_process(server, client, monkeypatch):
    monkeypatch.setenv("W2S_CACHE_DIR", str(server.folder / "other-cache"))
    assert cache_dir() == server.folder / "other-cache"
    query = arrays(8, rows=120)
    texts = [f"text {i}" for i in range(120)]
    strong, weak = query.strong.values, {spec.name: spec.values for spec in query.weak}
    store = own_store()
    for name, values in {"drawn-strong": strong, **{f"drawn-{name}": one for name, one in weak.items()}}.items():
        about = {"rows_sha256": rows_digest(Pool.of(texts))}
        store.push(name, values, **about)
        client.features.push(name, values, **about)
    request = {
        "strong": "s=features:drawn-strong",
        "weak": [f"{name}=features:drawn-{name}" for name in weak],
        "seed": 3,
        "max_rows": 70,
    }
    for more in (
        {},
        {"pool": texts},
        {"labels": [float(i % 7) if i % 2 else None for i in range(120)]},
        {"weak": ["near=features:drawn-near", "gone=features:absent"]},
    ):
        asked = {**request, **more}
        here = ranked_here({**asked, "pool": asked.get("pool")})
        there = client.rank(**asked)
        assert there.rows == 70
        if "absent" not in str(asked["weak"]):
            assert bare(there) == bare(here)
        else:
            assert [one.status for one in there.candidates] == [one.status for one in here.candidates]


def test_a_set_of_the_same_name_here_is_not_taken_for_that_of_the_server(server, client, monkeypatch):
    monkeypatch.setenv("W2S_CACHE_DIR", str(server.folder / "misleading"))
    query = arrays(9, rows=120)
    client.features.push("same", query.strong.values)
    own_store().push("same", query.strong.values * 0 + np.arange(120)[:, None])
    there = client.rank(strong="features:same", weak={"near": query.weak[0].values}, max_rows=60, seed=1)
    whole = client.rank(strong=query.strong.values, weak={"near": query.weak[0].values}, max_rows=60, seed=1)
    assert there.strong.fingerprint == whole.strong.fingerprint


def test_labels_in_parts_are_those_that_were_given():
    labels = Labels.of([float(i) if i % 3 else None for i in range(3000)])
    message = convert.query_to_proto(replace(arrays(rows=3000), labels=labels))
    parts = {manifest.sha256: data for manifest, data in detach(message, 1000).items()}
    back = convert.query_from_proto(attach(message, parts.__getitem__))
    np.testing.assert_array_equal(back.labels.targets, labels.targets)
    assert {hashlib.sha256(data).hexdigest() for data in parts.values()} == set(parts)
    assert set(parts) == set(attached(message))
