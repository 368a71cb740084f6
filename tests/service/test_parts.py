"""Requests larger than a message: their parts are sent once, resumed, kept apart by tenant, and swept."""

import threading
import time
from dataclasses import replace

import grpc
import numpy as np
import pytest

from client.flows import Call
from predictor.errors import DeadlineError, InputError, LimitError, NotFoundError
from predictor.intake.request import build_query
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from protos import convert
from protos.features import MIN_CHUNK
from protos.parts import PartManifest
from protos.w2s.v1 import parts_pb2 as pb
from protos.w2s.v1 import predictor_service_pb2 as ask
from protos.w2s.v1 import ranking_service_pb2 as ranking
from server.access.tokens import TokenFile
from tests.answers import bare, ranked_here
from tests.service.parting import DATA, MANIFEST, Sender, chunks, fresh, head
from tests.service.running import arrays, until


@pytest.fixture
def sender(server):
    return Sender(server.address)


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
        blunt._runner.run(_as_it_is(blunt, query))


def _two(rows):
    spec = arrays().strong
    values = np.random.default_rng(1).normal(size=(rows, 3)).astype(np.float32)
    return replace(spec, values=values), (replace(spec, name="only", values=values[:, :2]),)


def _as_it_is(client, query):
    yield Call(client._predictor.Validate, ask.ValidateRequest(query=convert.query_to_proto(query)), 20)


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
    assert (place, complete) == (min(before * MIN_CHUNK, len(data)), before == len(parts))
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
        ([good[1], head(manifest)], "a message after the first has no chunk"),
    ):
        with pytest.raises(InputError, match=text):
            sender.send([head(manifest), *bad])
        assert sender.received(manifest)[0] in (MIN_CHUNK, 2 * MIN_CHUNK, 0)
    for messages in ([], good, [pb.UploadPartRequest()]):
        with pytest.raises(InputError, match="the first message of an upload has no manifest"):
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
        go.wait(120)

    first = Sender(running.address)
    call = first._stub.UploadPart.future(slow(), timeout=120)
    until(lambda: first.received(manifest)[0] == MIN_CHUNK)
    running.kill()
    go.set()
    assert call.code() is grpc.StatusCode.UNAVAILABLE
    again = Sender(start().address)
    assert again.received(manifest) == (MIN_CHUNK, False)
    again.send([head(manifest), *chunks(data, MIN_CHUNK)])
    assert again.received(manifest) == (len(data), True)


def test_a_silent_upload_ends_and_a_large_part_and_a_full_quota_are_refused(start):
    running = start(
        *("--limit", "upload_idle_seconds=2", "--limit", f"max_part_bytes={len(DATA)}"),
        *("--limit", f"tenant_part_bytes={len(DATA) + 10}"),
    )
    sender = Sender(running.address)

    answered = threading.Event()

    def silent():
        yield head()
        answered.wait(120)

    with pytest.raises(DeadlineError, match=r"nothing came for 2 s"):
        sender.send(silent())
    answered.set()
    with pytest.raises(LimitError, match=rf"a part has {len(DATA) + 1} bytes; this server takes at most {len(DATA)}"):
        sender.received(PartManifest.of(DATA + b"x"))
    sender.send([head(), *chunks()])
    manifest, data = fresh(140)
    with pytest.raises(LimitError, match=rf"your parts take {len(DATA)} bytes") as caught:
        sender.send([head(manifest), *chunks(data)])
    assert caught.value.reason == "PARTS_QUOTA"


def test_a_part_counts_as_often_as_it_is_referred_to(start):
    running = start("--limit", f"max_request_bytes={2 * len(DATA)}")
    Sender(running.address).send([head(), *chunks()])
    message = convert.query_to_proto(arrays())
    for spec in (message.strong, *message.weak):
        spec.values.data, spec.values.part = b"", MANIFEST.sha256
    with (
        running.client() as client,
        pytest.raises(LimitError, match=rf"the parts of the request have {3 * len(DATA)} bytes; this server takes"),
    ):
        client._runner.run(_asked(client, message))


def _asked(client, message):
    yield Call(client._predictor.Validate, ask.ValidateRequest(query=message), 20)


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
        until(lambda: not [path for path in folder.rglob("*") if path.is_file()])


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
            yield Call(bob._rankings.CreateRankingJob, request, 20)

        with pytest.raises(NotFoundError, match=rf"there is no part {MANIFEST.sha256[:12]}"):
            bob._runner.run(create())
        assert list(bob.jobs()) == []
