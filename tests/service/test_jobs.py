"""The life of a job, over a real socket."""

import time

import grpc
import pytest

from predictor.errors import ConflictError, InputError, NotFoundError, RefusedError
from predictor.query.model_spec import ModelSpec
from predictor.query.query import RankingQuery
from protos import convert
from protos.w2s.v1 import ranking_service_pb2 as pb
from protos.w2s.v1 import ranking_service_pb2_grpc
from tests.service.running import BROKEN, arrays, under_way
from tests.service.sending import error_of


@pytest.fixture
def rankings(server):
    with grpc.insecure_channel(server.address) as channel:
        yield ranking_service_pb2_grpc.RankingServiceStub(channel)


def test_a_job_runs_to_its_ranking(client):
    job = client.wait(client.submit(arrays(1)))
    assert job.state == "SUCCEEDED"
    assert {candidate.name for candidate in job.ranking.candidates} == {"near", "far"}
    assert (job.attempts, job.error, job.progress) == (1, None, None)
    assert client.job(job.id).ranking.to_json() == job.ranking.to_json()


def test_a_job_is_durable_when_its_creation_is_answered(client):
    name = client.submit(arrays(2))
    assert client.job(name).state in ("QUEUED", "RUNNING", "SUCCEEDED")


def test_the_same_request_id_with_the_same_request_is_the_same_job(client):
    first = client.submit(arrays(3), "again-1")
    assert client.submit(arrays(3), "again-1") == first
    client.wait(first)
    assert client.submit(arrays(3), "again-1") == first


def test_the_same_request_id_with_another_request_is_refused(client):
    client.submit(arrays(4), "again-2")
    with pytest.raises(ConflictError, match="request id 'again-2' already belongs to another request"):
        client.submit(arrays(5), "again-2")


@pytest.mark.parametrize("request_id", ["", "a b", "x" * 129, "ß"])
def test_a_request_id_of_other_letters_is_refused(rankings, request_id):
    query = convert.query_to_proto(arrays())
    with pytest.raises(grpc.RpcError) as caught:
        rankings.CreateRankingJob(pb.CreateRankingJobRequest(request_id=request_id, query=query))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "it needs 1 to 128 of letters" in caught.value.details()


def test_one_broken_candidate_makes_the_job_partial(client):
    job = client.wait(client.submit(arrays(6, broken=True)))
    assert job.state == "PARTIAL"
    failed = {candidate.name: candidate.error for candidate in job.ranking.candidates if candidate.error}
    assert list(failed) == [BROKEN]
    assert failed[BROKEN].reason == "NOT_FINITE"


def test_a_broken_strong_model_fails_the_job_with_the_error_of_the_predictor(client):
    query = arrays(7)
    broken = RankingQuery(
        ModelSpec("strong", "array:", values=query.strong.values * float("nan")), query.weak, query.pool
    )
    job = client.wait(client.submit(broken))
    assert job.state == "FAILED"
    assert type(job.error) is InputError
    assert job.error.reason == "NOT_FINITE"


def test_a_job_of_broken_candidates_only_fails_and_reports_why_for_each(client):
    query = arrays(8, broken=True)
    job = client.wait(client.submit(RankingQuery(query.strong, query.weak[2:], query.pool)))
    assert job.state == "FAILED"
    assert job.error.reason == "NO_CANDIDATE_RANKED"
    assert job.ranking.candidates[0].error.reason == "NOT_FINITE"


def test_a_watch_tells_every_change_up_to_the_ranking(client):
    changes = list(client.watch(client.submit(arrays(9))))
    revisions = [job.revision for job in changes]
    assert revisions == sorted(set(revisions))
    assert changes[-1].state == "SUCCEEDED"
    assert changes[-1].ranking is not None
    assert [job.ranking for job in changes[:-1]] == [None] * (len(changes) - 1)


def test_a_watch_tells_the_steps_of_a_running_job(client):
    changes = list(client.watch(client.submit(arrays(15))))
    steps = [job.progress for job in changes if job.progress is not None]
    assert {step.phase for step in steps} >= {"load", "estimate"}
    assert {"strong", "near", "far"} <= {step.candidate for step in steps}
    assert {job.state for job in changes if job.progress is not None} == {"RUNNING"}


def test_a_watch_resumes_after_a_revision(client):
    name = client.submit(arrays(10))
    changes = list(client.watch(name))
    assert [job.revision for job in client.watch(name, changes[-2].revision)] == [changes[-1].revision]
    assert list(client.watch(name, changes[-1].revision)) == []


def test_a_wait_ends_with_its_time_and_shows_the_job_as_it_stands(start):
    running = start()
    running.freeze_job_worker()
    with running.client() as client:
        name = under_way(client, arrays())
        began = time.monotonic()
        request = pb.WaitRankingJobRequest(id=name)
        request.timeout.FromMilliseconds(300)
        job = client._rankings.WaitRankingJob(request, timeout=120).job
        assert time.monotonic() - began > 0.25
        assert job.state == pb.JOB_STATE_RUNNING


def test_a_silent_watch_shows_that_it_lives(start):
    running = start("--limit", "heartbeat_seconds=0.2")
    running.freeze_job_worker()
    with running.client() as client:
        name = under_way(client, arrays())
        call = client._rankings.WatchRankingJob(pb.WatchRankingJobRequest(id=name), timeout=120)
        seen = [next(call) for _ in range(5)]
        call.cancel()
    assert [message.heartbeat for message in seen[-2:]] == [True, True]
    assert not seen[-1].HasField("job")


def test_one_watch_too_many_is_refused_with_a_pause_until_another_ends(start):
    running = start("--limit", "max_open_watches=1", "--limit", "retry_seconds=2")
    running.freeze_job_worker()
    with running.client() as client, grpc.insecure_channel(running.address) as channel:
        stub = ranking_service_pb2_grpc.RankingServiceStub(channel)
        name = client.submit(arrays())
        first = stub.WatchRankingJob(pb.WatchRankingJobRequest(id=name), timeout=120)
        next(first)
        for call in (stub.WatchRankingJob, stub.WaitRankingJob.future):
            kind = pb.WatchRankingJobRequest if call is stub.WatchRankingJob else pb.WaitRankingJobRequest
            second = call(kind(id=name), timeout=120)
            assert second.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "takes 1 open watches and waits and has as many; ask again in 2 s" in second.details()
            assert dict(second.trailing_metadata())["grpc-retry-pushback-ms"] == "2000"
        first.cancel()
        assert next(client.watch(name)).id == name


def test_jobs_are_listed_newest_first_in_pages(start):
    with start("--limit", "max_page_jobs=3").client() as client:
        made = [client.submit(arrays(), f"page-{i}") for i in range(7)]
        client.wait(made[-1])
        listed = list(client.jobs())
        assert [job.id for job in listed] == made[::-1]
        assert [job.ranking for job in listed] == [None] * 7
        page = client._rankings.ListRankingJobs(pb.ListRankingJobsRequest(page_size=2))
        assert len(page.jobs) == 2
        page = client._rankings.ListRankingJobs(
            pb.ListRankingJobsRequest(page_size=99, page_token=page.next_page_token)
        )
        assert [job.id for job in page.jobs] == made[::-1][2:5]


@pytest.mark.parametrize("token", ["x", "am9iczo=", "1", "\x00", "x" * 5000, "ß"])
def test_an_unknown_page_token_is_refused(rankings, token):
    with pytest.raises(grpc.RpcError) as caught:
        rankings.ListRankingJobs(pb.ListRankingJobsRequest(page_token=token))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "is not in your list" in caught.value.details()
    assert error_of(caught.value).reason == "BAD_PAGE"


def test_a_deleted_job_is_gone_and_frees_its_request_id(client):
    name = client.submit(arrays(11), "reuse")
    client.wait(name)
    client.delete(name)
    with pytest.raises(NotFoundError, match=f"there is no job '{name}'"):
        client.job(name)
    assert client.submit(arrays(12), "reuse") != name


def test_a_running_job_is_not_deleted(start):
    running = start()
    running.freeze_job_worker()
    with running.client() as client:
        name = client.submit(arrays())
        with pytest.raises(RefusedError, match="cancel it before deleting it"):
            client.delete(name)


@pytest.mark.parametrize("method", ["job", "wait", "cancel", "delete", "resume"])
def test_an_unknown_job_is_not_found(client, method):
    with pytest.raises(NotFoundError, match="there is no job 'nowhere'"):
        getattr(client, method)("nowhere")


def test_an_unknown_job_cannot_be_watched(client):
    with pytest.raises(NotFoundError, match="there is no job 'nowhere'"):
        list(client.watch("nowhere"))


def test_a_cancelled_job_can_be_run_again_as_a_new_job(start):
    running = start()
    frozen = running.freeze_job_worker()
    with running.client() as client:
        name = client.submit(arrays())
        client.cancel(name)
        assert client.wait(name).state == "CANCELLED"
        running.next_job_worker(frozen)
        again = client.resume(name)
        job = client.wait(again)
        assert (job.state, job.repeat_of) == ("SUCCEEDED", name)
        assert client.job(name).state == "CANCELLED"


def test_a_partial_job_can_be_run_again(client):
    name = client.submit(arrays(13, broken=True))
    client.wait(name)
    again = client.resume(name, "second-try")
    assert client.resume(name, "second-try") == again
    assert client.wait(again).state == "PARTIAL"


def test_a_succeeded_job_is_not_run_again(client):
    name = client.submit(arrays(14))
    client.wait(name)
    with pytest.raises(RefusedError, match="is SUCCEEDED; only FAILED, CANCELLED and PARTIAL jobs"):
        client.resume(name)
