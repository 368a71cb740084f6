"""Weak labels of two classes, given in either form."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import predictor
from predictor.errors import InputError
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


@pytest.mark.parametrize(
    ("cells", "classes", "values"),
    [
        ([True, False], None, [1.0, 0.0]),
        (["true", "FALSE"], ("0", "1"), [1.0, 0.0]),
        (["True", "False"], ("False", "True"), [1.0, 0.0]),
        ([{"b": 0.7, "a": 0.3}, {"a": 1.0, "b": 0.0}], ("a", "b"), [0.7, 0.0]),
        ([{"b": 0.7, "a": 0.3}, {"a": 1.0, "b": 0.0}], None, [0.7, 0.0]),
        (["[0.2, 0.8]", "[0.9 0.1]"], None, [0.8, 0.1]),
        (["80%", "10%"], ("no", "yes"), [0.8, 0.1]),
        (["01", "02"], ("01", "02"), [0.0, 1.0]),
        (np.array([b"yes", b"no"]), ("no", "yes"), [1.0, 0.0]),
        (np.array([True, False]), ("False", "True"), [1.0, 0.0]),
    ],
)
def test_forms_of_two_classes(cells, classes, values) -> None:
    """Booleans, mappings, lists as text, percentages and codes are one answer."""
    np.testing.assert_allclose(predictions_of(cells, 2, "a", classes), values)


@pytest.mark.parametrize(
    ("cells", "classes", "message"),
    [
        ([1, 2], ("01", "02"), r"have 2 in row 1, which is none of the gold labels' classes 01, 02"),
        ([True, False], ("no", "yes"), r"name class 'True'; the gold labels have no, yes"),
        ([{"x": 0.3, "y": 0.7}] * 2, ("a", "b"), r"have the classes x, y; the gold labels have a, b"),
        (["yes", None], None, r"weak labels of 'a': row 1 has none; give a label for every row"),
        ([0.5, "NA"], None, r"are not finite at row 1"),
        ([0, -1], None, r"row 1: '-1' beside 0 may be a label, or a mark"),
    ],
)
def test_refused_forms(cells, classes, message) -> None:
    """What names other classes, or nothing, is refused."""
    with pytest.raises(InputError, match=message):
        predictions_of(cells, 2, "a", classes)


def test_many_names() -> None:
    """A column of texts is not taken for classes."""
    with pytest.raises(InputError, match=r"have 70 different names, such as .*Is this the column of labels"):
        predictions_of([f"word{'x' * i}" for i in range(70)], 70, "a")
