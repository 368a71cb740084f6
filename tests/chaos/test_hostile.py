"""The hostile corpus, once; the long form is `python -m tests.chaos.hostile --rounds N`."""

import random

import pytest

pytest.importorskip("onnx", reason="the graphs of the corpus are written by onnx")
pytest.importorskip("transformers", reason="its models are read by transformers")

from tests.chaos.hostile import run


@pytest.mark.timeout(900)
def test_nothing_hostile_does_harm(tmp_path):
    """Each attack fails alone, with a declared reason; the server goes on, and no code of a model runs."""
    found = run(tmp_path, 1, random.Random(20))
    assert found.broken == []
    assert found.tried.keys() >= {"models", "configs", "wheels", "damaged", "names", "arrays", "texts", "messages"}
    assert found.tried.total() > 700
