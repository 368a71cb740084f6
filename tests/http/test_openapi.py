"""The description of the HTTP interface."""

import json

import jsonschema
import pytest

from protos.w2s.v1 import ranking_service_pb2 as pb
from server.app import DECLARED
from server.http.comments import comments
from server.http.json_messages import write_json
from server.http.openapi import openapi
from tests.protos.test_published import EXAMPLES


def test_document_is_valid():
    validator = pytest.importorskip("openapi_spec_validator", reason="the specification's own checker is not installed")
    validator.validate(openapi(DECLARED, authenticated=True))


def test_every_method_message_and_field_is_described():
    """Comments of the .proto files: a field without one is a field that the reader of comments missed."""
    document = openapi(DECLARED, authenticated=False)
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len(operations) == sum(len(service.methods) for service in DECLARED)
    assert [one["operationId"] for one in operations if not one["summary"]] == []
    ours = {field.full_name: field for file in {one.file.name for one in DECLARED} for field in fields(file)}
    assert [name for name in ours if not comments().get(name)] == []


def fields(file):
    return [
        field
        for service in DECLARED
        if service.file.name == file
        for message in service.file.message_types_by_name.values()
        for field in message.fields
    ]


def test_comments_are_those_of_the_field():
    assert comments()["w2s.v1.CreateRankingJobRequest.repeat_of"].startswith("Id of a FAILED, CANCELLED or PARTIAL job")
    assert comments()["w2s.v1.RankingService"] == (
        "Runs rankings as jobs that survive the call, the connection and the server process."
    )


def test_requests_and_answers_fit_their_schemas():
    """The published examples, and an answer with most kinds of fields."""
    document = openapi(DECLARED, authenticated=False)
    for message, example in EXAMPLES.values():
        check(document, message, example)
    job = pb.Job(id="a", state=pb.JOB_STATE_QUEUED, labels={"team": "b"}, queue_place=2)
    job.create_time.FromSeconds(5)
    check(document, "Job", json.loads(write_json(job)))
    with pytest.raises(jsonschema.ValidationError, match="wek"):
        check(document, "RankingQuery", {"wek": []})


def check(document, name, value):
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(value)


def test_document_is_served(open_web):
    reply = open_web.get("/v1/openapi.json")
    assert (reply.headers["content-type"], reply.json["openapi"]) == ("application/json", "3.1.0")
    assert "/v1/jobs/{id}/watch" in reply.json["paths"]
