"""Filters and orders of the lists of feature sets and outcomes, as of jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import grpc
import numpy as np
import pytest

from client import PredictorClient
from predictor.errors import InputError
from predictor.results.selection import Fields, Selection, page_after
from protos.w2s.v1 import calibration_pb2, features_pb2
from tests.calibration.simulated import outcomes
from tests.service.sending import error_of


@dataclass(frozen=True)
class Thing:
    name: str
    size: int
    share: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


FIELDS: Fields[Thing] = {
    "name": lambda one: one.name, "size": lambda one: one.size, "share": lambda one: one.share,
    "labels": lambda one: one.labels,
}  # fmt: skip
THINGS = [
    Thing("a-1", 3, 0.5, {"team": "vision"}),
    Thing("a-2", 1, labels={"team": "text", "v.1": ""}),
    Thing("b[1]", 2, 0.1),
]


@pytest.mark.parametrize(
    ("text", "order", "names"),
    [
        ("", "", ["a-1", "a-2", "b[1]"]),
        ('name = "a-*"', "", ["a-1", "a-2"]),
        ('name != "a-*"', "", ["b[1]"]),
        ('name = "b[1]"', "", ["b[1]"]),
        ('name = "b1"', "", []),
        ("size >= 2", "size", ["b[1]", "a-1"]),
        ("size = 1 AND name = a-2", "", ["a-2"]),
        ("share < 0.3", "", ["b[1]"]),
        ("share != 0.5", "", ["a-2", "b[1]"]),
        ("labels.team = vision", "", ["a-1"]),
        ("labels.team != vision", "", ["a-2", "b[1]"]),
        ('labels.v.1 = ""', "", ["a-2"]),
        ("labels.team = *", "", ["a-1", "a-2"]),
        ("", "share", ["b[1]", "a-1", "a-2"]),
        ("", "share desc", ["a-1", "b[1]", "a-2"]),
        ("", "name desc", ["b[1]", "a-2", "a-1"]),
    ],
)
def test_terms_and_orders(text: str, order: str, names: list[str]):
    assert [one.name for one in Selection.parse(text, order, FIELDS).of(THINGS)] == names


@pytest.mark.parametrize(
    "text",
    [
        "name",
        "name ~ a",
        "color = red",
        "size > big",
        "name = a AND",
        "name = a OR size = 1",
        "labels = a",
        "name.a = b",
        "labels.a < b",
    ],
)
def test_filters_of_another_form_are_refused(text: str):
    with pytest.raises(InputError, match=r"Fields are name, size, share, labels\.KEY") as caught:
        Selection.parse(text, "", FIELDS)
    assert (caught.value.reason, caught.value.field) == ("BAD_FILTER", "filter")


def test_orders_of_another_form_are_refused():
    with pytest.raises(InputError, match="give one of name, size, share"):
        Selection.parse("", "color", FIELDS)
    with pytest.raises(InputError, match="bad page"):
        page_after(THINGS, "gone", lambda one: one.name, InputError("bad page", reason="BAD_PAGE"))


@pytest.fixture
def stored(client: PredictorClient) -> Iterator[PredictorClient]:
    for number, rows in enumerate((30, 10, 20)):
        client.features.push(f"listed-{number}", np.ones((rows, 3), np.float32), labels={"n": f"{number}"})
    client.calibrations.record(outcomes())
    yield client
    for number in range(3):
        client.features.remove(f"listed-{number}")


def test_feature_sets_are_found_by_filter_in_an_order_page_by_page(stored: PredictorClient):
    ask, found, token = stored.features._stub.ListFeatures, [], ""
    while True:
        request = features_pb2.ListFeaturesRequest(
            page_size=1, page_token=token, filter='name = "listed-*" AND rows < 25', order_by="rows desc"
        )
        answer = ask(request, timeout=120)
        found += [one.name for one in answer.features]
        token = answer.next_page_token
        if not token:
            break
    assert found == ["listed-2", "listed-1"]
    with pytest.raises(grpc.RpcError) as refused:
        ask(features_pb2.ListFeaturesRequest(filter="color = red"), timeout=120)
    assert error_of(refused.value).reason == "BAD_FILTER"
    assert [one.labels for one in stored.features.ls("labels.n = 1")] == [{"n": "1"}]
    assert [one.name for one in stored.features.ls("name = listed-*", "rows")] == ["listed-1", "listed-2", "listed-0"]
    assert stored.features.find("listed-2").labels == {"n": "2"}
    stored.features.push("listed-2", np.ones((20, 3), np.float32), labels={"n": "again"})
    assert stored.features.find("listed-2").labels == {"n": "again"}
    with pytest.raises(InputError, match="1 labels are given, of which 1 have another form"):
        stored.features.push("listed-3", np.ones((2, 2)), labels={"Team": "x"})


def test_outcomes_are_found_by_filter_in_an_order_page_by_page(stored: PredictorClient):
    ask = stored.calibrations._flows._stub.ListOutcomes
    whole = ask(calibration_pb2.ListOutcomesRequest(page_size=1000), timeout=120).outcomes
    middle = sorted(one.w2s_error for one in whole)[len(whole) // 2]
    found, token = [], ""
    while True:
        request = calibration_pb2.ListOutcomesRequest(
            page_size=4, page_token=token, filter=f"w2s_error < {middle!r}", order_by="w2s_error"
        )
        answer = ask(request, timeout=120)
        found += [one.w2s_error for one in answer.outcomes]
        token = answer.next_page_token
        if not token:
            break
    assert found == sorted(one.w2s_error for one in whole if one.w2s_error < middle)
