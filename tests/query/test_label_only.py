"""Candidates that are labels only: read from a file, ranked beside the others, sent without opening a file."""

from __future__ import annotations

import numpy as np
import pytest

import predictor
from predictor.errors import InputError
from predictor.intake.request import build_query
from protos.convert import query_from_proto, query_to_proto

ROWS = 150


@pytest.fixture
def folder(tmp_path):
    """A student, a candidate that sees as much, and three files of labels of which one is guessed."""
    rng = np.random.default_rng(0)
    strong = rng.standard_normal((ROWS, 12))
    truth = (strong[:, :3].sum(axis=1) > 0.0).astype(int)
    np.save(tmp_path / "strong.npy", strong)
    np.save(tmp_path / "weak.npy", strong[:, :6] + rng.standard_normal((ROWS, 6)))
    for name, right in (("api", 0.9), ("crowd", 0.85), ("coin", 0.5)):
        found = np.where(rng.random(ROWS) < right, truth, 1 - truth)
        lines = "\n".join(f"{row},{label}" for row, label in enumerate(found))
        (tmp_path / f"{name}.csv").write_text(f"id,label\n{lines}\n")
    gold = "\n".join(f"{row},{label}" for row, label in enumerate(truth[:50]))
    (tmp_path / "gold.csv").write_text(f"id,label\n{gold}\n")
    return tmp_path


def asked(folder):
    labels = [f"{name}=labels:{folder}/{name}.csv" for name in ("api", "crowd", "coin")]
    return {"strong": f"{folder}/strong.npy", "weak": [f"sees={folder}/weak.npy", *labels]}


@pytest.mark.parametrize("gold", [False, True])
def test_labels_are_ranked_beside_features(folder, gold):
    """Good labels teach better than guesses, by the estimator that trains the student on what was given."""
    given = {"labels": f"{folder}/gold.csv"} if gold else {}
    found = predictor.predict(**asked(folder), **given)
    errors = {one.name: one.predicted_w2s_error.value for one in found.candidates}
    assert errors["api"] < errors["coin"]
    assert errors["crowd"] < errors["coin"]
    assert {use.name for use in found.evidence_kinds} >= {"api", "coin"}
    assert all(one.status == "ok" for one in found.candidates)


def test_a_message_needs_no_file(folder):
    """`labels:` and the weak labels travel; the values are put back from these, and no path is opened."""
    message = query_to_proto(build_query(**asked(folder)))
    assert not message.weak[1].HasField("values")
    message.weak[1].reference = "labels:annotators"
    again = query_from_proto(message)
    np.testing.assert_array_equal(again.weak[1].values[:, 0], again.weak_labels["api"])


def test_labels_that_are_not_sent_are_missed(folder):
    message = query_to_proto(build_query(**asked(folder)))
    del message.weak_labels[:]
    with pytest.raises(InputError, match="'api' has labels only, and none are given; send its weak labels"):
        query_from_proto(message)


def test_a_student_is_not_made_of_labels(folder):
    with pytest.raises(InputError, match="has labels only, which no student and no describer is made of"):
        build_query(strong=f"labels:{folder}/api.csv", weak=[f"{folder}/weak.npy"], pool=["a"] * ROWS)


def test_labels_twice_are_refused(folder):
    with pytest.raises(InputError, match="candidate 'api' is a file of labels and has weak labels too"):
        build_query(**asked(folder), weak_labels={"api": np.ones(ROWS)})


def test_more_rows_than_asked_for_are_drawn_alike(folder):
    """`max_rows` cuts labels as it cuts arrays."""
    query = build_query(**asked(folder), max_rows=100)
    assert len(query.weak[1].values) == len(query.weak_labels["api"]) == len(query.pool) == 100
