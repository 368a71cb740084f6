"""Text to token ids."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from predictor.errors import RefusedError
from predictor.extraction.regex_tokenizer import RegexTokenizer
from predictor.extraction.tokenizers import FileTokenizer, LibraryTokenizer, load_tokenizer
from predictor.models.artefact import Artefact, classify
from predictor.models.forms import ONNX, TRANSFORMERS
from predictor.models.resolve import locate
from predictor.models.tokenizer_files import SMILES_SPECIFICATION, SPECIFICATION
from predictor.query.model_reference import ModelReference
from tests import weights
from tests.extraction.tiny import byte_level, metaspace

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "C", "Cl", "O", "(", ")", "=", "1", "[nH]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    (tmp_path / SPECIFICATION).write_text(json.dumps(SMILES_SPECIFICATION))
    return tmp_path


def smiles_tokenizer(folder: Path) -> RegexTokenizer:
    found = load_tokenizer(Artefact(TRANSFORMERS, folder))
    assert isinstance(found, RegexTokenizer)
    return found


def test_smiles_are_split_by_atoms_rings_and_bonds(folder: Path) -> None:
    tokenizer = smiles_tokenizer(folder)
    split = tokenizer.split("C[C@H](Cl)C(=O)c1ccc(Br)n%12-[nH]")
    assert split == [*"C", "[C@H]", "(", "Cl", ")", *"C(=O)c1ccc(", "Br", ")", "n", "%12", "-", "[nH]"]
    tokens = tokenizer.encode(["C(=O)Cl", "[Xe]"], 20)
    assert [row.tolist() for row in tokens.rows] == [[2, 4, 7, 9, 6, 8, 5, 3], [2, 1, 3]]
    assert (tokens.truncated, tokenizer.pad_id) == (0, 0)


def test_a_long_row_is_cut_inside_its_markers_and_counted(folder: Path) -> None:
    tokens = smiles_tokenizer(folder).encode(["CCCCCC", "CCCC", "C"], 6)
    assert [row.tolist() for row in tokens.rows] == [[2, 4, 4, 4, 4, 3], [2, 4, 4, 4, 4, 3], [2, 4, 3]]
    assert tokens.truncated == 1


def test_an_empty_row_still_has_a_token(folder: Path) -> None:
    (folder / SPECIFICATION).write_text(json.dumps({**SMILES_SPECIFICATION, "cls": None, "sep": None}))
    assert [row.tolist() for row in smiles_tokenizer(folder).encode([""], 6).rows] == [[1]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "magic"}, 'kind must be "regex"'),
        ({"vocab": "none.txt"}, "vocab 'none.txt' must exist"),
        ({"vocab": "../../etc/passwd"}, "vocab 'passwd' must exist"),
        ({"pattern": "("}, "pattern is no regular expression"),
        ({"pattern": ""}, "pattern have 1-2000 characters"),
        ({"unk": "[NONE]"}, r"markers \['unk'\] are not in the vocabulary"),
    ],
)
def test_a_specification_that_cannot_work_is_refused(folder: Path, change: dict[str, str], message: str) -> None:
    (folder / SPECIFICATION).write_text(json.dumps({**SMILES_SPECIFICATION, **change}))
    with pytest.raises(RefusedError, match=message):
        load_tokenizer(Artefact(TRANSFORMERS, folder))


def test_a_model_without_a_tokenizer_is_reported_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(
        RefusedError, match=r"has no tokenizer .* name one with #tokenizer=FOLDER, or describe it in a w2s_"
    ):
        load_tokenizer(Artefact(TRANSFORMERS, tmp_path))


def test_a_tokenizer_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(RefusedError, match=r"is not a readable tokenizer\.json"):
        FileTokenizer(tmp_path / "tokenizer.json")


@pytest.mark.weights
def test_the_two_ways_to_read_a_real_tokenizer_agree() -> None:
    folder = weights.artefact(weights.MINILM).path
    library, plain = LibraryTokenizer(folder), FileTokenizer(folder / "tokenizer.json")
    for limit in (256, 5):
        first, second = library.encode(weights.SENTENCES, limit), plain.encode(weights.SENTENCES, limit)
        assert (
            first.truncated
            == second.truncated
            == sum(len(r) > limit for r in library.encode(weights.SENTENCES, 999).rows)
        )
        for a, b in zip(first.rows, second.rows, strict=True):
            np.testing.assert_array_equal(a, b)
            assert 0 < len(a) <= limit
    assert library.pad_id == plain.pad_id == 0
    assert library.limit == 512


@pytest.mark.weights
def test_real_smiles_survive_the_round_trip(
    weights_cache: Path, labelled_rows: Callable[[str, int], tuple[list[str], list[float]]]
) -> None:
    folder = Path(weights.converted_folder(weights.RXNFP))
    tokenizer = smiles_tokenizer(folder)
    texts, _ = labelled_rows("esol", 1123)
    assert all("".join(tokenizer.split(text)) == text for text in texts)
    unknown = sum(int((row == 11).sum()) for row in tokenizer.encode(texts, 512).rows)
    assert unknown <= 5
    source, _ = locate(ModelReference.parse(weights.RXNFP), weights_cache)
    assert (folder / "vocab.txt").read_bytes() == (source / "vocab.txt").read_bytes()
    assert classify(folder, as_given="rxnfp").form == TRANSFORMERS


@pytest.mark.parametrize("library", [True, False], ids=["transformers", "tokenizers"])
@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ({}, 1, None),
        ({"add_eos_token": True}, 1, 2),
        ({"add_bos_token": True, "add_eos_token": False}, 1, None),
        ({"add_bos_token": False}, None, None),
        ({"add_bos_token": False, "add_eos_token": True}, None, 2),
    ],
)
def test_marks_of_the_tokenizer_config_are_followed(
    tmp_path: Path, library: bool, asked: dict[str, bool], first: int | None, last: int | None
) -> None:
    """The template in tokenizer.json opens a text with <s> and closes it with nothing."""
    metaspace(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    bare = load_tokenizer(Artefact(TRANSFORMERS, tmp_path)).pieces([weights.SENTENCES[0]])[0]  # type: ignore[attr-defined]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({**config, **asked}))
    tokenizer = load_tokenizer(Artefact(TRANSFORMERS if library else ONNX, tmp_path / ("" if library else "x.onnx")))
    marked = [*([] if first is None else [first]), *bare, *([] if last is None else [last])]
    assert tokenizer.encode(weights.SENTENCES[:1], 256).rows[0].tolist() == marked
    cut = tokenizer.encode(weights.SENTENCES[:1], 5)
    assert cut.truncated == 1
    assert len(cut.rows[0]) == 5
    assert (cut.rows[0][-1] == 2) == (last == 2)
    assert tokenizer.opening == ([] if first is None else [1])  # type: ignore[attr-defined]
    changed = [key for key, value in asked.items() if value == (key == "add_eos_token")]
    assert [key for key in asked if any(f"sets {key} to" in note for note in tokenizer.notes)] == changed


def test_marks_given_by_the_template_are_not_doubled(tmp_path: Path) -> None:
    """A configuration that asks for what tokenizer.json does already changes nothing; so does one without marks."""
    metaspace(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    config = json.loads(path.read_text())
    before = load_tokenizer(Artefact(TRANSFORMERS, tmp_path)).encode(["not bad"], 20).rows[0]
    path.write_text(json.dumps({**config, "add_bos_token": True, "bos_token": {"content": "<s>"}}))
    after = load_tokenizer(Artefact(ONNX, tmp_path / "x.onnx"))
    np.testing.assert_array_equal(after.encode(["not bad"], 20).rows[0], before)
    assert after.notes == ()
    byte_level(tmp_path)
    assert load_tokenizer(Artefact(TRANSFORMERS, tmp_path)).encode(["not bad"], 20).rows[0][-1] != 2
