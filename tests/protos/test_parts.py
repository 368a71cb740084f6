"""Parts of a request: what is detached from a message that is too large, and how it comes back."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.query.labels import Labels
from protos import convert
from protos.parts import attach, attached, detach
from protos.w2s.v1 import query_pb2
from tests.protos.samples import full_query
from tests.service.running import arrays


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
    with pytest.raises(InputError, match="is no Pool message"):
        attach(message, lambda _: b"\xff\xff\xff")
    with pytest.raises(InputError, match="refers to another part"):
        attach(message, lambda _: query_pb2.Pool(part="cd" * 32).SerializeToString())


def test_labels_in_parts_are_those_that_were_given():
    labels = Labels.of([float(i) if i % 3 else None for i in range(3000)])
    message = convert.query_to_proto(replace(arrays(rows=3000), labels=labels))
    parts = {manifest.sha256: data for manifest, data in detach(message, 1000).items()}
    back = convert.query_from_proto(attach(message, parts.__getitem__))
    np.testing.assert_array_equal(back.labels.targets, labels.targets)
    assert {hashlib.sha256(data).hexdigest() for data in parts.values()} == set(parts)
    assert set(parts) == set(attached(message))
