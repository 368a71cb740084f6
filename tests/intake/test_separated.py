"""Separated values: every writer's files are read row by row, and what is ambiguous is refused by its line."""

from __future__ import annotations

import csv
import io

import pytest

from predictor.errors import InputError
from predictor.intake.separated import read_separated


def rows(text: str, separator: str = ",") -> list[list[str]]:
    return [row for _, row in read_separated(text, "f.csv", separator)[1]]


def test_tsv_without_quoting():
    """A quote that opens a text of a .tsv swallows nothing."""
    lines = [f"{i}\trow {i}" for i in range(20)]
    lines[5], lines[9], lines[11] = '5\t"Well, said he', '9\tand that was all"', '11\t"whole"'
    found = rows("id\ttext\n" + "\n".join(lines) + "\n", "\t")
    assert [row[0] for row in found] == [str(i) for i in range(20)]
    assert (found[5][1], found[9][1], found[11][1]) == ('"Well, said he', 'and that was all"', '"whole"')


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
def test_tsv_of_a_writer_that_quotes(quoting):
    """What csv and pandas write with tabs is read back."""
    texts = ["plain", 'with "quotes"', "a\ttab", "two\nlines", "", "end"]
    out = io.StringIO()
    sheet = csv.writer(out, delimiter="\t", quoting=quoting)
    sheet.writerows([["id", "text"], *([i, text] for i, text in enumerate(texts))])
    assert [row[1] for row in rows(out.getvalue(), "\t")] == texts
    out = io.StringIO()
    csv.writer(out, delimiter="\t", quoting=quoting).writerows([["id", "text"], [0, 'say "hi"'], [1, "plain"]])
    assert [row[1] for row in rows(out.getvalue(), "\t")] == ['say "hi"', "plain"]


def test_tsv_of_pandas():
    """Frames with quotes, tabs and gaps come back."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"id": [0, 1, 2], "text": ['"a" and "b"', "tab\there", "plain"], "label": [1, None, 0]})
    assert rows(frame.to_csv(sep="\t", index=False), "\t") == [
        ["0", '"a" and "b"', "1.0"],
        ["1", "tab\there", ""],
        ["2", "plain", "0.0"],
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('id,text\n1,a\n2,"Well, said he\n3,b\n4,and that was all"\n5,c\n', 3),
        ('id,text\nr1,a\nr2,"said\nr3,b"\nr4,c\n', 3),
        ('text,label\na,0\n"said,1\nb,0\nc",1\nd,0\n', 3),
        ('label,text\npos,a\nneg,"said\npos,b"\npos,c\n', 3),
        ('sep=;\nid;text\n1;a\n2;"said\n3;b"\n', 4),
    ],
)
def test_swallowed_rows(text, line):
    """A quoted field whose lines look like rows is refused by its line."""
    with pytest.raises(InputError, match=rf"line {line}: a quoted field runs over \d lines, which look like rows"):
        rows(text)


def test_lines_inside_a_field():
    """A real text of several lines is one field, with its own line ends."""
    text = 'id,text\n1,"Dear Sir,\nI write, today\n\nYours"\n2,"a\r\nb"\n'
    assert rows(text) == [["1", "Dear Sir,\nI write, today\n\nYours"], ["2", "a\r\nb"]]


def test_long_field():
    """A field longer than the csv module's default limit is read."""
    assert rows('id,text\n1,"' + "x, " * 70_000 + '"\n')[0][1].endswith("x, ")


@pytest.mark.parametrize(
    "text",
    ["id;text\n1;a\n2;b\n", "sep=;\nid;text\n1;a\n2;b\n", "id\ttext\n1\ta\n2\tb\n", "id|text\n1|a\n2|b\n"],
)
def test_other_separators(text):
    """The header says which separator a .csv has."""
    assert rows(text) == [["1", "a"], ["2", "b"]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(end):
    """Line ends of every system, blank lines at the end and between records of several columns count nothing."""
    assert rows(end.join(["id,text", "1,a", "", "2,b", "", ""])) == [["1", "a"], ["2", "b"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text\na\n\nb\n", r"line 3: blank, which may be a row or not"),
        ('text\n"a"\n\nb\n', r"line 3: blank, which may be a row or not"),
        ("id,text\n1,a\nid,text\n1,b\n", r"line 3: the header occurs again"),
        ("id,text,id\n1,a,2\n", r"column 'id' occurs twice"),
        ("id, id\n1,a\n", r"column 'id' occurs twice"),
        ("id,text\n1,a,b\n", r"line 2: 3 fields where the header has 2\. Quote fields"),
    ],
)
def test_malformed(text, message):
    """A file that could be read in two ways is refused by its line."""
    with pytest.raises(InputError, match=message):
        rows(text)


def test_header_blanks():
    """Blanks around the names of columns are no part of them."""
    assert read_separated("id , text\n1,a\n", "f.csv", ",")[0] == ("id", "text")
