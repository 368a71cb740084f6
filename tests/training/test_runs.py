"""Real weak-to-strong training against a plain retelling of it, and the identity between gain and misfit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from predictor.errors import InputError
from predictor.heads.ridge import RIDGES
from predictor.labels import Labels
from predictor.training import Recipe, accuracy, squared_error, train_w2s
from predictor.training.learners import LogisticHeads
from predictor.training.runs import part_of, training_steps
from predictor.worlds.splits import thirds
from tests.reference import dense
from tests.reference.models import correlated, dimmed

ROWS, SPLITS, SEED = 66, 2, 7


@dataclass(frozen=True)
class Told:
    """Predictions on the test rows of one split, and the truth there, (n_t, k)."""

    weak: np.ndarray
    learned: np.ndarray
    ceiling: np.ndarray
    truth: np.ndarray


def taught(train, other, labels):
    """A ridge head by its hat matrix, each column at the ridge with the least brute-force GCV score."""
    columns = []
    free = [b for b in RIDGES if np.trace(np.eye(len(train)) - dense.hat(train, train, b)) > 0.5]
    for column in labels.T:
        ridge = min(free, key=lambda beta: dense.gcv_score(train, column, beta))
        columns.append(dense.hat(train, other, ridge) @ column)
    return np.stack(columns, axis=1)


def tell(strong, weak, targets, split):
    """Weak head on D~, weak labels on D^, student on those; ceiling on the gold labels of D^."""
    part = thirds(len(targets), np.random.default_rng([SEED, split]))
    gold = targets[part.weak]
    lesson = taught(weak[part.weak], weak[part.student], gold)
    return Told(
        taught(weak[part.weak], weak[part.test], gold),
        taught(strong[part.student], strong[part.test], lesson),
        taught(strong[part.student], strong[part.test], targets[part.student]),
        targets[part.test],
    )


@pytest.fixture(scope="module", params=["regression", "binary", "multiclass"])
def run(request):
    rng = np.random.default_rng(3)
    strong = correlated(ROWS, 9, 0.6, rng)
    weak = [dimmed(strong, 5, 0.2, rng), dimmed(strong, 3, 2.0, rng)]
    score = dense.standardise(strong) @ rng.standard_normal((9, 3)) + 0.1 * rng.standard_normal((ROWS, 3))
    values = {"regression": score[:, 0] * 4, "binary": score[:, 0] > 0, "multiclass": score.argmax(axis=1)}
    labels = Labels.of([float(v) for v in values[request.param]])
    assert labels.kind == request.param
    told = [[tell(strong, w, labels.targets, split) for split in range(SPLITS)] for w in weak]
    return labels, told, train_w2s(strong, weak, labels, splits=SPLITS, seed=SEED)


def test_errors_are_those_of_the_plain_retelling_over_the_label_variance(run):
    labels, told, found = run
    variance = np.sum(np.mean((labels.targets - labels.targets.mean(axis=0)) ** 2, axis=0))

    def error(prediction, truth):
        return np.mean(
            [sum((p - t) ** 2 for p, t in zip(*pair, strict=True)) for pair in zip(prediction, truth, strict=True)]
        )

    for i, splits in enumerate(told):
        for split, one in enumerate(splits):
            assert found.weak[i, split] == pytest.approx(error(one.weak, one.truth) / variance, abs=1e-9)
            assert found.w2s[i, split] == pytest.approx(error(one.learned, one.truth) / variance, abs=1e-9)
            assert found.ceiling[split] == pytest.approx(error(one.ceiling, one.truth) / variance, abs=1e-9)


def test_gain_is_misfit_plus_twice_the_cross_term(run):
    """gain = E(f_w − f_sw)² + 2 E⟨f_w − f_sw, f_sw − f*⟩: algebra, always, in Charikar et al. 2024's terms."""
    labels, told, found = run
    variance = float(np.sum(np.var(labels.targets, axis=0)))
    for i, splits in enumerate(told):
        for split, one in enumerate(splits):
            misfit = np.mean(np.sum((one.weak - one.learned) ** 2, axis=1))
            cross = np.mean(np.sum((one.weak - one.learned) * (one.learned - one.truth), axis=1))
            assert found.gain[i, split] == pytest.approx((misfit + 2.0 * cross) / variance, abs=1e-9)
            assert abs(cross) > 1e-6  # Or the identity would say nothing of it.


def test_accuracies_are_shares_of_right_classes_and_absent_for_regression(run):
    labels, told, found = run
    if labels.kind == "regression":
        assert found.weak_accuracy is found.w2s_accuracy is found.ceiling_accuracy is None
        return

    def classes(codes):
        return [(row[0] > 0.5 if len(row) == 1 else int(np.argmax(row))) for row in codes]

    def share(prediction, truth):
        return np.mean([a == b for a, b in zip(classes(prediction), classes(truth), strict=True)])

    for i, splits in enumerate(told):
        for split, one in enumerate(splits):
            assert found.weak_accuracy[i, split] == share(one.weak, one.truth)
            assert found.w2s_accuracy[i, split] == share(one.learned, one.truth)
            assert found.ceiling_accuracy[split] == share(one.ceiling, one.truth)


def test_a_projection_of_weak_labels_inherits_and_corrects_without_remainder():
    """Charikar et al. 2024, arXiv:2405.15116: unregularised linear student, truth in its class, in sample."""
    rng = np.random.default_rng(5)
    strong = rng.standard_normal((40, 6))
    truth = strong @ rng.standard_normal(6)
    weak = truth + rng.standard_normal(40)
    projection = strong @ np.linalg.pinv(strong)
    learned = projection @ weak
    misfit, inherited = np.mean((weak - learned) ** 2), np.mean((learned - truth) ** 2)
    assert np.mean((weak - truth) ** 2) == pytest.approx(inherited + misfit, abs=1e-12)
    assert np.mean((weak - learned) * (learned - truth)) == pytest.approx(0.0, abs=1e-12)


def test_squared_error_sums_columns_and_averages_rows():
    # Rows: 1 + 4 = 5 and 0 + 9 = 9, mean 7.
    assert squared_error(np.array([[1.0, 2.0], [0.0, 3.0]]), np.zeros((2, 2))) == 7.0


def test_accuracy_cuts_codes_at_a_half_and_takes_the_largest_column():
    # .6 → 1 right, .4 → 0 wrong, .5 → 0 right.
    assert accuracy(np.array([[0.6], [0.4], [0.5]]), np.array([[1.0], [1.0], [0.0]])) == pytest.approx(2 / 3)
    assert accuracy(np.array([[0.2, 0.3], [0.9, 0.1]]), np.array([[0.0, 1.0], [0.0, 1.0]])) == 0.5


def test_the_same_seed_gives_the_same_outcomes_and_another_seed_others():
    rng = np.random.default_rng(1)
    strong, weak = rng.standard_normal((40, 4)), [rng.standard_normal((40, 3))]
    labels = Labels.of(rng.standard_normal(40))
    first, again, other = (train_w2s(strong, weak, labels, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.w2s, again.w2s)
    assert not np.array_equal(first.w2s, other.w2s)
    assert first.w2s.shape == (1, 3)


@pytest.fixture(scope="module")
def classes():
    rng = np.random.default_rng(9)
    strong = correlated(ROWS, 6, 0.4, rng)
    weak = dimmed(strong, 4, 0.3, rng)
    score = dense.standardise(strong) @ rng.standard_normal(6) + 0.2 * rng.standard_normal(ROWS)
    return strong, weak, Labels.of([float(v) for v in score > 0])


def logistic(train, other, chances, ridge):
    """Scikit-learn on soft labels: every row once as each class, weighted by its probability."""
    scaled, asked = dense.standardise(train), dense.standardise(train, other)
    rows, ones = np.concatenate([scaled, scaled]), np.repeat([0, 1], len(train))
    weight = np.concatenate([1.0 - chances, chances])
    fitted = LogisticRegression(C=1.0 / (len(train) * ridge), tol=1e-10, max_iter=10_000)
    return fitted.fit(rows, ones, sample_weight=weight).predict_proba(asked)[:, 1]


def test_logistic_recipes_are_those_of_scikit_learn(classes):
    strong, weak, labels = classes
    recipe, gold = Recipe("logistic", weak_ridge=0.02, student_ridge=0.05), labels.targets[:, 0]
    found = train_w2s(strong, [weak], labels, splits=2, seed=SEED, recipe=recipe)
    for split in range(2):
        part = part_of(ROWS, recipe, SEED, split)
        variance, truth = np.var(gold), gold[part.test]
        lesson = logistic(weak[part.weak], weak[part.student], gold[part.weak], 0.02)
        taught = logistic(weak[part.weak], weak[part.test], gold[part.weak], 0.02)
        learned = logistic(strong[part.student], strong[part.test], lesson, 0.05)
        top = logistic(strong[part.student], strong[part.test], gold[part.student], 0.05)
        assert found.weak[0, split] == pytest.approx(np.mean((taught - truth) ** 2) / variance, abs=2e-4)
        assert found.w2s[0, split] == pytest.approx(np.mean((learned - truth) ** 2) / variance, abs=2e-4)
        assert found.ceiling[split] == pytest.approx(np.mean((top - truth) ** 2) / variance, abs=2e-4)
        chances = np.clip(np.where(truth == 1, learned, 1 - learned), 0.001, 0.999)
        assert found.w2s_log_loss[0, split] == pytest.approx(-np.mean(np.log(chances)), abs=1e-3)


def test_a_logistic_head_takes_the_ridge_of_least_log_loss_on_held_out_folds(classes):
    strong, _, labels = classes
    head = LogisticHeads(strong).on(np.arange(40), np.arange(40, ROWS))
    gold = labels.targets[:40]
    folds = np.random.default_rng([5, 5]).permutation(np.arange(40) % 5)

    def missed(ridge):
        total = 0.0
        for fold in range(5):
            kept, held = head.design[folds != fold], head.design[folds == fold]
            fitted = LogisticRegression(C=1.0 / (len(kept) * ridge), tol=1e-10, max_iter=10_000)
            chances = fitted.fit(kept, gold[folds != fold, 0]).predict_proba(held)
            total -= np.sum(np.log(chances[np.arange(len(held)), gold[folds == fold, 0].astype(int)]))
        return total

    best = min(np.logspace(-5, 1, 7), key=missed)
    fixed = LogisticHeads(strong, ridge=best).on(np.arange(40), np.arange(40, ROWS))
    np.testing.assert_array_equal(head.learn(gold, 5), fixed.learn(gold, 5))
    assert not np.array_equal(fixed.learn(gold, 5), LogisticHeads(strong, 10 * best).on(*two_parts()).learn(gold, 5))


def two_parts():
    return np.arange(40), np.arange(40, ROWS)


def test_fixed_ridges_are_those_of_the_weak_heads_and_of_the_student_and_its_ceiling(classes):
    strong, weak, labels = classes
    found = train_w2s(strong, [weak], labels, splits=1, seed=SEED, recipe=Recipe(weak_ridge=0.3, student_ridge=0.05))
    part, gold = thirds(ROWS, np.random.default_rng([SEED, 0])), labels.targets
    lesson = dense.hat(weak[part.weak], weak[part.student], 0.3) @ gold[part.weak]
    student = dense.hat(strong[part.student], strong[part.test], 0.05)
    for measured, taught_by in ((found.w2s[0, 0], lesson), (found.ceiling[0], gold[part.student])):
        expected = np.mean((student @ taught_by - gold[part.test]) ** 2) / np.var(gold)
        assert measured == pytest.approx(expected, abs=1e-9)


def test_hard_labels_teach_the_class_alone(classes):
    strong, weak, labels = classes
    hard = Recipe(weak_ridge=0.3, student_ridge=0.3, label_form="hard")
    found = train_w2s(strong, [weak], labels, splits=1, seed=SEED, recipe=hard)
    part, gold = thirds(ROWS, np.random.default_rng([SEED, 0])), labels.targets
    lesson = dense.hat(weak[part.weak], weak[part.student], 0.3) @ gold[part.weak] > 0.5
    learned = dense.hat(strong[part.student], strong[part.test], 0.3) @ lesson
    assert found.w2s[0, 0] == pytest.approx(np.mean((learned - gold[part.test]) ** 2) / np.var(gold), abs=1e-9)


def test_confidence_sharpens_the_student_and_leaves_its_ceiling_alone(classes):
    strong, weak, labels = classes
    recipe = Recipe("logistic", weak_ridge=0.02, student_ridge=0.02, confidence=0.6)
    plain, sure = (
        train_w2s(strong, [weak], labels, splits=2, recipe=replace(recipe, loss=loss))
        for loss in ("xent", "confidence")
    )
    np.testing.assert_array_equal(plain.ceiling, sure.ceiling)
    np.testing.assert_array_equal(plain.weak, sure.weak)
    assert not np.allclose(plain.w2s, sure.w2s, atol=1e-3)
    train, other = two_parts()
    lessons = 0.5 + 0.3 * (labels.targets[train] - 0.5)
    calm, firm = (LogisticHeads(strong, 0.02, weight).on(train, other).learn(lessons, 0) for weight in (0.0, 0.6))
    assert np.mean(np.abs(firm - 0.5)) > 1.5 * np.mean(np.abs(calm - 0.5))
    np.testing.assert_array_equal(LogisticHeads(strong, 0.02, 0.6).on(train, other).learn(lessons, 0, gold=True), calm)


def test_part_sizes_and_groups_reach_the_training(classes):
    strong, weak, labels = classes
    groups = np.arange(ROWS) // 3
    recipe = Recipe(weak_rows=24, student_rows=18)
    part = part_of(ROWS, recipe, SEED, 0, groups)
    assert (len(part.weak), len(part.student)) == (24, 18)
    assert not set(groups[part.weak]) & set(groups[part.test])
    found = train_w2s(strong, [weak], labels, splits=1, seed=SEED, recipe=recipe, groups=groups)
    top = taught(strong[part.student], strong[part.test], labels.targets[part.student])
    expected = np.mean((top - labels.targets[part.test]) ** 2) / np.var(labels.targets)
    assert found.ceiling[0] == pytest.approx(expected, abs=1e-9)


def test_rows_that_repeat_look_easier_than_they_are_unless_grouped():
    rng = np.random.default_rng(2)
    once = rng.standard_normal((30, 40))
    features, labels = np.repeat(once, 4, axis=0), Labels.of(np.repeat(rng.standard_normal(30), 4))
    recipe = Recipe(weak_ridge=0.001, student_ridge=0.001)
    leaky = train_w2s(features, [features], labels, splits=6, recipe=recipe).ceiling.mean()
    together = np.arange(120) // 4
    honest = train_w2s(features, [features], labels, splits=6, recipe=recipe, groups=together).ceiling.mean()
    assert leaky < 0.8
    assert honest > 0.9  # The labels are noise: nothing can be known of a row that was not seen.


def test_recipes_that_train_the_model_itself_need_more_than_features(classes):
    strong, weak, labels = classes
    with pytest.raises(InputError, match=r"recipe 'full' trains the strong model itself, and only its features are"):
        train_w2s(strong, [weak], labels, recipe=Recipe("full"))


def test_seeds_are_averaged_and_every_candidate_of_a_split_gets_the_same():
    asked = []

    @dataclass
    class FakeStudent:
        """Answers every row with its seed's last digit, whatever it is taught."""

        def on(self, train, other):
            self.rows = len(other)
            return self

        def learn(self, lessons, seed, *, gold=False):
            asked.append((gold, seed))
            return np.full((self.rows, 1), float(seed % 10))

    rng = np.random.default_rng(0)
    labels = Labels.of(rng.standard_normal(30))
    recipe = Recipe("full", seeds=2).for_labels("regression")
    weak = [rng.standard_normal((30, 2)) for _ in range(2)]
    steps = training_steps(FakeStudent(), weak, labels, recipe, splits=2, seed=4, names=("a", "b"))
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            found = end.value
            break
    golden = [seed for gold, seed in asked if gold]
    assert len(set(golden)) == 4
    assert [seed for gold, seed in asked if not gold] == [golden[i] for i in (0, 1, 0, 1, 2, 3, 2, 3)]
    truth = labels.targets[part_of(30, recipe, 4, 0).test]
    errors = [np.mean((truth - seed % 10) ** 2) / np.var(labels.targets) for seed in golden[:2]]
    assert found.w2s[1, 0] == pytest.approx(np.mean(errors))
    named = [(step.candidate, step.done) for step in seen if step.candidate]
    assert named == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
