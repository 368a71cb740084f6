"""Malformed requests through parsing and validation: declared codes only, no text of an exception, and no growth."""

import random
from collections import Counter

import grpc
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from predictor.errors import W2SError
from protos import convert
from server.config import Limits
from server.workforce.costs import check_query
from tests.protos.samples import full_query
from tests.service.malformed import DECLARED, LEAKS, METHODS, ask, mutants, sound_bytes
from tests.service.running import RunningServer, limited, resident

MUTANTS = 20_000
CALLS = 3000
GROWTH = 60 << 20
WAITS = ("WaitRankingJob", "WatchRankingJob")

TEXTS = some.text(max_size=12) | some.sampled_from(("", "../x", "a\0b", "x" * 300, "\u202e", "NaN", "-1", "array:"))
INTEGERS = some.sampled_from((0, 1, -1, 2, 7, 2**31 - 1, -(2**31))) | some.integers(-(2**31), 2**31 - 1)
BLOBS = some.binary(max_size=40) | some.integers(0, 9).map(lambda size: b"\0" * size * 4)
NUMBERS = some.floats(allow_nan=True, allow_infinity=True)
SCALARS = {
    FieldDescriptor.CPPTYPE_STRING: TEXTS,
    FieldDescriptor.CPPTYPE_INT32: INTEGERS,
    FieldDescriptor.CPPTYPE_INT64: INTEGERS | some.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: some.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: some.integers(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_DOUBLE: NUMBERS,
    FieldDescriptor.CPPTYPE_FLOAT: some.floats(width=32),
    FieldDescriptor.CPPTYPE_BOOL: some.booleans(),
    FieldDescriptor.CPPTYPE_ENUM: some.integers(-1, 12),
}


@some.composite
def message_of(draw, descriptor, depth=4):
    """Any message of a type, each field set or not."""
    message = message_factory.GetMessageClass(descriptor)()
    for field in descriptor.fields:
        if not draw(some.booleans()) or (field.message_type is not None and depth == 0):
            continue
        _fill(draw, message, field, depth)
    return message


def _fill(draw, message, field, depth):
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        value = field.message_type.fields_by_name["value"]
        for key in draw(some.lists(TEXTS, max_size=2)):
            if value.message_type is None:
                getattr(message, field.name)[key] = draw(SCALARS[value.cpp_type])
    elif field.message_type is not None and field.is_repeated:
        for _ in range(draw(some.integers(0, 2))):
            getattr(message, field.name).add().CopyFrom(draw(message_of(field.message_type, depth - 1)))
    elif field.message_type is not None:
        getattr(message, field.name).CopyFrom(draw(message_of(field.message_type, depth - 1)))
    else:
        one = BLOBS if field.type == FieldDescriptor.TYPE_BYTES else SCALARS[field.cpp_type]
        if field.is_repeated:
            getattr(message, field.name).extend(draw(some.lists(one, max_size=3)))
        else:
            setattr(message, field.name, draw(one))


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    flags = limited(max_wait_seconds=0.01, heartbeat_seconds=0.02, tenant_calls_per_second=0, upload_idle_seconds=1)
    with RunningServer(tmp_path_factory.mktemp("malformed"), *flags) as server:
        server.predict_worker()
        yield server


@pytest.fixture(scope="module")
def channel(running):
    with grpc.insecure_channel(running.address) as opened:
        yield opened


def check(reported, given=""):
    """A word that the caller gave may be said back."""
    code, text = reported
    assert code in DECLARED, reported
    assert not [leak for leak in LEAKS if leak in text and leak not in given], reported


@pytest.mark.parametrize("name", sorted(METHODS))
def test_any_message_gets_a_declared_code(channel, name):
    @settings(max_examples=100, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(message_of(METHODS[name].input_type))
    def holds(message):
        check(ask(channel, name, message.SerializeToString()), str(message))

    holds()


def test_bytes_that_are_nearly_a_query_are_refused_or_read_without_a_bug():
    """Parse and validate in this process, where a bug is a traceback."""
    rng = random.Random(5)
    sound = convert.query_to_proto(full_query())
    kind, whole = type(sound), sound.SerializeToString()
    read, codes = 0, Counter()
    for _ in range(MUTANTS):
        try:
            check_query(convert.query_from_proto(kind.FromString(mutants(rng, whole))), Limits())
            read += 1
        except W2SError as error:
            codes[error.code] += 1
        except DecodeError:  # the interceptor names that one
            codes["INVALID_ARGUMENT"] += 1
    assert set(codes) <= DECLARED
    assert read > MUTANTS // 20
    assert codes.total() > MUTANTS // 10


def test_byte_fuzz_of_every_method_leaves_codes_and_memory_as_they_should_be(running, channel):
    rng = random.Random(6)
    names = sorted(METHODS)
    whole = {name: sound_bytes(METHODS[name].input_type) for name in names}

    before = None
    for number in range(CALLS):
        name = rng.choice(names)
        check(ask(channel, name, *(mutants(rng, whole[name]) for _ in range(rng.randrange(1, 3)))))
        if number == CALLS // 3:
            before = resident(running.process.pid)
    assert resident(running.process.pid) - before < GROWTH
    assert running.events("internal_error") == []
