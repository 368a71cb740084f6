"""Artefacts of references, and the one-line messages of those that have none."""

from __future__ import annotations

from pathlib import Path

import pytest

from predictor.errors import W2SError
from predictor.models.artefact import Artefact
from predictor.models.resolve import resolve
from predictor.query.model_reference import ModelReference


def found(reference: str, cache: Path) -> Artefact:
    """The artefact of a reference."""
    return resolve(ModelReference.parse(reference), cache)


def refused(reference: str, cache: Path) -> str:
    """The message that refuses a reference."""
    with pytest.raises(W2SError) as caught:
        found(reference, cache)
    assert "\n" not in caught.value.message
    return caught.value.message
