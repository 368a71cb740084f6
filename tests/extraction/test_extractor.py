"""The extractor over its store: nothing twice, nothing wrong, nothing for nothing."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from predictor import folders
from predictor.errors import InputError, NotFoundError
from predictor.extraction.extractor import Extractor
from predictor.query.model_spec import ModelSpec, read_spec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet
from predictor.steps import Progress, drain
from predictor.store.features import FeatureStore
from tests import weights

POOL = Pool.of(weights.SENTENCES)


def run(extractor: Extractor, reference: str, pool: Pool = POOL, **settings: object) -> tuple[FeatureSet, ...]:
    settings.setdefault("precision", "fp32")
    return drain(extractor.features(read_spec(reference), pool, Settings(**settings)))  # type: ignore[arg-type]


@pytest.fixture
def model() -> str:
    """The smallest real model: BERT-tiny as ONNX."""
    return weights.local(weights.BERT_TINY_ONNX)


@pytest.mark.weights
def test_a_second_run_makes_no_forward_pass_and_gives_the_same(tmp_path: Path, model: str) -> None:
    first = Extractor(tmp_path)
    (fresh,) = run(first, model)
    assert first.forward_passes > 0
    assert not fresh.cached
    second = Extractor(tmp_path)
    (again,) = run(second, model)
    assert second.forward_passes == 0
    assert again.cached
    np.testing.assert_array_equal(fresh.values, again.values)
    assert (fresh.fingerprint, fresh.parameters, fresh.layer, fresh.depth) == (
        again.fingerprint,
        again.parameters,
        again.layer,
        again.depth,
    )


@pytest.mark.weights
def test_only_the_layers_that_are_missing_are_computed(tmp_path: Path, model: str) -> None:
    extractor = Extractor(tmp_path)
    run(extractor, f"{model}#layer=1")
    passes = extractor.forward_passes
    one, two = run(extractor, f"tiny={model}#layer=1,last")
    assert extractor.forward_passes == 2 * passes
    assert (one.name, two.name) == ("tiny#layer=1", "tiny#layer=2")
    assert (one.cached, two.cached) == (True, False)
    assert one.fingerprint != two.fingerprint


@pytest.mark.weights
@pytest.mark.parametrize("change", ["layer=2", "pooling=cls", "pooling=last"])
def test_other_settings_are_other_features(tmp_path: Path, model: str, change: str) -> None:
    extractor = Extractor(tmp_path)
    (base,) = run(extractor, model)
    (other,) = run(extractor, f"{model}#{change}")
    assert not other.cached
    assert other.fingerprint != base.fingerprint
    assert not np.array_equal(other.values, base.values)


@pytest.mark.weights
def test_other_rows_are_other_entries_of_the_same_fingerprint(tmp_path: Path, model: str) -> None:
    extractor = Extractor(tmp_path)
    (base,) = run(extractor, model)
    (other,) = run(extractor, model, Pool.of(weights.SENTENCES[::-1]))
    assert not other.cached
    assert other.fingerprint == base.fingerprint
    np.testing.assert_allclose(other.values, base.values[::-1], rtol=1e-4, atol=1e-5)
    (renamed,) = run(extractor, model, Pool.of(weights.SENTENCES, [f"r{i}" for i in range(len(weights.SENTENCES))]))
    assert renamed.cached


@pytest.mark.weights
def test_a_damaged_entry_is_computed_again(tmp_path: Path, model: str) -> None:
    (fresh,) = run(Extractor(tmp_path), model)
    (entry,) = (tmp_path / "features" / "entries").glob("??/*.w2sf")
    raw = bytearray(entry.read_bytes())
    raw[len(raw) // 2] ^= 1
    entry.write_bytes(bytes(raw))
    extractor = Extractor(tmp_path)
    (again,) = run(extractor, model)
    assert extractor.forward_passes > 0
    assert extractor.store.damaged == 1
    assert not again.cached
    np.testing.assert_array_equal(again.values, fresh.values)
    assert entry.is_file()


@pytest.mark.weights
def test_a_model_that_changed_in_place_is_computed_again(tmp_path: Path, model: str) -> None:
    source = Path(model.removeprefix("onnx:"))
    for name in (source.name, "tokenizer.json"):
        (tmp_path / name).write_bytes((source.parent / name).read_bytes())
    copy = f"onnx:{tmp_path / source.name}"
    extractor = Extractor(tmp_path / "cache")
    run(extractor, copy)
    tokenizer = (tmp_path / "tokenizer.json").read_text()
    (tmp_path / "tokenizer.json").write_text(tokenizer + "\n")
    assert not run(Extractor(tmp_path / "cache"), copy)[0].cached


@pytest.mark.weights
def test_the_batch_size_changes_nothing(tmp_path: Path, model: str) -> None:
    (small,) = run(Extractor(tmp_path / "a", token_budget=1), model)
    (large,) = run(Extractor(tmp_path / "b", token_budget=100_000), model)
    np.testing.assert_allclose(small.values, large.values, rtol=1e-4, atol=1e-5)


@pytest.mark.weights
def test_equal_rows_get_equal_features_and_empty_rows_finite_ones(tmp_path: Path, model: str) -> None:
    (found,) = run(Extractor(tmp_path), model)
    np.testing.assert_array_equal(found.values[1], found.values[4])
    assert np.isfinite(found.values[2]).all()
    assert found.values[2].any()


@pytest.mark.weights
def test_progress_counts_rows_to_the_end(tmp_path: Path, model: str) -> None:
    steps = list(Extractor(tmp_path, token_budget=32).features(read_spec(f"m={model}"), POOL, Settings()))
    assert steps[:3] == [Progress("m", "load", 0, 1), Progress("m", "load", 1, 1), Progress("m", "extract", 0, 8)]
    done = [step.done for step in steps[2:]]
    assert done == sorted(done)
    assert steps[-1] == Progress("m", "extract", 8, 8)
    assert len(steps) > 5


@pytest.mark.weights
def test_closing_the_generator_stops_the_work(tmp_path: Path, model: str) -> None:
    extractor = Extractor(tmp_path, token_budget=1)
    steps = extractor.features(read_spec(model), POOL, Settings())
    while next(steps).phase != "extract":
        pass
    next(steps)
    steps.close()
    assert extractor.forward_passes == 1
    assert run(extractor, model)[0].cached is False


@pytest.mark.weights
def test_a_full_disk_costs_the_store_and_not_the_answer(
    tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folders.os, "fsync", full)
    extractor = Extractor(tmp_path)
    (found,) = run(extractor, model)
    assert found.values.shape == (8, 128)
    assert any(warning.startswith("not stored for next time: the disk behind") for warning in found.warnings)


@pytest.mark.weights
def test_a_cached_answer_loads_no_runtime(tmp_path: Path, model: str) -> None:
    run(Extractor(tmp_path), model)
    code = f"""
import sys
from pathlib import Path
from predictor.extraction.extractor import Extractor
from predictor.query.model_spec import read_spec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.steps import drain
from tests.weights import SENTENCES
steps = Extractor(Path({str(tmp_path)!r})).features(read_spec({model!r}), Pool.of(SENTENCES), Settings())
found = drain(steps)
print(found[0].cached, sorted({{"torch", "transformers", "onnxruntime", "onnx"}} & set(sys.modules)))
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "True []"


def test_arrays_and_pushed_sets_pass_through(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    np.save(tmp_path / "a.npy", values)
    extractor = Extractor(tmp_path)
    extractor.store.push("mine", values)
    inline = drain(extractor.features(ModelSpec("i", "", values=values), Pool.numbered(8), Settings()))
    for found in (run(extractor, f"array:{tmp_path / 'a.npy'}"), run(extractor, "features:mine"), inline):
        np.testing.assert_array_equal(found[0].values, values)
        assert found[0].cached
    assert len({found.fingerprint for found in (run(extractor, "features:mine")[0], inline[0])}) == 1
    with pytest.raises(InputError, match="'features:mine' has 8 rows, the pool has 3"):
        run(extractor, "features:mine", Pool.numbered(3))
    with pytest.raises(NotFoundError, match="there is no feature set 'yours'; stored are: mine"):
        run(extractor, "features:yours")


def test_a_pushed_set_of_other_rows_is_refused(tmp_path: Path) -> None:
    from predictor.store.arrays import rows_digest

    extractor = Extractor(tmp_path)
    extractor.store.push("mine", np.eye(8), rows_sha256=rows_digest(POOL))
    run(extractor, "features:mine")
    with pytest.raises(InputError, match="was computed on other rows than this pool"):
        run(extractor, "features:mine", Pool.of([f"row {i}" for i in range(8)]))


@pytest.mark.weights
def test_a_model_asked_to_read_numbered_rows_asks_for_texts(tmp_path: Path, model: str) -> None:
    with pytest.raises(InputError, match="must read texts, and none were given; name the rows with --pool"):
        run(Extractor(tmp_path), model, Pool.numbered(8))


@pytest.mark.weights
def test_a_store_of_ones_own_stores_features_apart(tmp_path: Path, model: str) -> None:
    run(Extractor(tmp_path, store=FeatureStore(tmp_path / "one")), model)
    other = Extractor(tmp_path, store=FeatureStore(tmp_path / "two"))
    assert not run(other, model)[0].cached


@pytest.mark.weights
def test_static_embeddings_are_looked_up_and_averaged(tmp_path: Path) -> None:
    from predictor.extraction.tokenizers import load_tokenizer
    from predictor.store.array_files import read_array

    artefact = weights.artefact(weights.POTION)
    (found,) = run(Extractor(tmp_path), weights.local(weights.POTION))
    table = read_array(str(artefact.path / "model.safetensors")).values
    tokens = load_tokenizer(artefact).encode(weights.SENTENCES, 256).rows
    expected = np.stack([table[row].mean(axis=0) for row in tokens])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)  # the folder's config asks for it
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-5)
    assert (found.layer, found.depth, found.dim) == ("0", 0.0, 256)


@pytest.mark.weights
def test_an_embedding_table_is_averaged_over_the_text_without_markers(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    table = np.random.default_rng(3).normal(size=(30522, 4)).astype(np.float32)
    save_file({"table": table, "other": table[:1]}, tmp_path / "t.safetensors")
    folder = weights.artefact(weights.MINILM).path
    (found,) = run(Extractor(tmp_path), f"array:{tmp_path / 't.safetensors'}::table#tokenizer={folder}")
    words = {line: i for i, line in enumerate((folder / "vocab.txt").read_text().splitlines())}
    np.testing.assert_allclose(
        found.values[1], table[[words[w] for w in ("a", "dull", "film")]].mean(axis=0), rtol=1e-5
    )


def test_threads_follow_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from predictor.statistics.threads import usable_threads

    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert usable_threads() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert 1 <= usable_threads() <= (os.cpu_count() or 1)
