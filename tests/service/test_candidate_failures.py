"""One candidate's failure stays in it: a model that ends its worker or takes too long costs its job that candidate."""

import json
import random

import pytest

from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.steps import Progress
from server.access.caller import LOCAL
from server.durable.losses import worker_lost
from server.durable.rows import Exclusion
from server.workforce.candidate_clock import CandidateClock, History, Loss
from server.workforce.model_roots import ModelRoots, with_checkpoints
from server.workforce.model_sources import EVERY_SOURCE, ModelSources
from tests.service.model import LETTERS, write_model
from tests.service.running import limited

CATASTROPHIC = r"(?:C|C)+$"
"""Takes 2^n steps over n letters C that another one follows."""


def with_a_hanging_tokenizer(folder):
    """Strong and good are the same small graph; the tokenizer of `bad` never comes to an end."""
    strong = write_model(folder / "strong")
    bad = write_model(folder / "bad", 1)
    specification = folder / "bad" / "w2s_tokenizer.json"
    specification.write_text(json.dumps(json.loads(specification.read_text()) | {"pattern": CATASTROPHIC}))
    rng = random.Random(0)
    rows = ["C" * 60 + "N" + "".join(rng.choices(LETTERS, k=60)) for _ in range(40)]
    weak = (ModelSpec("bad", bad, layer="1"), ModelSpec("good", strong, layer="1"))
    settings = Settings(estimators=("cka",))
    return RankingQuery(ModelSpec("strong", strong, layer="8"), weak, Pool.of(rows), settings=settings)


@pytest.mark.parametrize(
    ("limits", "reason", "attempts"),
    [
        ({"worker_silence_seconds": 1}, "CANDIDATE_LOST", 3),
        ({"max_candidate_seconds": 3}, "CANDIDATE_TIMEOUT", 2),
    ],
    ids=["lost", "timeout"],
)
def test_a_candidate_that_ends_or_holds_its_worker_fails_alone(start, limits, reason, attempts):
    """A tokenizer's expression without end: the job is PARTIAL, and the other candidate is ranked."""
    running = start(*limited(**limits))
    with running.client() as client:
        job = client.wait(client.submit(with_a_hanging_tokenizer(running.folder / "models")))
    assert (job.state, job.attempts) == ("PARTIAL", attempts)
    status = {one.name: one.error and one.error.reason for one in job.ranking.candidates}
    assert status == {"bad": reason, "good": None}


def test_a_folder_that_cannot_be_read_stays_its_candidates_own_error(tmp_path):
    """Looking for checkpoints reads every candidate's folder before any is ranked; none of it may fail the job."""
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / "config.json").write_text("[" * 100_000)
    weak = (ModelSpec("bad", str(tmp_path)), ModelSpec("good", "/nowhere"))
    query = RankingQuery(ModelSpec("strong", "/nowhere"), weak, Pool.of(["a", "b"]), settings=Settings())
    roots = ModelRoots(None, ModelSources(EVERY_SOURCE))
    assert with_checkpoints(query, roots, 9).weak == weak


def test_a_job_outlives_as_many_bad_candidates_as_it_has(table):
    """Attempts that excluded a candidate do not count toward `max_losses`; the others do."""
    table.create(LOCAL, "a", b"q")
    for number in range(5):
        attempt = table.claim()
        assert [one.candidate for one in attempt.excluded] == [f"c{i}" for i in range(number)]
        assert attempt.losses == number
        lost = Exclusion(f"c{number}", "CANDIDATE_LOST")
        assert table.release(attempt, worker_lost(2), 2, lost).job.state == "QUEUED"
    assert table.release(table.claim(), worker_lost(2), 2).job.state == "QUEUED"
    assert table.release(table.claim(), worker_lost(2), 2).job.state == "FAILED"


def test_the_first_loss_excludes_nothing_and_a_timeout_does():
    """A worker may end by an accident; from the second attempt on nothing is loaded ahead, so the culprit is known."""
    assert Loss("a", "CANDIDATE_LOST").exclusion(losses=0) is None
    assert Loss("a", "CANDIDATE_LOST").exclusion(losses=1) == Exclusion("a", "CANDIDATE_LOST")
    assert Loss("a", "CANDIDATE_TIMEOUT").exclusion(losses=0) == Exclusion("a", "CANDIDATE_TIMEOUT")
    assert Loss("", "CANDIDATE_LOST").exclusion(losses=1) is None
    retried = History(True, (Exclusion("ä b", "CANDIDATE_LOST"),), 2.5)
    assert (History.read(retried.write()), retried.prefetch, History().prefetch) == (retried, False, None)
    assert "a worker ended over 'ä b'" in retried.errors()["ä b"].message


def test_time_of_a_candidate_is_summed_over_its_phases():
    clock = CandidateClock(10.0, now=0.0)
    assert clock.step(Progress("", "estimate", 0, 1), 1.0) is None
    assert clock.step(Progress("a", "load", 0, 1), 2.0) == 12.0
    assert clock.step(Progress("b", "load", 0, 1), 5.0) == 15.0
    assert clock.step(Progress("a#layer=2", "estimate", 0, 1), 6.0) == 13.0
    assert clock.current == "a"
    assert clock.step(Progress("a", "failed", 0, 1), 7.0) is None
    assert CandidateClock(0.0, 0.0).step(Progress("a", "load", 0, 1), 1.0) is None
