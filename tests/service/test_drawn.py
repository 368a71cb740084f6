"""Feature sets on the server are cut to the rows that the client drew, as they are in process."""

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.folders import cache_dir
from predictor.intake.draw import cut_stored, own_store
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.row_sample import Drawn
from predictor.store.arrays import rows_digest
from predictor.store.features import FeatureStore
from tests.answers import bare, ranked_here
from tests.service.running import arrays


def test_a_cut_takes_the_rows_drawn_and_leaves_alone_what_does_not_fit(tmp_path):
    store = FeatureStore(tmp_path)
    store.push("fits", np.arange(20.0)[:, None], rows_sha256="ab" * 32)
    store.push("short", np.arange(19.0)[:, None])
    store.push("others", np.arange(20.0)[:, None], rows_sha256="cd" * 32)
    specs = [ModelSpec(name, f"features:{name}") for name in ("fits", "short", "others", "absent")]
    drawn = Drawn(np.array([2, 7, 19]), 20, "ab" * 32)
    cut = cut_stored(RankingQuery(specs[0], tuple(specs), Pool.numbered(3), drawn=drawn), store)
    assert cut.drawn is None
    assert cut.strong.values[:, 0].tolist() == [2, 7, 19]
    assert "rows_sha256" not in cut.strong.about
    assert [spec.values is None for spec in cut.weak] == [False, True, True, True]


@pytest.mark.parametrize("rows", [[3, 2], [1, 1], [-1, 2], [5, 20], [], [[1, 2]]])
def test_rows_that_cannot_have_been_drawn_are_refused(rows):
    with pytest.raises(InputError, match="ascending row numbers below 20; give each row once"):
        Drawn(np.array(rows, dtype=np.int64), 20)


def test_sets_on_the_server_are_cut_to_drawn_rows_as_in_process(server, client, monkeypatch):
    monkeypatch.setenv("W2S_CACHE_DIR", str(server.folder / "other-cache"))
    assert cache_dir() == server.folder / "other-cache"
    query = arrays(8, rows=120)
    texts = [f"text {i}" for i in range(120)]
    strong, weak = query.strong.values, {spec.name: spec.values for spec in query.weak}
    store = own_store()
    for name, values in {"drawn-strong": strong, **{f"drawn-{name}": one for name, one in weak.items()}}.items():
        about = {"rows_sha256": rows_digest(Pool.of(texts))}
        store.push(name, values, **about)
        client.features.push(name, values, **about)
    request = {
        "strong": "s=features:drawn-strong",
        "weak": [f"{name}=features:drawn-{name}" for name in weak],
        "seed": 3,
        "max_rows": 70,
    }
    for more in (
        {},
        {"pool": texts},
        {"labels": [float(i % 7) if i % 2 else None for i in range(120)]},
        {"weak": ["near=features:drawn-near", "gone=features:absent"]},
    ):
        asked = {**request, **more}
        here = ranked_here({**asked, "pool": asked.get("pool")})
        there = client.rank(**asked)
        assert there.rows == 70
        if "absent" not in str(asked["weak"]):
            assert bare(there) == bare(here)
        else:
            assert [one.status for one in there.candidates] == [one.status for one in here.candidates]


def test_a_set_of_the_same_name_here_is_not_taken_for_that_of_the_server(server, client, monkeypatch):
    monkeypatch.setenv("W2S_CACHE_DIR", str(server.folder / "misleading"))
    query = arrays(9, rows=120)
    client.features.push("same", query.strong.values)
    own_store().push("same", query.strong.values * 0 + np.arange(120)[:, None])
    there = client.rank(strong="features:same", weak={"near": query.weak[0].values}, max_rows=60, seed=1)
    whole = client.rank(strong=query.strong.values, weak={"near": query.weak[0].values}, max_rows=60, seed=1)
    assert there.strong.fingerprint == whole.strong.fingerprint
