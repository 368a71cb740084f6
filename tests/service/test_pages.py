"""Pages of lists: their tokens are ids of rows, they work for their own tenant only, and survive a restart."""

import grpc
import pytest

from predictor.errors import InputError
from protos.w2s.v1 import features_pb2
from protos.w2s.v1 import ranking_service_pb2 as pb
from server.access.tokens import TokenFile
from server.pages import page_size
from tests.service.running import arrays
from tests.service.sending import error_of, signal


def test_page_size_is_bounded():
    assert [page_size(requested, 100) for requested in (0, 1, 100, 101)] == [100, 1, 100, 100]
    with pytest.raises(InputError, match="page_size is -1; it must be from 0 to 100"):
        page_size(-1, 100)


def test_token_of_a_job_is_its_id(table):
    made = [table.create("alice", f"r{number}", b"q").job.id for number in range(3)]
    table.create("bob", "r", b"q")
    assert [row.job.id for row in table.page("alice", 9, made[2])] == made[1::-1]
    with pytest.raises(InputError, match=f"page_token '{made[2]}' is not in your list"):
        table.page("bob", 9, made[2])


def test_token_of_a_deleted_job_is_refused(table):
    """The place of a deleted row is unknown, so a caller that deletes while it pages begins again."""
    name = table.create("alice", "r", b"q").job.id
    table.cancel("alice", name)
    table.delete("alice", name)
    with pytest.raises(InputError, match="or its row was deleted"):
        table.page("alice", 9, name)


def test_pages_of_two_tenants_go_on_after_a_restart(start, tmp_path):
    file = TokenFile(tmp_path / "tokens")
    tokens = {name: file.add(name, ["admin"], 3600) for name in ("alice", "bob")}
    flags = ("--tokens", str(tmp_path / "tokens"), "--limit", "max_page_jobs=2", "--limit", "max_page_features=1")
    running = start(*flags)
    headers = {name: (("authorization", f"Bearer {token}"),) for name, token in tokens.items()}

    def page(client, name, token=""):
        request = pb.ListRankingJobsRequest(page_token=token)
        return client._rankings.ListRankingJobs(request, timeout=120, metadata=headers[name])

    with running.client(token=tokens["alice"]) as alice, running.client(token=tokens["bob"]) as bob:
        made = [alice.submit(arrays(number)) for number in range(3)]
        bob.submit(arrays(0))
        first = page(alice, "alice")
        with pytest.raises(grpc.RpcError) as caught:
            page(bob, "bob", first.next_page_token)
        assert error_of(caught.value).reason == "BAD_PAGE"
        for name in ("a", "b"):
            alice.features.push(name, signal(3, 2))
        listing = features_pb2.ListFeaturesRequest()
        sets = alice.features._stub.ListFeatures(listing, timeout=120, metadata=headers["alice"])
    running.kill()
    with start(*flags).client(token=tokens["alice"]) as alice:
        rest = page(alice, "alice", first.next_page_token)
        assert [job.id for job in (*first.jobs, *rest.jobs)] == made[::-1]
        listing.page_token = sets.next_page_token
        more = alice.features._stub.ListFeatures(listing, timeout=120, metadata=headers["alice"])
        assert [one.name for one in (*sets.features, *more.features)] == ["a", "b"]
