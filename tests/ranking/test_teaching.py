"""Training sets: a teacher's labels of the rows without gold labels, in the columns that trainers read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import predictor
from predictor.errors import InputError
from predictor.intake.rows import read_predictions, read_rows
from predictor.intake.tables import read_table
from predictor.query.chat import chat_text
from predictor.query.pool import Pool
from tests.extraction.tiny import encoder_classifier

ROWS = 60
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(ROWS, 5))
TEXTS = [f"row {i}" for i in range(ROWS)]
TRUTH = np.where(FEATURES[:, 0] > 0, "yes", "no")
GOLD = [str(label) if i < 30 else None for i, label in enumerate(TRUTH)]


def test_labels_by_a_head() -> None:
    """A head on the teacher's features labels the rows without gold labels, better than chance."""
    found = predictor.label(teacher=FEATURES, pool=TEXTS, labels=GOLD)
    assert (len(found), found.ids[0], found.classes) == (30, "30", ("no", "yes"))
    records = found.records()
    assert list(records[0]) == ["id", "text", "label", "label_name", "soft_label"]
    assert np.mean([r["label_name"] == TRUTH[int(r["id"])] for r in records]) > 0.8
    assert all(
        abs(sum(r["soft_label"]) - 1.0) < 1e-9 and r["label"] == int(np.argmax(r["soft_label"])) for r in records
    )


def test_labels_as_given() -> None:
    """Weak labels that are given are written as they are; of numbers, numbers."""
    share = RNG.random(ROWS)
    found = predictor.label(teacher=FEATURES, pool=TEXTS, weak_labels={"teacher": share})
    np.testing.assert_allclose([r["soft_label"][1] for r in found.records()], share)
    assert found.classes == ("0", "1")
    numbers = predictor.label(teacher=FEATURES, pool=TEXTS, weak_labels={"teacher": 9.0 * share + 1.0})
    np.testing.assert_allclose([r["label"] for r in numbers.records()], 9.0 * share + 1.0)
    gold = [float(i) / 7.0 if i < 30 else None for i in range(ROWS)]
    assert predictor.label(teacher=FEATURES, pool=TEXTS, labels=gold).classes is None


def test_labels_by_the_model_itself(tmp_path: Path) -> None:
    """A classification head labels every row, under its own names of classes."""
    folder = encoder_classifier(tmp_path / "m", names=("bad", "good"))
    found = predictor.label(teacher=f"t={folder}#labels=logits", pool=TEXTS[:20])
    assert (len(found), found.classes, found.teacher) == (20, ("bad", "good"), "t")


def test_columns_of_trainers() -> None:
    """TRL gets a prompt and a completion, conversations stay conversations, openai gets two classes."""
    chat = [{"role": "user", "content": "good?"}]
    texts = [chat_text(chat), *TEXTS[1:]]
    found = predictor.label(teacher=FEATURES, pool=texts, weak_labels={"teacher": np.full(ROWS, 0.75)})
    first, second = found.records("trl")[:2]
    assert first == {"prompt": chat, "completion": [{"role": "assistant", "content": "1"}]}
    assert second == {"prompt": "row 1", "completion": " 1"}
    assert found.records("openai")[0] == {
        "id": "0",
        "txt": "user: good?",
        "hard_label": 1,
        "soft_label": [0.25, 0.75],
    }
    assert found.records()[0]["messages"] == chat
    three = predictor.label(teacher=FEATURES, pool=TEXTS, weak_labels={"teacher": np.full((ROWS, 3), 1 / 3)})
    with pytest.raises(InputError, match=r"reads two classes, and the labels have 3; give --columns trainer"):
        three.records("openai")


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_files_are_read_again(tmp_path: Path, suffix: str) -> None:
    """A written training set is rows and weak labels again, to every digit."""
    share = RNG.random(ROWS)
    found = predictor.label(teacher=FEATURES, pool=TEXTS, weak_labels={"teacher": share})
    path = tmp_path / f"train{suffix}"
    path.write_bytes(found.encoded(suffix))
    assert read_rows(path).texts == tuple(TEXTS)
    again = read_predictions(path, Pool.of(TEXTS), "a", label_column="soft_label")
    np.testing.assert_array_equal(again[:, 1], share)
    path.write_bytes(found.encoded(suffix, "trl"))
    assert read_table(path).columns == ("prompt", "completion")
    with pytest.raises(InputError, match=r"written to \.jsonl, \.csv, \.parquet or a folder"):
        found.encoded(".txt")


def test_datasets_folder(tmp_path: Path) -> None:
    """A folder is loaded by `datasets`, with the classes' names."""
    datasets = pytest.importorskip("datasets")
    found = predictor.label(teacher=FEATURES, pool=TEXTS, labels=GOLD)
    found.to_dataset().save_to_disk(tmp_path / "train")
    loaded = datasets.load_from_disk(str(tmp_path / "train"))
    assert loaded.features["label"].names == ["no", "yes"]
    assert loaded["text"][:] == [*found.texts]
    assert read_rows(tmp_path / "train").ids == found.ids


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, r"'teacher' has nothing to label with; give --labels"),
        ({"labels": [*TRUTH]}, r"every row has a gold label"),
        ({"pool": None, "labels": GOLD}, r"a training set has texts, and none were given"),
        ({"labels": GOLD, "weak_labels": {"teacher": np.linspace(-3.5, 3.5, ROWS)}}, r"are no class probabilities"),
    ],
)
def test_nothing_to_write(asked: dict[str, Any], message: str) -> None:
    """What cannot be labelled is refused with the next step."""
    with pytest.raises(InputError, match=message):
        predictor.label(teacher=FEATURES, **{"pool": TEXTS, **asked})


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`w2s label` writes the file, and refuses another ending before the work."""
    from client.cli.__main__ import main

    monkeypatch.chdir(tmp_path)
    np.save("t.npy", FEATURES)
    records = [{"text": text, "gold": gold} for text, gold in zip(TEXTS, GOLD, strict=True)]
    Path("rows.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    asked = ["label", "--teacher", "t=t.npy", "--pool", "rows.jsonl", "--label-column", "gold"]
    assert main([*asked, "--columns", "openai", "-o", "train.jsonl"]) == 0
    assert "30 rows labelled by t: a logistic head on its features, trained on 30 gold" in capsys.readouterr().out
    assert len(read_rows("train.jsonl")) == 30
    assert main([*asked, "-o", "train.xlsx"]) == 2
    assert "name a .jsonl, .csv, .parquet file, or a folder without a suffix" in capsys.readouterr().err
