"""The command that writes the chosen teacher's weak labels: printed where it can be typed, and then it works."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import ROWS, WEAK, Run

HEADING = "to write these weak labels as a training set:\n"
ASK = ("predict", "--strong", "s.npy", *WEAK)


@pytest.fixture
def folder(arrays: Path) -> Path:
    """The arrays with texts, and weak labels of every candidate."""
    texts = (json.dumps({"key": f"r{row}", "body": f"text {row}"}) for row in range(ROWS))
    (arrays / "rows.jsonl").write_text("\n".join(texts) + "\n")
    gold = np.load(arrays / "gold.npy")
    known = ~np.isnan(gold)
    for name in ("good", "half", "noise"):
        features = np.load(arrays / f"{name}.npy")
        head = np.linalg.lstsq(features[known], np.sign(gold[known]), rcond=None)[0]
        np.save(arrays / f"{name}.weak.npy", 1 / (1 + np.exp(-2 * features @ head)))
    return arrays


ROWS_OF = ("--pool", "rows.jsonl", "--text-column", "body", "--id-column", "key")
WEAK_LABELS = ("--weak-labels", *(f"{name}={name}.weak.npy" for name in ("good", "half", "noise")))


@pytest.mark.parametrize("given", [("--labels", "gold.npy"), WEAK_LABELS])
def test_the_printed_command_writes_the_training_set(
    run: Run, folder: Path, tmp_path: Path, given: tuple[str, ...]
) -> None:
    answer = run(*ASK, *ROWS_OF, *given)
    assert answer.returncode in (0, 4), answer.stderr
    chosen = json.loads(run(*ASK, *ROWS_OF, *given, "--json").stdout)["decision"]["launch"]
    command = answer.stdout.partition(HEADING)[2].strip()
    assert "\n" not in command
    words = shlex.split(command)
    assert words[:4] == ["w2s", "label", "--teacher", f"{chosen[0]}=array:{chosen[0]}.npy"]
    assert words[-2:] == ["-o", "train.jsonl"]
    done = run(*words[1:-1], str(tmp_path / "train.jsonl"))
    assert done.returncode == 0, done.stderr
    first = json.loads((tmp_path / "train.jsonl").read_text().splitlines()[0])
    assert first["text"] == f"text {first['id'].removeprefix('r')}"


@pytest.mark.parametrize(
    "given", [(), ("--labels", "gold.npy"), (*ROWS_OF,), (*ROWS_OF, "--labels", "gold.npy", "--json")]
)
def test_nothing_is_printed_where_it_could_not_be_typed(run: Run, folder: Path, given: tuple[str, ...]) -> None:
    """Without texts or labels, and in JSON."""
    assert HEADING not in run(*ASK, *given).stdout


def test_the_layer_that_was_chosen_is_named(run: Run, folder: Path) -> None:
    good = np.load(folder / "good.npy")
    np.save(folder / "layers.npy", np.stack([np.load(folder / "noise.npy"), good], axis=1))
    answer = run(
        "predict", "--strong", "s.npy", "--weak", "a=array:layers.npy#layer=0,1", *ROWS_OF, "--labels", "gold.npy"
    )
    assert "--teacher 'a=array:layers.npy#layer=1' " in answer.stdout.partition(HEADING)[2], answer.stdout
