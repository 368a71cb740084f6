"""Descriptions of classes and proxies of the label, as a query takes them."""

from dataclasses import replace

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.query.description import Description, in_class_order
from predictor.query.labels import Labels
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery

READER = ModelSpec("reader", "./encoder")
ROWS = 20


def query(*names: str, labels: Labels | None = None, **changes: object) -> RankingQuery:
    plain = RankingQuery(ModelSpec("s", "./s"), (ModelSpec("w", "./w"),), Pool.of([f"row {i}" for i in range(ROWS)]))
    described = tuple(Description(name, (f"text of {name}",)) for name in names)
    values: dict[str, object] = {"labels": labels, "descriptions": described, "describers": (READER,) if names else ()}
    return replace(plain, **(values | changes))  # type: ignore[arg-type]


def labels(*values: object) -> Labels:
    return Labels.of([values[i % len(values)] if i < 12 else None for i in range(ROWS)])


def test_descriptions_take_the_order_of_the_label_columns():
    assert [one.name for one in query("1", "0").ordered_descriptions] == ["0", "1"]
    assert [one.name for one in query("10", "9", "b").ordered_descriptions] == ["9", "10", "b"]
    assert [one.name for one in query("high", "low").ordered_descriptions] == ["low", "high"]
    swapped = in_class_order(query("a", "b").descriptions, ("b", "a"))
    assert [one.name for one in swapped] == ["b", "a"]


def test_label_columns_follow_the_evidence():
    assert query().columns is None
    assert query("0", "1").columns == query("low", "high").columns == 1
    assert query("a", "b", "c").columns == 3
    assert query("a", "b", "c", labels=labels("a", "b", "c")).columns == 3
    assert query(proxies={"p": np.arange(ROWS)}).columns == 1


@pytest.mark.parametrize(
    ("names", "gold", "message"),
    [
        (("0",), None, r"'0' alone is described.*--describe 0=TEXT OTHER=TEXT"),
        (("0", "1", "0"), None, r"'0' is described twice"),
        (("0", "2"), (0, 1), r"'2' is described, which is no name in the labels; give --describe 0=TEXT 1=TEXT"),
        (("a", "b"), ("a", "b", "c"), r"'c' is not described.*a=TEXT b=TEXT c=TEXT"),
        (("0", "1"), (0.5, 1.25, 2.5, 4.1), r"'0' is described, which is no name of numbers.*low=TEXT high=TEXT"),
        (("low",), None, r"'high' is not described"),
    ],
)
def test_names_that_do_not_cover_the_classes_are_refused(names, gold, message):
    with pytest.raises(InputError, match=message):
        query(*names, labels=None if gold is None else labels(*gold))


def test_blank_text_is_refused():
    with pytest.raises(InputError, match=r"description of '1' is empty.*--describe 1="):
        Description("1", ("fine", " "))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"describers": ()}, "no model to read them.*--describer MODEL"),
        ({"describers": (ModelSpec("a", "array:a.npy"),)}, "'a' reads no descriptions"),
        ({"descriptions": ()}, "without a description"),
        ({"pool": Pool.numbered(ROWS)}, "name the rows with --pool"),
        ({"proxies": {"p": np.arange(3)}}, "one finite number for each of the 20 rows"),
        ({"proxies": {"p": np.full(ROWS, np.nan)}}, "one finite number"),
    ],
)
def test_evidence_that_cannot_be_used_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        query("0", "1", **changes)


def test_proxies_of_several_classes_are_refused():
    with pytest.raises(InputError, match="there are 3 classes"):
        query("a", "b", "c", proxies={"p": np.arange(ROWS)})
