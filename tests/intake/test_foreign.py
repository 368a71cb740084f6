"""Requests of other libraries: what pandas, torch and numpy call numbers and arrays."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.intake.request import build_query


@pytest.fixture
def features():
    return np.random.default_rng(3).standard_normal((60, 4)).astype(np.float32)


def test_numbers_of_numpy_are_numbers(features):
    query = build_query(
        strong=features,
        weak=features,
        seed=np.int64(3),
        max_rows=np.int32(40),
        weak_rows=np.int16(9),
        weak_ridge=np.float32(1),
    )
    kept = json.dumps([query.settings.seed, query.settings.max_rows, dataclasses.astuple(query.settings.training)])
    assert kept == '[3, 40, [9, null, 1.0, null, "ridge", "soft"]]'


def test_one_estimator_may_be_named_without_a_list(features):
    assert build_query(strong=features, weak=features, estimators="cka").settings.estimators == ("cka",)


def test_frames_and_tensors_are_arrays(features):
    pandas, torch = pytest.importorskip("pandas"), pytest.importorskip("torch")
    for single in (pandas.DataFrame(features), torch.tensor(features)):
        (spec,) = build_query(strong=features, weak=single).weak
        np.testing.assert_array_equal(spec.values, features)


@pytest.mark.parametrize("turn", ["learning", "bfloat16", "ragged"])
def test_what_numpy_cannot_read_is_refused_with_the_way_out(features, turn):
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(features)
    model = {"learning": tensor.requires_grad_(), "bfloat16": tensor.detach().bfloat16(), "ragged": [[1.0], [1.0, 2.0]]}
    with pytest.raises(InputError, match=r"weak model 'a' is no array of numbers \(.*\.detach\(\)\.float\(\)\.cpu\(\)"):
        build_query(strong=features, weak={"a": model[turn]})


def test_weak_labels_may_be_tensors_and_must_bear_squaring(features):
    torch = pytest.importorskip("torch")
    stated = torch.linspace(-1.0, 1.0, 60, requires_grad=True)
    for given in (stated, stated.detach().bfloat16()):
        found = build_query(strong=features, weak={"a": features}, weak_labels={"a": given}).weak_labels["a"]
        np.testing.assert_allclose(found, np.linspace(-1.0, 1.0, 60), atol=4e-3)
    for unit in (1e70, 1e-70):
        given = {"a": np.linspace(-1.0, 1.0, 60) * unit}
        with pytest.raises(InputError, match=r"weak labels of 'a' reach from .* at most 1e\+60 in size"):
            build_query(strong=features, weak={"a": features}, weak_labels=given)
