"""Joint draws of the outcomes, as decisions take them from a forecast."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.decision.draws import centred_on
from predictor.estimators.combined import Combined
from predictor.estimators.problem import Case, Representation
from predictor.query.labels import Labels
from predictor.ranking.ordering import order


def made():
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((120, 4))
    models = [hidden + noise * rng.standard_normal((120, 4)) for noise in (0.1, 0.5, 2.0)]
    gold = np.where(np.arange(120) < 50, (hidden[:, 0] > 0).astype(float), np.nan)
    return Case(
        Representation("strong", models[0]),
        tuple(Representation(name, one) for name, one in zip("abc", models, strict=True)),
        Labels(gold[:, None], "binary", ("0", "1")),
    )


def test_draws_are_centred_on_the_predictions():
    ordering = order(Combined(), made(), "w2s_error")
    draws, forecast = ordering.draws, ordering.forecast
    assert draws.names == ("a", "b", "c")
    assert draws.w2s_error.shape == draws.gain.shape == draws.w2s_accuracy.shape == draws.weak_accuracy.shape
    assert draws.w2s_error.mean(axis=0) == pytest.approx(forecast.error)
    assert draws.gain.mean(axis=0) == pytest.approx(forecast.gain)
    assert draws.w2s_accuracy.mean(axis=0) == pytest.approx(forecast.accuracy.w2s)
    assert draws.weak_accuracy.mean(axis=0) == pytest.approx(forecast.accuracy.weak)


def test_centring_preserves_what_a_candidate_varies_by():
    draws = np.array([[1.0, 3.0], [2.0, 6.0]])
    moved = centred_on(np.array([0.0, 10.0]), draws)
    assert moved.tolist() == [[-1.0, 1.0], [8.0, 12.0]]
