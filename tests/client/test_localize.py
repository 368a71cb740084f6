"""What leaves this machine means the same elsewhere, and what comes back reads as it was given."""

from pathlib import Path

import numpy as np
import pytest

from client.channel import is_loopback
from client.localize import error_as_given, localized_query, ranking_as_given
from predictor.errors import NotFoundError
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.results.candidate import Candidate, Failure
from predictor.results.ranking import NullBand, Provenance, Ranking, StrongModel


def query_of(*references: str) -> RankingQuery:
    specs = [ModelSpec(f"name{i}", reference) for i, reference in enumerate(references)]
    return RankingQuery(specs[0], tuple(specs[1:]) or (ModelSpec("w", "hub:a/b@" + "0" * 40),), Pool.numbered(4))


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("./model", "{cwd}/model"),
        ("model", "{cwd}/model"),
        ("/abs/model", "/abs/model"),
        ("~/model", "{home}/model"),
        ("onnx:m.onnx", "onnx:{cwd}/m.onnx"),
        ("gguf:m.gguf#tokenizer=tok", "gguf:{cwd}/m.gguf#tokenizer={cwd}/tok"),
        ("array:missing.npy", "array:{cwd}/missing.npy"),
        ("features:mine", "features:mine"),
        ("pypi:pkg==1.0/inner/path", "pypi:pkg==1.0/inner/path"),
        ("hub:a/b@" + "0" * 40, "hub:a/b@" + "0" * 40),
    ],
)
def test_local_paths_become_absolute_and_names_stay(given, sent, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = localized_query(query_of(given)).strong
    assert found.reference == sent.format(cwd=tmp_path, home=Path.home())
    assert (found.name, found.values) == ("name0", None)


def test_array_files_travel_as_values(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("s.npy", np.arange(8.0).reshape(4, 2))
    found = localized_query(query_of("array:s.npy")).strong
    np.testing.assert_array_equal(found.values, np.arange(8.0).reshape(4, 2))
    assert found.reference == "array:s.npy"


def test_values_that_are_there_are_sent_as_they_are():
    spec = ModelSpec("s", "array:", values=np.ones((4, 2)))
    query = RankingQuery(spec, (ModelSpec("w", "array:", values=np.ones((4, 2))),), Pool.numbered(4))
    assert localized_query(query).strong is spec


def test_requests_and_failures_come_back_as_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    query = query_of("./strong", "models/weak")
    sent = localized_query(query)
    answer = Ranking(
        "w2s_error",
        "representations",
        4,
        "",
        StrongModel("name0", "6", 2, ""),
        (Candidate("name1", "failed", error=Failure("NOT_FOUND", "R", f"no folder {tmp_path}/models/weak; see")),),
        NullBand(),
        Provenance({}, 0, {"strong": sent.strong.as_given, "seed": 0, "weak": [sent.weak[0].as_given]}),
    )
    back = ranking_as_given(query, answer)
    assert back.provenance.request == {"strong": "name0=./strong", "seed": 0, "weak": ["name1=models/weak"]}
    assert list(back.provenance.request) == ["strong", "seed", "weak"]
    assert back.candidates[0].error.message == "no folder models/weak; see"


def test_errors_come_back_as_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = NotFoundError(f"no {tmp_path}/strong", reason="R", field=f"{tmp_path}/strong")
    back = error_as_given(query_of("./strong"), error)
    assert type(back) is NotFoundError
    assert (back.message, back.reason, back.field) == ("no ./strong", "R", "./strong")


@pytest.mark.parametrize("target", ["localhost:1", "127.0.0.1:1", "127.1.2.3:1", "[::1]:1", "unix:/x"])
def test_loopback_is_known(target):
    assert is_loopback(target)


@pytest.mark.parametrize("target", ["example.com:1", "10.0.0.1:1", "[2001:db8::1]:1"])
def test_other_machines_are_known(target):
    assert not is_loopback(target)
