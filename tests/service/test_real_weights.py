"""Real weights over a real socket: what one candidate, one cache entry, one caller can do to a ranking."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from client import PredictorClient
from predictor.api import source_of
from predictor.errors import ConflictError
from predictor.intake.request import build_query
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.ranking.rank import rank_steps
from predictor.steps import drain
from predictor.store.features import FeatureStore
from tests.service.running import RunningServer, until
from tests.weights import MINILM, SENTENCES, local

pytestmark = pytest.mark.weights

ROWS = tuple(f"{sentence or 'nothing'} , take {take}" for take in range(5) for sentence in SENTENCES)


def query(*weak: ModelSpec, rows: tuple[str, ...] = ROWS) -> RankingQuery:
    student = ModelSpec("student", local(MINILM), layer="6")
    return RankingQuery(student, weak or (small(),), Pool.of(rows), settings=Settings(seed=3))


def small(layer: str = "1,2") -> ModelSpec:
    return ModelSpec("small", local(MINILM), layer=layer)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory):
    with RunningServer(tmp_path_factory.mktemp("real")) as server:
        yield server


@pytest.fixture
def connected(running: RunningServer):
    with running.client() as client:
        yield client


def finished(client: PredictorClient, asked: RankingQuery):
    return client.wait(client.submit(asked))


def test_a_candidate_whose_weights_are_cut_short_fails_alone(connected: PredictorClient, tmp_path: Path):
    whole, broken = Path(local(MINILM)), tmp_path / "broken"
    broken.mkdir()
    for file in whole.iterdir():
        if file.is_file():
            (broken / file.name).symlink_to(file)
    weights = broken / "model.safetensors"
    weights.unlink()
    weights.write_bytes((whole / "model.safetensors").read_bytes()[:1_000_000])
    job = finished(connected, query(small(), ModelSpec("broken", str(broken))))
    assert job.state == "PARTIAL"
    assert job.ranking is not None
    assert [c.name for c in job.ranking.candidates if c.rank is not None] in (
        ["small#layer=1", "small#layer=2"],
        ["small#layer=2", "small#layer=1"],
    )
    (failed,) = [c for c in job.ranking.candidates if c.status == "failed"]
    assert failed.name == "broken"
    assert failed.error is not None
    assert failed.error.message


def test_a_damaged_cache_entry_is_set_aside_and_extracted_again(running: RunningServer, connected: PredictorClient):
    before = finished(connected, query()).ranking
    again = finished(connected, query()).ranking
    assert before is not None
    assert again is not None
    entries = sorted((running.folder / "cache" / "features").rglob("*"), key=lambda path: path.name)
    payloads = [path for path in entries if path.is_file() and path.stat().st_size > 40 * 384 * 4]
    assert payloads
    for path in payloads:
        with path.open("r+b") as file:
            file.seek(-100, os.SEEK_END)
            byte = file.read(1)
            file.seek(-100, os.SEEK_END)
            file.write(bytes([byte[0] ^ 1]))
    repaired = finished(connected, query()).ranking
    assert repaired is not None
    assert [(c.name, c.predicted_w2s_error) for c in repaired.candidates] == [
        (c.name, c.predicted_w2s_error) for c in before.candidates
    ]
    quarantined = list((running.folder / "cache" / "features" / "quarantine").iterdir())
    assert len(quarantined) == len(payloads)


def test_a_job_is_cancelled_while_its_model_reads_rows(connected: PredictorClient):
    long = tuple(f"row {row} " + "and so on " * 60 for row in range(3000))
    job = connected.submit(query(rows=long))
    until(lambda: connected.job(job).progress is not None and connected.job(job).progress.phase == "extract")
    connected.cancel(job)
    assert connected.wait(job).state == "CANCELLED"


def test_one_request_id_makes_one_job_and_serves_one_request(connected: PredictorClient):
    first = connected.submit(query(), request_id="one-and-the-same")
    assert connected.submit(query(), request_id="one-and-the-same") == first
    with pytest.raises(ConflictError, match="one-and-the-same"):
        connected.submit(query(small("3")), request_id="one-and-the-same")
    assert connected.wait(first).state == "SUCCEEDED"


def test_closing_the_steps_of_a_ranking_cancels_its_job(connected: PredictorClient):
    long = tuple(f"line {row} " + "and so on " * 60 for row in range(3000))
    steps = connected.rank_steps(query(rows=long), request_id="closed")
    next(steps)
    steps.close()
    job = connected.submit(query(rows=long), request_id="closed")
    assert connected.wait(job).state == "CANCELLED"


def test_a_job_reads_descriptions_with_a_real_describer(connected: PredictorClient, tmp_path: Path):
    """The server's answer is that of the same query in process; it names the describer, and the texts move it."""
    asked = build_query(
        strong=f"student={local(MINILM)}#layer=6",
        weak=[f"small={local(MINILM)}#layer=1,2"],
        pool=list(ROWS),
        describe={"0": "a bad film", "1": "a good film"},
        describers=[f"reader={local(MINILM)}"],
        seed=3,
    )
    job = finished(connected, asked)
    assert job.state == "SUCCEEDED"
    assert job.ranking is not None
    (used,) = job.ranking.evidence_kinds
    assert (used.kind, used.name) == ("description", "reader")
    here = drain(rank_steps(asked, source_of(asked, FeatureStore(tmp_path))))
    assert [(c.name, c.predicted_w2s_error) for c in job.ranking.candidates] == [
        (c.name, c.predicted_w2s_error) for c in here.candidates
    ]
    bare = finished(connected, replace(asked, descriptions=(), describers=())).ranking
    assert bare is not None
    assert [c.predicted_w2s_error for c in bare.candidates] != [c.predicted_w2s_error for c in here.candidates]
