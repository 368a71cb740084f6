"""Manifests, chunks and kept feature sets survive the wire, and say what is wrong with them."""

from dataclasses import fields

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.store.features import FeatureStore
from predictor.store.manifest import Manifest, Scan
from predictor.store.named_features import NamedFeatures
from protos import convert
from protos.features import MAX_CHUNK, MIN_CHUNK
from protos.w2s.v1 import features_pb2 as pb
from tests.protos.test_convert import _unset

FULL = Manifest("näme.1", (6, 3), np.dtype("<f8"), "ab" * 32, "cd" * 32, "middle", 22_713_216, 0.5, {"team": "vision"})
KEPT = NamedFeatures("näme.1", "", 6, 3, 321, "cd" * 32, {"team": "vision"})


def wire(message):
    return type(message).FromString(message.SerializeToString())


def test_a_manifest_survives_the_round_trip_with_every_field_set():
    message = convert.manifest_to_proto(FULL)
    assert _unset(message) == []
    assert convert.manifest_from_proto(wire(message)) == FULL
    assert {field.name for field in fields(Manifest)} == {field.name for field in message.DESCRIPTOR.fields}


def test_a_manifest_with_nothing_optional_survives_the_round_trip():
    bare = Manifest("n", (6,), np.dtype("|u1"), "ab" * 32)
    assert convert.manifest_from_proto(wire(convert.manifest_to_proto(bare))) == bare
    assert (bare.rows, bare.dim, bare.size, bare.about) == (6, 1, 6, {})


@pytest.mark.parametrize("kept", [KEPT, NamedFeatures("n", "", 1, 1, 4, None)])
def test_a_stored_set_survives_the_round_trip_without_its_key(kept):
    assert convert.features_from_proto(wire(convert.features_to_proto(kept))) == kept


def test_a_description_tells_what_the_store_knows(tmp_path):
    store = FeatureStore(tmp_path)
    values = np.arange(18, dtype=np.float32).reshape(6, 3)
    about = {"layer": "6", "parameters": 5, "depth": 0.5}
    store.push("n", values, rows_sha256="cd" * 32, about=about, labels={"a": "b"})
    with store.open("n") as entry:
        message = convert.description_to_proto(store.find("n"), entry)
    assert _unset(message) == []
    reported = convert.description_from_proto(wire(message))
    assert reported.about == dict(store.pull("n").about)
    assert (reported.size, reported.features.rows, reported.features.dim) == (72, 6, 3)
    message.array_bytes += 1
    with pytest.raises(InputError, match="6 rows of 3 float32 in 73 bytes, which do not agree"):
        convert.description_from_proto(message)


def test_a_chunk_is_taken_only_at_its_place_of_its_length_and_undamaged():
    data = bytes(range(256)) * (MIN_CHUNK // 256)
    chunk = convert.chunk_to_proto(MIN_CHUNK, data)
    assert convert.chunk_from_proto(wire(chunk), MIN_CHUNK, 3 * MIN_CHUNK) == data
    assert convert.chunk_from_proto(convert.chunk_to_proto(5, b"x"), 5, 6) == b"x"
    for offset, spoilt, size, text in (
        (0, data, 3 * MIN_CHUNK, "starts at byte 0, and 262144 are here"),
        (MIN_CHUNK, data[1:], 3 * MIN_CHUNK, "has 262143 bytes; chunks have 262144"),
        (MIN_CHUNK, data + b"x", 2 * MIN_CHUNK, "has 262145 bytes"),
        (MIN_CHUNK, bytes(MAX_CHUNK + 1), 9 * MAX_CHUNK, "has 1048577 bytes"),
        (MIN_CHUNK, b"", MIN_CHUNK, "has 0 bytes"),
    ):
        with pytest.raises(InputError, match=text):
            convert.chunk_from_proto(convert.chunk_to_proto(offset, spoilt), MIN_CHUNK, size)
    flipped = pb.FeatureChunk(offset=MIN_CHUNK, data=b"\1" + data[1:], crc32=chunk.crc32)
    with pytest.raises(InputError, match="damaged on its way"):
        convert.chunk_from_proto(flipped, MIN_CHUNK, 3 * MIN_CHUNK)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", "<i8", "|u1"])
@pytest.mark.parametrize("cut", [1, 3, 8, 1000])
def test_a_scan_gives_the_fingerprint_of_the_array_wherever_its_bytes_are_cut(dtype, cut):
    values = np.arange(60).reshape(20, 3).astype(dtype)
    manifest = Manifest.of("n", values)
    scan, raw = Scan(manifest), values.tobytes()
    for start in range(0, len(raw), cut):
        scan.feed(raw[start : start + cut])
    assert (scan.fingerprint, scan.received) == (manifest.fingerprint, manifest.size)


@pytest.mark.parametrize("cut", [1, 3, 8, 1000])
def test_a_scan_names_the_first_bad_value_wherever_its_bytes_are_cut(cut):
    values = np.ones((20, 3))
    values[7, 1] = np.nan
    values[9, 0] = np.inf
    scan, raw = Scan(Manifest.of("n", values)), values.tobytes()
    with pytest.raises(InputError, match="'n' has nan at row 7, column 1"):
        [scan.feed(raw[start : start + cut]) for start in range(0, len(raw), cut)]
