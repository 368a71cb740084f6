"""Requests: whatever a caller passes becomes one validated query."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import predictor
from predictor.errors import InputError, NotFoundError
from predictor.intake.request import build_query, spec_of
from predictor.query.budget import Budget
from predictor.query.labels import Labels
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet
from predictor.query.training_plan import Training
from predictor.steps import drain
from predictor.store.arrays import ArraySource, write_features

ROWS = 20


@pytest.fixture
def arrays():
    rng = np.random.default_rng(3)
    return {name: rng.standard_normal((ROWS, 4)).astype(np.float32) for name in ("strong", "a", "b")}


@pytest.fixture
def pool_file(tmp_path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"id": f"r{i}", "text": f"row {i}"}) + "\n" for i in range(ROWS)))
    return path


def test_defaults_are_those_of_the_settings(arrays):
    query = build_query(strong=arrays["strong"], weak=[arrays["a"]])
    assert query.settings == Settings()
    assert query.strong.name == "strong"
    assert [spec.name for spec in query.weak] == ["weak[0]"]
    assert len(query.pool) == ROWS
    assert query.pool.texts == ()


def test_training_is_part_of_the_settings(arrays):
    asked = {"weak_rows": 8, "student_rows": 9, "weak_ridge": 0.1, "student_ridge": 0.2}
    query = build_query(strong=arrays["strong"], weak=[arrays["a"]], **asked)
    assert query.settings == Settings(training=Training(8, 9, 0.1, 0.2))


def test_models_are_read_from_text_paths_mappings_and_specs(pool_file):
    query = build_query(
        strong="student=gguf:big.gguf#layer=5",
        weak=["small=./folder#layer=3,6&pooling=cls", Path("other"), ModelSpec("third", "onnx:x.onnx")],
        pool=pool_file,
        layer=4,
    )
    assert (query.strong.name, query.strong.reference, query.strong.layer) == ("student", "gguf:big.gguf", "5")
    assert [(s.name, s.layer, s.pooling) for s in query.weak] == [
        ("small", "3,6", "cls"),
        ("other", None, None),
        ("third", None, None),
    ]
    assert query.settings.layer == "4"
    assert query.pool.ids[:2] == ("r0", "r1")


def test_a_mapping_names_its_models(arrays):
    query = build_query(strong=arrays["strong"], weak={"left": arrays["a"], "right": "array:b.npy"})
    assert [(s.name, s.reference) for s in query.weak] == [("left", "array:"), ("right", "array:b.npy")]


@pytest.mark.parametrize("file", ["a.npy", "a.npz", "a.safetensors", "a.npz::x", "a.safetensors::x"])
def test_a_bare_file_of_arrays_is_one_with_its_key_too(file):
    assert spec_of(f"w={file}", "w", "weak").reference == f"array:{file}"


def test_a_bare_array_file_is_an_array(tmp_path, arrays):
    np.save(tmp_path / "s.npy", arrays["strong"])
    query = build_query(strong=str(tmp_path / "s.npy"), weak=f"small={tmp_path / 'w.npy'}")
    assert query.strong.reference == f"array:{tmp_path / 's.npy'}"
    assert query.weak[0].reference == f"array:{tmp_path / 'w.npy'}"
    assert len(query.pool) == ROWS


def test_the_pool_may_be_texts_a_pool_or_a_file(arrays, pool_file):
    texts = [f"row {i}" for i in range(ROWS)]
    for pool in (texts, Pool.of(texts), pool_file, str(pool_file)):
        assert build_query(strong=arrays["strong"], weak=[arrays["a"]], pool=pool).pool.texts == tuple(texts)


def test_labels_may_be_values_a_mapping_an_array_or_a_file(arrays, tmp_path):
    values = [None] * 10 + [0, 1] * 5
    array = np.array([np.nan if value is None else value for value in values], dtype=float)
    np.save(tmp_path / "gold.npy", array)
    table = {str(row): value for row, value in enumerate(values) if value is not None}
    for labels in (values, array, table, tmp_path / "gold.npy", Labels.of(values)):
        query = build_query(strong=arrays["strong"], weak=[arrays["a"]], labels=labels)
        assert query.labels is not None
        np.testing.assert_array_equal(query.labels.targets[:, 0], array)


def test_weak_labels_may_be_arrays_or_files_and_follow_the_gold_classes(arrays, tmp_path):
    names = ["no", "yes"] * (ROWS // 2)
    path = tmp_path / "weak.csv"
    path.write_text("id,label\n" + "".join(f"{row},{name}\n" for row, name in enumerate(names)))
    gold = names[:10] + [None] * (ROWS - 10)
    expected = [0.0, 1.0] * (ROWS // 2)
    for given in ({"a": names}, {"a": path}, [f"a={path}"]):
        query = build_query(strong=arrays["strong"], weak={"a": arrays["a"]}, labels=gold, weak_labels=given)
        assert query.weak_labels["a"].tolist() == expected


def test_rows_are_drawn_by_seed_in_order_and_everything_is_cut_alike(arrays, tmp_path):
    np.save(tmp_path / "b.npy", arrays["b"])
    gold = [float(row) if row % 2 else None for row in range(ROWS)]
    weak_labels = np.arange(ROWS, dtype=float)

    def ask(seed: int):
        return build_query(
            strong=arrays["strong"],
            weak={"a": arrays["a"], "b": f"array:{tmp_path / 'b.npy'}"},
            pool=[f"row {row}" for row in range(ROWS)],
            labels=gold,
            weak_labels={"a": weak_labels},
            max_rows=18,
            seed=seed,
        )

    query = ask(5)
    rows = [int(name) for name in query.pool.ids]
    assert len(rows) == 18
    assert rows == sorted(set(rows))
    assert query.pool.texts == tuple(f"row {row}" for row in rows)
    assert query.weak_labels["a"].tolist() == rows
    np.testing.assert_array_equal(query.strong.values, arrays["strong"][rows])
    np.testing.assert_array_equal(query.weak[0].values, arrays["a"][rows])
    np.testing.assert_array_equal(query.weak[1].values, arrays["b"][rows])
    assert query.labels is not None
    np.testing.assert_array_equal(query.labels.targets[:, 0], [np.nan if gold[r] is None else gold[r] for r in rows])
    assert ask(5).pool.ids == query.pool.ids
    assert ask(6).pool.ids != query.pool.ids


def test_drawing_more_rows_than_there_are_takes_all(arrays):
    query = build_query(strong=arrays["strong"], weak=[arrays["a"]], max_rows=ROWS + 1)
    assert len(query.pool) == ROWS


def test_every_row_is_drawn_equally_often(arrays):
    counts = np.zeros(ROWS)
    for seed in range(400):
        query = build_query(strong=arrays["strong"], weak=[arrays["a"]], max_rows=5, seed=seed)
        counts[[int(name) for name in query.pool.ids]] += 1
    # 400 draws of 5 of 20: binomial(400, 1/4), standard deviation 8.7
    assert abs(counts - 100).max() < 5 * 8.7


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank_by": "size"}, r"rank_by is 'size'; it must be one of accuracy, w2s_error, gain"),
        ({"pooling": "max"}, r"pooling is 'max'; it must be one of mean, last, cls"),
        ({"seed": -1}, r"seed is -1; it must be a whole number of at least 0"),
        ({"max_rows": 1}, r"max_rows is 1; it must be a whole number of at least 2"),
        ({"max_rows": 2.5}, r"max_rows is 2\.5; it must be a whole number"),
        ({"estimators": []}, r"no estimator named; leave estimators out for the default"),
        ({"labels": [0, 1]}, r"2 row\(s\) carry a gold label"),
        ({"labels": [0, 1] * 3}, r"labels cover 6 rows, the pool has 20"),
        ({"labels": {"r99": 1}}, r"labelled row 'r99' is not in the pool"),
        ({"weak_labels": {"z": [0.0] * ROWS}}, r"given for 'z', which is no candidate; the candidates are a, b"),
        ({"weak_labels": {"a": [0.0] * 3}}, r"weak labels of 'a' have shape \(3,\)"),
        ({"weak_labels": ["a.npy"]}, r"must be given as NAME=FILE"),
        ({"pool": ["x", 3]}, r"row 1 of the pool is 3, which is no text; give texts"),
        ({"labls": [0, 1]}, r"there is no keyword 'labls'; did you mean labels\?"),
        ({"teacher_model": "a"}, r"there is no keyword 'teacher_model'; known ones are answer_device, budget, "),
        ({"weak": []}, r"no weak candidate given; name at least one with --weak"),
        ({"weak": ["./m", "./m"]}, r"candidate '\./m' is named twice; give each its own alias"),
        (
            {"strong": np.ma.masked_array(np.ones((ROWS, 3)), np.eye(ROWS, 3))},
            r"strong .* with 3 masked values",
        ),
        ({"strong": np.zeros(ROWS)}, r"strong model 'strong' is an array of shape \(20,\).*\(rows, dimensions\)"),
        ({"labels": [0.0, 1.0, 0.0, 1.0] + [None] * 16, "max_rows": 5}, r"of the 5 rows drawn carry a gold label"),
    ],
)
def test_malformed_request_message(arrays, options, message):
    asked = {"strong": arrays["strong"], "weak": {"a": arrays["a"], "b": arrays["b"]}, **options}
    with pytest.raises(InputError, match=message):
        build_query(**asked)


def test_models_without_a_pool_need_one():
    with pytest.raises(InputError, match=r"no pool given; it may be left out only where every model is an array"):
        build_query(strong="./big", weak="./small")


def test_a_missing_strong_array_is_not_found():
    with pytest.raises(NotFoundError, match=r"array file 'none\.npy' does not exist"):
        build_query(strong="none.npy", weak="also-none.npy")


def test_a_missing_candidate_array_is_left_to_fail_on_its_own(arrays):
    query = build_query(strong=arrays["strong"], weak=["none.npy"], max_rows=5)
    assert query.weak[0].reference == "array:none.npy"


def test_stored_feature_sets_need_no_pool(tmp_path, monkeypatch, arrays):
    from predictor.store.features import FeatureStore

    monkeypatch.setenv("W2S_CACHE_DIR", str(tmp_path))
    FeatureStore(tmp_path / "features").push("mine", arrays["a"])
    query = build_query(strong="features:mine", weak="features:mine", max_rows=7, seed=1)
    assert len(query.pool) == 7
    rows = [int(name) for name in query.pool.ids]
    np.testing.assert_array_equal(query.strong.values, arrays["a"][rows])


def test_importing_the_package_loads_no_model_library():
    code = (
        "import sys, predictor, predictor.intake.request, predictor.report, client, client.cli.__main__;"
        "print([m for m in ('torch', 'transformers', 'onnxruntime', 'sklearn', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names_are_there_and_others_are_not():
    assert predictor.Pool is Pool
    assert set(predictor.__all__) <= set(dir(predictor))
    assert callable(predictor.rank)
    assert callable(predictor.predict)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = predictor.nothing


def test_an_array_that_knows_its_rows_may_be_cut(tmp_path):
    """Its digest is of all rows; cut, it must not be refused as if it were of other rows."""
    pool = Pool.of([f"row {row}" for row in range(ROWS)])
    path = tmp_path / "s.safetensors"
    values = np.random.default_rng(0).normal(size=(ROWS, 3)).astype(np.float32)
    write_features(path, FeatureSet("s", values, "3", "print", parameters=77), pool)
    query = build_query(strong=f"array:{path}", weak={"a": values}, pool=pool, max_rows=10)
    (features,) = drain(ArraySource().features(query.strong, query.pool, query.settings))
    assert len(features.values) == 10
    assert features.parameters == 77


@pytest.mark.parametrize(
    ("given", "budget"),
    [
        ("0.25", Budget(share=0.25)),
        ("25%", Budget(share=0.25)),
        (1, Budget(share=1.0)),
        ("90s", Budget(seconds=90.0)),
        ("1.5m", Budget(seconds=90.0)),
    ],
)
def test_a_budget_is_a_share_of_the_rows_or_a_time(given, budget):
    query = build_query(strong=np.eye(30), weak=[np.eye(30)], budget=given)
    assert query.settings.budget == budget


@pytest.mark.parametrize("given", ["0", "2", "", "s", "-1s", "nan", "lots", "120%"])
def test_a_budget_that_is_neither_reports_what_it_may_be(given):
    with pytest.raises(InputError, match=r"give a share of the rows above 0 and up to 1 .* or a time \(90s or 5m\)"):
        build_query(strong=np.eye(30), weak=[np.eye(30)], budget=given)


def test_confidence_and_precision_outside_their_range_are_refused():
    with pytest.raises(InputError, match=r"confidence is 1.0; it must be from 0.5 to below 1"):
        build_query(strong=np.eye(30), weak=[np.eye(30)], confidence=1)
    with pytest.raises(InputError, match="precision is 'int4'; it must be one of auto, fp32, bf16"):
        build_query(strong=np.eye(30), weak=[np.eye(30)], precision="int4")  # type: ignore[arg-type]
