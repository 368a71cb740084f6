"""Label columns: every notation is read as it is meant, or refused by row and value."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Sequence

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.query.label_column import LabelColumn


def read(cells: Sequence[object]) -> LabelColumn:
    return LabelColumn.of(cells, "labels", "labels")


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["0.5", " 1 ", "-2e-3", ".5", "\u22121.5"], "numbers", [0.5, 1.0, -0.002, 0.5, -1.5]),
        (["85%", "7.5 %", "12,5%"], "numbers", [0.85, 0.075, 0.125]),
        (["0,85", "1", "-0,5"], "numbers", [0.85, 1.0, -0.5]),
        (["0,125", "0,250"], "numbers", [0.125, 0.25]),
        ([1, "1.0", decimal.Decimal("0.5"), np.float32(2)], "numbers", [1.0, 1.0, 0.5, 2.0]),
        ([0, 1, -100, 1], "numbers", [0.0, 1.0, None, 1.0]),
        ([-1, 1, 1, -1], "numbers", [-1.0, 1.0, 1.0, -1.0]),
        (["[0.1, 0.9]", "[0.8, 0.2]"], "lists", [(0.1, 0.9), (0.8, 0.2)]),
        (["[0.1 0.9]", "[1. 0.]"], "lists", [(0.1, 0.9), (1.0, 0.0)]),
        (["(0.1, 0.9)", [0.8, 0.2]], "lists", [(0.1, 0.9), (0.8, 0.2)]),
        (["[0.1\n 0.9]"], "lists", [(0.1, 0.9)]),
        (['{"a": 0.1, "b": 0.9}', {"b": 0.2, "a": 0.8}], "tables", [{"a": 0.1, "b": 0.9}, {"b": 0.2, "a": 0.8}]),
        ([[{"label": "a", "score": 0.1}, {"label": "b", "score": 0.9}]], "tables", [{"a": 0.1, "b": 0.9}]),
        (["[0.5]", [0.25]], "numbers", [0.5, 0.25]),
        ([True, "false", "TRUE", np.bool_(False)], "booleans", ["True", "False", "True", "False"]),
        ([" yes", "no", "yes "], "names", ["yes", "no", "yes"]),
        (["caf\u00e9", "cafe\u0301", "th\u00e9"], "names", ["caf\u00e9", "caf\u00e9", "th\u00e9"]),
        (["01", "02", "10"], "names", ["01", "02", "10"]),
        (["True", "False", "mixture"], "names", ["True", "False", "mixture"]),
        ([b"yes", b"no"], "names", ["yes", "no"]),
        (["[CLS]", "1st", "18-25", "<5", "a,b"], "names", ["[CLS]", "1st", "18-25", "<5", "a,b"]),
    ],
)  # fmt: skip
def test_notations(cells, kind, values):
    """A cell is a number, a list, a class, whichever program wrote it."""
    column = read(cells)
    assert (column.kind, list(column.values)) == (kind, values)


MISSING = [
    "",
    " ",
    "NA",
    "<NA>",
    "N/A",
    "n/a",
    "null",
    "NULL",
    "None",
    "nan",
    "NaN",
    "NAN",
    "\\N",
    "#N/A",
    "#DIV/0!",
    None,
]


@pytest.mark.parametrize("mark", [*MISSING, float("nan"), "none", "?", "-", "--", "n.a.", "."])
def test_missing_beside_numbers(mark):
    """What pandas, R, SQL, spreadsheets and people write for no value is no class beside numbers."""
    assert list(read([1, 0, mark, "1"]).values) == [1.0, 0.0, None, 1.0]


@pytest.mark.parametrize("mark", MISSING)
def test_missing_beside_names(mark):
    """The marks of programs are no class beside names."""
    assert list(read(["yes", mark, "no"]).values) == ["yes", None, "no"]


@pytest.mark.parametrize("mark", ["none", "NONE", "?", "-", "missing", "n.a."])
def test_words_for_missing_beside_names(mark):
    """The marks of people may be classes beside names, so they are refused."""
    with pytest.raises(InputError, match=r"labels: row 1: .* may be a class, or a mark for a missing label\. Leave"):
        read(["yes", mark, "no"])


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["$5", "$6"], r"row 0: '\$5' is a number in another notation"),
        (["0.5", "1,234.5"], r"row 1: '1,234\.5' is a number in another notation"),
        (["1.234,5"], r"number in another notation"),
        (["5 €", "6 €"], r"number in another notation"),
        (["EUR 5.00"], r"number in another notation"),
        (["1 000", "2 000"], r"number in another notation"),
        (["1\u202f000,5"], r"number in another notation"),
        (["1'000"], r"number in another notation"),
        (["1_000"], r"number in another notation"),
        (["\uff11", "\uff12"], r"number in another notation"),
        (["5\u2030"], r"number in another notation"),
        (["1,234", "5,678"], r"row 0: '1,234' has a comma and may be a decimal or one of thousands"),
        (["0.5", "0,7"], r"row 1: '0,7' has a comma beside numbers with a point"),
        (["85%", "0.85", "0.9"], r"row 0: '85%' is a percentage and others are a number"),
        (["0.1 0.9", "0.2 0.8"], r"row 0: '0\.1 0\.9' is (several numbers|a number in another notation)"),
        (["0.1;0.9"], r"several numbers"),
        (["0.1|0.9"], r"several numbers"),
        (["tensor(0.9000)", "tensor(0.1)"], r"'tensor\(0\.9000\)' is a printed object"),
        (["np.float64(0.9)"], r"a printed object"),
        (["[0.1 ... 0.9]"], r"something in brackets that is no list of numbers"),
        (["[nan, 0.5]"], r"brackets that is no list|a list with something else"),
        (["[0.1, 0.9]", "0.5", "0.7"], r"row 0: .* is a list and others are a number"),
        (["[0.1, 0.9]", "[0.1, 0.2, 0.7]"], r"row 1: .* does not have the classes of row 0"),
        (['{"a": 0.1, "b": 0.9}', '{"a": 0.1, "c": 0.9}'], r"row 1: .* does not have the classes of row 0"),
        ([[["a", 1]], [["b", 2]]], r"a list with something else than finite numbers"),
        (["1", "0", "unknown"], r"row 2: 'unknown' is a name and others are a number"),
        ([True, 1, 0], r"row 0: 'True' is true or false and others are a number"),
        (["01", "1", "2"], r"row 1: '1' stands beside '01': a code with and without its leading zeros"),
        (["Yes", "yes", "no"], r"row 1: 'yes' stands beside 'Yes': one name in two spellings"),
        ([0, 1, -1], r"row 2: '-1' beside 0, 1 may be a label, or a mark for a missing one"),
        ([0, 1, 2, 99], r"'99' beside 0, 1, 2"),
        ([0.25, 0.5, -999.0], r"'-999' beside numbers from 0 on"),
        (["yes", 'no\n6\t"other'], r"row 1: .* is several lines"),
        ([f"0.{i} kg" for i in range(10, 50)], r"'0\.10 kg' is one of 40 different texts in 40 rows"),
        ([datetime.date(2020, 1, 1)] * 3, r"is a date"),
        ([1 + 2j], r"is a complex"),
        ([10**400], r"beyond 1e308"),
    ],
)  # fmt: skip
def test_refused_cells(cells, message):
    """A cell that could mean two things is refused by its row and its value."""
    with pytest.raises(InputError, match=message) as caught:
        read(cells)
    assert caught.value.reason == "BAD_LABELS"


def test_array_column():
    """Arrays of numbers are read alike."""
    assert list(read(np.array([0, 1, -100])).values) == [0.0, 1.0, None]
    with pytest.raises(InputError, match="'-1' beside 0, 1"):
        read(np.array([0, 1, -1]))


def test_ten_classes():
    """The digits are ten classes, and 9 is one of them."""
    assert list(read(list(range(10))).values) == [float(i) for i in range(10)]
