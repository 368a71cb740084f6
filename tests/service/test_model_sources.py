"""Models of the hub and of package registries: fetched from the sources that the operator names only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from predictor.errors import ForbiddenError, InputError
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.steps import drain
from predictor.store.arrays import ArraySource
from server.access.caller import LOCAL
from server.access.endpoints import Endpoints
from server.config import Config, Limits
from server.workforce.model_roots import LOCAL_USER, ROOTS, guarded, roots_of
from server.workforce.model_sources import EVERY_SOURCE, SOURCES, ModelSources
from server.workforce.spawn import worker_environment
from tests.service.running import RunningServer

ROWS = 60
COMMIT = "0" * 40
WHEEL = "pypi:never-published-w2s==1.0/m"
HUB = f"hub:alice/m@{COMMIT}"


@pytest.mark.parametrize(
    ("allowed", "reference", "passes"),
    [
        ((), WHEEL, False),
        ((), HUB, False),
        (("pypi:*",), WHEEL, True),
        (("pypi:*",), HUB, False),
        (("hub:*",), HUB, True),
        (("hub:alice",), HUB, True),
        (("hub:alice/m",), HUB, True),
        (("hub:alice/n",), HUB, False),
        (("hub:alic",), HUB, False),
        (("pypi:never_published.W2S",), WHEEL, True),
        (("pypi:other",), WHEEL, False),
        (("pypi:a",), "pypi:a==1+b==1/m.zip!/f", False),
        (("pypi:a", "pypi:b"), "pypi:a==1+b==1/m.zip!/f", True),
        ((), f"array:a.npy#tokenizer={HUB}", False),
        ((), "array:a.npy", True),
        ((), "features:mine", True),
    ],
)
def test_only_named_sources_and_owners_are_read(allowed: tuple[str, ...], reference: str, passes: bool):
    sources = ModelSources.parse(allowed)
    if passes:
        sources.check(reference)
        return
    with pytest.raises(ForbiddenError, match="reads models from ") as caught:
        sources.check(reference)
    assert caught.value.reason == "SOURCE_FORBIDDEN"
    assert all(one in caught.value.message for one in allowed or ("no hub and no package registry",))


@pytest.mark.parametrize("entry", ["hub", "hub:", "ftp:x", "pypi:a/b", "hub:a/b/c", "pypi:a==1", "hub:*/m"])
def test_an_entry_that_names_no_source_is_refused(entry: str):
    with pytest.raises(InputError, match="hub:OWNER"):
        ModelSources.parse((entry,))


def test_sources_are_closed_with_credentials_and_open_without():
    assert Config.read({}).sources == EVERY_SOURCE
    assert Config(endpoints=Endpoints(tokens=Path("tokens"))).sources == ()
    assert Config.read({"W2S_TOKENS": "t"}).sources == ()
    assert Config.read({"W2S_TOKENS": "t", "W2S_MODELS_FROM": "hub:a pypi:b"}).sources == ("hub:a", "pypi:b")
    assert Config.read({"W2S_MODELS_FROM": "none"}).sources == ()


def test_a_worker_that_was_given_no_sources_reads_none():
    source = guarded(ArraySource(), roots_of("alice", {}))
    with pytest.raises(ForbiddenError):
        drain(source.features(ModelSpec("a", WHEEL), Pool.numbered(9), Settings()))
    source = guarded(ArraySource(), roots_of(LOCAL, {LOCAL_USER: "1", ROOTS: "", SOURCES: "hub:*"}))
    with pytest.raises(ForbiddenError):
        drain(source.features(ModelSpec("a", WHEEL), Pool.numbered(9), Settings()))


def test_a_worker_reaches_the_hub_only_where_the_hub_is_a_source():
    assert worker_environment(Limits(), {SOURCES: "pypi:*"})["HF_HUB_OFFLINE"] == "1"
    assert worker_environment(Limits(), {SOURCES: "pypi:* hub:a"})["HF_HUB_OFFLINE"] == "0"


def test_a_running_server_fetches_nothing_that_its_operator_did_not_name(tmp_path: Path):
    rng = np.random.default_rng(0)
    weak = (ModelSpec("sound", "array:", values=rng.normal(size=(ROWS, 4))), ModelSpec("wheel", WHEEL))
    query = RankingQuery(
        ModelSpec("s", "array:", values=rng.normal(size=(ROWS, 6))), weak, Pool.of([f"row {i}" for i in range(ROWS)])
    )
    with RunningServer(tmp_path, "--models-from", "pypi:known") as server, server.client() as client:
        assert client.server_info().models_from == ("pypi:known",)
        job = client.wait(client.submit(query))
    assert job.state == "PARTIAL"
    assert job.ranking is not None
    assert [one.error.reason for one in job.ranking.candidates if one.error] == ["SOURCE_FORBIDDEN"]
    assert not (tmp_path / "cache" / "wheels").exists()
