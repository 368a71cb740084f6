"""Real weak-to-strong training against a plain retelling of it, and the identity between gain and misfit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from predictor.query.labels import Labels
from predictor.steps import drain
from predictor.training.recipe import Recipe
from predictor.training.runs import part_of, train_w2s, training_steps
from predictor.training.splits import thirds
from tests.reference import dense
from tests.reference.heads import ridge_predictions
from tests.reference.models import correlated, dimmed

ROWS, SPLITS, SEED = 66, 2, 7


@dataclass(frozen=True)
class Reported:
    """Predictions on the test rows of one split, and the truth there, (n_t, k)."""

    weak: np.ndarray
    learned: np.ndarray
    ceiling: np.ndarray
    truth: np.ndarray


def tell(strong, weak, targets, split):
    """Weak head on D~, weak labels on D^, student on those; ceiling on the gold labels of D^."""
    part = thirds(len(targets), np.random.default_rng([SEED, split]))
    gold = targets[part.weak]
    training_labels = ridge_predictions(weak[part.weak], weak[part.student], gold)
    return Reported(
        ridge_predictions(weak[part.weak], weak[part.test], gold),
        ridge_predictions(strong[part.student], strong[part.test], training_labels),
        ridge_predictions(strong[part.student], strong[part.test], targets[part.student]),
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
    reported = [[tell(strong, w, labels.targets, split) for split in range(SPLITS)] for w in weak]
    return labels, reported, train_w2s(strong, weak, labels, splits=SPLITS, seed=SEED)


def test_errors_are_those_of_the_plain_retelling_over_the_label_variance(run):
    labels, reported, found = run
    variance = np.sum(np.mean((labels.targets - labels.targets.mean(axis=0)) ** 2, axis=0))

    def error(prediction, truth):
        return np.mean(
            [sum((p - t) ** 2 for p, t in zip(*pair, strict=True)) for pair in zip(prediction, truth, strict=True)]
        )

    for i, splits in enumerate(reported):
        for split, one in enumerate(splits):
            assert found.weak[i, split] == pytest.approx(error(one.weak, one.truth) / variance, abs=1e-9)
            assert found.w2s[i, split] == pytest.approx(error(one.learned, one.truth) / variance, abs=1e-9)
            assert found.ceiling[split] == pytest.approx(error(one.ceiling, one.truth) / variance, abs=1e-9)


def test_gain_is_misfit_plus_twice_the_cross_term(run):
    """gain = E(f_w − f_sw)² + 2 E⟨f_w − f_sw, f_sw − f*⟩: algebra, always, in Charikar et al. 2024's terms."""
    labels, reported, found = run
    variance = float(np.sum(np.var(labels.targets, axis=0)))
    for i, splits in enumerate(reported):
        for split, one in enumerate(splits):
            misfit = np.mean(np.sum((one.weak - one.learned) ** 2, axis=1))
            cross = np.mean(np.sum((one.weak - one.learned) * (one.learned - one.truth), axis=1))
            assert found.gain[i, split] == pytest.approx((misfit + 2.0 * cross) / variance, abs=1e-9)
            assert abs(cross) > 1e-6  # Or the identity would say nothing of it.


def test_accuracies_are_shares_of_right_classes_and_absent_for_regression(run):
    labels, reported, found = run
    if labels.kind == "regression":
        assert found.weak_accuracy is found.w2s_accuracy is found.ceiling_accuracy is None
        return

    def classes(codes):
        return [(row[0] > 0.5 if len(row) == 1 else int(np.argmax(row))) for row in codes]

    def share(prediction, truth):
        return np.mean([a == b for a, b in zip(classes(prediction), classes(truth), strict=True)])

    for i, splits in enumerate(reported):
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


def test_the_same_seed_gives_the_same_outcomes_and_another_seed_others():
    rng = np.random.default_rng(1)
    strong, weak = rng.standard_normal((40, 4)), [rng.standard_normal((40, 3))]
    labels = Labels.of(rng.standard_normal(40))
    first, again, other = (train_w2s(strong, weak, labels, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.w2s, again.w2s)
    assert not np.array_equal(first.w2s, other.w2s)
    assert first.w2s.shape == (1, 3)


def test_seeds_are_averaged_and_every_candidate_of_a_split_gets_the_same():
    asked = []

    @dataclass
    class FakeStudent:
        """Answers every row with its seed's last digit, whatever it is taught."""

        def on(self, train, other):
            self.rows = len(other)
            return self

        def learn(self, label_sets, seed, *, gold=False):
            asked.append((gold, seed))
            return np.full((self.rows, 1), float(seed % 10))

    rng = np.random.default_rng(0)
    labels = Labels.of(rng.standard_normal(30))
    recipe = Recipe("full", seeds=2).for_labels("regression")
    weak = [rng.standard_normal((30, 2)) for _ in range(2)]
    steps = training_steps(FakeStudent(), weak, labels, recipe, splits=2, seed=4, names=("a", "b"))
    seen = []
    found = drain(steps, seen.append)
    golden = [seed for gold, seed in asked if gold]
    assert len(set(golden)) == 4
    assert [seed for gold, seed in asked if not gold] == [golden[i] for i in (0, 1, 0, 1, 2, 3, 2, 3)]
    truth = labels.targets[part_of(30, recipe, 4, 0).test]
    errors = [np.mean((truth - seed % 10) ** 2) / np.var(labels.targets) for seed in golden[:2]]
    assert found.w2s[1, 0] == pytest.approx(np.mean(errors))
    named = [(step.candidate, step.done) for step in seen if step.candidate]
    assert named == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
