"""What a simulated training is, where it is not the one asked for, and noise against its own shuffles."""

import numpy as np
import pytest

from predictor.estimators.label_prior_simulation import LabelPriorSimulation
from predictor.estimators.problem import Case, Representation
from predictor.estimators.protocol import FRESH
from predictor.estimators.truth import TruthForecast
from predictor.query.training_plan import Training

ROWS = 120


def case(seed: int = 0, training: Training | None = None, **sizes: float) -> Case:
    """A strong model of six directions and candidates of these shares of noise."""
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((ROWS, 6))

    def seen(share: float) -> np.ndarray:
        clean = hidden @ rng.standard_normal((6, 12))
        return (1.0 - share) * clean + share * rng.standard_normal((ROWS, 12))

    weak = tuple(Representation(name, seen(share)) for name, share in (sizes or {"near": 0.1, "far": 0.5}).items())
    return Case(Representation("strong", seen(0.1)), weak, seed=seed, training=training or Training())


ESTIMATORS = [
    TruthForecast(max_rounds=1, draws=8, shuffles=2),
    LabelPriorSimulation(draws=4, max_rounds=1),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: one.name)
def test_other_heads_are_warned_of(estimator):
    """Ridge heads on soft labels are simulated whatever heads are asked for; the answer says so."""
    odd = Training(weak_rows=40, heads="logistic", label_form="hard")
    found, plain = (estimator.forecast(case(training=one)) for one in (odd, Training(weak_rows=40)))
    np.testing.assert_array_equal(found.error, plain.error)
    assert found.warnings == (
        "simulated with ridge heads on soft labels, where logistic heads on hard ones are to be predicted",
    )
    assert plain.warnings == ()


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: one.name)
def test_larger_trainings_are_warned_of(estimator):
    found = estimator.forecast(case(training=Training(20, 50_000)))
    assert len(found.warnings) == 1
    assert "with 20 and 50000, as is to be predicted, expect lower errors" in found.warnings[0]


def test_cut_rows_are_noted():
    found = TruthForecast(max_rows=60, max_rounds=1, draws=8, shuffles=2).forecast(case())
    assert found.notes == (f"simulated on 60 of {ROWS} rows, a third of them for each head", FRESH)


def test_noise_alone_does_not_beat_its_shuffles():
    """Under labels that lie in the features of a candidate its shuffles lose, though it be noise."""
    estimator = TruthForecast(max_rounds=1, draws=2)
    beats = [
        bool((found.error[0] < found.null_draws[0]).all())
        for found in (estimator.forecast(case(seed, noise=1.0)) for seed in range(12))
    ]
    assert sum(beats) <= 3, "one in twenty is luck"
