"""Warnings about evidence that could not make the order, and about a ranking estimator without values."""

from __future__ import annotations

import numpy as np
import pytest

import predictor
from predictor.intake.request import build_query
from predictor.query.source import FeatureSet
from predictor.ranking.warnings import warnings_on_rows
from predictor.results.table import table

ROWS = 60


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(5)
    hidden = rng.standard_normal((ROWS, 6))
    votes = 1 / (1 + np.exp(-hidden[:, 0] - 0.5 * rng.standard_normal((3, ROWS))))
    weak = {name: hidden[:, :width] @ rng.standard_normal((width, 8)) for name, width in (("a", 6), ("b", 4), ("c", 2))}
    return hidden @ rng.standard_normal((6, 12)), weak, dict(zip(weak, votes, strict=True))


def of_labels(ranking):
    return [warning for warning in ranking.warnings if "weak labels did not make the order" in warning]


def test_weak_labels_of_some_candidates_only_are_not_passed_over_in_silence(arrays):
    strong, weak, votes = arrays
    ranking = predictor.predict(strong=strong, weak=weak, weak_labels={"a": votes["a"]})
    assert ranking.evidence == "representations"
    assert of_labels(ranking) == [
        "the weak labels did not make the order: consensus_truth needs weak labels of every candidate, and 2 have "
        "none: give --weak-labels or --labels"
    ]


def test_weak_labels_of_two_candidates_are_reported_to_be_too_few(arrays):
    strong, weak, votes = arrays
    two = {name: weak[name] for name in "ab"}
    (warning,) = of_labels(
        predictor.predict(
            strong=strong, weak=two, weak_labels={name: votes[name] for name in two}, estimators=["combined"]
        )
    )
    assert "consensus_truth needs at least 3 candidates" in warning


def test_weak_labels_that_made_the_order_are_not_remarked_on(arrays):
    strong, weak, votes = arrays
    ranking = predictor.predict(strong=strong, weak=weak, weak_labels=votes)
    assert ranking.evidence == "weak_labels"
    assert not of_labels(ranking)


def test_weak_labels_beside_gold_ones_are_not_remarked_on(arrays):
    strong, weak, votes = arrays
    gold = {str(row): int(votes["a"][row] > 0.5) for row in range(30)}
    ranking = predictor.predict(strong=strong, weak=weak, weak_labels={"a": votes["a"]}, labels=gold)
    assert not of_labels(ranking)


def test_an_estimator_without_a_value_reports_why_and_is_not_blamed_on_the_rows(arrays):
    strong, weak, _ = arrays
    ranking = predictor.predict(strong=strong, weak=weak, estimators=["kl_misfit"])
    warning = "kl_misfit has no value for 3 of 3 candidates: needs --weak-labels for this candidate, or --labels"
    assert warning in ranking.warnings
    assert ranking.exit_code == 4
    assert ranking.advice() == "Train on none of them yet: kl_misfit has no value for any candidate; see the warnings."
    assert "shuffled" not in table(ranking)


def test_an_estimator_with_every_value_gives_no_warning(arrays):
    strong, weak, _ = arrays
    ranking = predictor.predict(strong=strong, weak=weak, estimators=["cka"])
    assert not any("has no value" in warning for warning in ranking.warnings)


CODES = "are a few whole numbers and were read as numbers; if they are classes, give names of classes"


@pytest.mark.parametrize(
    ("coded", "warned"),
    [
        (lambda votes: np.round(4 * votes), True),
        (lambda votes: np.round(votes), False),
        (lambda votes: 4 * votes, False),
        (lambda votes: np.stack([votes, 1 - votes], axis=1), False),
    ],
    ids=["codes", "two classes", "numbers", "probabilities"],
)
def test_weak_labels_that_look_like_codes_of_classes_warn_that_they_are_numbers(arrays, coded, warned):
    strong, weak, votes = arrays
    given = {name: coded(one) for name, one in votes.items()}
    found = [w for w in predictor.predict(strong=strong, weak=weak, weak_labels=given).warnings if CODES in w]
    assert [w.startswith("the weak labels of a, b, c are") for w in found] == [True] * warned


def test_gold_labels_say_what_weak_codes_mean(arrays):
    strong, weak, votes = arrays
    given = {name: np.round(4 * one) for name, one in votes.items()}
    gold = {str(row): float(np.round(4 * votes["a"][row])) + 0.25 * row for row in range(30)}
    ranking = predictor.predict(strong=strong, weak=weak, weak_labels=given, labels=gold)
    assert not [w for w in ranking.warnings if CODES in w]


def test_a_warning_of_the_strong_model_has_its_name(arrays):
    strong, weak, _ = arrays
    query = build_query(strong=strong, weak=weak)
    features = FeatureSet("student", strong, "given", "0" * 64, warnings=("read as it declares",))
    assert warnings_on_rows(query, features, set())[0] == "student: read as it declares"
