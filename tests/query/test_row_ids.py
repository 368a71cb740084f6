"""Row ids: the same row under other spellings, and help where it is another row."""

from __future__ import annotations

import unicodedata

import pytest

from predictor.errors import InputError
from predictor.query.labels import Labels
from predictor.query.row_ids import likeness, rows_of


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("7.0", "7"),
        ("7", "7.0"),
        (" 7", "7"),
        ("a1\u200b", "a1"),
        ("\ufeffa1", "a1"),
        ("a1\u00a0", "a1"),
        (unicodedata.normalize("NFD", "caf\u00e9"), "caf\u00e9"),
        ("caf\u00e9", unicodedata.normalize("NFD", "caf\u00e9")),
    ],
)
def test_same_row(name, own):
    """Forms that programs give to one id mean one row."""
    assert rows_of((name,), ("other", own)) == {name: 1}


@pytest.mark.parametrize(
    ("name", "ids", "hint"),
    [
        ("R1", ("r1", "r2"), "Did you mean 'r1'"),
        ("007", ("7", "8"), "Did you mean '7'"),
        ("1.23457e+06", ("1234567",), "rounded"),
        ("1e+15", ("1000000000000000",), "rounded"),
        ("r5", ("0", "1", "2"), r"rows are numbered: '0', '1' to '2'.*--id-column"),
        ("q", ("a", "b"), r"such as 'a', 'b'"),
        (" 7", ("7", "7.0"), r"'7' and '7.0' both look like it"),
    ],
)
def test_other_row(name, ids, hint):
    """An id that no row has is refused with the likeliest reason."""
    assert rows_of((name,), ids) == {name: None}
    with pytest.raises(InputError, match=rf"labelled row .* is not in the pool.*{hint}"):
        Labels.by_id(ids, {name: 1})
    assert likeness(name, ids)


def test_exact_ids_come_first():
    """Ids that look alike and are both rows stay apart."""
    assert rows_of(("7", "7.0", "07"), ("7.0", "7", "07")) == {"7": 1, "7.0": 0, "07": 2}


def test_two_names_of_one_row():
    """A row that is named in two spellings is labelled twice."""
    with pytest.raises(InputError, match=r"ids '7' and '7\.0' both name row '7'"):
        rows_of(("7", "7.0"), ("7", "8"))
