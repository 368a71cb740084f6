"""Labels by models over a real socket: the same answer as in process, in a worker, and never a text in a log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from predictor.api import source_of
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.prompt import LabelPrompt
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.ranking.rank import rank_steps
from predictor.steps import drain
from predictor.store.features import FeatureStore
from tests.answers import bare
from tests.extraction import tiny
from tests.service.running import RunningServer

WORDS = LabelPrompt(("bad", "not bad", "good"), "Secret prompt: {text}\nVerdict:")
ROWS = tuple(f"secret row {i} , {'warm and wise' if i % 3 else 'a dull film'}" for i in range(48))


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny.language_model(folder / "llama")
    tiny.encoder_classifier(folder / "bert", outputs=3)
    return folder


def asked(models: Path) -> RankingQuery:
    weak = (
        ModelSpec("classifier", str(models / "bert"), labels="logits"),
        ModelSpec("words", str(models / "llama"), layer="1", labels="words"),
        ModelSpec("broken", str(models / "bert"), labels="words"),
    )
    settings = Settings(label_prompt=WORDS, refine="prompted", precision="fp32", seed=4, layer="2")
    return RankingQuery(ModelSpec("s", str(models / "llama")), weak, Pool.of(ROWS), settings=settings)


def test_a_job_that_asks_and_prompts_models_answers_as_in_process_and_logs_no_text(tmp_path, models, capfd):
    query = asked(models)
    with RunningServer(tmp_path / "server") as running, running.client() as client:
        job = client.wait(client.submit(query))
        again = client.wait(client.submit(query))
    assert job.state == "PARTIAL", job.error
    here = drain(rank_steps(query, source_of(query, FeatureStore(tmp_path / "own"))))
    assert bare(job.ranking) == bare(here)
    estimates = {c.name: c.estimates for c in job.ranking.candidates if c.status == "ok"}
    assert sorted(estimates) == ["classifier", "words"]
    assert estimates["words"]["refinement"].note.endswith("48 rows relabelled by prompts")
    assert estimates["classifier"]["refinement"].value is None  # it gives every row one class
    assert all(one["misfit"].value is not None for one in estimates.values())
    (failed,) = [c for c in job.ranking.candidates if c.status == "failed"]
    assert (failed.name, failed.error.reason) == ("broken", "NOT_PROMPTABLE")
    first, second = (json.loads(one.ranking.to_json())["candidates"] for one in (job, again))
    assert [c["estimates"] for c in first] == [c["estimates"] for c in second]
    stated = "".join(capfd.readouterr())
    assert "ecret" not in stated
    for path in (tmp_path / "server").rglob("*.log"):
        assert "ecret" not in path.read_text(errors="replace")


def test_a_job_is_cancelled_while_a_model_labels_rows(tmp_path, models):

    from tests.service.running import until

    long = tuple(f"row {i} " + "and so on " * 12 for i in range(4000))
    weak = (ModelSpec("words", str(models / "llama"), layer="1", labels="words"),)
    settings = Settings(label_prompt=WORDS, layer="1", precision="fp32")
    query = RankingQuery(ModelSpec("s", str(models / "llama")), weak, Pool.of(long), settings=settings)
    with RunningServer(tmp_path) as running, running.client() as client:
        job = client.submit(query)
        until(lambda: client.job(job).progress is not None and client.job(job).progress.phase == "label", 120)
        client.cancel(job)
        assert client.wait(job).state == "CANCELLED"
