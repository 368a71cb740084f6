"""Opening a model: the class that its form names, imported when it is first needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from predictor.errors import RefusedError
from predictor.extraction.backend import Backend, Classifier, Runtime
from predictor.models.artefact import Artefact
from predictor.models.libraries import need


def load_backend(artefact: Artefact, runtime: Runtime) -> Backend:
    """A model without its head, ready for forward passes.

    Raises:
        RefusedError: unreadable, unknown or unsafe.
        NotFoundError: its files went away.
        UnavailableError: the libraries that read it are not installed.
    """
    if not artefact.form.backend:
        raise RefusedError(
            f"{artefact.path} is {artefact.form.noun}, not a model to run; give "
            f"{artefact.form.name}:{artefact.path.name}.",
            reason="NOT_A_MODEL",
            field="model",
        )
    backend: Backend = _class_of(artefact, artefact.form.backend)(artefact, runtime)
    return backend


def load_classifier(artefact: Artefact, runtime: Runtime) -> Classifier:
    """A model with its sequence-classification head.

    Raises:
        RefusedError: it has no head that can be read.
        UnavailableError: the libraries that read it are not installed.
    """
    if not artefact.form.classifier:
        raise RefusedError(
            f"{artefact.path.name} is {artefact.form.noun} and has no classification head; #labels=logits needs a "
            "transformers folder or an ONNX graph of a classifier, #labels=words a causal language model. Its own "
            "predictions can be given with --weak-labels.",
            reason="NO_CLASSIFIER",
            field="model",
        )
    classifier: Classifier = _class_of(artefact, artefact.form.classifier)(artefact, runtime)
    return classifier


def _class_of(artefact: Artefact, path: str) -> Any:
    need(*artefact.form.libraries)
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
