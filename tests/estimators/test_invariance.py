"""What may be done to features without moving an estimate: their order, signs, offsets and scales, not rotations."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from predictor.estimators.problem import Case, Representation
from predictor.estimators.registry import ESTIMATORS
from tests.estimators.cases import case_for, case_with, shown, task, teachers, values_of
from tests.reference.models import correlated

NAMES = sorted(set(ESTIMATORS) - {"parameter_count", "width"})
GEOMETRIC = [
    "representation_gap",
    "representation_gap_frobenius",
    "representation_gap_prior",
    "cka",
    "effective_dimension",
]


ALWAYS = {*GEOMETRIC, "combined", "truth_posterior", "label_prior_simulation", "misfit"}


@pytest.fixture
def case(name):
    return case_for(name)


@pytest.fixture(scope="module")
def computed():
    return {name: values_of(name, case_for(name)) for name in NAMES}


@pytest.fixture
def expected(name, computed):
    """The estimator's values for the unchanged case."""
    assert None not in computed[name]
    return computed[name]


def changed(case, change):
    """Every model of the case with its features changed."""
    strong, *weak = (dataclasses.replace(m, features=change(m.features)) for m in (case.strong, *case.weak))
    return dataclasses.replace(case, strong=strong, weak=tuple(weak))


@pytest.mark.parametrize("name", NAMES)
def test_the_order_and_sign_of_dimensions_do_not_matter(name, case, expected):
    rng = np.random.default_rng(0)

    def turn(features):
        order = rng.permutation(features.shape[1])
        return features[:, order] * rng.choice([-1.0, 1.0], features.shape[1])

    assert values_of(name, changed(case, turn)) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_the_offset_and_scale_of_each_dimension_do_not_matter(name, case, expected):
    rng = np.random.default_rng(1)

    def move(features):
        return features * np.exp(rng.normal(size=features.shape[1])) + 10.0 * rng.standard_normal(features.shape[1])

    assert values_of(name, changed(case, move)) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_a_dimension_that_never_varies_does_not_matter(name, case, expected):
    padded = changed(case, lambda f: np.hstack([f, np.full((len(f), 2), 7.5)]))
    assert values_of(name, padded) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("name", GEOMETRIC)
def test_the_order_of_rows_does_not_matter_where_nothing_is_split(name, case, expected):
    order = np.random.default_rng(2).permutation(case.rows)
    assert values_of(name, case.take(order)) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("name", ["combined", "label_prior_simulation", "truth_posterior", "misfit"])
def test_the_order_of_rows_matters_no_more_than_another_seed_where_rows_are_split(name, case, expected):
    order = np.random.default_rng(2).permutation(case.rows)
    found = np.array(values_of(name, case.take(order)))
    assert np.all(np.abs(found - expected) < 0.12)


@pytest.mark.parametrize("name", GEOMETRIC)
def test_a_rotation_matters_because_dimensions_are_standardised_one_by_one(name):
    """Nothing here claims invariance to rotation: the standardised kernel of rotated features is another kernel."""
    rng = np.random.default_rng(3)
    strong = Representation("s", rng.standard_normal((120, 8)))
    weak = correlated(120, 8, 1.5, rng)
    mixed = np.linalg.svd(weak - weak.mean(axis=0))[2].T
    found = values_of(name, Case(strong, (Representation("a", weak), Representation("b", weak @ mixed))))
    assert abs(found[0] - found[1]) > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_single_precision_features_give_the_same_answer_to_their_own_rounding(name, case, expected):
    rounded = values_of(name, changed(case, lambda f: f.astype(np.float32)))
    assert rounded == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("name", NAMES)
def test_repeated_dimensions_and_fewer_rows_than_dimensions_are_answered(name):
    rng = np.random.default_rng(4)
    strong = Representation("s", correlated(48, 90, 0.6, rng))
    wide = Representation("wide", np.hstack([strong.features, strong.features[:, :30]]) + 0.1)
    repeated = Representation("repeated", np.repeat(rng.standard_normal((48, 2)), 5, axis=1))
    answered(name, [Case(strong, (wide, repeated), shown(task(strong, kind))) for kind in ("regression", "binary")])


def answered(name, cases):
    """Every number is finite; what is absent says why, and no geometric estimator or forecaster is absent."""
    for case in cases:
        for found in ESTIMATORS[name].estimate(case):
            assert found.value is not None or (found.note and name not in ALWAYS)
            given = [v for v in (found.value, found.low, found.high, *found.details.values()) if v is not None]
            assert np.isfinite(given).all()


@pytest.mark.parametrize("name", GEOMETRIC)
def test_a_repeated_feature_set_is_the_same_model(name):
    strong, (weak,) = teachers((0.5,))
    twice = Representation("twice", np.hstack([weak.features, weak.features]))
    found = values_of(name, Case(strong, (weak, twice)))
    assert found[1] == pytest.approx(found[0], abs=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_the_least_pool_is_answered(name):
    answered(name, [case_with("few_labels", rows=24, kind=kind) for kind in ("regression", "binary")])
