"""Text to token ids."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from predictor.errors import RefusedError
from predictor.extraction.tokenizers import (
    FileTokenizer,
    LibraryTokenizer,
    RegexTokenizer,
    load_tokenizer,
)
from predictor.models.artefact import Artefact, classify
from predictor.models.forms import TRANSFORMERS
from predictor.models.resolve import locate
from predictor.models.tokenizer_files import SMILES_SPECIFICATION, SPECIFICATION
from predictor.query.model_reference import ModelReference
from tests import weights

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


def test_a_model_without_a_tokenizer_is_told_how_to_get_one(tmp_path: Path) -> None:
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
