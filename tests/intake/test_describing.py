"""Descriptions, describers and proxies as callers and the command line pass them."""

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.intake.describing import DEFAULT, describers_of, descriptions_of, proxies_of
from predictor.intake.request import build_query
from predictor.models.known_models import find
from predictor.query.model_spec import read_spec
from predictor.query.pool import Pool

WORDS = ["0=a bad = film", "1=a good film", "1=a fine film"]


def test_texts_of_one_name_are_gathered():
    bad, good = descriptions_of(WORDS)
    assert (bad.texts, good.texts) == (("a bad = film",), ("a good film", "a fine film"))
    assert descriptions_of({"0": "a bad = film", "1": ["a good film", "a fine film"]}) == (bad, good)


@pytest.mark.parametrize("text", ["a text", "=text", "0="])
def test_description_without_name_or_text_is_refused(text):
    with pytest.raises(InputError, match="NAME=TEXT"):
        descriptions_of([text])


def test_known_sentence_encoders_of_the_request_are_the_default_once_each():
    mpnet, minilm = find("all-mpnet-base-v2"), find("all-MiniLM-L6-v2")
    specs = [read_spec(f"{mpnet.reference}#layer=8"), read_spec(minilm.reference), read_spec(f"a={minilm.reference}")]
    found = describers_of(
        None, [*specs, read_spec(find("SmolLM2-135M-Instruct").reference)], described=True, texts=True
    )
    assert [(one.name, one.layer) for one in found] == [(mpnet.name, None), (minilm.name, None)]
    assert [one.name for one in describers_of(None, [read_spec(minilm.pinned)], described=True, texts=True)] == [
        minilm.name
    ]


def test_folder_of_sentence_transformers_is_a_default(tmp_path):
    (tmp_path / "modules.json").write_text("[]")
    assert [one.reference for one in describers_of(None, [read_spec(str(tmp_path))], described=True, texts=True)] == [
        str(tmp_path)
    ]


def test_small_known_encoder_reads_where_no_model_of_the_request_can():
    found = describers_of(None, [read_spec("./plain-model")], described=True, texts=True)
    assert [(one.name, one.reference) for one in found] == [(DEFAULT, find(DEFAULT).reference)]
    assert describers_of(None, [read_spec("./plain-model")], described=False, texts=True) == ()


def test_arrays_are_described_by_the_small_known_encoder():
    """Where the rows have texts; without them there is nothing to compare."""
    arrays = {"strong": np.eye(9), "weak": {"w": np.eye(9)}, "describe": WORDS}
    texts = [f"row {i}" for i in range(9)]
    assert [one.name for one in build_query(**arrays, pool=texts).describers] == [DEFAULT]
    assert build_query(**arrays, pool=texts, describers="mine=./encoder").describers[0].name == "mine"
    with pytest.raises(InputError, match=f"no rows are given; name them with --pool FILE. {DEFAULT} compares them"):
        build_query(**arrays)


def test_proxies_come_from_arrays_and_files(tmp_path):
    pool, values = Pool.of(["x", "y", "z"]), np.array([0.5, 1.0, -2.0])
    np.save(tmp_path / "a.npy", values)
    (tmp_path / "b.csv").write_text("id,label\n2,-2\n0,0.5\n1,1\n")
    found = proxies_of([f"a={tmp_path}/a.npy", f"b={tmp_path}/b.csv"], pool) | proxies_of({"c": values}, pool)
    assert list(found) == ["a", "b", "c"]
    for one in found.values():
        np.testing.assert_array_equal(one, values)


def test_proxy_with_a_word_is_refused(tmp_path):
    (tmp_path / "b.csv").write_text("id,label\n0,much\n1,1\n")
    with pytest.raises(InputError, match=r"line 2: .much. is a name and others are a number"):
        proxies_of([f"b={tmp_path}/b.csv"], Pool.of(["x", "y"]))


def test_rows_drawn_cut_proxies():
    query = build_query(strong=np.eye(9), weak=np.eye(9), proxies={"p": np.arange(9)}, max_rows=4)
    assert len(query.proxies["p"]) == 4
