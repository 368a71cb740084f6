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


def test_tensors_that_learn_or_have_types_of_their_own_are_arrays(features):
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(features)
    weak = {"learning": tensor.clone().requires_grad_(), "bfloat16": tensor.bfloat16()}
    for spec in build_query(strong=features, weak=weak).weak:
        np.testing.assert_allclose(spec.values, features, atol=4e-2)


def test_what_numpy_cannot_read_is_refused(features):
    with pytest.raises(InputError, match=r"weak model 'a' is no array of numbers \(.*\); give features of shape"):
        build_query(strong=features, weak={"a": [[1.0], [1.0, 2.0]]})


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


def test_weak_labels_in_memory_without_ids_are_those_of_the_pool_in_its_order(features):
    """As pipelines of transformers give them: a label and a score a row."""
    given = [{"label": "yes" if row % 3 else "no", "score": 0.9} for row in range(60)]
    found = build_query(strong=features, weak={"a": features}, weak_labels={"a": given}).weak_labels["a"]
    np.testing.assert_array_equal(found, [float(row % 3 > 0) for row in range(60)])
    with pytest.raises(InputError, match="has 59 labels, the pool has 60 rows; give one per row, or ids"):
        build_query(strong=features, weak={"a": features}, weak_labels={"a": given[1:]})
