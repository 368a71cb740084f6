"""What a malformed query is told."""

import re

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from protos import convert
from protos.w2s.v1 import query_pb2 as pb
from protos.w2s.v1.ranking_service_pb2 import CreateRankingJobRequest
from tests.protos.samples import full_query


@pytest.fixture
def message() -> pb.RankingQuery:
    return convert.query_to_proto(full_query())


SPOILT = [
    (lambda m: m.ClearField("strong"), "the request has no strong; it is required"),
    (lambda m: m.ClearField("pool"), "the request has no pool; it is required"),
    (lambda m: m.ClearField("weak"), "no weak candidate given"),
    (lambda m: m.weak[1].ClearField("name"), r"weak\[1\].name is empty"),
    (lambda m: m.strong.ClearField("reference"), "strong.reference is empty"),
    (lambda m: setattr(m.weak[1], "name", "small"), "candidate 'small' is named twice"),
    (lambda m: setattr(m.strong.values, "dtype", 0), "strong.values has dtype number 0"),
    (lambda m: setattr(m.strong.values, "dtype", 99), "strong.values has dtype number 99"),
    (lambda m: setattr(m.strong.values, "data", b"123"), r"shape \(6, 3\) of float32, which is 72 bytes; 3 came"),
    (lambda m: m.strong.values.shape.append(1), "strong.values has 3 dimensions; arrays have 1 or 2"),
    (lambda m: m.strong.values.ClearField("shape"), "strong.values has 0 dimensions"),
    (lambda m: m.strong.values.shape.__setitem__(slice(None), [-6, -3]), r"shape \(-6, -3\)"),
    (lambda m: m.strong.values.shape.__setitem__(slice(None), [1 << 62, 1 << 62]), "which is 8507"),
    (lambda m: setattr(m.strong, "pooling", 42), "strong.pooling is number 42"),
    (lambda m: setattr(m.settings, "rank_by", 42), "settings.rank_by is number 42"),
    (lambda m: setattr(m.settings, "seed", -1), "seed is -1; it must be a whole number of at least 0"),
    (lambda m: setattr(m.settings, "max_rows", 1), "max_rows is 1; it must be a whole number of at least 2"),
    (lambda m: setattr(m.settings, "max_length", 0), "max_length is 0"),
    (lambda m: setattr(m.settings, "precision", 42), "settings.precision is number 42"),
    (lambda m: setattr(m.settings, "confidence", 1.0), "confidence is 1.0; it must be from 0.5 to below"),
    (lambda m: setattr(m.settings.budget, "share", 1.5), r"budget is Budget\(share=1.5, seconds=90.0\); give a"),
    (lambda m: setattr(m.settings.budget, "seconds", 0.0), "give a share of the rows above 0 and up to 1"),
    (lambda m: m.settings.budget.Clear(), "give a share of the rows"),
    (
        lambda m: setattr(m.settings.training, "weak_rows", 7),
        "weak_rows is 7; it must be a whole number of at least",
    ),
    (lambda m: setattr(m.settings.training, "student_ridge", 0.0), r"student_ridge is 0.0; it must be above 0"),
    (lambda m: setattr(m.labels, "kind", 0), "kind None; they must be float64"),
    (lambda m: m.labels.classes.pop(), r"multiclass labels have 3 column\(s\) and 2 class name\(s\)"),
    (
        lambda m: setattr(m.labels.targets, "data", b"\x00" * 6 + b"\xf0\x7f" + m.labels.targets.data[8:]),
        "infinite",
    ),
    (lambda m: m.weak_labels.append(m.weak_labels[0]), r"names 'tiny' again"),
    (lambda m: m.pool.ids.append("r7"), "has 6 rows, the pool has 7"),
    (lambda m: m.pool.ids.__setitem__(1, "r1"), "row id 'r1' occurs more than once"),
]
"""(what spoils the full query, text of the error)"""


@pytest.mark.parametrize(("spoil", "text"), SPOILT)
def test_a_malformed_query_is_refused_with_its_field(message, spoil, text):
    spoil(message)
    if "pool has 7" in text:
        message.pool.texts.append("g")
    with pytest.raises(InputError, match=text):
        convert.query_from_proto(message)


def test_a_text_that_is_no_unicode_is_named():
    query = RankingQuery(ModelSpec("s", "./s"), (ModelSpec("w", "./w"),), Pool.of(["fine", "bad \ud800"]))
    with pytest.raises(InputError, match=r"pool.texts: entry 1 has a lone surrogate at character 4"):
        convert.query_to_proto(query)


def test_a_number_beyond_the_wire_is_refused():
    query = RankingQuery(
        ModelSpec("s", "./s"), (ModelSpec("w", "./w"),), Pool.numbered(2), settings=Settings(seed=1 << 70)
    )
    with pytest.raises(InputError, match=r"settings\.seed is"):
        convert.query_to_proto(query)


@pytest.mark.parametrize("values", [np.zeros((2, 2), dtype=complex), np.array([["a"]]), np.array([[None]])])
def test_an_array_of_anything_but_numbers_is_refused(values):
    with pytest.raises(InputError, match=r"has dtype .*; float16"):
        convert.tensor_to_proto(values, "weak[0].values")


def test_a_tensor_is_little_endian_and_row_major():
    array = np.arange(6, dtype=">f4").reshape(2, 3)
    message = convert.tensor_to_proto(np.asfortranarray(array), "x")
    assert message.data == np.arange(6, dtype="<f4").tobytes()
    assert list(message.shape) == [2, 3]


def test_reading_a_tensor_copies_nothing():
    message = convert.tensor_to_proto(np.ones((2, 3)), "x")
    assert not convert.tensor_from_proto(message, "x").flags.writeable


def resolves(path: str, descriptor) -> bool:
    """Whether every name of the path is a field, list indices aside."""
    for name in path.split("."):
        if descriptor is None or (field := descriptor.fields_by_name.get(re.sub(r"\[\d+\]$", "", name))) is None:
            return False
        descriptor = field.message_type
    return True


@pytest.mark.parametrize(("spoil", "text"), SPOILT)
def test_the_field_of_a_refusal_is_a_path_from_the_request(message, spoil, text):
    spoil(message)
    if "pool has 7" in text:
        message.pool.texts.append("g")
    with pytest.raises(InputError) as refused, convert.query_paths():
        convert.query_from_proto(message)
    path = refused.value.field
    assert path.startswith("query")
    assert resolves(path, CreateRankingJobRequest.DESCRIPTOR), path


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("estimator", "query.settings.estimators"),
        ("label_words", "query.settings.label_prompt.words"),
        ("weak_rows", "query.settings.training.weak_rows"),
        ("calibration", "query.settings.calibration"),
        ("labels", "query.labels"),
        ("weak[2].values", "query.weak[2].values"),
        ("array.npy", "array.npy"),
    ],
)
def test_keywords_and_paths_are_inverse(field, path):
    assert convert.path_of(field) == path
    assert convert.field_of(path) == field
