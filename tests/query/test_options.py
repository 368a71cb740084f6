"""Every setting of a ranking travels: flag -> keyword -> Settings -> message -> Settings -> provenance."""

from __future__ import annotations

import argparse
from dataclasses import fields

import numpy as np
import pytest

import predictor
from client.cli import flags, rank
from client.cli.parser import Parser
from predictor.errors import InputError
from predictor.intake.request import Options, build_query
from predictor.query.budget import Budget
from predictor.query.prompt import LabelPrompt
from predictor.query.settings import OPTIONS, PAST, Settings
from predictor.query.training_plan import Training
from protos.settings import settings_from_proto, settings_to_proto
from protos.w2s.v1 import query_pb2

INPUTS = {
    "candidates",
    "pool",
    "labels",
    "weak_labels",
    "describe",
    "describers",
    "proxies",
    "text_column",
    "id_column",
    "template",
    "label_column",
    "weak_label_column",
}
"""Keywords of `build_query` that are no settings."""

GIVEN = {
    "label_words": "no,yes",
    "prompt": r"{text}\nAnswer:",
    "refine": "prompted",
    "weak_rows": "30",
    "student_rows": "40",
    "weak_ridge": "0.25",
    "student_ridge": "0.5",
    "heads": "logistic",
    "label_form": "hard",
    "estimators": "cka",
    "rank_by": "gain",
    "launch": "2",
    "suggest_labels": "12",
    "costs": "a=1.5",
    "layer": "3,6",
    "pooling": "cls",
    "max_rows": "50",
    "max_length": "77",
    "truncate": "left",
    "precision": "bf16",
    "budget": "25%",
    "confidence": "0.9",
    "seed": "9",
    "calibration": "sst2",
    "past_outcomes": "ridge",
    "answer_device": "cuda:1",
}
"""Keyword -> a value on the command line that is not the default."""

EXPECTED = Settings(
    label_prompt=LabelPrompt(("no", "yes"), "{text}\nAnswer:"),
    refine="prompted",
    training=Training(30, 40, 0.25, 0.5, "logistic", "hard"),
    estimators=("cka",),
    rank_by="gain",
    launch=2,
    suggest_labels=12,
    costs={"a": 1.5},
    layer="3,6",
    pooling="cls",
    max_rows=50,
    max_length=77,
    truncate="left",
    precision="bf16",
    budget=Budget(share=0.25),
    confidence=0.9,
    seed=9,
    calibration="sst2",
    past_outcomes="ridge",
    answer_device="cuda:1",
)


def parsed(*words: str) -> argparse.Namespace:
    """What `w2s rank` reads of its command line."""
    top = Parser()
    rank.add(top.add_subparsers(parser_class=Parser))
    return top.parse_args(["rank", "--strong", "s.npy", "--weak", "a=a.npy", *words])


def settings_by_flags(given: dict[str, str]) -> Settings:
    """The settings of a command line with these keywords' flags."""
    words = [word for keyword, text in given.items() for word in (flags.flag_of(keyword), text)]
    keywords = flags.query_of(parsed(*words))
    keywords |= {"strong": np.eye(60), "weak": {"a": np.eye(60)}, "pool": [f"row {row}" for row in range(60)]}
    return build_query(**keywords).settings  # type: ignore[arg-type]


def test_static_keywords_are_the_table() -> None:
    """The keywords that type checkers know are the inputs and the settings of the table."""
    assert set(Options.__annotations__) == INPUTS | set(OPTIONS)
    assert set(GIVEN) == set(OPTIONS)


def test_every_setting_differs_from_its_default() -> None:
    """The values of this file test every field of Settings."""
    unset = Settings()
    assert [own.name for own in fields(Settings) if getattr(EXPECTED, own.name) == getattr(unset, own.name)] == []


def test_all_settings_travel() -> None:
    """All flags together give the settings expected, and those survive the message and stand in the provenance."""
    found = settings_by_flags(GIVEN)
    assert found == EXPECTED
    message = query_pb2.Settings.FromString(settings_to_proto(found).SerializeToString())
    assert settings_from_proto(message) == EXPECTED
    record = EXPECTED.record()
    assert set(record) == {own.name for own in fields(Settings)} - {"calibration", "past_outcomes"}
    assert record["training"] == {
        "weak_rows": 30,
        "student_rows": 40,
        "weak_ridge": 0.25,
        "student_ridge": 0.5,
        "heads": "logistic",
        "label_form": "hard",
    }
    assert record["label_prompt"] == {"words": ("no", "yes"), "template": "{text}\nAnswer:"}


@pytest.mark.parametrize("keyword", GIVEN)
def test_setting_travels_alone(keyword: str) -> None:
    """One flag changes the settings, its message and, unless it names stored measurements, the provenance's record."""
    given = {name: GIVEN[name] for name in {keyword} | ({"label_words"} if keyword in ("prompt", "refine") else set())}
    found, base = settings_by_flags(given), settings_by_flags({name: v for name, v in given.items() if name != keyword})
    assert found != base
    assert settings_from_proto(settings_to_proto(found)) == found
    assert settings_to_proto(found) != settings_to_proto(base)
    assert (found.record() != base.record()) is (keyword not in PAST)


def test_ranking_records_the_settings() -> None:
    """The provenance of an answer has the record of its settings."""
    values = np.random.default_rng(0).normal(size=(60, 4))
    ranking = predictor.predict(strong=values, weak={"a": values[:, :3]}, seed=9, rank_by="gain", student_ridge=0.5)
    request = ranking.provenance.request
    asked = Settings(seed=9, rank_by="gain", training=Training(student_ridge=0.5))
    assert asked.record().items() <= request.items()


def test_settings_check_themselves() -> None:
    """A value that is not allowed is refused wherever Settings are made."""
    with pytest.raises(InputError, match=r"seed is -1; it must be a whole number of at least 0\."):
        Settings(seed=-1)
    with pytest.raises(InputError, match="rank_by is 'size'; it must be one of accuracy, w2s_error, gain"):
        Settings(rank_by="size")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="layer='top' is not a layer"):
        Settings(layer="top")
    with pytest.raises(InputError, match=r"budget is Budget\(share=None, seconds=None\); give a share of the rows"):
        Budget()
