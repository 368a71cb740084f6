"""Prefixes of models: in references, with every character, and only where rows are read."""

from __future__ import annotations

import pytest

from predictor.errors import InputError
from predictor.query.model_reference import ModelReference
from predictor.query.model_spec import ModelSpec, read_spec
from predictor.query.row_form import RowForm
from predictor.query.settings import Settings


@pytest.mark.parametrize(
    ("text", "prefix", "name"),
    [
        ('m#prefix="query: "', "query: ", 'm#prefix="query: "'),
        ("m#prefix=query: ", "query: ", 'm#prefix="query: "'),
        (" e5=m#prefix=query: \n", "query: ", "e5"),
        ('e5=./m#layer=2&prefix="a&b=c \\" #\\n"&pooling=cls', 'a&b=c " #\n', "e5"),
        ("m#prefix=rank\nQuery:&layer=2", "rank\nQuery:", 'm#layer=2&prefix="rank\\nQuery:"'),
        ('m#prefix=""', "", 'm#prefix=""'),
        ("m#layer=2 ", None, "m#layer=2"),
    ],
)  # fmt: skip
def test_prefix_in_a_reference(text: str, prefix: str | None, name: str) -> None:
    """A prefix keeps its blanks, and the reference round trips."""
    spec = read_spec(text)
    assert (spec.prefix, spec.name) == (prefix, name)
    assert "prefix" not in spec.reference
    again = read_spec(spec.as_given)
    assert (again.prefix, again.layer, again.pooling, again.reference) == (
        prefix,
        spec.layer,
        spec.pooling,
        spec.reference,
    )
    reference = ModelReference("folder", "m", layer="2", prefix=prefix)
    assert ModelReference.parse(str(reference)) == reference


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("array:x.npy#prefix=a", r"is given for array:, which reads no rows"),
        ('m#prefix="\\q"', r"is not quoted as in JSON"),
        ("m#prefix=a&prefix=b", r"has an option twice"),
        (f"m#prefix={'x' * 1001}", r"a prefix of 1001 characters was given; at most 1000"),
    ],
)
def test_refused_prefix(text: str, message: str) -> None:
    """What puts nothing before a row is refused."""
    with pytest.raises(InputError, match=message):
        read_spec(text)


def test_form_of_a_request() -> None:
    """The model's own prefix, the request's cut, and the least of all limits."""
    form = RowForm.of(ModelSpec("m", "m", prefix="q: "), Settings(max_length=99, truncate="left"))
    assert form == RowForm(99, "q: ", "left")
    assert form.within(None, 50, 200).max_length == 50
    assert form.within(None).max_length == 99
