"""Weak labels of two classes, given in either form."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import predictor
from predictor.intake.predictions import predictions_of, second_of_two
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from protos.queries import query_from_proto, query_to_proto

ROWS = 120


def answer(gold: bool, weak_labels: dict[str, Any]) -> dict[str, Any]:
    """The answer about three teachers of one task, without wall times."""
    rng = np.random.default_rng(5)
    hidden = rng.standard_normal((ROWS, 4))
    models = {f"t{i}": hidden + 0.3 * (i + 1) * rng.standard_normal((ROWS, 4)) for i in range(3)}
    labels = np.where(np.arange(ROWS) < 50, hidden[:, 0] > 0, np.nan) if gold else None
    estimators = ["combined", "kl_misfit", "agreement_selection", "consensus_truth"]
    found = predictor.predict(
        strong=hidden @ rng.standard_normal((4, 6)),
        weak=models,
        weak_labels=weak_labels,
        labels=labels,
        estimators=estimators,
    )
    asked: dict[str, Any] = json.loads(found.to_json())
    for candidate in asked["candidates"]:
        candidate["timings"] = {}
    return asked


def probabilities() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(6)
    return {f"t{i}": rng.beta(0.6, 0.6, ROWS) for i in range(3)}


@pytest.mark.parametrize("gold", [False, True])
def test_one_and_two_columns_answer_alike(gold: bool) -> None:
    """(n,) probabilities of the second class and (n, 2) of both give the same JSON."""
    one = probabilities()
    two = {name: np.stack([1.0 - values, values], axis=1) for name, values in one.items()}
    assert answer(gold, two) == answer(gold, one)


def test_second_of_two_leaves_other_tables() -> None:
    """Two columns of numbers that are no probabilities, three classes and one column are unchanged."""
    for table in (np.array([[0.2, 0.9], [0.1, 0.9]]), np.full((4, 3), 1 / 3), np.array([0.5, 0.25])):
        assert second_of_two(table, None) is table
    assert predictions_of(np.array([[0.75, 0.25], [0.0, 1.0]]), 2, "a").tolist() == [0.25, 1.0]


def test_two_columns_in_a_message() -> None:
    """A message from another client is brought to the same form."""
    query = RankingQuery(
        ModelSpec("s", "./s"),
        (ModelSpec("w", "./w"),),
        Pool.numbered(2),
        weak_labels={"w": np.array([[0.75, 0.25]] * 2)},
    )
    assert query_from_proto(query_to_proto(query)).weak_labels["w"].tolist() == [0.25, 0.25]


def test_second_of_two_beside_three_classes() -> None:
    """Two columns stay two columns where the gold labels have three classes: their candidate fails for its width."""
    table = np.full((4, 2), 0.5)
    assert second_of_two(table, ("a", "b", "c")) is table
    assert second_of_two(table, ("a", "b")).shape == (4,)
