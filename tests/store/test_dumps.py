"""Arrays as inference engines and hook libraries dump them: by layer, in bfloat16, several in a file."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from client.localize import localized_query
from predictor.api import predict, rank
from predictor.errors import InputError, NotFoundError, W2SError
from predictor.extraction.check import check
from predictor.intake.request import build_query
from predictor.query.model_spec import read_spec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet
from predictor.steps import drain
from predictor.store.array_files import read_array
from predictor.store.arrays import ArraySource

ROWS = 40
RNG = np.random.default_rng(0)
DUMP = RNG.normal(size=(ROWS, 5, 6)).astype(np.float32)
"""Rows x layers x width, as nnsight and TransformerLens users stack their hooks."""


def features(reference: str, rows: int = ROWS, **settings: object) -> tuple[FeatureSet, ...]:
    pool = Pool.numbered(rows)
    return drain(ArraySource().features(read_spec(reference), pool, Settings(**settings)))  # type: ignore[arg-type]


@pytest.fixture
def dump(tmp_path: Path) -> str:
    np.save(tmp_path / "dump.npy", DUMP)
    return f"array:{tmp_path / 'dump.npy'}"


@pytest.mark.parametrize(("asked", "number"), [("0", 0), ("3", 3), ("middle", 2), ("last", 4)])
def test_a_layer_of_an_array(dump: str, asked: str, number: int) -> None:
    (found,) = features(f"{dump}#layer={asked}")
    np.testing.assert_array_equal(found.values, DUMP[:, number])
    assert found.name == f"{dump}#layer={asked}"


def test_several_layers_are_several_candidates(dump: str) -> None:
    found = features(f"deep={dump}#layer=1,last")
    assert [one.name for one in found] == ["deep#layer=1", "deep#layer=4"]
    assert len({one.fingerprint for one in found}) == 2
    np.testing.assert_array_equal(found[1].values, DUMP[:, 4])


def test_layers_through_a_ranking_and_the_wire(dump: str, tmp_path: Path) -> None:
    """Drawn rows, a pool that is left out, and a server, which gets one array for each layer."""
    np.save(tmp_path / "s.npy", DUMP.reshape(ROWS, -1))
    asked = {"strong": str(tmp_path / "s.npy"), "weak": [f"deep={dump}#layer=1,3", f"top={dump}#layer=last"]}
    found = predict(**asked, max_rows=30)  # type: ignore[arg-type]
    assert sorted(one.name for one in found.candidates) == ["deep#layer=1", "deep#layer=3", "top"]
    again = rank(**asked, max_rows=30)  # type: ignore[arg-type]
    assert [one.name for one in again.candidates] == [one.name for one in found.candidates]
    for options in ({}, {"max_rows": 30}):
        query = localized_query(build_query(**asked, **options))  # type: ignore[arg-type]
        assert [spec.name for spec in query.weak] == ["deep#layer=1", "deep#layer=3", "top"]
        assert all(spec.values is not None and spec.values.shape == (len(query.pool), 6) for spec in query.weak)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("", r"shape \(40, 5, 6\): 5 layers of each row. Choose with #layer=K, from 0 to 4"),
        ("#layer=5", r"no layer '5'; it has 0 to 4"),
        ("#layer=-1", r"layer='-1' is not a layer"),
    ],
)
def test_a_layer_that_is_not_there(dump: str, asked: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        features(dump + asked)


def test_axes_in_another_order_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.swapaxes(DUMP, 0, 1))
    with pytest.raises(InputError, match=r"the layers come first. Save numpy.swapaxes\(x, 0, 1\)"):
        features(f"array:{tmp_path}/a.npy#layer=1")
    np.save(tmp_path / "a.npy", DUMP[:, None])
    with pytest.raises(InputError, match="Average the tokens, or take the last one"):
        features(f"array:{tmp_path}/a.npy#layer=1")
    np.save(tmp_path / "a.npy", DUMP[:, 0])
    with pytest.raises(InputError, match="and so no layers; #layer=1 is for arrays"):
        features(f"array:{tmp_path}/a.npy#layer=1")


def engine_dump(folder: Path, names: list[str], kind: torch.dtype = torch.bfloat16) -> list[torch.Tensor]:
    """A folder as vLLM's ExampleHiddenStatesConnector leaves it: a file a request, tokens x layers x width."""
    folder.mkdir()
    torch.manual_seed(0)
    rows = [torch.randn(3 + row % 4, 2, 6).to(kind) for row in range(len(names))]
    for name, states in zip(names, rows, strict=True):
        tensors = {"hidden_states": states, "token_ids": torch.arange(len(states))}
        save_file(tensors, folder / f"{name}.safetensors")
        (folder / f"{name}.safetensors.lock").touch()
    return rows


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float32])
def test_hidden_states_of_an_inference_engine(tmp_path: Path, kind: torch.dtype) -> None:
    """In the order of their numbers, not of their names; pooled as asked for."""
    rows = engine_dump(tmp_path / "hidden", [f"{row}-8d2f1c0{row % 10}" for row in range(ROWS)], kind)
    reference = f"array:{tmp_path / 'hidden'}#layer=1"
    wanted = {"mean": lambda x: x.float().mean(0), "last": lambda x: x[-1].float(), "cls": lambda x: x[0].float()}
    for pooling, pool in wanted.items():
        (found,) = features(f"{reference}&pooling={pooling}")
        np.testing.assert_allclose(found.values, np.stack([pool(x)[1].numpy() for x in rows]), rtol=1e-5, atol=1e-6)
        (same,) = features(reference, pooling=pooling)
        np.testing.assert_array_equal(same.values, found.values)
    report = check(reference, tmp_path / "cache")
    assert (report.form, report.architecture, report.layers, report.width) == ("array", "40 rows", 2, 6)
    answer = rank(strong=reference, weak={"first": f"array:{tmp_path / 'hidden'}#layer=0"})
    assert answer.candidates[0].error is None


def test_a_file_of_the_folder_names_the_folder(tmp_path: Path) -> None:
    engine_dump(tmp_path / "hidden", ["0", "1"])
    with pytest.raises(InputError, match=rf"A folder of such files, one a row, is array:{tmp_path}/hidden#layer=K"):
        read_array(f"{tmp_path}/hidden/0.safetensors")


@pytest.mark.parametrize("names", [["cmpl-a", "cmpl-b"], ["1-a", "1-b"], []])
def test_rows_whose_order_is_unknown_are_refused(tmp_path: Path, names: list[str]) -> None:
    engine_dump(tmp_path / "hidden", names)
    with pytest.raises(InputError, match="whose number comes first in its name"):
        read_array(str(tmp_path / "hidden"))


def test_files_of_another_shape_are_refused(tmp_path: Path) -> None:
    engine_dump(tmp_path / "hidden", ["0", "1"])
    save_file({"hidden_states": torch.randn(3, 2, 7)}, tmp_path / "hidden" / "2.safetensors")
    with pytest.raises(InputError, match=r"2.safetensors' has hidden_states of shape \(3, 2, 7\); \(tokens, 2, 6\)"):
        read_array(str(tmp_path / "hidden"))
    save_file({"states": torch.randn(3, 2, 6)}, tmp_path / "hidden" / "2.safetensors")
    with pytest.raises(NotFoundError, match="has no tensor 'hidden_states'; it has states"):
        read_array(str(tmp_path / "hidden"))


def test_bfloat16_is_exact(tmp_path: Path) -> None:
    values = torch.randn(ROWS, 6).bfloat16()
    save_file({"x": values, "y": values[:0]}, tmp_path / "a.safetensors")
    np.testing.assert_array_equal(read_array(f"{tmp_path}/a.safetensors::x").values, values.float().numpy())
    assert read_array(f"{tmp_path}/a.safetensors::y").values.shape == (0, 6)
    exact = values.float().numpy()
    np.save(tmp_path / "a.npy", exact.astype(ml_dtypes.bfloat16))
    np.testing.assert_array_equal(features(f"array:{tmp_path}/a.npy")[0].values, exact)


def test_fp8_is_refused(tmp_path: Path) -> None:
    save_file({"x": torch.randn(ROWS, 6).to(torch.float8_e4m3fn)}, tmp_path / "a.safetensors")
    with pytest.raises(InputError, match="F8_E4M3 numbers, which mean nothing without their scales"):
        read_array(f"{tmp_path}/a.safetensors")
    np.save(tmp_path / "a.npy", np.zeros((ROWS, 6), ml_dtypes.float8_e4m3fn))
    with pytest.raises(InputError, match="dtype"):
        features(f"array:{tmp_path}/a.npy")


def test_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", DUMP[:, 0])
    np.savez_compressed(tmp_path / "two.npz", train=DUMP[:, 0], dump=DUMP)
    (found,) = features(f"array:{tmp_path}/one.npz")
    np.testing.assert_array_equal(found.values, DUMP[:, 0])
    (layer,) = features(f"array:{tmp_path}/two.npz::dump#layer=2")
    np.testing.assert_array_equal(layer.values, DUMP[:, 2])
    with pytest.raises(InputError, match=r"contains 2 tensors \(dump, train\); name one with two.npz::KEY"):
        features(f"array:{tmp_path}/two.npz")
    assert check(f"{tmp_path}/one.npz", tmp_path / "cache").usable
    bare = build_query(strong=f"{tmp_path}/one.npz", weak=[f"w={tmp_path}/two.npz::train"])
    assert bare.strong.is_array
    np.savez(tmp_path / "code.npz", x=np.array([{"a": 1}], dtype=object))
    (tmp_path / "torn.npz").write_bytes((tmp_path / "two.npz").read_bytes()[:90])
    for name in ("code", "torn"):
        with pytest.raises(W2SError, match=r"is not a readable .npz file"):
            features(f"array:{tmp_path}/{name}.npz")
