"""The path corpus against every check that stands between a caller's name and a file."""

from pathlib import Path

import numpy as np
import pytest

from predictor.errors import InputError, NotFoundError, W2SError
from predictor.models.confine import confine
from predictor.query.model_reference import ModelReference
from tests.extraction.test_onnx import make_graph
from tests.service.paths import KINDS, MARK


def test_the_corpus_is_large_enough(names):
    assert len(names) >= 200


@pytest.mark.parametrize("kind", KINDS)
def test_no_name_is_confined_to_a_path_outside(root, names, kind):
    """Also with no roots at all, which is how callers with tokens meet a server without `--model-root`."""
    for roots in ([root], []):
        for name in names:
            for text in (kind + name, f"{kind}good.safetensors#tokenizer={kind}{name}"):
                try:
                    _check_inside(confine(text, roots).text, root)
                except (NotFoundError, InputError):
                    continue


def _check_inside(text: str, root: Path) -> None:
    """Every file of a name that leads to something must lie in the root; those in the root are there on purpose."""
    reference = ModelReference.parse(text)
    for part in (reference.locator, reference.tokenizer):
        if part is None or not part.startswith(("/", *KINDS[1:])):
            continue
        place = Path(ModelReference.parse(part).locator.partition("::")[0])
        for file in [place] if place.is_file() else place.iterdir():
            assert file.resolve().is_relative_to(root), (text, file.resolve())
            assert MARK not in file.read_bytes().decode("latin-1")


@pytest.mark.parametrize(
    "inner", ["../" * n + "etc/hostname" for n in range(1, 12)] + ["numpy/../../x", "a\0b", "./.."]
)
def test_a_package_gives_nothing_from_outside_it(tmp_path, monkeypatch, inner):
    from predictor.models.resolve import resolve

    monkeypatch.setenv("W2S_OFFLINE", "1")
    with pytest.raises(W2SError) as caught:
        resolve(ModelReference.parse(f"pypi:numpy=={np.__version__}/{inner}"), tmp_path)
    assert caught.value.reason in ("OFFLINE", "MODEL_NOT_FOUND", "UNSAFE_ARCHIVE", "BAD_REFERENCE")


def test_no_location_of_an_external_tensor_leaves_the_graphs_folder(tmp_path, root, names):
    from predictor.extraction.onnx_graph import open_graph

    for number, name in enumerate(names):
        folder = tmp_path / f"{number}"
        make_graph(folder, location=name)
        with pytest.raises(W2SError) as caught:
            open_graph(folder / "model.onnx")
        assert caught.value.reason == "GRAPH_REFUSED"
