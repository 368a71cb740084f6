"""What a file says of the model behind its values: taken where it can be true, left out otherwise."""

from __future__ import annotations

import pytest

from predictor.store.facts import facts_of


@pytest.mark.parametrize(
    ("about", "parameters", "depth"),
    [
        ({}, None, None),
        ({"parameters": "123", "depth": "1"}, 123, 1.0),
        ({"parameters": "0", "depth": "0.25"}, 0, 0.25),
        ({"parameters": "null", "depth": "null"}, None, None),
        ({"parameters": "many", "depth": "deep"}, None, None),
        ({"parameters": "-1", "depth": "1.5"}, None, None),
        ({"depth": "-0.5"}, None, None),
        ({"parameters": "1.5", "depth": "NaN"}, None, None),
        ({"parameters": "true", "depth": "[1]"}, None, None),
        ({"parameters": "9" * 400, "depth": "1e400"}, None, None),
        ({"parameters": "9" * 5000, "depth": "[" * 100_000}, None, None),
    ],
)
def test_what_a_file_reports_of_its_model_is_taken_where_it_can_be_true(about, parameters, depth) -> None:
    assert facts_of(about) == {"parameters": parameters, "depth": depth}
