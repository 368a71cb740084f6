"""Candidates from a file, and from a training's folder of checkpoints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from predictor.api import rank
from predictor.errors import InputError, NotFoundError
from predictor.intake.candidates import expanded, read_candidates
from predictor.intake.request import build_query
from predictor.models.confine import confine
from predictor.models.resolve import resolve
from predictor.query.model_reference import ModelReference
from predictor.query.model_spec import read_spec
from tests.extraction.adapters import adapted, settings_of
from tests.extraction.tiny import language_model

LINES = """\
# teachers of the first week

small=array:a.npy
   onnx:m.onnx#layer=2&tokenizer=./t
array:b.npy\r
"""
YAML = """\
- array:a.npy
- name: big
  reference: ./m#layer=last
  cost: 1.5e2
- {reference: "array:b.npy", cost: 3}
- reference: array:c.npy
  cost: null
"""


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_one_model_a_line(tmp_path: Path, mark: str) -> None:
    (tmp_path / "c.txt").write_text(mark + LINES, encoding="utf-8", newline="")
    found = read_candidates(tmp_path / "c.txt")
    assert [spec.name for spec in found.models] == ["small", "onnx:m.onnx#layer=2&tokenizer=./t", "array:b.npy"]
    assert (found.models[1].layer, found.costs) == ("2", {})


@pytest.mark.parametrize("name", ["c.yaml", "c.yml"])
def test_yaml_with_names_and_costs(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(YAML)
    found = read_candidates(tmp_path / name)
    assert [spec.as_given for spec in found.models] == [
        "array:a.npy",
        "big=./m#layer=last",
        "array:b.npy",
        "array:c.npy",
    ]
    assert found.costs == {"big": 150.0, "array:b.npy": 3.0}


def test_json_is_read_as_yaml_is(tmp_path: Path) -> None:
    entries = ["array:a.npy", {"name": "b", "reference": "array:b.npy", "cost": 2}]
    (tmp_path / "c.json").write_text(json.dumps(entries, indent=1))
    found = read_candidates(tmp_path / "c.json")
    assert ([spec.name for spec in found.models], found.costs) == (["array:a.npy", "b"], {"b": 2.0})


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("c.txt", "array:a.npy\n\nhub:x\n", r"line 3: 'hub:x' must read hub:owner/name"),
        ("c.txt", "m#level=3", r"line 1: unknown option 'level'"),
        ("c.txt", "# nothing\n", r"names none; give one MODEL a line"),
        ("c.yaml", "- array:a.npy\n- name: b\n", r"line 2: reference is missing"),
        ("c.yaml", "- reference: array:a.npy\n  price: 3\n", r"line 2: 'price' is not known; an entry has name, ref"),
        ("c.yaml", "- array:a.npy\n- reference: b\n  cost: cheap\n", r"line 2: cost is 'cheap'; give a number above 0"),
        ("c.yaml", "- reference: b\n  cost: -1\n", r"line 1: cost is '-1'"),
        ("c.yaml", "- reference: b\n  cost: .inf\n", r"line 1: cost is '.inf'"),
        ("c.yaml", "- reference: [a, b]\n", r"line 1: reference must be one value"),
        ("c.yaml", "- a\n- [b]\n", r"line 2: an entry is a MODEL, or has reference"),
        ("c.yaml", "reference: a\n", r"line 1: the file must be a list"),
        ("c.yaml", "- a\n- 'b\n", r"line 3: it is not YAML"),
        ("c.yaml", "- !!python/object/apply:os.system ['true']\n", r"line 1: an entry is a MODEL"),
    ],
)
def test_an_entry_that_cannot_be_read_names_its_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_candidates(tmp_path / name)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere.txt' does not exist; give a file with one MODEL a line"):
        read_candidates(tmp_path / "nowhere.txt")
    (tmp_path / "c.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not UTF-8 text"):
        read_candidates(tmp_path / "c.txt")


def test_a_file_stands_beside_and_instead_of_weak(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("s", "a", "b"):
        np.save(tmp_path / f"{name}.npy", rng.normal(size=(60, 4)))
    (tmp_path / "c.txt").write_text(f"b={tmp_path}/b.npy\n")
    alone = rank(strong=str(tmp_path / "s.npy"), candidates=tmp_path / "c.txt")
    assert [candidate.name for candidate in alone.candidates] == ["b"]
    both = rank(strong=str(tmp_path / "s.npy"), weak=f"a={tmp_path}/a.npy", candidates=tmp_path / "c.txt")
    assert {candidate.name for candidate in both.candidates} == {"a", "b"}
    with pytest.raises(InputError, match=r"'b' is named twice"):
        build_query(strong=str(tmp_path / "s.npy"), weak=f"b={tmp_path}/a.npy", candidates=tmp_path / "c.txt")
    with pytest.raises(InputError, match="name at least one with --weak, or several with --candidates FILE"):
        build_query(strong=str(tmp_path / "s.npy"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training's folder: checkpoints and logs, and the tokenizer at the top alone."""
    top = tmp_path_factory.mktemp("training") / "run"
    for seed, number in enumerate((500, 1000, 90)):
        language_model(top / f"checkpoint-{number}", seed=seed)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(top / "checkpoint-90" / name, top / name)
        for number in (500, 1000, 90):
            (top / f"checkpoint-{number}" / name).unlink()
    (top / "runs").mkdir()
    (top / "checkpoint-2000").mkdir()  # not written yet
    return top


def test_a_folder_of_checkpoints_is_a_candidate_each(run: Path) -> None:
    numbers = (90, 500, 1000)
    assert [s.name for s in expanded(read_spec(str(run)))] == [f"{run}/checkpoint-{number}" for number in numbers]
    named = expanded(read_spec(f"llama={run}/#layer=1,2"))
    assert [spec.as_given for spec in named] == [
        f"llama/checkpoint-{number}={run}/checkpoint-{number}#layer=1,2" for number in numbers
    ]
    bare = expanded(read_spec(f"{run}#layer=1&pooling=last"))
    assert bare[0].as_given == f"{run}/checkpoint-90#layer=1&pooling=last"
    assert bare[0].name == f"{run}/checkpoint-90#layer=1&pooling=last"


def test_checkpoints_are_read_with_the_tokenizer_above(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("W2S_CACHE_DIR", str(tmp_path))
    artefact = resolve(ModelReference.parse(str(run / "checkpoint-500")), tmp_path)
    assert {file.parent for file in artefact.tokenizer_files} == {run}
    found = rank(strong=str(run / "checkpoint-1000"), weak=f"llama={run}", pool=[f"row {i} of many" for i in range(30)])
    assert sorted(candidate.name for candidate in found.candidates) == [
        "llama/checkpoint-1000",
        "llama/checkpoint-500",
        "llama/checkpoint-90",
    ]
    assert all(candidate.error is None for candidate in found.candidates)


def test_checkpoints_of_an_adapter(run: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        adapted(
            run / "checkpoint-90",
            settings_of("LORA", task_type="CAUSAL_LM"),
            tmp_path / "lora" / f"checkpoint-{number}",
        )
    found = expanded(read_spec(str(tmp_path / "lora")))
    assert [Path(spec.name).name for spec in found] == ["checkpoint-1", "checkpoint-2"]
    assert resolve(found[0].parsed, tmp_path / "cache").base is not None


def test_what_is_a_model_itself_stays_one(run: Path, tmp_path: Path) -> None:
    """The final model of a training lies above its checkpoints; a folder without checkpoints fails where it is read."""
    top = shutil.copytree(run, tmp_path / "run")
    language_model(top)
    assert [spec.name for spec in expanded(read_spec(str(top)))] == [str(top)]
    (tmp_path / "empty").mkdir()
    for text in (str(tmp_path / "empty"), str(tmp_path / "none"), "array:x.npy"):
        assert [spec.name for spec in expanded(read_spec(text))] == [text]


def test_a_checkpoint_is_confined_with_the_tokenizer_above(run: Path, tmp_path: Path) -> None:
    top = shutil.copytree(run, tmp_path / "root" / "run")
    assert confine("run/checkpoint-500", [tmp_path / "root"]).text == str(top / "checkpoint-500")
    (tmp_path / "secret.json").write_text("{}")
    (top / "tokenizer.json").unlink()
    (top / "tokenizer.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(NotFoundError, match="does not exist"):
        confine("run/checkpoint-500", [tmp_path / "root"])
