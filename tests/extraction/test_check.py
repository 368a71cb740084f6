"""The report on one model, and the table of known ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.extraction.check import check
from predictor.models.known_models import KNOWN_MODELS, find
from predictor.query.model_reference import ModelReference
from tests import weights


@pytest.mark.weights
def test_a_usable_model_is_described(weights_cache: Path) -> None:
    report = check(weights.local(weights.MINILM), weights_cache)
    assert report.usable
    assert (report.form, report.architecture, report.layers, report.width) == (
        "transformers",
        "BertModel (bert)",
        6,
        384,
    )
    assert report.parameters == 22713216
    assert report.padding == "padded"
    assert report.weights_sha256 is not None
    assert len(report.weights_sha256) == 64


def test_a_model_that_cannot_be_used_is_a_report_with_a_problem(tmp_path: Path) -> None:
    report = check("./none", tmp_path)
    assert not report.usable
    assert "does not exist" in report.problems[0]
    assert '"problems": [' in report.to_json()


def test_an_array_is_checked_too(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 2)))
    assert check(f"array:{tmp_path / 'a.npy'}", tmp_path).width == 2
    np.save(tmp_path / "b.npy", np.full((3, 2), np.nan))
    assert "has nan at row 0, column 0" in check(f"array:{tmp_path / 'b.npy'}", tmp_path).problems[0]


def test_a_reference_that_cannot_be_read_is_the_callers_error() -> None:
    with pytest.raises(InputError, match="unknown kind of model"):
        check("hf:owner/name")


@pytest.mark.parametrize("model", KNOWN_MODELS, ids=lambda model: model.name)
def test_every_listed_model_is_written_so_that_it_can_be_typed(model: object) -> None:
    assert str(ModelReference.parse(model.reference)) == model.reference  # type: ignore[attr-defined]
    assert ModelReference.parse(model.pinned).kind == "pypi"  # type: ignore[attr-defined]


def test_names_of_listed_models_are_unique() -> None:
    assert len({model.name for model in KNOWN_MODELS}) == len(KNOWN_MODELS)
    with pytest.raises(KeyError):
        find("no such model")
