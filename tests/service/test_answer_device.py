"""Answer devices over a real socket: the server computes on its own, and says which it has."""

from __future__ import annotations

import numpy as np
import pytest

import predictor
from predictor.errors import InputError
from predictor.intake.request import build_query
from tests.service.running import RunningServer


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    with RunningServer(tmp_path_factory.mktemp("device")) as running:
        yield running


def request() -> dict[str, object]:
    rng = np.random.default_rng(6)
    hidden = rng.standard_normal((90, 6))
    return {"strong": hidden, "weak": {f"w{i}": hidden + i * rng.standard_normal((90, 6)) for i in (1, 2)}}


def test_worker_computes_on_the_device_named(local):
    """A job by torch gives the numbers of numpy here, and its provenance has the device that computed."""
    here = predictor.predict(**request())
    with local.client(timeout=120) as client:
        found = client.wait(client.submit(build_query(**request(), answer_device="cpu"), "by-torch")).ranking
    assert found.provenance.request["answer_device"] == "cpu"
    for one, other in zip(here.candidates, found.candidates, strict=True):
        assert one.predicted_w2s_error.value == pytest.approx(other.predicted_w2s_error.value, rel=1e-6)


def test_gpu_that_the_server_lacks_is_refused(local):
    """The error comes from the worker, and names the keyword."""
    with (
        local.client(timeout=120) as client,
        pytest.raises(InputError, match="answer_device is cuda:999, and torch") as info,
    ):
        client.predict(build_query(**request(), answer_device="cuda:999"))
    assert (info.value.reason, info.value.field) == ("NO_DEVICE", "answer_device")
