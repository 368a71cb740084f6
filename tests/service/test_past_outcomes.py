"""Past outcomes over a real socket: those of the server's own store, as in process."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import predictor
from predictor.intake.request import build_query
from predictor.outcomes.outcome import Outcome
from predictor.outcomes.store import OutcomeStore
from predictor.results.ranking import Ranking
from protos import convert
from tests.service.running import RunningServer

NAMES = ("w0", "w1", "w2", "w3")


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    with RunningServer(tmp_path_factory.mktemp("past")) as running:
        yield running


def request() -> dict[str, object]:
    rng = np.random.default_rng(6)
    hidden = rng.standard_normal((90, 6))
    weak = {name: hidden + (0.45 + 0.05 * c) * rng.standard_normal((90, 6)) for c, name in enumerate(NAMES)}
    return {"strong": hidden, "weak": weak}


def outcomes(tasks: int = 6) -> list[Outcome]:
    """On every task w3 was best."""
    errors = zip(NAMES, (0.3, 0.2, 0.25, 0.1), strict=True)
    return [Outcome(f"task {t}", "s", name, w2s_error=error + 0.01 * t) for name, error in errors for t in range(tasks)]


def bare(ranking: Ranking) -> str:
    return replace(ranking, candidates=tuple(replace(one, timings={}) for one in ranking.candidates)).to_json()


def test_job_predict_and_process_agree(local, tmp_path, monkeypatch):
    """The same answer three ways, and the outcomes are no part of the query that a job gives back."""
    monkeypatch.setenv("W2S_STATE_DIR", str(tmp_path))
    OutcomeStore().add(outcomes())
    here = predictor.rank(**request(), past_outcomes="ridge")
    assert [one.kind for one in here.evidence_kinds] == ["past_outcomes"]
    with local.client() as client:
        client.calibrations.record(outcomes())
        query = build_query(**request(), past_outcomes="ridge")
        job = client.submit(query, "with-past")
        assert bare(client.wait(job).ranking) == bare(here)
        assert bare(client.predict(query)) == bare(here)


def test_outcomes_sent_by_a_caller_are_not_used(local, monkeypatch):
    """The server reads its own store, whatever a query brings with it."""
    plain = convert.query_to_proto

    def with_forged(query):
        message = plain(query)
        message.past_outcomes.extend(convert.outcome_to_proto(one) for one in outcomes(tasks=9))
        return message

    with local.client() as client:
        before = bare(client.predict(build_query(**request())))
        monkeypatch.setattr(convert, "query_to_proto", with_forged)
        assert bare(client.predict(build_query(**request()))) == before
        named = client.predict(build_query(**request(), past_outcomes="lora"))
        assert named.provenance.request["past_outcomes"]["outcomes"] == 0
