"""Claims: each forecast stands beside the trainings that it speaks of."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from predictor.results.candidate import Interval
from predictor.steps import drain
from predictor.store.arrays import ArraySource
from predictor.validation.claims import Claims
from predictor.validation.validate import validation_steps
from tests.validation.questions import asking


@pytest.fixture(scope="module")
def found(question):
    steps = validation_steps(*asking(question, "combined"), ArraySource(), task="pets", splits=4, labelled_splits=2)
    return drain(steps)


def test_there_are_claims_for_each_level_of_evidence_and_their_errors_are_those_that_scores_state(found):
    assert [(c.evidence, c.estimator, c.rankings) for c in found.claims] == [
        ("representations", "combined", 1),
        ("weak_labels", "consensus_truth", 2),
        ("few_labels", "combined", 2),
    ]
    for claims in found.claims:
        values = [one.error.value for one in claims.candidates]
        assert values == sorted(values)
        assert all(one.error.low < one.error.value < one.error.high for one in claims.candidates)
        (score,) = (s for s in found.scores if (s.estimator, s.evidence) == (claims.estimator, claims.evidence))
        if claims.rankings == 1:
            missed = np.mean([abs(one.error.value - one.w2s_error) for one in claims.candidates])
            assert score.mae_error == pytest.approx(missed, abs=1e-12)
        best = min(one.w2s_error for one in claims.candidates)
        assert score.regret == pytest.approx(claims.candidates[0].w2s_error - best, abs=1e-12)


def test_without_labels_what_was_measured_is_the_mean_over_all_splits(found):
    measured = {one.name: one.w2s_error.value for one in found.trained}
    assert {one.name: one.w2s_error for one in found.claims[0].candidates} == pytest.approx(measured)


def test_claims_come_back_from_their_json(found):
    back = type(found).from_dict(found.to_dict())
    assert back.claims == found.claims
    assert Claims.from_dict(asdict(found.claims[0])).candidates[0].error.unit == "label variance"
    assert isinstance(back.claims[0].candidates[0].error, Interval)


def test_an_order_without_forecasts_makes_no_claims(question):
    found = drain(validation_steps(*asking(question, "cka"), ArraySource(), splits=2))
    assert found.claims == ()
