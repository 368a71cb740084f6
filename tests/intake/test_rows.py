"""Rows in: every format, and every fault by its text."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from predictor.errors import InputError, NotFoundError
from predictor.intake.rows import read_labels, read_rows, read_task, read_weak_labels
from predictor.query.pool import Pool


@pytest.fixture
def write(tmp_path):
    def writer(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return writer


def jsonl(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def test_every_format_gives_the_same_pool(write, tmp_path):
    import pyarrow
    import pyarrow.parquet

    texts = ["a plain row", 'with "quotes", a comma and\ta tab', "two\nlines", "", "ünïcödé \u2028 inside"]
    ids = ["r0", "r1", "r2", "r3", "r4"]
    records = [{"id": i, "text": t} for i, t in zip(ids, texts, strict=True)]
    import csv as writer

    for name, separator in (("rows.csv", ","), ("rows.tsv", "\t")):
        out = io.StringIO()
        sheet = writer.writer(out, delimiter=separator)
        sheet.writerows([["id", "text"], *([r["id"], r["text"]] for r in records)])
        write(name, out.getvalue())
    write("rows.jsonl", jsonl(*records))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(records), tmp_path / "rows.parquet")
    for name in ("rows.jsonl", "rows.csv", "rows.tsv", "rows.parquet"):
        pool = read_rows(tmp_path / name)
        assert pool.ids == tuple(ids), name
        assert pool.texts == tuple(texts), name


def test_text_file_is_one_row_a_line(write):
    pool = read_rows(write("rows.txt", "first\n\nthird \u2028 still third\x0c\nlast\n"))
    assert pool.texts == ("first", "", "third \u2028 still third\x0c", "last")
    assert pool.ids == ("0", "1", "2", "3")
    assert pool.empty_rows == 1


def test_a_final_newline_changes_nothing(write):
    assert read_rows(write("a.txt", "one\ntwo")).sha256 == read_rows(write("b.txt", "one\r\ntwo\r\n")).sha256


def test_a_byte_order_mark_is_not_part_of_the_first_column(write):
    assert read_rows(write("rows.csv", b"\xef\xbb\xbftext,id\nhello,x\nworld,y\n")).ids == ("x", "y")
    assert read_rows(write("rows.jsonl", b'\xef\xbb\xbf{"text": "a"}\n{"text": "b"}\n')).texts == ("a", "b")


def test_blank_lines_of_json_are_skipped_and_numbers_are_ids(write):
    pool = read_rows(write("rows.jsonl", '{"id": 7, "text": "a"}\n\n{"id": 8, "text": "b"}\n'))
    assert pool.ids == ("7", "8")


def test_other_columns_are_named(write):
    path = write("rows.csv", "key,review\nk1,good\nk2,bad\n")
    assert read_rows(path, "review", "key").ids == ("k1", "k2")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.jsonl", '{"text": "a"}\n{"text": }\n', r"rows\.jsonl, line 2: not JSON"),
        ("rows.jsonl", '{"text": "a"}\n"b"\n', r"line 2: a str where an object is needed"),
        ("rows.jsonl", '{"body": "a", "n": 1}\n{"body": "b"}\n', r"no column 'text'; its columns are: 'body', 'n'"),
        ("rows.jsonl", '{"text": "a"}\n{"body": "b"}\n', r"line 2: column 'text' has no value"),
        ("rows.jsonl", '{"text": "a"}\n{"text": 3}\n', r"line 2: column 'text' has 3, which is no text"),
        ("rows.jsonl", '{"text": "a"}\n{"text": "\\ud800"}\n', r"line 2: half of a surrogate pair"),
        ("rows.jsonl", '{"id": 1, "text": "a"}\n{"text": "b"}\n', r"line 2: column 'id' has no id"),
        ("rows.jsonl", '{"id": 1, "text": "a"}\n{"id": 1, "text": "b"}\n', r"row id '1' occurs more than once"),
        ("rows.jsonl", "", r"rows\.jsonl has no rows"),
        ("rows.jsonl", '{"text": "only"}\n', r"the pool has 1 row\(s\); a ranking needs at least 2"),
        ("rows.csv", "text,label\n", r"rows\.csv has no rows"),
        ("rows.csv", "", r"rows\.csv has no rows"),
        ("rows.csv", "id,id\n1,2\n", r"column 'id' occurs twice in the header"),
        ("rows.csv", "id,text\n1,a\n2,b,c\n", r"line 3: 3 fields where the header has 2"),
        ("rows.csv", 'id,text\n1,a\n2,"never closed\n3,c\n', r"line 3: unexpected end of data\. Is a quote left open"),
        ("rows.csv", 'id,text\n1,"quoted" and more\n', r"line 2: .*Is a quote left open or unescaped"),
        ("rows.tsv", 'id\ttext\n1\t"quoted"\tand more\n', r"line 2: 3 fields where the header has 2. Take tabs out"),
        ("rows.csv", b"text\ncaf\xe9\nx\n", r"line 2: byte 0xe9 is not UTF-8.*iconv"),
        ("rows.txt", "\ufeffone\ntwo\n".encode("utf-16-le"), r"is UTF-16; rows must be UTF-8"),
        (
            "rows.xlsx",
            "",
            r"rows are read from \.jsonl.*\.txt \(also \.gz\).*not from '\.xlsx'; save the sheet as \.csv",
        ),
        ("rows.parquet", b"PAR1 but no more", r"is not a readable parquet or Arrow file"),
    ],
)
def test_malformed_file_message(write, name, content, message):
    with pytest.raises(InputError, match=message):
        read_rows(write(name, content))


def test_a_named_id_column_must_exist(write):
    with pytest.raises(InputError, match=r"no column 'key'; its columns are: 'text'.*--id-column"):
        read_rows(write("rows.csv", "text\na\nb\n"), id_column="key")


def test_a_missing_file_and_a_folder_are_not_found(tmp_path):
    with pytest.raises(NotFoundError, match=r"none\.jsonl does not exist; check the path"):
        read_rows(tmp_path / "none.jsonl")
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(NotFoundError, match=r"folder\.txt is a folder; name a file of rows in it"):
        read_rows(tmp_path / "folder.txt")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_closed_file_reports_so(write):
    path = write("rows.txt", "a\nb\n")
    path.chmod(0)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        read_rows(path)


@pytest.mark.parametrize(
    ("piped", "texts"),
    [
        ('{"text": "a"}\n{"text": "b"}\n', ("a", "b")),
        ("plain a\nplain b\n", ("plain a", "plain b")),
        ('"a quoted line"\n{"text": "not json lines"}\n', ('"a quoted line"', '{"text": "not json lines"}')),
    ],
)
def test_standard_input_is_json_lines_or_plain_lines_by_its_first_line(piped, texts):
    code = "from predictor.intake.rows import read_rows; import json; print(json.dumps(read_rows('-').texts))"
    done = subprocess.run([sys.executable, "-c", code], input=piped, capture_output=True, text=True, check=True)
    assert tuple(json.loads(done.stdout)) == texts


def test_labels_come_by_id_from_json_lines_and_csv(write):
    pool = Pool.of(["a", "b", "c", "d", "e"], ["r0", "r1", "r2", "r3", "r4"])
    table = [{"id": "r4", "label": 1}, {"id": "r0", "label": 0}, {"id": "r1", "label": 1}, {"id": "r2", "label": 0}]
    expected = [0, 1, 0, np.nan, 1]
    for name, content in (
        ("gold.jsonl", jsonl(*table)),
        ("gold.csv", "id,label\n" + "".join(f"{r['id']},{r['label']}\n" for r in table)),
    ):
        labels = read_labels(write(name, content), pool)
        np.testing.assert_array_equal(labels.targets[:, 0], expected)
        assert labels.kind == "binary"


def test_labels_come_from_an_array_with_nan_where_unknown(tmp_path):
    np.save(tmp_path / "gold.npy", np.array([0.5, np.nan, 1.5, 2.25, 3.0, 9.5]))
    labels = read_labels(tmp_path / "gold.npy", Pool.numbered(6))
    assert labels.kind == "regression"
    assert labels.known.tolist() == [True, False, True, True, True, True]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,label\n9,1\n0,0\n1,1\n2,0\n", r"gold\.csv, line 2: labelled row '9' is not in the pool"),
        ("id,label\n0,1\n0,0\n", r"line 3: row '0' is labelled twice"),
        ("row,label\n0,1\n", r"no column 'id'; labels need columns 'id' and 'label', and it has: 'row', 'label'"),
        ("id,label\n0,1\n1,0\n", r"2 row\(s\) carry a gold label; at least 4"),
    ],
)
def test_faulty_labels_say_why(write, content, message):
    with pytest.raises(InputError, match=message):
        read_labels(write("gold.csv", content), Pool.numbered(5))


def test_label_arrays_must_fit_and_hold_no_objects(tmp_path):
    np.save(tmp_path / "gold.npy", np.zeros((5, 1)))
    with pytest.raises(InputError, match=r"shape \(5, 1\); labels must be \(5,\)"):
        read_labels(tmp_path / "gold.npy", Pool.numbered(5))
    np.save(tmp_path / "objects.npy", np.array([None, 1], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="objects are refused"):
        read_labels(tmp_path / "objects.npy", Pool.numbered(2))


def test_weak_labels_come_as_numbers_probabilities_or_class_names(write, tmp_path):
    pool = Pool.of(["a", "b", "c"], ["r0", "r1", "r2"])
    np.save(tmp_path / "p.npy", np.array([[0.1, 0.9], [0.8, 0.2], [0.5, 0.5]], dtype=np.float32))
    name, values = read_weak_labels(f"small={tmp_path / 'p.npy'}", pool)
    assert name == "small"
    np.testing.assert_allclose(values, [0.9, 0.2, 0.5], rtol=1e-6)
    assert values.dtype == np.float64

    path = write("w.jsonl", jsonl({"id": "r2", "label": 0.3}, {"id": "r0", "label": 1}, {"id": "r1", "label": 0}))
    assert read_weak_labels(f"small={path}", pool)[1].tolist() == [1.0, 0.0, 0.3]

    path = write("names.csv", "id,label\nr0,yes\nr1,no\nr2,yes\n")
    assert read_weak_labels(f"small={path}", pool, classes=("no", "yes"))[1].tolist() == [1.0, 0.0, 1.0]

    path = write("three.csv", "id,label\nr0,2\nr1,0\nr2,1\n")
    codes = read_weak_labels(f"small={path}", pool, classes=("0", "1", "2"))[1]
    assert codes.tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]

    path = write("p.jsonl", jsonl(*({"id": f"r{i}", "label": [0.25, 0.75]} for i in range(3))))
    assert read_weak_labels(f"small={path}", pool)[1].tolist() == [0.75] * 3

    path = write("q.jsonl", jsonl(*({"id": f"r{i}", "label": [0.25, 0.25, 0.5]} for i in range(3))))
    assert read_weak_labels(f"small={path}", pool)[1].tolist() == [[0.25, 0.25, 0.5]] * 3


def test_candidate_name_with_equals_sign(write):
    path = write("w.csv", "id,label\n0,1\n1,0\n")
    reference = "pypi:package==1.0/model"
    assert read_weak_labels(f"{reference}={path}", Pool.numbered(2), [reference, "other"])[0] == reference


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,label\n0,1\n", r"no prediction for 2 of 3 pool rows, the first being row '1'"),
        ("id,label\n0,1\n1,nan\n2,0\n", r"weak labels of 'small' are not finite at .*line 3"),
        ("id,label\n0,yes\n1,maybe\n2,no\n", r"name class 'maybe'; the gold labels have no, yes"),
    ],
)
def test_faulty_weak_labels_say_why(write, content, message):
    path = write("w.csv", content)
    with pytest.raises(InputError, match=message):
        read_weak_labels(f"small={path}", Pool.numbered(3), classes=("no", "yes"))


def test_weak_labels_need_a_name_and_a_fitting_array(tmp_path):
    np.save(tmp_path / "w.npy", np.zeros(4))
    with pytest.raises(InputError, match="must be given as NAME=FILE"):
        read_weak_labels(str(tmp_path / "w.npy"), Pool.numbered(4))
    with pytest.raises(InputError, match=r"have shape \(4,\); \(3,\) or \(3, classes\) is needed"):
        read_weak_labels(f"small={tmp_path / 'w.npy'}", Pool.numbered(3))
    values = np.zeros((3, 2))
    values[1, 1] = np.inf
    np.save(tmp_path / "w.npy", values)
    with pytest.raises(InputError, match="not finite at row 1, column 1"):
        read_weak_labels(f"small={tmp_path / 'w.npy'}", Pool.numbered(3))


def test_a_task_is_rows_with_labels_and_may_leave_some_out(write):
    records = [{"id": f"r{i}", "text": f"row {i}", "label": i % 2 if i else None} for i in range(6)]
    pool, labels = read_task(write("task.jsonl", jsonl(*records)))
    assert len(pool) == 6
    assert labels.known.tolist() == [False, True, True, True, True, True]
    with pytest.raises(InputError, match=r"no column 'label'; its columns are: 'text'"):
        read_task(write("bare.csv", "text\na\nb\n"))


def test_the_shared_task_files_are_read_whole():
    folder = os.environ.get("W2S_DATA")
    if not folder:
        pytest.skip("W2S_DATA names no folder of labelled rows")
    pool, labels = read_task(Path(folder) / "freesolv.jsonl")
    assert len(pool) == 642
    assert labels.kind == "regression"
    assert labels.known.all()
