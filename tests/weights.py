"""References of real models, and one folder per machine where their wheels are kept between runs."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from predictor.errors import NotFoundError, UnavailableError
from predictor.folders import cache_dir
from predictor.models import known_models
from predictor.models.artefact import Artefact
from predictor.models.resolve import resolve
from predictor.query.model_reference import ModelReference

MINILM = known_models.find("all-MiniLM-L6-v2").reference
MPNET = known_models.find("all-mpnet-base-v2").reference
SMOLLM2 = known_models.find("SmolLM2-135M-Instruct").reference
BERT_TINY_ONNX = known_models.find("bert-tiny-questions").reference
BERT_4L_ONNX = known_models.find("bert-4l-reranker").reference
PARAPHRASE_ONNX = known_models.find("paraphrase-MiniLM-L3-v2").reference
FLAN_T5_ONNX = known_models.find("flan-t5-small-encoder").reference
POTION = known_models.find("potion-base-8M").reference
RXNFP = known_models.find("rxnfp-bert_ft").reference
RXNFP_PRETRAINED = known_models.find("rxnfp-bert_pretrained").reference
RXNMAPPER = known_models.find("rxnmapper-albert").reference

SENTENCES = (
    "the acting is superb and the story never lets go",
    "a dull film",
    "",
    "two hours of my life that nobody will give back , and the music made every minute of them feel like ten",
    "a dull film",
    "warm , funny and wise",
    "it has its moments , though few of them are meant",
    "bad",
)
"""Eight rows of very different length, one empty, one a duplicate."""

SMILES = (
    "CCO",
    "c1ccccc1C(=O)O",
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "C[C@H](N)C(=O)O",
    "ClC(Cl)(Cl)Cl",
    "BrCCBr",
    "[Na+].[Cl-]",
)


def shared_cache() -> Path:
    """The folder that every test run on this machine fetches wheels into; `W2S_TEST_CACHE_DIR` moves it."""
    named = os.environ.get("W2S_TEST_CACHE_DIR", "")
    return Path(named) if named else cache_dir()


@cache
def _found(reference: str) -> Artefact | str:
    try:
        return resolve(ModelReference.parse(reference), shared_cache())
    except (UnavailableError, NotFoundError) as error:
        return error.message


def artefact(reference: str) -> Artefact:
    """The local files of a model, fetched once per machine; skips the test where no registry has them."""
    found = _found(reference)
    if isinstance(found, str):
        pytest.skip(found)
    return found


def local(reference: str) -> str:
    """A reference to the already fetched files, for tests that use a cache folder of their own."""
    found = artefact(reference)
    tokenizer = "" if found.tokenizer is None else f"#tokenizer={found.tokenizer}"
    if found.path.is_dir():
        return f"{found.path}{tokenizer}"
    kind = {"onnx": "onnx:", "gguf": "gguf:"}.get(found.form.name, "array:")
    return f"{kind}{found.path}{'::' + found.key if found.key else ''}{tokenizer}"


@cache
def converted(reference: str) -> Path | str:
    """Folder of a pickled zoo model after conversion with the SMILES tokenizer, or why there is none."""
    from predictor.models.convert import convert

    try:
        return convert(reference, tokenizer="smiles", cache=shared_cache())
    except (UnavailableError, NotFoundError) as error:
        return error.message


def converted_folder(reference: str) -> str:
    """As `converted`, for a ranking; skips the test where the package cannot be had."""
    found = converted(reference)
    if isinstance(found, str):
        pytest.skip(found)
    return str(found)
