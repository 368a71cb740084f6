"""Rankings of feature sets that were pushed before: the same answer, of the same rows, for their own tenant."""

import json

import numpy as np
import pytest

from predictor.errors import InputError, NotFoundError
from predictor.query.pool import Pool
from predictor.store.arrays import rows_digest
from server.access.tokens import TokenFile
from tests.answers import bare
from tests.service.running import RunningServer, arrays


def test_a_ranking_of_pushed_sets_equals_the_ranking_of_the_arrays(client):
    query = arrays(3, rows=90)
    strong, weak = query.strong.values, {spec.name: spec.values.astype(np.float64) for spec in query.weak}
    client.features.push("the-strong", strong)
    for name, values in weak.items():
        client.features.push(f"weak-{name}", values)
    inline = client.rank(strong=strong, weak=weak, seed=3)
    pushed = client.rank(
        strong="strong=features:the-strong",
        weak=[f"{name}=features:weak-{name}" for name in weak],
        seed=3,
    )
    assert unasked(pushed) == unasked(inline)
    with pytest.raises(NotFoundError, match=r"there is no feature set 'nowhere' on 127\.0\.0\.1:\d+; push it with"):
        client.rank(strong="features:nowhere", weak=weak)


def unasked(ranking):
    """The answer without wall times and without the request, in which models are named as they were given."""
    found = json.loads(bare(ranking))
    del found["provenance"]["request"]
    return json.dumps(found, indent=1)


def test_features_of_other_texts_than_the_pool_are_refused(client):
    texts = [f"row {row}" for row in range(60)]
    query = arrays(4)
    client.features.push("read", query.strong.values, rows_sha256=rows_digest(Pool.of(texts)))
    weak = {"near": query.weak[0].values}
    assert client.rank(strong="features:read", weak=weak, pool=texts).rows == 60
    with pytest.raises(InputError, match="was computed on other rows than this pool"):
        client.rank(strong="features:read", weak=weak, pool=texts[::-1])


def test_a_ranking_reads_the_sets_of_its_own_tenant_only(tmp_path):
    file = TokenFile(tmp_path / "tokens")
    tokens = {name: file.add(name, ["read", "submit", "upload"], 600) for name in ("alice", "bob")}
    query = arrays(5)
    weak = {"near": query.weak[0].values}
    with (
        RunningServer(tmp_path, "--tokens", str(file.path)) as running,
        running.client(token=tokens["alice"]) as alice,
        running.client(token=tokens["bob"]) as bob,
    ):
        alice.features.push("mine", query.strong.values)
        assert alice.rank(strong="features:mine", weak=weak, pool=query.pool).rows == 60
        assert list(bob.features.ls()) == []
        for attempt in (
            lambda: bob.features.pull("mine"),
            lambda: bob.features.remove("mine"),
            lambda: bob.rank(strong="features:mine", weak=weak, pool=query.pool),
        ):
            with pytest.raises(NotFoundError, match="there is no feature set 'mine'"):
                attempt()
        bob.features.push("mine", query.strong.values[:, :3])
        assert bob.rank(strong="features:mine", weak=weak, pool=query.pool).strong.dim == 3
        assert alice.rank(strong="features:mine", weak=weak, pool=query.pool).strong.dim == 6
