"""Jobs are found by filter and label, listed in an order, and give back what was asked, their times and their place."""

import pytest

from predictor.errors import InputError
from protos.w2s.v1 import ranking_service_pb2 as pb
from server.access.caller import LOCAL
from server.durable.listing import Listing, read_labels, write_labels
from server.durable.rows import Declared
from tests.service.running import arrays, under_way, until


def test_filters_find_jobs_by_state_label_and_time(table):
    labels = [{"team": "a"}, {"team": "a", "run": "1"}, {"team": "A"}, {}]
    made = [
        table.create(LOCAL, f"r{i}", b"q", Declared(labels=write_labels(one))).job.id for i, one in enumerate(labels)
    ]
    table.cancel(LOCAL, made[1])

    def found(text, order_by="create_time"):
        return [made.index(row.job.id) for row in table.page(LOCAL, 9, "", Listing.parse(text, order_by))]

    assert found("") == [0, 1, 2, 3]
    assert found("", "") == [3, 2, 1, 0]
    assert found("labels.team = a") == [0, 1]
    assert found('labels.team != "a"') == [2, 3]
    assert found("state = QUEUED AND labels.team = a") == [0]
    assert found("request_id = r3") == [3]
    assert found('create_time > "2000-01-01T00:00:00Z" AND state != CANCELLED') == [0, 2, 3]
    assert found("create_time < 2000-01-01") == []
    assert found("", "update_time desc")[0] == 1


def test_pages_of_a_filter_follow_its_order(table):
    made = [
        table.create(LOCAL, f"r{i}", b"q", Declared(labels=write_labels({"n": str(i % 2)}))).job.id for i in range(9)
    ]
    table.cancel(LOCAL, made[4])
    for order_by in ("create_time", "create_time desc", "update_time", "update_time desc"):
        listing, seen = Listing.parse("labels.n = 0", order_by), []
        while page := table.page(LOCAL, 2, seen[-1] if seen else "", listing):
            seen += [row.job.id for row in page]
        assert sorted(seen) == sorted(made[::2])
        assert (seen[-1] if order_by == "update_time" else seen[0]) == {
            "create_time": made[0],
            "create_time desc": made[8],
            "update_time": made[4],
            "update_time desc": made[4],
        }[order_by]


@pytest.mark.parametrize(
    "text",
    ["state", "state = NOWHERE", "tenant = bob", "state = RUNNING AND", "state = RUNNING OR state = QUEUED",
     "labels.team > a", "labels.UP = a", "create_time = soon", "request_id = a'; DROP TABLE jobs", "state = 'a' x",
     " AND ".join(["state = RUNNING"] * 17)],
)  # fmt: skip
def test_filters_of_another_form_are_refused_with_an_example(text):
    with pytest.raises(InputError, match="give terms joined by AND, as in state = RUNNING") as caught:
        Listing.parse(text, "")
    assert (caught.value.reason, caught.value.field) == ("BAD_FILTER", "filter")


def test_orders_and_labels_of_another_form_are_refused():
    with pytest.raises(InputError, match="give create_time or update_time") as caught:
        Listing.parse("", "state")
    assert caught.value.field == "order_by"
    assert read_labels(write_labels({"b": "2", "a": "x=y"[:1]})) == {"a": "x", "b": "2"}
    for labels in ({"A": "x"}, {"a": "x\ny"}, {f"k{i}": "" for i in range(17)}):
        with pytest.raises(InputError, match="labels are given"):
            write_labels(labels)


def test_a_job_gives_back_its_query_times_place_and_labels(start):
    running = start()
    running.freeze_job_worker()
    with running.client() as client:
        first = under_way(client, arrays())
        names = [client.submit(arrays(i), labels={"team": "a", "n": str(i)}) for i in (1, 2)]
        assert [client.job(name).queue_place for name in (first, *names)] == [None, 1, 2]
        assert client.job(first).started is not None
        assert [job.id for job in client.jobs("labels.n = 2 AND state = QUEUED")] == [names[1]]
        assert client.job(names[0]).labels == {"team": "a", "n": "1"}
        request = pb.GetRankingJobRequest(id=names[0], include_query=True)
        query = client._rankings.GetRankingJob(request, timeout=120).job.query
        assert [one.name for one in query.weak] == ["near", "far"]
        assert not client._rankings.GetRankingJob(pb.GetRankingJobRequest(id=names[0]), timeout=120).job.HasField(
            "query"
        )
        client.cancel(names[1])
        ended = client.job(names[1])
        assert ended.ended == ended.updated


def test_a_job_ends_at_its_deadline_whether_it_waits_or_runs(start):
    running = start("--limit", "worker_silence_seconds=600")
    running.freeze_job_worker()
    with running.client() as client:
        names = [client.submit(arrays(i), timeout=1) for i in range(2)]
        for name in names:
            job = until(lambda name=name: (found := client.job(name)).finished and found)
            assert (job.state, job.error.reason) == ("FAILED", "JOB_DEADLINE")
            assert (job.deadline - job.created).total_seconds() == pytest.approx(1, abs=0.01)
        with pytest.raises(InputError, match=r"timeout is 0\.5 s; it must be from 1") as caught:
            client.submit(arrays(3), timeout=0.5)
        assert caught.value.field == "timeout"
