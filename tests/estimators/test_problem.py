"""A case: its random generators, its rows, and the null that breaks the pairing of models."""

from __future__ import annotations

import dataclasses

import numpy as np

from predictor.estimators.problem import Representation
from tests.estimators.cases import case_with


def test_each_purpose_and_each_seed_has_a_generator_of_its_own():
    case = case_with("few_labels")
    draw = case.rng("misfit").standard_normal(4)
    np.testing.assert_array_equal(case.rng("misfit").standard_normal(4), draw)
    assert not np.array_equal(case.rng("cka").standard_normal(4), draw)
    assert not np.array_equal(dataclasses.replace(case, seed=1).rng("misfit").standard_normal(4), draw)


def test_taking_rows_takes_them_from_everything_alike():
    case = dataclasses.replace(case_with("few_labels"), weak_labels=case_with("weak_labels").weak_labels)
    rows = np.array([5, 5, 0, 99])
    cut = case.take(rows)
    assert (cut.rows, cut.seed) == (4, case.seed)
    np.testing.assert_array_equal(cut.strong.features, case.strong.features[rows])
    for before, after in zip(case.weak, cut.weak, strict=True):
        np.testing.assert_array_equal(after.features, before.features[rows])
        assert (after.name, after.parameters, after.depth) == (before.name, before.parameters, before.depth)
        np.testing.assert_array_equal(cut.weak_labels[before.name], case.weak_labels[before.name][rows])
    np.testing.assert_array_equal(cut.labels.targets, case.labels.targets[rows])
    beside = dataclasses.replace(case, weak=case.weak[1:], context_models=case.weak[:1])
    np.testing.assert_array_equal(beside.take(rows).context_models[0].features, case.weak[0].features[rows])
    assert beside.shuffled(np.random.default_rng(3)).context_models == beside.context_models


def test_shuffling_moves_every_candidate_and_its_labels_together_and_leaves_strong_and_gold_alone():
    case = dataclasses.replace(case_with("few_labels"), weak_labels=case_with("weak_labels").weak_labels)
    mixed = case.shuffled(np.random.default_rng(3))
    order = np.random.default_rng(3).permutation(case.rows)
    assert mixed.strong is case.strong
    assert mixed.labels is case.labels
    for before, after in zip(case.weak, mixed.weak, strict=True):
        np.testing.assert_array_equal(after.features, before.features[order])
        np.testing.assert_array_equal(mixed.weak_labels[before.name], case.weak_labels[before.name][order])


def test_a_kernel_is_factored_once():
    model = Representation("x", np.random.default_rng(0).standard_normal((10, 3)))
    assert model.kernel is model.kernel
    assert model.dim == 3
