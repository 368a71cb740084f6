"""What each part of a recipe does to the training: its heads, ridges, label form, loss, sizes and groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.query.labels import Labels
from predictor.query.training_plan import Training
from predictor.training.learners import LogisticHeads
from predictor.training.recipe import Recipe
from predictor.training.runs import part_of, train_w2s
from predictor.training.splits import thirds
from tests.reference import dense
from tests.reference.heads import logistic, ridge_predictions
from tests.reference.models import correlated, dimmed

ROWS, SEED = 66, 7


def two_parts():
    return np.arange(40), np.arange(40, ROWS)


def probabilities(train, other, sets, ridge):
    """(m,) chance of the second class from a logistic head on soft labels (n,) of it."""
    both = np.stack([1.0 - sets, sets], axis=1)
    return logistic(dense.standardise(train), both, dense.standardise(train, other), ridge)[:, 1]


@pytest.fixture(scope="module")
def classes():
    rng = np.random.default_rng(9)
    strong = correlated(ROWS, 6, 0.4, rng)
    weak = dimmed(strong, 4, 0.3, rng)
    score = dense.standardise(strong) @ rng.standard_normal(6) + 0.2 * rng.standard_normal(ROWS)
    return strong, weak, Labels.of([float(v) for v in score > 0])


def test_logistic_recipes_are_those_of_scikit_learn(classes):
    strong, weak, labels = classes
    recipe, gold = Recipe("logistic", training=Training(weak_ridge=0.02, student_ridge=0.05)), labels.targets[:, 0]
    found = train_w2s(strong, [weak], labels, splits=2, seed=SEED, recipe=recipe)
    for split in range(2):
        part = part_of(ROWS, recipe, SEED, split)
        variance, truth = np.var(gold), gold[part.test]
        training_labels = probabilities(weak[part.weak], weak[part.student], gold[part.weak], 0.02)
        weakly = probabilities(weak[part.weak], weak[part.test], gold[part.weak], 0.02)
        learned = probabilities(strong[part.student], strong[part.test], training_labels, 0.05)
        top = probabilities(strong[part.student], strong[part.test], gold[part.student], 0.05)
        assert found.weak[0, split] == pytest.approx(np.mean((weakly - truth) ** 2) / variance, abs=2e-4)
        assert found.w2s[0, split] == pytest.approx(np.mean((learned - truth) ** 2) / variance, abs=2e-4)
        assert found.ceiling[split] == pytest.approx(np.mean((top - truth) ** 2) / variance, abs=2e-4)
        of_truth = np.clip(np.where(truth == 1, learned, 1 - learned), 0.001, 0.999)
        assert found.w2s_log_loss[0, split] == pytest.approx(-np.mean(np.log(of_truth)), abs=1e-3)


def test_a_logistic_head_takes_the_ridge_of_least_log_loss_on_held_out_folds(classes):
    strong, _, labels = classes
    head = LogisticHeads(strong).on(*two_parts())
    gold = labels.targets[:40]
    both = np.hstack([1.0 - gold, gold])
    folds = np.random.default_rng([5, 5]).permutation(np.arange(40) % 5)

    def missed(ridge):
        total = 0.0
        for fold in range(5):
            kept, held = folds != fold, folds == fold
            found = logistic(head.design[kept], both[kept], head.design[held], ridge)
            total -= np.sum(both[held] * np.log(found))
        return total

    best = min(np.logspace(-5, 1, 7), key=missed)
    fixed = LogisticHeads(strong, ridge=best).on(*two_parts())
    np.testing.assert_array_equal(head.learn(gold, 5), fixed.learn(gold, 5))
    assert not np.array_equal(fixed.learn(gold, 5), LogisticHeads(strong, 10 * best).on(*two_parts()).learn(gold, 5))


def test_fixed_ridges_are_those_of_the_weak_heads_and_of_the_student_and_its_ceiling(classes):
    strong, weak, labels = classes
    recipe = Recipe(training=Training(weak_ridge=0.3, student_ridge=0.05))
    found = train_w2s(strong, [weak], labels, splits=1, seed=SEED, recipe=recipe)
    part, gold = thirds(ROWS, np.random.default_rng([SEED, 0])), labels.targets
    training_labels = dense.hat(weak[part.weak], weak[part.student], 0.3) @ gold[part.weak]
    student = dense.hat(strong[part.student], strong[part.test], 0.05)
    for measured, trained_by in ((found.w2s[0, 0], training_labels), (found.ceiling[0], gold[part.student])):
        expected = np.mean((student @ trained_by - gold[part.test]) ** 2) / np.var(gold)
        assert measured == pytest.approx(expected, abs=1e-9)


def test_hard_labels_teach_the_class_alone(classes):
    strong, weak, labels = classes
    hard = Recipe(training=Training(weak_ridge=0.3, student_ridge=0.3, label_form="hard"))
    found = train_w2s(strong, [weak], labels, splits=1, seed=SEED, recipe=hard)
    part, gold = thirds(ROWS, np.random.default_rng([SEED, 0])), labels.targets
    training_labels = dense.hat(weak[part.weak], weak[part.student], 0.3) @ gold[part.weak] > 0.5
    learned = dense.hat(strong[part.student], strong[part.test], 0.3) @ training_labels
    assert found.w2s[0, 0] == pytest.approx(np.mean((learned - gold[part.test]) ** 2) / np.var(gold), abs=1e-9)


def test_confidence_sharpens_the_student_and_leaves_its_ceiling_alone(classes):
    strong, weak, labels = classes
    recipe = Recipe("logistic", confidence=0.6, training=Training(weak_ridge=0.02, student_ridge=0.02))
    plain, sure = (
        train_w2s(strong, [weak], labels, splits=2, recipe=replace(recipe, loss=loss))
        for loss in ("xent", "confidence")
    )
    np.testing.assert_array_equal(plain.ceiling, sure.ceiling)
    np.testing.assert_array_equal(plain.weak, sure.weak)
    assert not np.allclose(plain.w2s, sure.w2s, atol=1e-3)
    train, other = two_parts()
    sets = 0.5 + 0.3 * (labels.targets[train] - 0.5)
    calm, firm = (LogisticHeads(strong, 0.02, weight).on(train, other).learn(sets, 0) for weight in (0.0, 0.6))
    assert np.mean(np.abs(firm - 0.5)) > 1.5 * np.mean(np.abs(calm - 0.5))
    np.testing.assert_array_equal(LogisticHeads(strong, 0.02, 0.6).on(train, other).learn(sets, 0, gold=True), calm)


def test_part_sizes_and_groups_reach_the_training(classes):
    strong, weak, labels = classes
    groups = np.arange(ROWS) // 3
    recipe = Recipe(training=Training(weak_rows=24, student_rows=18))
    part = part_of(ROWS, recipe, SEED, 0, groups)
    assert (len(part.weak), len(part.student)) == (24, 18)
    assert not set(groups[part.weak]) & set(groups[part.test])
    found = train_w2s(strong, [weak], labels, splits=1, seed=SEED, recipe=recipe, groups=groups)
    top = ridge_predictions(strong[part.student], strong[part.test], labels.targets[part.student])
    expected = np.mean((top - labels.targets[part.test]) ** 2) / np.var(labels.targets)
    assert found.ceiling[0] == pytest.approx(expected, abs=1e-9)


def test_rows_that_repeat_look_easier_than_they_are_unless_grouped():
    rng = np.random.default_rng(2)
    once = rng.standard_normal((30, 40))
    features, labels = np.repeat(once, 4, axis=0), Labels.of(np.repeat(rng.standard_normal(30), 4))
    recipe = Recipe(training=Training(weak_ridge=0.001, student_ridge=0.001))
    leaky = train_w2s(features, [features], labels, splits=6, recipe=recipe).ceiling.mean()
    together = np.arange(120) // 4
    honest = train_w2s(features, [features], labels, splits=6, recipe=recipe, groups=together).ceiling.mean()
    assert leaky < 0.8
    assert honest > 0.9  # The labels are noise: nothing can be known of a row that was not seen.


def test_recipes_that_train_the_model_itself_need_more_than_features(classes):
    strong, weak, labels = classes
    with pytest.raises(InputError, match=r"recipe 'full' trains the strong model itself, and only its features are"):
        train_w2s(strong, [weak], labels, recipe=Recipe("full"))
