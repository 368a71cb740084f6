"""Candidates that cannot be separated from each other, or from shuffled ones."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.api import predict
from predictor.ranking.null_scores import above_null
from tests.answers import by_name
from tests.estimators.cases import ROWS, teachers


def test_the_null_of_a_similarity_is_far_below_a_good_teacher(models):
    found = predict(strong=models[0], weak=models[1], estimators=["cka"])
    assert found.null.low <= found.null.value <= found.null.high < found.best().estimates["cka"].value
    assert found.null.unit == "similarity"
    assert found.null.separable >= 1


@pytest.mark.parametrize("count", [3, 20])
def test_candidates_of_pure_noise_are_not_separable_from_the_null_however_many(count):
    strong, _ = teachers((0.1,))
    codes = []
    for seed in range(5):
        rng = np.random.default_rng([seed, 77])
        noise = {f"n{i}": rng.standard_normal((ROWS, 12)) for i in range(count)}
        codes.append(predict(strong=strong.features, weak=noise, seed=seed).exit_code)
    # Any of them is in one ranking of twenty, so that one of some seeds may stray.
    assert codes.count(4) >= 4


def test_a_candidate_is_held_against_the_shuffles_of_all():
    null = np.array([[5.0, 6.0, 7.0], [2.0, 9.0, np.nan]])
    np.testing.assert_array_equal(above_null(np.array([4.0, 1.9]), null), [False, True])
    np.testing.assert_array_equal(above_null(np.array([np.nan, 2.0]), null), [False, False])
    np.testing.assert_array_equal(above_null(np.array([1.0]), np.full((1, 3), np.nan)), [False])


def test_a_good_teacher_is_separable_where_noise_is_not(models):
    rng = np.random.default_rng(8)
    found = predict(strong=models[0], weak={"good": models[1]["t0"], "noise": rng.standard_normal((ROWS, 12))})
    assert found.null.separable == 1
    assert found.best().name == "good"
    assert found.best().p_best > 0.6
    # Their replicates overlap; what tells them apart is that noise does no better than shuffled rows.
    assert by_name(found)["noise"].tie_group != found.best().tie_group


def test_a_candidate_listed_twice_under_two_names_ties_with_itself(models):
    found = predict(strong=models[0], weak={"a": models[1]["t0"], "b": models[1]["t0"], "far": models[1]["t2"]})
    assert by_name(found)["a"].tie_group == by_name(found)["b"].tie_group == 1
    assert by_name(found)["a"].p_best == pytest.approx(by_name(found)["b"].p_best)
    assert by_name(found)["a"].predicted_w2s_error == by_name(found)["b"].predicted_w2s_error


def test_a_candidate_that_is_nearly_constant_stays_in_an_order_by_bootstrap(models):
    """Its one telling row is missing from more than a third of the resamples."""
    spike = np.zeros((ROWS, 3))
    spike[5] = 1.0
    found = predict(strong=models[0], weak={"good": models[1]["t0"], "spike": spike}, estimators=["cka"])
    assert found.best().name == "good"
    assert by_name(found)["spike"].rank == 2


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_candidates_without_a_value_are_level(models):
    found = predict(strong=models[0], weak=models[1], estimators=["parameter_count"])
    assert found.exit_code == 4
    assert {c.tie_group for c in found.candidates} == {1}
    assert sum(c.p_best for c in found.candidates) == pytest.approx(1.0)


@pytest.mark.parametrize("known", [0, ROWS // 3])
def test_the_order_in_which_candidates_are_listed_moves_no_number(known):
    strong, weak = teachers((0.1, 0.5, 1.5))
    labels = [float(v) if i < known else None for i, v in enumerate(strong.features[:, 0])]
    models = {model.name: model.features for model in weak}
    given = {"labels": labels} if known else {}
    first = predict(strong=strong.features, weak=models, **given)
    again = by_name(predict(strong=strong.features, weak=dict(reversed(models.items())), **given))
    for one in first.candidates:
        other = again[one.name]
        assert (one.rank, one.p_best) == (other.rank, other.p_best)
        for mine, theirs in (
            (one.predicted_w2s_error, other.predicted_w2s_error),
            (one.predicted_gain, other.predicted_gain),
        ):
            assert (mine.value, mine.low, mine.high) == pytest.approx((theirs.value, theirs.low, theirs.high), abs=1e-6)
