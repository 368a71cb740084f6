"""Files of rows: JSON in its shapes, compressed files, parquet, Arrow, and folders that `datasets` saved."""

from __future__ import annotations

import bz2
import datetime
import gzip
import json
import lzma
from pathlib import Path

import pytest

from predictor.errors import InputError, NotFoundError
from predictor.intake.rows import read_rows, read_task
from predictor.intake.tables import read_table

RECORDS = [{"id": f"r{i}", "text": f"row {i}", "label": i % 2} for i in range(6)]
TEXTS = tuple(record["text"] for record in RECORDS)


def lines(records=RECORDS) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def columns() -> dict[str, list[object]]:
    return {name: [record[name] for record in RECORDS] for name in RECORDS[0]}


@pytest.mark.parametrize(
    "content",
    [
        RECORDS,
        columns(),
        {name: {str(i): value for i, value in enumerate(values)} for name, values in columns().items()},
        {"columns": list(RECORDS[0]), "index": [*range(6)], "data": [[*record.values()] for record in RECORDS]},
        {"schema": {"fields": []}, "data": RECORDS},
        {"version": "1.0", "name": "task", "rows": RECORDS},
    ],
)
def test_json_shapes(tmp_path: Path, content: object) -> None:
    """Arrays of objects, columns, and what pandas and task files wrap around them."""
    (tmp_path / "rows.json").write_text(json.dumps(content, indent=1))
    pool, labels = read_task(tmp_path / "rows.json")
    assert (pool.texts, pool.ids[2], labels.kind) == (TEXTS, "r2", "binary")


@pytest.mark.parametrize("orient", ["records", "columns", "split", "table"])
def test_json_of_pandas(tmp_path: Path, orient: str) -> None:
    """Every orientation of `DataFrame.to_json` that has the names of columns."""
    pandas = pytest.importorskip("pandas")
    pandas.DataFrame(RECORDS).to_json(tmp_path / "rows.json", orient=orient)
    assert read_rows(tmp_path / "rows.json").texts == TEXTS


def test_json_lines_under_other_names(tmp_path: Path) -> None:
    """Lines in a .json, an array in a .jsonl, an array of texts, .ndjson."""
    for name, content in (("a.json", lines()), ("b.jsonl", json.dumps(RECORDS)), ("c.ndjson", lines())):
        (tmp_path / name).write_text(content)
        assert read_rows(tmp_path / name).texts == TEXTS, name
    (tmp_path / "d.json").write_text(json.dumps(TEXTS))
    assert read_rows(tmp_path / "d.json").texts == TEXTS


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", '{"train": [{"text": "a"}], "test": [{"text": "b"}]}', r"this is an object with 'train', 'test'"),
        ("a.json", "[1, 2]", r"row 1: a int where an object is needed"),
        ("a.json", '[{"text": "a"},\n', r"line 2: not JSON"),
        ("a.json", "3", r"this is a int"),
        ("a.jsonl", '{"text": "a", "text": "b"}\n', r"line 1: the key 'text' occurs twice"),
        ("a.jsonl", '{"text": "a"}\n\0\0', r"line 2: a NUL byte"),
        ("a.csv", "id,text\n1,a\n".encode("utf-16-le").decode("latin1"), r"line 1: a NUL byte.*UTF-16LE"),
        ("a.zst", "", r"decompress it: zstd -d"),
        ("a.pkl", "", r"pickles can run code"),
        ("a.jsonl.gz", "\x1f\x8bno", r"is a damaged \.gz file"),
    ],
)  # fmt: skip
def test_refused_files(tmp_path: Path, name: str, content: str, message: str) -> None:
    """What has no rows, or two meanings, is refused with the next step."""
    (tmp_path / name).write_bytes(content.encode("latin1"))
    with pytest.raises(InputError, match=message):
        read_table(tmp_path / name)


def test_joined_files(tmp_path: Path) -> None:
    """A byte order mark inside, where files were joined, is no text."""
    (tmp_path / "a.jsonl").write_text("\ufeff" + lines(RECORDS[:3]) + "\ufeff" + lines(RECORDS[3:]))
    assert read_rows(tmp_path / "a.jsonl").texts == TEXTS


@pytest.mark.parametrize("pack", [gzip, bz2, lzma])
@pytest.mark.parametrize("kind", ["jsonl", "csv", "txt", "parquet"])
def test_compressed(tmp_path: Path, pack, kind: str) -> None:
    """Files of every kind may be compressed, with or without the ending that says so."""
    plain = {"jsonl": lines(), "csv": "text\n" + "\n".join(TEXTS), "txt": "\n".join(TEXTS)}
    if kind == "parquet":
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(RECORDS), tmp_path / "plain.parquet")
        raw = (tmp_path / "plain.parquet").read_bytes()
    else:
        raw = plain[kind].encode()
    ending = {gzip: ".gz", bz2: ".bz2", lzma: ".xz"}[pack]
    for name in (f"rows.{kind}{ending}", f"rows.{kind}"):
        (tmp_path / name).write_bytes(pack.compress(raw))
        assert read_rows(tmp_path / name).texts == TEXTS, name


def test_column_that_python_cannot_hold(tmp_path: Path) -> None:
    """A column that nobody asks for is never read; asked for, it is refused."""
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"text": TEXTS, "when": pyarrow.array([-1_000_000] * 6, pyarrow.date32())})
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet")
    assert read_rows(tmp_path / "rows.parquet").texts == TEXTS
    with pytest.raises(InputError, match=r"column 'when' cannot be read"):
        read_rows(tmp_path / "rows.parquet", id_column="when")


def test_dates_as_labels(tmp_path: Path) -> None:
    """A column of another type than labels have is refused by row."""
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"text": TEXTS, "label": [datetime.date(2020, 1, 1)] * 6})
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet")
    with pytest.raises(InputError, match=r"gold labels: .*rows\.parquet, row 1: '2020-01-01' is a date"):
        read_task(tmp_path / "rows.parquet")


def test_saved_datasets(tmp_path: Path) -> None:
    """Folders, shards, selections, splits and Arrow files that `datasets` writes."""
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["a", "b"]),
        }
    )
    data = datasets.Dataset.from_list([*RECORDS, {"id": "r6", "text": "row 6", "label": -1}], features=features)
    data.save_to_disk(tmp_path / "one", num_shards=3)
    pool, labels = read_task(tmp_path / "one")
    assert (pool.texts, pool.ids[6]) == ((*TEXTS, "row 6"), "r6")
    assert (labels.kind, labels.known.tolist()) == ("binary", [True] * 6 + [False])
    data.select([4, 1]).save_to_disk(tmp_path / "selected")
    assert read_rows(tmp_path / "selected").texts == ("row 4", "row 1")
    datasets.DatasetDict({"train": data, "test": data}).save_to_disk(tmp_path / "splits")
    with pytest.raises(NotFoundError, match=r"has the splits train, test; name one: .*splits/train"):
        read_rows(tmp_path / "splits")
    assert len(read_rows(tmp_path / "splits" / "train")) == 7
    datasets.DatasetDict({"train": data}).save_to_disk(tmp_path / "single")
    assert len(read_rows(tmp_path / "single")) == 7
    data.to_parquet(tmp_path / "rows.parquet")
    data.to_json(tmp_path / "rows.json")
    data.to_csv(tmp_path / "rows.csv")
    for name in ("rows.parquet", "rows.json", "rows.csv", "one/data-00001-of-00003.arrow"):
        assert read_rows(tmp_path / name).texts[0] in ("row 0", "row 3"), name
    assert read_task(tmp_path / "rows.parquet")[1].known.tolist() == [True] * 6 + [False]


def test_folder_of_shards(tmp_path: Path) -> None:
    """A downloaded folder with the parquet shards of one split is its rows; several splits are named."""
    import pyarrow
    import pyarrow.parquet

    for shard, part in enumerate((RECORDS[:4], RECORDS[4:])):
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(part), tmp_path / f"train-0000{shard}-of-00002.parquet")
    assert read_rows(tmp_path).texts == TEXTS
    (tmp_path / "test-00000-of-00001.parquet").touch()
    with pytest.raises(NotFoundError, match="has the splits test, train"):
        read_rows(tmp_path)
