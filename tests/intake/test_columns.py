"""Columns: texts of several, conversations, label columns of other tools, rows without ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.intake.request import build_query
from predictor.intake.rows import read_labels, read_predictions, read_rows
from predictor.query.chat import messages_of, plain_text
from predictor.query.pool import Pool

ROWS = 24
FEATURES = np.random.default_rng(0).normal(size=(ROWS, 4))
RECORDS = [{"passage": f"p{i}", "question": f"q{i}?", "n": i, "answer": i % 2 == 0} for i in range(ROWS)]


def write(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_template(tmp_path: Path) -> None:
    """A boolq-like file is read by a template; braces, numbers and repeated columns go in."""
    path = write(tmp_path / "boolq.jsonl", RECORDS)
    template = "{passage} {{{n}}}\nQ: {question} {n}"
    assert read_rows(path, template=template).texts[3] == "p3 {3}\nQ: q3? 3"
    query = build_query(
        strong=FEATURES, weak={"a": FEATURES}, pool=path, template="{question}", label_column="answer", max_rows=20
    )
    assert query.labels is not None
    assert (query.labels.classes, query.pool.texts[0]) == (("False", "True"), "q0?")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{passage} {title}", r"no column 'title'; its columns are: 'passage', 'question', 'n', 'answer'"),
        ("no place", r"it has no \{COLUMN\}"),
        ("{passage", r"template '\{passage': "),
        ("{passage!r}", r"only \{COLUMN\} is allowed"),
        ("{}", r"only \{COLUMN\} is allowed"),
        ("{gap}", r"line 2: column 'gap' has no value; a template joins texts and numbers"),
    ],
)
def test_bad_template(tmp_path: Path, template: str, message: str) -> None:
    """A template that is none, or a row that cannot fill it, is refused."""
    records = RECORDS[:2] if template != "{gap}" else [{"gap": "x"}, {"gap": None}]
    with pytest.raises(InputError, match=message):
        read_rows(write(tmp_path / "rows.jsonl", records), template=template)


CHAT = [{"role": "user", "content": "Is it good?"}, {"role": "assistant", "content": "Yes."}]


@pytest.mark.parametrize(
    "record",
    [
        {"messages": CHAT},
        {"messages": json.dumps(CHAT)},
        {"conversations": [{"from": "human", "value": "Is it good?"}, {"from": "gpt", "value": "Yes."}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Is it good?"}]}, CHAT[1]]},
    ],
)
def test_conversations(tmp_path: Path, record: dict[str, Any]) -> None:
    """Lists of messages of every tool become the same chat row."""
    pool = read_rows(write(tmp_path / "chat.jsonl", [record, {**record}]))
    assert messages_of(pool.texts[0]) == CHAT
    assert plain_text(pool.texts[0]) == "user: Is it good?\n\nassistant: Yes."
    assert plain_text("a text") == "a text"


def test_bad_conversation(tmp_path: Path) -> None:
    """A list that is no conversation is refused by its row."""
    path = write(tmp_path / "chat.jsonl", [{"messages": CHAT}, {"messages": [{"role": "user"}]}])
    with pytest.raises(InputError, match=r"line 2: column 'messages' has a list that is no conversation: message 1"):
        read_rows(path)


def test_openai_weak_labels(tmp_path: Path) -> None:
    """The `weak_labels` folder of openai/weak-to-strong: by text, soft labels of the model, gold ones beside them."""
    datasets = pytest.importorskip("datasets")
    texts = [f"row {i}" for i in range(ROWS)]
    order = np.random.default_rng(1).permutation(ROWS)
    share = np.linspace(0.05, 0.95, ROWS)
    results = [
        {
            "txt": texts[i],
            "input_ids": [1, 2],
            "gt_label": int(i % 2),
            "hard_label": int(share[i] > 0.5),
            "acc": bool(i % 2 == int(share[i] > 0.5)),
            "logits": [0.0, 1.0],
            "soft_label": [1 - share[i], share[i]],
        }
        for i in order
    ]
    datasets.Dataset.from_list(results).save_to_disk(tmp_path / "weak_labels")
    pool = Pool.of(texts)
    np.testing.assert_allclose(read_predictions(tmp_path / "weak_labels", pool, "a")[:, 1], share)
    hard = read_predictions(tmp_path / "weak_labels", pool, "a", label_column="hard_label")
    np.testing.assert_array_equal(hard, share > 0.5)
    gold = read_labels(tmp_path / "weak_labels", pool)
    np.testing.assert_array_equal(gold.targets[:, 0], np.arange(ROWS) % 2)


def test_eleuther_predictions(tmp_path: Path) -> None:
    """The `predictions` folder of EleutherAI/w2s: `soft_pred` is the model's, `labels` is gold."""
    datasets = pytest.importorskip("datasets")
    texts, share = [f"row {i}" for i in range(ROWS)], np.linspace(0.05, 0.95, ROWS)
    columns = {"txt": texts, "labels": [i % 2 for i in range(ROWS)], "gt_labels": [i % 2 for i in range(ROWS)]}
    datasets.Dataset.from_dict({**columns, "soft_pred": share}).save_to_disk(tmp_path / "train")
    pool = read_rows(tmp_path / "train")
    np.testing.assert_allclose(read_predictions(tmp_path / "train", pool, "a"), share)
    np.testing.assert_array_equal(read_labels(tmp_path / "train", pool).targets[:, 0], np.arange(ROWS) % 2)


def test_columns_that_may_be_meant(tmp_path: Path) -> None:
    """`label` beside probabilities may be gold, so it is asked for; other columns are named."""
    records = [{"id": i, "label": i % 2, "soft_label": 0.5} for i in range(ROWS)]
    pool = Pool.numbered(ROWS)
    path = write(tmp_path / "w.jsonl", records)
    with pytest.raises(InputError, match=r"columns 'label', 'soft_label', which may all be.*--weak-label-column"):
        read_predictions(path, pool, "a")
    assert read_predictions(path, pool, "a", label_column="soft_label").tolist() == [0.5] * ROWS
    path = write(tmp_path / "p.jsonl", [{"id": i, "score": 0.5} for i in range(ROWS)])
    with pytest.raises(InputError, match=r"no column 'label'; its columns are: 'id', 'score'.*--weak-label-column"):
        read_predictions(path, pool, "a")


def test_rows_by_text(tmp_path: Path) -> None:
    """Without ids, labels find their rows by text; repeated texts need as many labels."""
    pool = Pool.of([*"abcdefgh", "a"])
    records = [{"text": text, "label": i % 2} for i, text in enumerate(pool.texts)]
    labels = read_labels(write(tmp_path / "l.jsonl", records[::-1]), pool)
    assert labels.targets[1:8, 0].tolist() == [1, 0, 1, 0, 1, 0, 1]
    with pytest.raises(InputError, match=r"the text 'a' occurs 1 time\(s\) in it and 2 time\(s\) in the pool"):
        read_labels(write(tmp_path / "l.jsonl", records[:8]), pool)
    with pytest.raises(InputError, match=r"labelled row .*line 1 \('z'\).* is not in the pool"):
        read_labels(write(tmp_path / "l.jsonl", [{"text": "z", "label": 1}]), pool)


def test_arrays_in_npz(tmp_path: Path) -> None:
    """One array, a named one of several, or one beside ids."""
    pool, share = Pool.of([*"abcd"], ["r0", "r1", "r2", "r3"]), np.array([0.1, 0.2, 0.3, 0.4])
    np.savez(tmp_path / "one.npz", share)
    assert read_predictions(tmp_path / "one.npz", pool, "a").tolist() == share.tolist()
    np.savez(tmp_path / "several.npz", train=share, probabilities=np.stack([1 - share, share], 1), loss=0.3)
    with pytest.raises(InputError, match=r"its columns are: 'train', 'probabilities'"):
        read_predictions(tmp_path / "several.npz", pool, "a")
    found = read_predictions(tmp_path / "several.npz", pool, "a", label_column="probabilities")
    np.testing.assert_allclose(found[:, 1], share)
    np.savez_compressed(tmp_path / "ids.npz", id=["r3", "r2", "r1", "r0"], label=share)
    assert read_predictions(tmp_path / "ids.npz", pool, "a").tolist() == share[::-1].tolist()
    with pytest.raises(InputError, match=r"has 4 labels, the pool has 5 rows"):
        read_predictions(tmp_path / "one.npz", Pool.numbered(5), "a")


def test_parquet_columns(tmp_path: Path) -> None:
    """Lists and numbers of a parquet column are weak labels."""
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"idx": [1, 0], "probs": [[0.2, 0.8], [0.9, 0.1]]})
    pyarrow.parquet.write_table(table, tmp_path / "w.parquet")
    found = read_predictions(tmp_path / "w.parquet", Pool.numbered(2), "a", None, "probs", "idx")
    assert found.tolist() == [[0.9, 0.1], [0.2, 0.8]]


def test_label_column_of_the_pool(tmp_path: Path) -> None:
    """Some rows of a pool have gold labels; without the flag nobody reads them."""
    records = [{"text": f"row {i}", "gold": "yes" if i % 3 else "no", "i": i} for i in range(ROWS)]
    for record in records[10:]:
        record["gold"] = None
    asked: dict[str, Any] = {"strong": FEATURES, "weak": {"a": FEATURES}, "pool": write(tmp_path / "p.jsonl", records)}
    assert build_query(**asked).labels is None
    labels = build_query(**asked, label_column="gold").labels
    assert labels is not None
    assert (labels.classes, int(labels.known.sum())) == (("no", "yes"), 10)
    with pytest.raises(InputError, match=r"label_column is 'gold' and there is no file"):
        build_query(**{**asked, "pool": None}, label_column="gold")


@pytest.mark.parametrize("library", ["pandas", "polars", "datasets", "pyarrow", "records"])
def test_frames(library: str) -> None:
    """Frames of every library are pools, gold labels and weak labels, with gaps where they have them."""
    rows = [{"id": f"r{i}", "text": f"row {i}"} for i in range(ROWS)]
    gold = [{"id": f"r{i}", "label": ["no", "yes"][i % 2]} for i in range(10)]
    weak = [{"id": f"r{i}", "label": i / ROWS} for i in range(ROWS)][::-1]
    part = [{**row, "label": i % 2 if i < 10 else None} for i, row in enumerate(rows)]
    if library == "records":
        turn: Any = list
    else:
        module = pytest.importorskip(library)
        turn = {
            "pandas": lambda: module.DataFrame,
            "polars": lambda: module.DataFrame,
            "datasets": lambda: module.Dataset.from_list,
            "pyarrow": lambda: module.Table.from_pylist,
        }[library]()
    models: dict[str, Any] = {"strong": FEATURES, "weak": {"a": FEATURES}}
    query = build_query(**models, pool=turn(rows), labels=turn(gold), weak_labels={"a": turn(weak)})
    assert query.pool.ids[3] == "r3"
    assert query.pool.texts[3] == "row 3"
    assert query.labels is not None
    assert (query.labels.classes, int(query.labels.known.sum())) == (("no", "yes"), 10)
    np.testing.assert_allclose(query.weak_labels["a"], np.arange(ROWS) / ROWS)
    labels = build_query(**models, pool=turn(part), label_column="label").labels
    assert labels is not None
    assert labels.known.tolist() == [True] * 10 + [False] * 14


def test_series_and_indexed_frames() -> None:
    """Series of labels count by row; an index that is named as the ids are gives them."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": [f"row {i}" for i in range(ROWS)]}, index=pandas.Index(range(5, 29), name="id"))
    models: dict[str, Any] = {"strong": FEATURES, "weak": {"a": FEATURES}}
    assert build_query(**models, pool=frame).pool.ids[0] == "5"
    polars = pytest.importorskip("polars")
    for series in (pandas.Series, polars.Series):
        labels = build_query(**models, pool=[*frame["text"]], labels=series([0, 1, 1, 0] + [None] * 20)).labels
        assert labels is not None
        assert int(labels.known.sum()) == 4
        weak = build_query(**models, pool=[*frame["text"]], weak_labels={"a": series([0.5] * ROWS)}).weak_labels
        assert weak["a"].tolist() == [0.5] * ROWS


def test_splits_are_named() -> None:
    """A dataset of several splits is no table."""
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_dict({"text": ["a", "b"]})
    with pytest.raises(InputError, match=r"has the splits train, test; pass one of them, as DATA\['train'\]"):
        build_query(strong=FEATURES, weak={"a": FEATURES}, pool=datasets.DatasetDict({"train": data, "test": data}))


def test_columns_of_classes(tmp_path: Path) -> None:
    """A column of probabilities for each class, in the order of the gold classes; a name that exists is one column."""
    path, pool = tmp_path / "proba.csv", Pool.numbered(3)
    path.write_text("id,no,yes\n0,0.9,0.1\n2,0.3,0.7\n1,0.5,0.5\n")
    for asked in ("no,yes", "yes, no"):
        found = read_predictions(path, pool, "a", ("no", "yes"), asked)
        np.testing.assert_allclose(found, [[0.9, 0.1], [0.5, 0.5], [0.3, 0.7]])
    with pytest.raises(InputError, match=r"no column 'no,may'; its columns are: 'id', 'no', 'yes'\."):
        read_predictions(path, pool, "a", None, "no,may")
    with pytest.raises(InputError, match=r"Name the column of labels with --weak-label-column, or those .* no,yes"):
        read_predictions(path, pool, "a")
    path.write_text('id,no,"no,yes"\n0,9,0.1\n2,9,0.7\n1,9,0.5\n')
    np.testing.assert_allclose(read_predictions(path, pool, "a", None, "no,yes"), [0.1, 0.5, 0.7])


def test_many_columns_are_not_all_listed(tmp_path: Path) -> None:
    """A mapping of ids to labels is a row of as many columns."""
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({f"r{i}": 0.5 for i in range(40)}))
    with pytest.raises(InputError, match=r"'r10', 'r11' and 28 more\."):
        read_predictions(path, Pool.numbered(40), "a")
