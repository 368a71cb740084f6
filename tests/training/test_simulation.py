"""Expected errors of the simulated pipeline against explicit n × n hat matrices and against drawn labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from predictor.estimators.priors import flat_kernel
from predictor.heads.ridge import RIDGES, FactoredRidge
from predictor.query.training_plan import Training
from predictor.spectral.spectra import PrincipalKernel
from predictor.training import label_prior
from predictor.training.label_prior import LabelPrior, LabelRoot
from predictor.training.null_split import NullSplit
from predictor.training.simulated import Split
from predictor.training.simulation import SimulatedStudent, SimulatedTeacher, SimulatedTraining
from predictor.training.splits import Parts, cut
from predictor.training.weak_moments import weak_moments
from tests.reference import dense
from tests.reference.models import correlated, dimmed

ROWS = 60


def kernel_of(features):
    """Some kernel whose tasks the features see."""
    return flat_kernel(PrincipalKernel.of(features), 0.05)


def expected(split, teacher, root):
    """(2, ...) expected Err_w and Err_w2s."""
    found = SimulatedTraining.of(teacher, split.student, root, split.student.crossed(root))
    return np.array([found.weak_error, found.w2s_error])


@dataclass(frozen=True)
class Setting:
    """One split of one pool under one prior, with what the package makes of it."""

    strong: np.ndarray
    weak: np.ndarray
    prior: LabelPrior
    part: Parts
    simulated: SimulatedTraining
    student: SimulatedStudent
    training: Training

    @property
    def covariance(self):
        """Σ = K + σ² I over the whole pool."""
        return self.prior.kernel + self.prior.noise * np.eye(ROWS)


SETTINGS = {
    "narrow": (7, 4, 0.1, Training()),
    "wide": (50, 35, 0.1, Training()),
    "noisy": (7, 30, 0.6, Training()),
    "few gold rows": (7, 4, 0.1, Training(9, 34)),
    "few weak labels": (50, 35, 0.4, Training(40, 8)),
    "own ridges": (50, 4, 0.1, Training(weak_ridge=0.2, student_ridge=0.003)),
    "own weak ridge": (7, 35, 0.4, Training(12, 30, weak_ridge=0.05)),
    "own student ridge": (7, 4, 0.1, Training(30, 12, student_ridge=3.0)),
}


@pytest.fixture(params=SETTINGS, scope="module")
def setting(request):
    d_strong, d_weak, noise, training = SETTINGS[request.param]
    rng = np.random.default_rng(d_strong + d_weak)
    strong = correlated(ROWS, d_strong, 0.7, rng)
    weak = dimmed(strong, d_weak, 0.4, rng)
    prior = LabelPrior.of("flat", kernel_of(strong), noise)
    part = cut(ROWS, *training.sizes(ROWS), rng)
    student = SimulatedStudent.of(FactoredRidge.of(strong[part.student], strong[part.test]), training.student_ridge)
    head = FactoredRidge.of(weak[part.weak], weak[np.concatenate([part.student, part.test])])
    teacher = SimulatedTeacher.of(head, student, training.weak_ridge)
    root = LabelRoot.of(prior, part.weak, part.test)
    simulated = SimulatedTraining.of(teacher, student, root, student.crossed(root))
    return Setting(strong, weak, prior, part, simulated, student, training)


def expected_errors(setting):
    """Expected errors of weak head, student and ceiling."""
    ceiling = setting.student.on_gold(setting.prior, setting.part.student, setting.part.test)[1]
    return [setting.simulated.weak_error, setting.simulated.w2s_error, ceiling]


def best_ridge(train, covariance):
    """The ridge of the least expected error on rows left out, every one scored by full matrices."""
    return min(RIDGES, key=lambda beta: dense.expected_press(train, covariance, beta))


def composed(setting):
    """(n_t, n) maps from the labels of the pool to the test predictions of weak head, student and ceiling."""
    s, part = setting, setting.part
    sigma = s.covariance
    own = s.training
    first = own.weak_ridge or best_ridge(s.weak[part.weak], sigma[np.ix_(part.weak, part.weak)])
    training_labels = dense.spread_out(dense.hat(s.weak[part.weak], s.weak[part.student], first), part.weak, ROWS)
    weak = dense.spread_out(dense.hat(s.weak[part.weak], s.weak[part.test], first), part.weak, ROWS)
    second = own.student_ridge or best_ridge(s.strong[part.student], training_labels @ sigma @ training_labels.T)
    student = dense.hat(s.strong[part.student], s.strong[part.test], second) @ training_labels
    third = own.student_ridge or best_ridge(s.strong[part.student], sigma[np.ix_(part.student, part.student)])
    ceiling = dense.spread_out(dense.hat(s.strong[part.student], s.strong[part.test], third), part.student, ROWS)
    return weak, student, ceiling


def test_expected_errors_are_traces_of_the_explicitly_composed_maps(setting):
    weak, student, ceiling = composed(setting)
    expected = [dense.expected_error(each, setting.part.test, setting.covariance) for each in (weak, student, ceiling)]
    np.testing.assert_allclose(expected_errors(setting), expected, rtol=0.0, atol=1e-10)


def test_predictions_for_drawn_labels_are_those_of_the_explicitly_composed_maps(setting):
    labels = setting.prior.draw(5, np.random.default_rng(0)) + 2.0
    weak, student, ceiling = composed(setting)
    found = setting.simulated.predictions(labels[setting.part.weak])
    np.testing.assert_allclose(found[0], weak @ labels, atol=1e-10)
    np.testing.assert_allclose(found[1], student @ labels, atol=1e-10)
    shrinkage, _ = setting.student.on_gold(setting.prior, setting.part.student, setting.part.test)
    top = setting.student.predict(labels[setting.part.student], shrinkage)
    np.testing.assert_allclose(top, ceiling @ labels, atol=1e-10)


def test_a_shuffle_pairs_the_training_rows_of_the_teacher_with_other_labels(setting):
    """The teacher's rows of D~ in another order, everything else as it is: to the accuracy of float32."""
    part, weak = setting.part, setting.weak.copy()
    order = np.random.default_rng(7).permutation(len(part.weak))
    weak[part.weak] = weak[part.weak][order]
    split = Split.of(setting.strong, [setting.weak, weak], part, setting.training)
    root = LabelRoot.of(setting.prior, part.weak, part.test)
    lost = NullSplit.of(split.student, root).lost(split.teachers[0](), [order])
    (_, own), (_, shuffled) = (expected(split, teacher(), root) for teacher in split.teachers)
    np.testing.assert_allclose(lost, shuffled - own, atol=1e-5)
    assert abs(shuffled - own) > 1e-3


def test_errors_over_many_drawn_labels_average_to_the_expected_ones(setting):
    labels = setting.prior.draw(6000, np.random.default_rng(1))
    truth = labels[setting.part.test]
    weak, student, ceiling = composed(setting)
    expected = expected_errors(setting)
    for each, claimed in zip((weak, student, ceiling), expected, strict=True):
        drawn = np.mean((truth - each @ labels) ** 2, axis=0)
        assert np.mean(drawn) == pytest.approx(claimed, abs=4 * np.std(drawn) / np.sqrt(len(drawn)))


@pytest.mark.parametrize("few", [0, 1000])
def test_a_root_is_that_of_full_covariance_matrices(setting, monkeypatch, few):
    monkeypatch.setattr(label_prior, "_FEW", few)
    part, sigma = setting.part, setting.covariance
    found = LabelRoot.of(setting.prior, part.student, part.test)
    np.testing.assert_allclose(found.root @ found.root.T, sigma[np.ix_(part.student, part.student)], atol=1e-10)
    np.testing.assert_allclose(found.root @ found.response, sigma[np.ix_(part.student, part.test)], atol=1e-10)
    assert found.of_test == pytest.approx(np.mean(np.diag(sigma)[part.test]), abs=1e-12)


def test_a_root_and_the_expected_error_by_hand():
    # Rows 0, 1 train, row 2 tests; K = [[3, 1, 1], [1, 2, −1], [1, −1, 2]], σ² = ½; U = (1, −1)ᵀ/√2.
    # q = (y₀ − y₁)/√2: E q² = 2, E q ȳ = 1/(2√2), E ȳ² = 2, E q y_t = √2, E ȳ y_t = 0, E y_t² = 2.5.
    # M = 3: 2.5 − 2 (0 + 3√2) + (2 + 2·3/√8 + 9·2) = 22.5 − 6√2 + 3/√2.
    prior = LabelPrior("hand", np.array([[3.0, 1, 1], [1, 2, -1], [1, -1, 2]]), 0.5)
    left = np.array([[1.0], [-1.0]]) / 2.0**0.5
    student = SimulatedStudent.of(FactoredRidge(np.array([1.0]), left, np.array([[6.0]])), 1.0)
    shrinkage, error = student.on_gold(prior, np.array([0, 1]), np.array([2]))
    assert shrinkage.ravel() == pytest.approx([1.0, 0.5])
    assert error == pytest.approx(22.5 - 6 * 2**0.5 + 3 / 2**0.5)


def test_a_prior_is_centred_and_has_unit_label_variance():
    rng = np.random.default_rng(2)
    raw = kernel_of(rng.standard_normal((20, 3))) + 0.1
    prior = LabelPrior.of("x", raw, 0.3)
    centring = np.eye(20) - np.ones((20, 20)) / 20
    centred = centring @ raw @ centring
    np.testing.assert_allclose(prior.kernel, centred * 0.7 * 20 / np.trace(centred), atol=1e-12)
    assert np.mean(np.diag(prior.kernel)) + prior.noise == pytest.approx(1.0, abs=1e-12)


def test_drawn_labels_have_the_covariance_of_the_prior():
    prior = LabelPrior.of("x", kernel_of(np.random.default_rng(3).standard_normal((8, 2))), 0.25)
    drawn = prior.draw(40_000, np.random.default_rng(4))
    expected = prior.kernel + 0.25 * np.eye(8)
    error = np.sqrt((expected**2 + np.outer(np.diag(expected), np.diag(expected))) / drawn.shape[1])
    assert np.all(np.abs(drawn @ drawn.T / drawn.shape[1] - expected) < 5 * error)


def test_more_noise_leaves_the_same_tasks_less_of_the_unit_variance():
    # Mean diagonal .8 at σ² = .2; at σ² = .6 every entry is half of that: .4/.8.
    prior = LabelPrior.of("x", kernel_of(np.random.default_rng(1).standard_normal((9, 2))), 0.2)
    found = prior.with_noise(0.6)
    np.testing.assert_allclose(found.kernel, prior.kernel / 2.0, atol=1e-12)
    assert (found.name, found.noise) == ("x", 0.6)
    assert np.mean(np.diag(found.kernel)) == pytest.approx(0.4)


def test_weak_labels_vary_together_as_explicit_maps_of_the_same_gold_rows_say(setting):
    """Row-centred hat matrices of two models, over the prior's covariance of all rows."""
    part, sigma, ridge = setting.part, setting.covariance, setting.training.weak_ridge
    models = [setting.weak, setting.strong[:, :5]]
    heads = [FactoredRidge.of(x[part.weak], x[part.test]) for x in models]
    found = weak_moments(heads, part.weak, part.test, setting.prior, setting.training)
    among = sigma[np.ix_(part.weak, part.weak)]
    maps = []
    for x in models:
        beta = ridge or best_ridge(x[part.weak], among)
        maps.append(dense.spread_out(dense.hat(x[part.weak], x[part.test], beta), part.weak, ROWS))
    count = len(part.test)
    centring = np.eye(count) - np.ones((count, count)) / count
    truth = np.eye(ROWS)[part.test]
    for i, one in enumerate(maps):
        for j, other in enumerate(maps):
            spread = np.trace(centring @ one @ sigma @ other.T) / count
            assert found.spread[i, j] == pytest.approx(spread, abs=1e-10)
        assert found.with_truth[i] == pytest.approx(np.trace(centring @ one @ sigma @ truth.T) / count, abs=1e-10)


def test_what_heads_share_of_the_noise_of_their_gold_rows_is_no_sign_of_truth():
    """Labels of noise alone: heads on the same rows agree, and none of them covaries with the truth."""
    rng = np.random.default_rng(3)
    features = correlated(ROWS, 6, 0.7, rng)
    part = cut(ROWS, 20, 20, rng)
    noise = LabelPrior("noise", np.zeros((ROWS, ROWS)), 1.0)
    head = FactoredRidge.of(features[part.weak], features[part.test])
    found = weak_moments([head, head], part.weak, part.test, noise, Training(weak_ridge=0.01))
    assert found.spread[0, 1] == pytest.approx(found.spread[0, 0], rel=1e-12)
    assert found.spread[0, 0] > 0.05
    assert np.abs(found.with_truth).max() < 1e-15


@pytest.mark.parametrize("sizes", [(20, 20), (6, 20), (20, 6)])
@pytest.mark.parametrize("widths", [(7, 4), (50, 35), (7, 35)])
def test_a_stack_of_splits(widths, sizes):
    """Two priors on three splits at once, each at a noise of its own: what each split says alone."""
    rng = np.random.default_rng(5)
    strong = correlated(ROWS, widths[0], 0.7, rng)
    weak = dimmed(strong, widths[1], 0.4, rng)
    weak[:, 0] = 0.0
    weak[:9, 1] = 1.0
    priors = [LabelPrior.of("first", kernel_of(strong), 0.0), LabelPrior.of("second", kernel_of(weak), 0.0)]
    parts, noises = [cut(ROWS, *sizes, rng) for _ in range(3)], np.array([0.1, 0.3, 0.8])
    whole, training = Split.of(strong, [weak], Parts.stack(parts), Training()), Training()
    (teacher,) = (make() for make in whole.teachers)
    backwards = [np.arange(sizes[0])[::-1]]
    for prior in priors:
        root = LabelRoot.of(prior.with_noise(noises), whole.part.weak, whole.part.test)
        found = expected(whole, teacher, root)
        for place, (part, noise) in enumerate(zip(parts, noises, strict=True)):
            split = Split.of(strong, [weak], part, training)
            (head,), one = (
                (make() for make in split.teachers),
                LabelRoot.of(prior.with_noise(noise), part.weak, part.test),
            )
            np.testing.assert_allclose(found[:, place], expected(split, head, one), atol=1e-12)
            lost = NullSplit.of(whole.student.take(place), one).lost(teacher.take(place), backwards)
            np.testing.assert_allclose(lost, NullSplit.of(split.student, one).lost(head, backwards), atol=1e-5)
