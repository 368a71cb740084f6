"""Chunks and manifests that no upload may hold: refused, and what came before them kept."""

import numpy as np
import pytest

from predictor.errors import InputError, NotFoundError
from predictor.store.manifest import Manifest
from protos import convert
from protos.w2s.v1 import features_pb2 as pb
from tests.service.sending import CHUNK, chunks, head, received, send, signal


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
        ("manifest", "a message after the first has no chunk", "MISSING_FIELD", 2),
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
        with pytest.raises(InputError, match="the first message of an upload has no manifest"):
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
        ("depth", 1.5, r"depth is 1\.5; it must be from 0 \(embeddings\) to 1"),
        ("depth", float("nan"), "depth is nan; it must be from 0"),
    ],
)
def test_a_malformed_manifest_is_refused_before_a_byte_is_taken(client, field, value, text):
    message = head(Manifest.of("malformed", signal()))
    if field == "shape":
        message.manifest.shape[:] = value
    else:
        setattr(message.manifest, field, value)
    with pytest.raises(InputError, match=text) as caught:
        send(client, [message])
    assert caught.value.field == f"manifest.{field}"


def test_another_element_type_or_shape_than_that_of_the_bytes_is_found_out(client):
    values = signal(seed=53)
    for change in ({"dtype": np.dtype("<i4")}, {"shape": (1024, 300)}):
        honest = Manifest.of("other", values)
        manifest = Manifest(**{**vars(honest), **change})
        with pytest.raises(InputError, match="they are dropped"):
            send(client, [head(manifest), *chunks(values)])


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
    with pytest.raises(InputError, match=r"has 1e\+300 at row 40000, column 2"):
        send(client, [head(manifest), *chunks(values, size=CHUNK + 3)])
