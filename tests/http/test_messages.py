"""Requests as JSON and as parameters, and how they are refused."""

import pytest

from predictor.errors import InputError
from protos.w2s.v1 import features_pb2, query_pb2
from protos.w2s.v1 import ranking_service_pb2 as pb
from server.http.json_messages import read_json, read_parameters, write_json


def test_a_message_survives_json():
    message = pb.CreateRankingJobRequest(request_id="a", labels={"team": "ß"})
    message.query.settings.rank_by = query_pb2.RANK_BY_GAIN
    message.query.strong.values.data = b"\x00\xff"
    message.timeout.FromSeconds(90)
    assert read_json(write_json(message), pb.CreateRankingJobRequest) == message


def test_names_of_the_protos_are_read_too():
    assert read_json(b'{"request_id": "a"}', pb.CreateRankingJobRequest).request_id == "a"


def test_an_empty_body_is_an_empty_message():
    assert read_json(b" ", pb.CancelRankingJobRequest) == pb.CancelRankingJobRequest()


@pytest.mark.parametrize(
    ("body", "field", "text"),
    [
        ('{"query": {"weak": [{}, {"nme": "b"}]}}', "query.weak[1].nme", "no field 'nme' here; there are name, ref"),
        ('{"query": {"settings": {"rankBy": "FOO"}}}', "query.settings.rank_by", "Invalid enum value FOO"),
        ('{"query": {"settings": {"maxRows": "x"}}}', "query.settings.max_rows", "invalid literal for int"),
        ('{"query": {"pool": {"ids": [null]}}}', "query.pool.ids[0]", "null is not allowed"),
        ('{"timeout": "soon"}', "timeout", "must end with letter"),
        ('{"requestId": "a", "requestId": "b"}', None, "duplicate key requestId"),
        ('{"requestId": "\\ud800"}', "request_id", "Unpaired surrogate"),
        ('{"query": {"settings": {"costs": {"a": NaN}}}}', "query.settings.costs[a]", 'use quoted "NaN"'),
        ('{"query": ', None, "cannot be read"),
        ("[1]", None, "not a JSON object"),
        ("null", None, "not a JSON object"),
        ('{"a":' * 5000, None, "recursion"),
        ('{"a": {"b": "' + "x" * 9000, None, "cannot be read"),
        (b'{"requestId": "\xff"}', None, "cannot be read"),
    ],
)
def test_what_is_no_message_is_refused_with_its_path(body, field, text):
    with pytest.raises(InputError) as caught:
        read_json(body if isinstance(body, bytes) else body.encode(), pb.CreateRankingJobRequest)
    assert caught.value.field == field
    assert text in caught.value.message
    assert len(caught.value.message) < 1000


def test_parameters_are_fields_of_any_type():
    read = read_parameters([("pageSize", "5"), ("filter", "state = RUNNING")], pb.ListRankingJobsRequest)
    assert (read.page_size, read.filter) == (5, "state = RUNNING")
    assert read_parameters([("include_query", "true")], pb.GetRankingJobRequest).include_query
    assert read_parameters([("timeout", "1.5s")], pb.WaitRankingJobRequest).timeout.ToMilliseconds() == 1500
    shape = [("shape", "2"), ("shape", "3"), ("dtype", "DTYPE_FLOAT32"), ("depth", "0.5")]
    manifest = read_parameters(shape, features_pb2.FeatureManifest)
    assert (list(manifest.shape), manifest.dtype, manifest.depth) == ([2, 3], query_pb2.DTYPE_FLOAT32, 0.5)
    nested = read_parameters([("manifest.name", "a")], features_pb2.QueryUploadRequest)
    assert nested.manifest.name == "a"


@pytest.mark.parametrize(
    ("pairs", "field", "text"),
    [
        ([("page_sise", "5")], "page_sise", "there are page_size, page_token, filter, order_by"),
        ([("page_size", "x")], "page_size", "invalid literal"),
        ([("page_size", "1"), ("page_size", "2")], "page_size", "given twice"),
        ([("page_size.more", "1")], "page_size.more", "no parameter"),
    ],
)
def test_a_parameter_that_is_no_field_is_refused(pairs, field, text):
    with pytest.raises(InputError, match=text) as caught:
        read_parameters(pairs, pb.ListRankingJobsRequest)
    assert caught.value.field == field
