"""Arrays that the user brings."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from predictor.errors import InputError, NotFoundError
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet
from predictor.steps import drain
from predictor.store.array_files import check_safetensors_header, read_array
from predictor.store.arrays import ArraySource, check_features, fingerprint, rows_digest, write_features


def features_of(reference: str, rows: int, values: np.ndarray | None = None) -> FeatureSet:
    (found,) = drain(ArraySource().features(ModelSpec("a", reference, values=values), Pool.numbered(rows), Settings()))
    return found


def test_a_npy_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.float64).reshape(4, 3) / 7
    np.save(tmp_path / "a.npy", values)
    found = features_of(f"array:{tmp_path / 'a.npy'}", 4)
    np.testing.assert_array_equal(found.values, values.astype(np.float32))
    assert (found.layer, found.cached, found.dim, found.fingerprint) == ("given", True, 3, fingerprint(values))


def test_a_npy_file_is_mapped_and_not_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((5, 2), dtype=np.float32))
    assert isinstance(read_array(str(tmp_path / "a.npy")).values, np.memmap)


def test_a_vector_becomes_one_column() -> None:
    assert check_features(np.arange(3), "v").shape == (3, 1)


def test_one_tensor_of_several_is_named_after_two_colons(tmp_path: Path) -> None:
    save_file({"a": np.zeros((2, 2), np.float32), "b": np.ones((2, 3), np.float32)}, tmp_path / "t.safetensors")
    assert features_of(f"array:{tmp_path / 't.safetensors'}::b", 2).dim == 3
    with pytest.raises(InputError, match=r"contains 2 tensors \(a, b\); name one with t\.safetensors::KEY"):
        read_array(str(tmp_path / "t.safetensors"))
    with pytest.raises(NotFoundError, match=r"has no tensor 'c'; it has a, b"):
        read_array(f"{tmp_path / 't.safetensors'}::c")


def test_the_first_bad_row_and_column_are_named() -> None:
    values = np.zeros((5000, 3))
    values[4100, 2] = np.nan
    values[4500, 0] = np.inf
    with pytest.raises(InputError, match="'m' has nan at row 4100, column 2; every value must be finite"):
        check_features(values, "m")


def test_a_number_too_large_for_32_bits_is_not_turned_into_infinity() -> None:
    with pytest.raises(InputError, match="has 1e\\+39 at row 1, column 0"):
        check_features(np.array([[1.0], [1e39]]), "m")


def test_other_row_counts_are_refused_with_both_numbers() -> None:
    with pytest.raises(InputError, match="'a' has 3 rows, the pool has 4; every model must be read on the same rows"):
        features_of("", 4, np.zeros((3, 2)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([["a", "b"]]), "has dtype <U1; features must be float or integer"),
        (np.array([[True]]), "has dtype bool"),
        (np.array([[1j]]), "has dtype complex128"),
        (np.zeros((2, 2, 2)), r"has shape \(2, 2, 2\); features must be \(rows, columns\)"),
        (np.zeros((2, 0)), r"has shape \(2, 0\)"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(values: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_features(values, "m")


def test_a_pickled_array_is_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "o.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"is not a readable \.npy array of numbers"):
        read_array(str(tmp_path / "o.npy"))


class Opens:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (open, (str(self.target), "w"))


def test_a_bare_pickle_under_the_name_of_an_array_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(pickle.dumps(Opens(tmp_path / "proof")))
    with pytest.raises(InputError, match=r"is not a readable \.npy array of numbers"):
        read_array(str(tmp_path / "a.npy"))
    assert not (tmp_path / "proof").exists()


def test_missing_files_and_other_formats_say_what_to_give(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(NotFoundError, match="does not exist"):
        read_array(str(tmp_path / "none.npy"))
    with pytest.raises(InputError, match=r"ends in '\.csv'; give \.npy, \.npz or \.safetensors"):
        read_array(str(tmp_path / "a.csv"))


def test_a_long_or_torn_safetensors_header_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    save_file({"a": np.zeros((2, 2), np.float32)}, path)
    with pytest.raises(InputError, match="takes 64 bytes; at most 10 are read"):
        check_safetensors_header(path, limit=10)
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(InputError, match="was cut short"):
        read_array(str(path))


def test_the_fingerprint_tells_values_shapes_and_types_apart() -> None:
    values = np.arange(6, dtype=np.float32)
    seen = {fingerprint(v) for v in (values.reshape(2, 3), values.reshape(3, 2), values.astype(np.float64), values + 1)}
    assert len(seen) == 4
    assert fingerprint(values.reshape(2, 3)) == fingerprint(np.asfortranarray(values.reshape(2, 3)))
    assert fingerprint(values) == fingerprint(values.astype(">f4"))


def test_written_features_come_back_and_refuse_other_rows(tmp_path: Path) -> None:
    pool = Pool.of(["a", "b", "c"])
    path = tmp_path / "f.safetensors"
    write_features(path, FeatureSet("m", np.eye(3, dtype=np.float32), "6", "f" * 64, parameters=7, depth=0.5), pool)
    spec = ModelSpec("m", f"array:{path}")
    (found,) = drain(ArraySource().features(spec, Pool.of(["a", "b", "c"], ["x", "y", "z"]), Settings()))
    np.testing.assert_array_equal(found.values, np.eye(3))
    assert (found.parameters, found.depth) == (7, 0.5)
    with pytest.raises(InputError, match="'m' was computed on other rows than this pool"):
        drain(ArraySource().features(spec, Pool.of(["a", "c", "b"]), Settings()))


def test_the_rows_digest_follows_texts_and_their_order_but_not_their_names() -> None:
    assert rows_digest(Pool.of(["a", "b"])) == rows_digest(Pool.of(["a", "b"], ["7", "9"]))
    assert rows_digest(Pool.of(["a", "b"])) != rows_digest(Pool.of(["b", "a"]))


def test_a_model_reference_is_not_for_the_array_source() -> None:
    with pytest.raises(InputError, match="is a model to run; only arrays can be read here"):
        features_of("pypi:a==1/b", 2)


def test_reading_arrays_loads_no_engine() -> None:
    import subprocess

    code = "import predictor.store.arrays, predictor.store.features, predictor.extraction.extractor, sys;"
    code += "import predictor.models.known_models;"
    code += "print(sorted({'torch','transformers','onnxruntime','onnx','safetensors'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
