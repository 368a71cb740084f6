"""The path corpus, by every way in which this process opens a file for a caller."""

import os
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from predictor.errors import InputError, NotFoundError, W2SError
from predictor.models.open_files import HeldFiles
from predictor.query.model_reference import ModelReference
from tests.extraction.test_onnx import make_graph
from tests.service.paths import KINDS, MARK, ROWS, SECRET


def test_the_corpus_is_large_enough(names):
    assert len(names) >= 200


@pytest.mark.parametrize("kind", KINDS)
def test_no_name_is_held_from_outside_and_none_is_waited_for(root, names, kind):
    """Also with no roots at all, which is how callers with tokens meet a server without `--model-root`."""
    for roots in ([root], []):
        for name in names:
            for text in (kind + name, f"{kind}good.safetensors#tokenizer={kind}{name}"):
                try:
                    with closing(HeldFiles(text, roots)) as files:
                        _all_inside(files, root)
                except (NotFoundError, InputError):
                    continue


def _all_inside(files: HeldFiles, root: Path) -> None:
    """Every file of a name that does lead to something must lie in the root, the good ones being there on purpose."""
    reference = ModelReference.parse(files.reference)
    for part in (reference.locator, reference.tokenizer):
        if part is None or not part.startswith(("/", *KINDS[1:])):
            continue
        place = Path(ModelReference.parse(part).locator.partition("::")[0])
        held = [place] if place.is_file() else list(place.iterdir())
        for file in held:
            assert file.resolve().is_relative_to(root), (files.reference, file.resolve())
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


def test_a_link_that_is_swapped_while_it_is_read_never_shows_the_secret(root, tmp_path):
    """The race itself, some thousand times: a name that leads inside and outside by turns."""
    inside, outside = np.zeros((ROWS, 3), np.float32), root.parent / SECRET / "a.npy"
    np.save(tmp_path / "mine.npy", inside)
    (tmp_path / "kept").mkdir()
    name, done = tmp_path / "kept" / "a.npy", threading.Event()
    os.link(tmp_path / "mine.npy", name)

    def swap():
        turn = 0
        while not done.is_set():
            fresh = tmp_path / f"fresh{turn % 2}"
            if turn % 2:
                os.link(tmp_path / "mine.npy", fresh)
            else:
                os.symlink(outside, fresh)
            os.replace(fresh, name)
            turn += 1

    swapping = threading.Thread(target=swap)
    swapping.start()
    read = refused = 0
    try:
        for _ in range(2000):
            try:
                with closing(HeldFiles("array:kept/a.npy", [tmp_path])) as files:
                    values = np.load(ModelReference.parse(files.reference).locator)
                    assert values.max() == 0
                    read += 1
            except NotFoundError:
                refused += 1
    finally:
        done.set()
        swapping.join()
    assert read > 50
    assert refused > 50
