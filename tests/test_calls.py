"""The two calls, as a user makes them."""

from __future__ import annotations

import numpy as np
import pytest

import predictor


@pytest.fixture
def arrays():
    rng = np.random.default_rng(2)
    hidden = rng.standard_normal((90, 5)) * [3, 2, 1, 0.5, 0.2]
    strong = hidden @ rng.standard_normal((5, 12)) + 0.05 * rng.standard_normal((90, 12))
    close = hidden @ rng.standard_normal((5, 9)) + 0.05 * rng.standard_normal((90, 9))
    return {"strong": strong, "close": close, "far": rng.standard_normal((90, 9))}


def test_predict_ranks_arrays(arrays):
    ranking = predictor.predict(strong=arrays["strong"], weak={"far": arrays["far"], "close": arrays["close"]})
    assert [candidate.name for candidate in ranking.candidates] == ["close", "far"]
    assert ranking.rows == 90
    assert ranking.best().rank == 1


def test_rank_takes_arrays_too_and_answers_the_same(arrays):
    request = {"strong": arrays["strong"], "weak": {"close": arrays["close"]}, "seed": 4}
    one, other = predictor.rank(**request), predictor.predict(**request)
    assert one.candidates[0].predicted_w2s_error == other.candidates[0].predicted_w2s_error


def test_a_candidate_of_another_length_fails_alone(arrays):
    ranking = predictor.predict(strong=arrays["strong"], weak={"close": arrays["close"], "short": arrays["far"][:50]})
    assert [candidate.status for candidate in ranking.candidates] == ["ok", "failed"]
    error = ranking.candidates[1].error
    assert error is not None
    assert "'short' has 50 rows, the pool has 90" in error.message


def test_predict_runs_no_models(arrays):
    ranking = predictor.predict(strong=arrays["strong"], weak={"close": arrays["close"], "model": "./folder"})
    error = ranking.candidates[1].error
    assert error is not None
    assert "only arrays can be read here" in error.message
    with pytest.raises(predictor.InputError, match="only arrays can be read here"):
        predictor.predict(strong="./folder", weak=[arrays["close"]], pool=[f"row {row}" for row in range(90)])
