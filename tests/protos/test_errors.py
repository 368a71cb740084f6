"""Errors cross the wire as the class that was raised, within 4 KB."""

import inspect

import pytest
from google.rpc import error_details_pb2, status_pb2

from predictor import errors
from protos import convert
from protos.errors import MAX_BYTES

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.W2SError)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("field", [None, "weak[0].values"])
def test_every_error_class_comes_back_as_itself(kind, field):
    error = kind("what was wrong, and the next step", reason="SOME_REASON", field=field)
    for back in (
        convert.error_from_status(convert.error_to_status(error)),
        convert.error_from_proto(convert.error_to_proto(error)),
    ):
        assert type(back) is kind
        assert (back.message, back.reason, back.field) == (error.message, error.reason, error.field)


def test_a_status_carries_reason_violation_retry_and_request():
    status = convert.error_to_status(
        errors.LimitError("full", reason="QUEUE_FULL", field="queue"), retry_seconds=1.5, request_id="abc"
    )
    found = {detail.TypeName(): detail for detail in status.details}
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    found["google.rpc.ErrorInfo"].Unpack(info)
    found["google.rpc.BadRequest"].Unpack(bad)
    assert (info.reason, info.domain) == ("QUEUE_FULL", "w2s")
    assert bad.field_violations[0].field == "queue"
    assert convert.retry_seconds(status) == 1.5
    assert "google.rpc.RequestInfo" in found


def test_an_error_without_a_field_has_no_violation_and_no_retry():
    status = convert.error_to_status(errors.InputError("x", reason="R"))
    assert [detail.TypeName() for detail in status.details] == ["google.rpc.ErrorInfo"]
    assert convert.retry_seconds(status) is None


@pytest.mark.parametrize("letter", ["x", "ß", "🙂", "\ud800"])
def test_a_status_never_passes_four_kilobytes(letter):
    error = errors.InputError(letter * 100_000, reason="R" * 500, field=letter * 100_000)
    status = convert.error_to_status(error, retry_seconds=1, request_id="r" * 64)
    assert len(status.SerializeToString()) < MAX_BYTES
    assert status.message.endswith("…")


def test_a_status_from_elsewhere_keeps_its_canonical_name():
    back = convert.error_from_status(status_pb2.Status(code=14, message="connection refused"))
    assert type(back) is errors.UnavailableError
    assert back.reason == "UNAVAILABLE"
