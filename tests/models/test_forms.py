"""Model forms: what their records promise to the modules that read them."""

from __future__ import annotations

from importlib import import_module

import pytest

from predictor.models.forms import ADAPTER, ARRAY, FORMS, GGUF, ONNX, STATIC, TRANSFORMERS, form_of_name, form_of_suffix


def test_keys_of_stored_features():
    """Engine and precision are part of feature keys: another text would orphan every stored feature."""
    keys = {form.name: (form.engine, form.precision("bf16")) for form in FORMS if form.backend}
    assert keys == {
        "adapter": ("transformers-peft", "bf16"),
        "transformers": ("transformers", "bf16"),
        "gguf": ("transformers-gguf", "bf16"),
        "onnx": ("onnxruntime", "graph"),
        "static": ("static", "graph"),
    }


def test_names_and_suffixes_are_unique():
    names = [form.name for form in FORMS]
    suffixes = [suffix for form in FORMS for suffix in form.suffixes]
    assert len(set(names)) == len(names)
    assert len(set(suffixes)) == len(suffixes)
    assert form_of_name("onnx") == ONNX
    assert form_of_name("folder") is None
    assert form_of_suffix(".gguf") == GGUF
    assert form_of_suffix(".h5") is None


@pytest.mark.parametrize("path", [p for form in FORMS for p in (form.backend, form.classifier) if p])
def test_every_named_class_exists(path):
    module, _, name = path.partition(":")
    found = getattr(import_module(module), name)
    assert hasattr(found, "forward") or hasattr(found, "logits")


def test_what_each_form_can_do():
    assert [form for form in FORMS if not form.backend] == [ARRAY]
    assert [form for form in FORMS if form.trainable] == [ADAPTER, TRANSFORMERS, GGUF]
    assert [form for form in FORMS if form.classifier] == [ADAPTER, TRANSFORMERS, ONNX]
    assert [form for form in FORMS if not form.markers] == [STATIC]
