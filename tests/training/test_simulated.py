"""Simulated outcomes under a truth model: exact, and the same however candidates are listed."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.query.training_plan import FREE, Training
from predictor.training.label_prior import LabelRoot
from predictor.training.simulated import noises_of, prior_of, simulated_outcomes, splits_of
from predictor.training.simulation import SimulatedTraining
from predictor.training.splits import Parts
from predictor.truth.basis import Basis
from predictor.truth.conditioned import posterior
from predictor.truth.kernels import unit
from predictor.truth.model import LabelModel

ROWS, SIZES = 120, (40, 40)


@pytest.fixture(params=[12, 90])
def models(request):
    """A student of fewer or more dimensions than training rows, and two candidates that see less."""
    rng = np.random.default_rng(0)
    strong = rng.standard_normal((ROWS, request.param))
    weak = [strong[:, :6] + s * rng.standard_normal((ROWS, 6)) for s in (0.2, 2.0)]
    parts = 0.4 * rng.standard_normal((ROWS, 1, 1))
    basis = Basis.of(parts[:, 0] - parts[:, 0].mean(axis=0), np.empty((ROWS, 0, 1)))
    model = LabelModel.of((unit(strong @ strong.T),), basis)
    return strong, weak, posterior(model, np.empty((0, 1)), np.empty(0, dtype=np.intp))


def simulated(splits, truth, draws, shuffles=0):
    """Outcomes with that many labels drawn per split."""
    noises = noises_of(truth, sum(len(split.part.weak) for split in splits))
    drawn = [truth.draw_at_noises((noise,), draws, np.random.default_rng(5))[0] for noise in noises]
    return simulated_outcomes(splits, truth, truth, drawn, np.random.default_rng(2), shuffles=shuffles)


@pytest.mark.parametrize("training", [FREE, Training(weak_ridge=0.1, student_ridge=0.02)])
def test_expected_errors_are_those_of_many_drawn_labels(models, training):
    """The heads that were simulated, trained on a hundred thousand drawn labels, err as much in the mean."""
    strong, weak, truth = models
    splits = tuple(splits_of(strong, weak, SIZES, 1, training, np.random.default_rng(1)))
    found = simulated(splits, truth, 2)
    (whole,) = splits
    part = Parts(*(rows[0] for rows in (whole.part.weak, whole.part.student, whole.part.test)))
    prior = prior_of(truth.at_noise(noises_of(truth, 1)[0]))
    root = LabelRoot.of(prior, part.weak, part.test)
    labels = prior.draw(100_000, np.random.default_rng(3))
    for place in range(len(weak)):
        teacher, student = whole.teachers[place]().take(0), whole.student.take(0)
        trained = SimulatedTraining.of(teacher, student, root, student.crossed(root))
        weak_error, w2s = (np.mean((labels[part.test] - f) ** 2) for f in trained.predictions(labels[part.weak]))
        assert found.error[place] == pytest.approx(w2s, rel=0.01)
        assert found.gain[place] == pytest.approx(weak_error - w2s, abs=0.02)


def test_drawn_errors_average_to_the_expected_ones(models):
    """With as many draws as that, level and draws agree with the expectation."""
    strong, weak, truth = models
    splits = tuple(splits_of(strong, weak, SIZES, 1, FREE, np.random.default_rng(1)))
    found = simulated(splits, truth, 20_000)
    np.testing.assert_allclose(found.error_draws.mean(axis=1), found.error, rtol=0.03)
    assert abs(found.level) < 0.03


def test_shuffled_rows_lose_what_the_better_candidate_knows(models):
    """A candidate that sees the task loses more by shuffling than one of mostly noise."""
    strong, weak, truth = models
    splits = tuple(splits_of(strong, weak, SIZES, 2, FREE, np.random.default_rng(1)))
    found = simulated(splits, truth, 2, shuffles=9)
    assert found.null.shape == (2, 9)
    assert found.null[0].mean() > found.null[1].mean()
