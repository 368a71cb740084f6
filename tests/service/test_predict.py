"""Predict: small arrays while the caller waits, never at the expense of others."""

import os
import signal
import threading

import grpc
import pytest

from predictor.errors import DeadlineError, InputError, LimitError, UnavailableError
from predictor.query.model_spec import ModelSpec
from predictor.query.query import RankingQuery
from protos import convert
from protos.w2s.v1 import predictor_service_pb2 as ask
from tests.service.running import alive, arrays, begun, limited, until


def test_a_model_that_must_be_read_is_refused(client):
    query = arrays()
    with pytest.raises(InputError, match="'w' has no values; Predict takes arrays only"):
        client.predict(RankingQuery(query.strong, (ModelSpec("w", "/models/w"),), query.pool))


def test_more_numbers_than_the_declared_cost_are_refused(start):
    with start("--limit", "max_predict_values=500").client() as client:
        with pytest.raises(LimitError, match="900 numbers in one Predict; this server takes at most 500"):
            client.predict(arrays(rows=60))
        assert client.wait(client.submit(arrays())).state == "SUCCEEDED"


def test_a_prediction_over_its_time_is_ended_and_the_next_one_answered(start):
    running = start("--limit", "max_predict_seconds=1.5")
    frozen = running.freeze_predict_worker()
    with running.client() as client:
        with pytest.raises(DeadlineError, match=r"took longer than 1.5 s; create a ranking job"):
            client.predict(arrays())
        until(lambda: not alive(frozen))
        until(lambda: len(running.events("predict_worker_started")) == 2)
        # A cold worker may need its time over once more before it is warm.
        assert until(lambda: _predicted(client)).candidates


def _predicted(client):
    try:
        return client.predict(arrays())
    except DeadlineError:
        return None


def test_the_deadline_of_the_caller_ends_the_computation(start):
    running = start("--metrics", "127.0.0.1:0")
    frozen = running.freeze_predict_worker()
    with running.client(timeout=0.5) as client:
        while not begun(running, "Predict"):  # a busy machine may not have sent the call by its deadline
            with pytest.raises(DeadlineError, match=r"did not answer within 0.5 s"):
                client.predict(arrays())
    until(lambda: not alive(frozen))
    with running.client() as client:
        assert client.predict(arrays()).candidates


def kill_once_asked(running, worker):
    until(lambda: begun(running, "Predict"))
    os.kill(worker, signal.SIGKILL)


def test_a_prediction_whose_worker_dies_is_asked_again_by_the_client(start):
    running = start("--metrics", "127.0.0.1:0")
    frozen = running.freeze_predict_worker()
    threading.Thread(target=kill_once_asked, args=(running, frozen)).start()
    with running.client() as client:
        assert client.predict(arrays()).candidates
    assert running.events("worker_lost")


def test_a_caller_without_retries_is_reported_that_the_worker_died(start):
    running = start("--metrics", "127.0.0.1:0")
    frozen = running.freeze_predict_worker()
    threading.Thread(target=kill_once_asked, args=(running, frozen)).start()
    request = ask.PredictRequest(query=convert.query_to_proto(arrays()))
    with grpc.insecure_channel(running.address) as channel:
        call = channel.unary_unary(
            "/w2s.v1.PredictorService/Predict",
            request_serializer=ask.PredictRequest.SerializeToString,
            response_deserializer=ask.PredictResponse.FromString,
        )
        with pytest.raises(grpc.RpcError, match="the worker that predicts died over this call; ask again"):
            call(request, timeout=120)


def test_more_predictions_at_once_than_allowed_are_refused_with_a_pause(start):
    running = start("--metrics", "127.0.0.1:0", *limited(max_predict_waiting=1, retry_seconds=3))
    frozen = running.freeze_predict_worker()
    with running.client(timeout=120) as first, running.client() as second:
        waiting = threading.Thread(target=first.predict, args=(arrays(),))
        waiting.start()
        until(lambda: begun(running, "Predict"))
        with pytest.raises(
            LimitError, match=r"takes 1 predictions at once and has as many; ask again in 3 s"
        ) as caught:
            second.predict(arrays())
        assert caught.value.reason == "PREDICT_BUSY"
        os.kill(frozen, signal.SIGCONT)
        waiting.join()


def test_validate_declares_the_cost_and_runs_nothing(server, client):
    query = arrays(rows=60)
    started = len(server.events("job_started"))
    found = client._predictor.Validate(ask.ValidateRequest(query=convert.query_to_proto(query)), timeout=120)
    assert (found.rows, found.candidates, found.values, found.predict_allowed) == (60, 2, 60 * (6 + 4 + 5), True)
    assert len(server.events("job_started")) == started


def test_validate_tells_what_creation_would_refuse(client):
    query = convert.query_to_proto(arrays())
    query.settings.estimators[:] = ["astrology"]
    with pytest.raises(grpc.RpcError, match="no estimator is called 'astrology'"):
        client._predictor.Validate(ask.ValidateRequest(query=query), timeout=120)


def test_an_unreachable_server_is_reported_at_once():
    from client import PredictorClient

    with (
        PredictorClient("127.0.0.1:9", timeout=3600) as client,
        pytest.raises(UnavailableError, match="no server answers at 127"),
    ):
        client.predict(arrays())
