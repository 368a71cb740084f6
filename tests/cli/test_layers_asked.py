"""Layers asked: one that cannot be is refused before a model is read, which may take hours."""

from __future__ import annotations

import pytest

from predictor.query.model_spec import ModelSpec
from predictor.query.settings import Settings
from predictor.ranking.gathering import numbered_layers


def test_a_strong_model_of_several_layers_is_refused_before_it_is_read(run, tmp_path):
    (tmp_path / "rows.txt").write_text("".join(f"row {row}\n" for row in range(160)))
    done = run("rank", "--strong", "./no-model#layer=3,6", "--weak", "good.npy", "--pool", str(tmp_path / "rows.txt"))
    assert (done.returncode, done.stderr) == (
        2,
        "w2s: error: the strong model gives 2 layers (3, 6); it must be read at one. Name it as in MODEL#layer=6.\n",
    )


def test_an_extraction_of_several_layers_is_refused_before_it_begins(run, tmp_path):
    (tmp_path / "rows.txt").write_text("".join(f"row {row}\n" for row in range(160)))
    words = ("--model", "./no-model", "--layer", "1,2", "--pool", str(tmp_path / "rows.txt"), "-o", "f.safetensors")
    done = run("extract", *words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "w2s: error: './no-model' has 2 feature sets, one per layer; extract one layer at a time.\n",
    )


@pytest.mark.parametrize(
    ("reference", "layer", "numbers"),
    [
        ("./m", "3,6", (3, 6)),
        ("./m", "6,6", (6,)),
        ("./m", "middle,6", (6,)),
        ("./m", None, (2, 4)),
        ("array:m.npy", None, ()),
        ("features:m", "3,6", ()),
    ],
)
def test_only_numbers_are_certain_before_the_depth_is_known(reference, layer, numbers):
    assert numbered_layers(ModelSpec("m", reference, layer), Settings(layer="2,4")) == numbers
