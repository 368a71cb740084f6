"""Models run by workers of a Dask cluster: the features of this process, through errors, dead workers, cancellation."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from predictor import predict, rank
from predictor.engines import connection
from predictor.engines.cluster import Cluster
from predictor.engines.cluster_source import ClusterSource
from predictor.engines.connection import open_cluster
from predictor.engines.open import open_engine
from predictor.engines.tasks import Piece, join
from predictor.errors import InputError, UnavailableError
from predictor.extraction.extractor import Extractor
from predictor.intake.request import build_query
from predictor.ranking.rank import rank_steps
from predictor.steps import Progress, drain
from predictor.store.arrays import ArraySource
from predictor.store.features import FeatureStore
from tests import weights
from tests.service.running import until

WORDS = ("film", "plain", "warm", "the", "story", "never", "music", "dull", "long", "bright", "cold", "acting")


def assert_same(found, expected):
    assert [c.name for c in found.candidates] == [c.name for c in expected.candidates]
    for one, other in zip(found.candidates, expected.candidates, strict=True):
        assert one.error == other.error
        assert (one.rank, one.rank_low, one.rank_high, one.tie_group) == (
            other.rank,
            other.rank_low,
            other.rank_high,
            other.tie_group,
        )
        for name, estimate in one.estimates.items():
            assert estimate.value == pytest.approx(other.estimates[name].value, abs=1e-9)
            assert dict(estimate.details) == pytest.approx(dict(other.estimates[name].details), abs=1e-9)
        assert one.diagnostics == pytest.approx(other.diagnostics, abs=1e-9)
    assert found.strong.diagnostics == pytest.approx(expected.strong.diagnostics, abs=1e-9)


def query_of(rows):
    """A small model, and one that does not exist, over short texts."""
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(WORDS, rng.integers(1, 9))) + f" {i}" for i in range(rows)]
    models = {"tiny": weights.local(weights.BERT_TINY_ONNX), "missing": "./nowhere"}
    return build_query(strong=weights.local(weights.POTION), weak=models, pool=texts, layer="last", estimators=("cka",))


def on(cluster):
    """The source of a ranking whose models run on the cluster."""
    local = Extractor(cluster.folder)
    return ClusterSource(cluster, local, local)


def test_one_shard_equals_local(engine, tmp_path):
    """One shard gives the bytes of this process, and stored features are not extracted again."""
    query = query_of(60)
    here = drain(rank_steps(query, Extractor(tmp_path / "local")))
    cluster = Cluster(engine._client, engine.folder)
    found = drain(rank_steps(query, on(cluster)))
    assert_same(found, here)
    assert [c.error is None for c in found.candidates] == [True, False]
    stored, made = (sorted((f / "features" / "entries").rglob("*.w2sf")) for f in (tmp_path / "local", engine.folder))
    assert [p.name for p in stored] == [p.name for p in made]
    assert [p.read_bytes() for p in stored] == [p.read_bytes() for p in made]
    again = Extractor(engine.folder)
    drain(rank_steps(query, again))
    assert again.forward_passes == 0


def test_shards_join_and_resume(engine, tmp_path):
    """Shards are extracted apart, joined under the key of the whole pool, and read from the store the next time."""
    shard_rows = 40
    query = query_of(2 * shard_rows + 10)
    cluster = Cluster(engine._client, engine.folder, shard_rows)
    found = drain(rank_steps(query, on(cluster)))
    here = drain(rank_steps(query, Extractor(tmp_path / "local")))
    assert found.candidates[0].estimates["cka"].value == pytest.approx(
        here.candidates[0].estimates["cka"].value, abs=1e-5
    )
    assert found.candidates[0].fingerprint == here.candidates[0].fingerprint
    store = engine.folder / "features" / "entries"
    local = sorted((tmp_path / "local" / "features" / "entries").rglob("*.w2sf"))
    assert len(list(store.rglob("*.w2sf"))) == 2 * (3 + 1)
    assert all((store / p.parent.name / p.name).exists() for p in local)
    (store / local[0].parent.name / local[0].name).unlink()
    before = {p: p.stat().st_ino for p in store.rglob("*.w2sf")}
    again = Cluster(engine._client, engine.folder, shard_rows)
    assert_same(drain(rank_steps(query, on(again))), found)
    after = {p: p.stat().st_ino for p in store.rglob("*.w2sf")}
    assert {p: after[p] for p in before} == before
    assert len(after) == len(before) + 1


def test_stages_run_on_workers(engine, tmp_path):
    """A ranking in stages has its rows extracted by workers too, with the order of this process."""
    query = query_of(90)
    query = dataclasses.replace(query, settings=dataclasses.replace(query.settings, confidence=0.9))
    here = drain(rank_steps(query, Extractor(tmp_path / "local")))
    found = drain(rank_steps(query, on(engine)))
    assert_same(found, here)
    assert list((engine.folder / "features" / "entries").rglob("*.w2sf"))


def test_arrays_stay_in_this_process(engine, files):
    """Arrays are never sent to workers: their answer is that of a local ranking."""
    source, local = ArraySource(), Extractor(engine.folder)
    weak = {name: str(files / f"{name}.npy") for name in ("a", "b", "flat")}
    query = build_query(strong=str(files / "s.npy"), weak=weak, estimators=("cka",))
    assert_same(drain(rank_steps(query, on(engine))), drain(rank_steps(query, source)))
    assert drain(local.features(query.strong, query.pool, query.settings))
    assert not engine._futures


def test_killed_worker_costs_only_time(engine, tmp_path):
    """Tasks of a worker that dies are repeated by another."""
    query = query_of(90)
    expected = drain(rank_steps(query, Extractor(tmp_path / "local")))
    client, cluster = engine._client, Cluster(engine._client, engine.folder, 10)
    steps = rank_steps(query, on(cluster))
    next(step for step in steps if step.phase == "extract")
    victim = next(iter(client.run(os.getpid).values()))
    os.kill(victim, signal.SIGKILL)
    found = drain(steps)
    assert [(c.name, c.rank) for c in found.candidates] == [(c.name, c.rank) for c in expected.candidates]
    assert found.candidates[0].fingerprint == expected.candidates[0].fingerprint
    client.wait_for_workers(2)
    assert victim not in client.run(os.getpid).values()


def test_lost_workers_are_an_error_of_the_model(tmp_path):
    """A task that kills every worker it runs on is an error of its model. The cluster is of this test alone."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
        ) as own,
        Client(own) as client,
    ):
        own.scheduler.allowed_failures = 1
        with pytest.raises(UnavailableError, match=r"2 workers died while they worked on 'x'.*want of memory"):
            drain(Cluster(client, tmp_path).result(client.submit(os._exit, 1, pure=False), "x"))


def test_close_cancels(engine):
    """Closing the steps and the cluster leaves no task behind."""
    cluster = Cluster(engine._client, engine.folder, 10)
    steps = rank_steps(query_of(90), on(cluster))
    next(step for step in steps if step.phase == "extract")
    steps.close()
    cluster.close()
    until(lambda: not engine._client.run_on_scheduler(unfinished))


def unfinished(dask_scheduler=None):
    """Tasks that extract or join features, on the scheduler."""
    return sum("extract" in key or "join" in key for key in map(str, dask_scheduler.tasks))


def test_a_cancelled_extraction_stops_between_batches(cluster, tmp_path):
    from distributed import Client, Event

    from predictor.engines import tasks

    with Client(cluster):
        Event("w2s-stop-test").set()
        assert tasks._stopped("w2s-stop-test")
        assert not tasks._stopped("w2s-stop-other")


class TestChoice:
    def test_local_is_this_process(self):
        with open_engine("local", "source") as source:
            assert source == "source"

    @pytest.mark.parametrize("text", ["ray", "", "dask:", "local:1"])
    def test_other_engines_are_refused(self, text):
        with (
            pytest.raises(InputError, match=r"is not known; give local, dask, or dask:ADDRESS"),
            open_engine(text, ArraySource()),
        ):
            pass

    def test_an_address_where_nothing_answers_is_named(self, tmp_path, monkeypatch):
        monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.5)
        with (
            pytest.raises(UnavailableError, match=r"no Dask scheduler answers at '127.0.0.1:1'"),
            open_engine("dask:127.0.0.1:1", ArraySource(), tmp_path),
        ):
            pass

    def test_a_worker_that_does_not_see_the_folder_is_named(self, tmp_path):
        class FakeClient:
            """Two workers, one of them on a machine without the folder."""

            def run(self, task, path):
                return {"tcp://a": task(path), "tcp://b": None}

        with pytest.raises(UnavailableError, match=r"1 of 2 Dask workers do not see '.*' \(tcp://b\); name a folder"):
            connection._check_shared(FakeClient(), tmp_path)
        assert not list((tmp_path / "shared").iterdir())

    def test_rank_takes_an_address(self, cluster, files, own_folders):
        models = {"strong": str(files / "s.npy"), "weak": [f"a={files / 'a.npy'}"], "estimators": ("cka",)}
        found = rank(**models, engine=f"dask:{cluster.scheduler_address.removeprefix('tcp://')}")
        assert_same(found, rank(**models))

    def test_workers_of_this_machine_come_and_go_with_the_engine(self, tmp_path, monkeypatch):
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        with open_cluster("", tmp_path) as found:
            pids = list(found._client.run(os.getpid).values())
            assert len(pids) == 1
            assert pids[0] != os.getpid()
        with pytest.raises(ProcessLookupError):
            os.kill(pids[0], 0)


def test_workers_that_read_a_model_differently_are_refused(tmp_path):
    pieces = [(Piece("a" * 64, {"name": "m", "fingerprint": f"{k}", "warnings": ()}),) for k in range(2)]
    with pytest.raises(UnavailableError, match="workers read 'm' differently"):
        join(pieces, "b" * 64, str(tmp_path))


def test_features_that_a_worker_stored_elsewhere_are_missed_by_name(tmp_path):
    with pytest.raises(UnavailableError, match="features of 'm' were extracted by a worker and are not in"):
        Piece("a" * 64, {"name": "m"}).load(FeatureStore(tmp_path))


class TestCommand:
    def run(self, files, *words, env=None, folder):
        from subprocess import DEVNULL, run
        from sys import executable

        clean = {name: value for name, value in os.environ.items() if not name.startswith("W2S_")}
        own = {"W2S_CACHE_DIR": str(folder / "cache"), "W2S_STATE_DIR": str(folder / "state")}
        return run(
            [executable, "-m", "client.cli", "predict", "--strong", "s.npy", "--weak", "a=a.npy", "b=b.npy", "--json",
             "--estimator", "cka", *words],
            env={**clean, **own, **(env or {})}, cwd=files, capture_output=True, text=True, check=False, stdin=DEVNULL,
            timeout=120,
        )  # fmt: skip

    def test_the_flag_and_the_variable_choose_it_and_the_answer_is_the_same(self, cluster, files, tmp_path):
        address = f"dask:{cluster.scheduler_address}"
        with ThreadPoolExecutor() as side_by_side:
            flag = side_by_side.submit(self.run, files, "--engine", address, folder=tmp_path / "flag")
            variable = side_by_side.submit(self.run, files, env={"W2S_ENGINE": address}, folder=tmp_path / "variable")
            found = [flag.result(), variable.result()]
        assert [one.returncode for one in found] == [0, 0], found[0].stderr + found[1].stderr
        models = {"strong": str(files / "s.npy"), "weak": [f"{name}={files / name}.npy" for name in "ab"]}
        here = predict(**models, estimators=("cka",)).candidates
        for candidates in (json.loads(one.stdout)["candidates"] for one in found):
            for one, other in zip(candidates, here, strict=True):
                assert one["name"] == other.name
                assert one["estimates"]["cka"]["value"] == pytest.approx(other.estimates["cka"].value, abs=1e-9)

    def test_a_server_and_an_engine_exclude_each_other(self, files, tmp_path):
        found = self.run(files, "--engine", "dask", "--server", "127.0.0.1:1", folder=tmp_path)
        assert found.returncode == 2
        assert "--engine is 'dask' and --server is given" in found.stderr


def test_progress_is_yielded_while_a_task_runs(engine):
    steps = list(engine.result(engine._client.submit(time.sleep, 0.6, pure=False), "m", 7))
    assert steps[0] == Progress("m", "extract", 0, 7)
    assert len(steps) >= 2
    assert dataclasses.asdict(steps[-1])["total"] == 7
