"""The state machine of jobs, on a real SQLite file."""

import time

import pytest

from predictor.errors import ConflictError, LimitError, NotFoundError, RefusedError, W2SError
from server.access.caller import LOCAL
from server.config import Limits
from server.durable.jobs import JobTable
from server.durable.losses import worker_lost
from server.durable.rows import Attempt, Declared
from server.workforce.fair_queue import FairQueue

RANKING = b"ranking"
LOST = worker_lost(3)


def test_one_tenant_takes_as_many_workers_as_it_may(database):
    table = JobTable(database, Limits(tenant_workers=1))
    for tenant, name in (("a", "1"), ("a", "2"), ("b", "3")):
        table.create(tenant, name, b"q")
    first, second = table.claim(), table.claim()
    assert [one.row.tenant for one in (first, second)] == ["a", "b"]
    assert table.claim() is None
    table.finish(first, "SUCCEEDED", None, b"r")
    assert table.claim().row.tenant == "a"


def test_only_the_current_attempt_may_end_a_job(table):
    table.create(LOCAL, "a", b"q")
    first = table.claim()
    table.release(first, None, 3)
    second = table.claim()
    assert table.finish(first, "SUCCEEDED", None, b"late") is None
    assert table.release(first, LOST, 3) is None
    assert table.finish(second, "SUCCEEDED", None, RANKING).job.state == "SUCCEEDED"
    assert table.get(LOCAL, second.row.job.id).ranking == RANKING


def test_a_result_after_a_cancellation_is_refused(table):
    table.create(LOCAL, "a", b"q")
    claim = table.claim()
    table.cancel(LOCAL, claim.row.job.id)
    assert table.finish(claim, "SUCCEEDED", None, RANKING) is None
    row = table.release(claim, None, 3)
    assert (row.job.state, row.ranking) == ("CANCELLED", None)


@pytest.mark.parametrize("state", ["SUCCEEDED", "PARTIAL", "FAILED", "CANCELLED"])
def test_terminal_states_never_change(database, table, refusal, state):
    table.create(LOCAL, "a", b"q")
    claim = table.claim()
    name = claim.row.job.id
    if state == "CANCELLED":
        table.cancel(LOCAL, name)
        table.release(claim, None, 3)
    else:
        table.finish(claim, state, None, RANKING)
    before = table.get(LOCAL, name).job
    assert table.finish(claim, "SUCCEEDED", None, b"other") is None
    assert table.release(claim, None, 3) is None
    assert table.cancel(LOCAL, name).job.state == state
    assert table.recover() == (0, 0)
    assert table.claim() is None
    assert table.get(LOCAL, name).job.revision == before.revision
    with pytest.raises(refusal, match="a terminal job never changes"), database.transaction() as run:
        run.execute("UPDATE jobs SET state = 'QUEUED'")


def test_a_job_is_tried_again_until_three_workers_died_over_it(table):
    table.create(LOCAL, "a", b"q")
    states = [table.release(table.claim(), LOST, 3).job.state for _ in range(3)]
    assert states == ["QUEUED", "QUEUED", "FAILED"]
    job = table.page(LOCAL, 1, "")[0].job
    assert (job.attempts, job.error.reason) == (3, "WORKER_LOST")


def test_a_stop_of_the_server_counts_as_no_loss(table):
    table.create(LOCAL, "a", b"q")
    for _ in range(5):
        assert table.release(table.claim(), None, 3).job.state == "QUEUED"
    assert table.release(table.claim(), LOST, 3).job.state == "QUEUED"


def test_a_start_settles_what_an_earlier_process_left(table):
    for name in "abc":
        table.create(LOCAL, name, b"q")
    running, cancelling = table.claim(), table.claim()
    table.cancel(LOCAL, cancelling.row.job.id)
    assert table.recover() == (1, 1)
    assert table.get(LOCAL, running.row.job.id).job.state == "QUEUED"
    assert table.get(LOCAL, cancelling.row.job.id).job.state == "CANCELLED"
    assert table.finish(table.claim(), "SUCCEEDED", None, RANKING) is not None


def test_a_job_that_ends_the_server_fails_after_three_attempts(table):
    """An attempt that was running when its server died is a lost one, and the others do not wait for the next."""
    suspect, other = (table.create(LOCAL, name, b"q").job.id for name in "ab")
    queue = FairQueue(60.0)
    for attempt in range(3):
        assert table.claim(lambda waiting: waiting[0]).row.job.id == suspect
        assert table.recover() == ((1, 0) if attempt < 2 else (0, 0))
        assert table.claim(queue.choose).row.job.id == other
        table.release(Attempt(table.get(LOCAL, other), b"q"), None, 3)
    job = table.get(LOCAL, suspect).job
    assert (job.state, job.attempts, job.error.reason) == ("FAILED", 3, "WORKER_LOST")
    assert "ended with their worker or with the server" in job.error.message


def test_every_change_raises_the_revision(table):
    seen = [table.create(LOCAL, "a", b"q").job.revision]
    claim = table.claim()
    seen += [claim.row.job.revision, table.release(claim, None, 3).job.revision]
    table.claim()
    table.recover()
    seen += [table.page(LOCAL, 1, "")[0].job.revision, table.finish(table.claim(), "FAILED", LOST, None).job.revision]
    assert seen == sorted(set(seen))


def test_jobs_are_claimed_in_the_order_of_creation(table):
    made = [table.create(LOCAL, str(i), b"q").job.id for i in range(5)]
    assert [table.claim().row.job.id for _ in range(5)] == made
    assert table.claim() is None


def test_a_request_id_stands_for_one_request(table):
    first = table.create(LOCAL, "a", b"q").job.id
    assert table.create(LOCAL, "a", b"q").job.id == first
    with pytest.raises(ConflictError, match="request id 'a' already belongs to another request"):
        table.create(LOCAL, "a", b"other")
    with pytest.raises(ConflictError):
        table.repeat(LOCAL, "a", first)


def test_a_known_request_id_needs_no_place(database):
    """A caller that asks again, since the answer was lost, gets its job also where its queue is full."""
    table = JobTable(database, Limits(tenant_queued_jobs=1))
    first = table.create(LOCAL, "a", b"q").job.id
    with pytest.raises(LimitError, match="1 of your jobs wait"):
        table.create(LOCAL, "b", b"q")
    assert table.create(LOCAL, "a", b"q").job.id == first


def test_a_repeat_runs_the_stored_request(table):
    name = table.create(LOCAL, "a", b"q").job.id
    with pytest.raises(RefusedError, match="is QUEUED; only FAILED"):
        table.repeat(LOCAL, "b", name)
    table.cancel(LOCAL, name)
    again = table.repeat(LOCAL, "b", name).job
    assert table.repeat(LOCAL, "b", name).job.id == again.id
    assert again.repeat_of == name
    assert table.claim().request == b"q"
    with pytest.raises(NotFoundError):
        table.repeat(LOCAL, "c", "nowhere")


def test_an_error_is_stored_whole(table):
    table.create(LOCAL, "a", b"q")
    error = LimitError("too much", reason="OVER", field="pool")
    row = table.finish(table.claim(), "FAILED", error, None)
    kept = table.get(LOCAL, row.job.id).job.error
    assert (type(kept), kept.message, kept.reason, kept.field) == (LimitError, "too much", "OVER", "pool")


def test_a_refused_step_leaves_nothing_behind(database, table):
    name = table.create(LOCAL, "a", b"q").job.id

    def fail_half_way():
        with database.transaction() as run:
            run.execute("UPDATE jobs SET state = 'RUNNING'")
            raise LOST

    with pytest.raises(W2SError):
        fail_half_way()
    assert table.get(LOCAL, name).job.state == "QUEUED"


def test_another_tenants_job_reads_as_no_job(table):
    name = table.create("alice", "a", b"q").job.id
    for act in (table.get, table.cancel, table.delete, lambda tenant, job: table.repeat(tenant, "x", job)):
        with pytest.raises(NotFoundError) as unknown:
            act("bob", name)
        with pytest.raises(NotFoundError) as absent:
            act("bob", "0" * 16)
        assert unknown.value.message.replace(name, "") == absent.value.message.replace("0" * 16, "")
    assert table.page("bob", 9, "") == []
    assert table.create("bob", "a", b"other").job.id != name


def test_a_tenant_fills_its_own_queue_only(database):
    table = JobTable(database, Limits(tenant_queued_jobs=2))
    first = table.create("alice", "1", b"q").job.id
    table.create("alice", "2", b"q")
    with pytest.raises(LimitError, match="2 of your jobs wait, and this server takes 2 of one tenant"):
        table.create("alice", "3", b"q")
    assert table.create("alice", "1", b"q").job.id == first
    assert table.create("bob", "3", b"q").job.state == "QUEUED"
    table.claim()
    assert table.create("alice", "3", b"q").job.state == "QUEUED"


def test_a_tenant_holds_so_many_bytes_and_deleting_frees_them(database):
    table = JobTable(database, Limits(tenant_bytes=100))
    table.create("alice", "1", b"q" * 60)
    claim = table.claim()
    table.finish(claim, "SUCCEEDED", None, b"r" * 30)
    with pytest.raises(LimitError, match=r"your jobs take 90 bytes, and this one needs 20; this server allows 100"):
        table.create("alice", "2", b"q" * 20)
    assert table.create("bob", "2", b"q" * 20).job.state == "QUEUED"
    table.delete("alice", claim.row.job.id)
    assert table.create("alice", "2", b"q" * 20).job.state == "QUEUED"


def test_finished_jobs_expire_and_others_do_not(table):
    done, open_ = (table.create(LOCAL, name, b"q").job.id for name in "ab")
    table.cancel(LOCAL, done)
    assert table.expire(time.time() - 3600) == 0
    assert table.expire(time.time() + 1) == 1
    assert [row.job.id for row in table.page(LOCAL, 9, "")] == [open_]


def test_a_job_whose_deadline_is_over_is_not_claimed_but_failed(table):
    """Also within the second in which it was over."""
    row = table.create(LOCAL, "late", b"q", Declared(timeout=0.05))
    table.create(LOCAL, "free", b"q")
    time.sleep(0.06)
    assert table.claim().row.job.request_id == "free"
    assert table.claim() is None
    (ended,) = table.end_overdue()
    assert (ended.job.id, ended.job.state, ended.job.error.reason) == (row.job.id, "FAILED", "JOB_DEADLINE")


def test_the_clock_of_the_database_has_milliseconds(database):
    for _ in range(5):
        before = time.time()
        with database.reading() as session:
            found = session.execute(f"SELECT {database.clock} AS clock").fetchone()["clock"] / 1e6
        assert before - 0.002 <= found <= time.time() + 0.002
        time.sleep(0.23)
