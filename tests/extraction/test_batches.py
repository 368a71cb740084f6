"""Layers, pooling, batches and passes: the parts around a model."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from predictor.errors import InputError, LimitError, RefusedError
from predictor.extraction.backend import LayerPooling
from predictor.extraction.batching import pad_right, plan_batches
from predictor.extraction.forward import run_passes
from predictor.extraction.layers import resolve_layers
from predictor.extraction.pooling import pool
from predictor.extraction.selfcheck import find_batching
from predictor.steps import drain
from tests.extraction.fakes import FakeBackend, FakeTokenizer, fake_model

TEXTS = ["hello world", "a", "", "hello", "a", "a much longer row than all the others", "zz"]
ROWS = FakeTokenizer().encode(TEXTS, 100).rows


@pytest.mark.parametrize(
    ("words", "depth", "numbers"),
    [("middle", 6, (3,)), ("middle", 7, (4,)), ("middle", 0, (0,)), ("last", 12, (12,)), ("0,3, last,3", 6, (0, 3, 6))],
)
def test_layer_words_become_numbers(words: str, depth: int, numbers: tuple[int, ...]) -> None:
    assert resolve_layers(words, depth, "m") == numbers


@pytest.mark.parametrize("words", ["7", "-1", "x", "", "1,,2", "²"])
def test_a_layer_out_of_range_names_the_range(words: str) -> None:
    with pytest.raises(
        InputError, match=r"'m' has no layer '.*'; it has 0 \(embeddings\) to 6, middle is 3, last is 6"
    ):
        resolve_layers(words, 6, "m")


HIDDEN = np.arange(2 * 4 * 2, dtype=np.float32).reshape(2, 4, 2)


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize(
    ("mask", "how", "expected"),
    [
        ([[1, 1, 1, 0], [1, 0, 0, 0]], "mean", [[2, 3], [8, 9]]),
        ([[1, 1, 1, 0], [1, 0, 0, 0]], "last", [[4, 5], [8, 9]]),
        ([[1, 1, 1, 0], [1, 1, 1, 1]], "cls", [[0, 1], [8, 9]]),
        ([[0, 1, 1, 1], [0, 0, 0, 1]], "mean", [[4, 5], [14, 15]]),
        ([[0, 1, 1, 1], [0, 0, 0, 1]], "last", [[6, 7], [14, 15]]),
        ([[0, 1, 1, 1], [0, 0, 0, 1]], "cls", [[2, 3], [14, 15]]),
    ],
)
def test_pooling_sees_tokens_only_whichever_side_is_padded(
    library: str, mask: list[list[int]], how: str, expected: list[list[int]]
) -> None:
    hidden, weights = (HIDDEN, np.array(mask, dtype=np.float32))
    if library == "torch":
        hidden, weights = torch.from_numpy(hidden), torch.from_numpy(weights)  # type: ignore[assignment]
    np.testing.assert_array_equal(np.asarray(pool(hidden, weights, how)), expected)  # type: ignore[arg-type]


def test_batches_hold_every_row_once_longest_first_within_the_budget() -> None:
    lengths = np.random.default_rng(0).integers(1, 60, size=200)
    lengths[17] = 500
    batches = list(plan_batches(lengths, 128))
    assert sorted(np.concatenate(batches).tolist()) == list(range(200))
    assert [int(lengths[batch].max()) for batch in batches] == sorted(
        (int(lengths[b].max()) for b in batches), reverse=True
    )
    assert batches[0].tolist() == [17]
    assert all(len(batch) * lengths[batch].max() <= 128 for batch in batches[1:])
    assert len(batches) <= 1.5 * lengths.sum() / 128 + 2


def test_rows_that_must_not_share_padding_are_grouped_by_length_or_run_alone() -> None:
    lengths = np.array([3, 5, 3, 3, 5, 1])
    assert [sorted(b.tolist()) for b in plan_batches(lengths, 6, "equal_lengths")] == [[1], [4], [0, 2], [3], [5]]
    assert [len(b) for b in plan_batches(lengths, 1000, "single")] == [1] * 6


def test_padding_stands_on_the_right() -> None:
    ids, mask = pad_right([np.array([5, 6, 7]), np.array([8])], 9)
    assert ids.tolist() == [[5, 6, 7], [8, 9, 9]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]


@pytest.mark.parametrize("budget", [1, 7, 40, 10_000])
@pytest.mark.parametrize("pooling", ["mean", "last", "cls"])
def test_the_batch_size_changes_nothing(budget: int, pooling: str) -> None:
    outputs = (LayerPooling(0, pooling), LayerPooling(3, pooling))  # type: ignore[arg-type]
    found = drain(run_passes(fake_model(FakeBackend()), ROWS, outputs, budget))  # type: ignore[arg-type]
    alone = [FakeBackend().forward(*pad_right([row], 0), outputs) for row in ROWS]  # type: ignore[arg-type]
    for output in outputs:
        np.testing.assert_allclose(found[output], np.concatenate([one[output] for one in alone]), rtol=1e-6)  # type: ignore[index]


def test_equal_rows_are_run_once_and_counted_each() -> None:
    backend = FakeBackend()
    passes = run_passes(fake_model(backend), ROWS, (LayerPooling(1, "mean"),), 10_000)
    assert list(passes) == [0, len(TEXTS)]
    assert backend.batches == [(6, 37)]


def test_a_batch_that_does_not_fit_is_halved_and_so_are_the_rest() -> None:
    backend = FakeBackend(fits=40)
    found = drain(run_passes(fake_model(backend), ROWS, (LayerPooling(1, "mean"),), 10_000))
    expected = drain(run_passes(fake_model(FakeBackend()), ROWS, (LayerPooling(1, "mean"),), 10_000))
    np.testing.assert_allclose(found[1, "mean"], expected[1, "mean"], rtol=1e-6)
    assert all(rows * tokens <= 40 for rows, tokens in backend.batches)


def test_one_row_that_does_not_fit_is_an_error_of_that_model() -> None:
    with pytest.raises(
        LimitError, match="one row of 37 tokens does not fit the memory of this device; lower max_length"
    ):
        drain(run_passes(fake_model(FakeBackend(fits=20)), ROWS, (LayerPooling(1, "mean"),), 10_000))


def test_a_feature_that_is_not_finite_names_row_and_layer() -> None:
    bad = int(ROWS[6][0])
    with pytest.raises(RefusedError, match=r"the model gives nan at layer 2 for pool row 6 \(counting from 0\)"):
        drain(run_passes(fake_model(FakeBackend(bad_id=bad)), ROWS, (LayerPooling(2, "mean"),), 10_000))


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        (FakeBackend(), "padded"),
        (FakeBackend(leak=0.0001), "padded"),
        (FakeBackend(leak=50.0), "equal_lengths"),
        (FakeBackend(scale_leak=1.0), "single"),
    ],
)
def test_the_self_check_tells_how_rows_may_be_combined(backend: FakeBackend, expected: str) -> None:
    short, long = np.array([3, 4]), np.array([9, 8, 40, 6, 5, 4])
    assert find_batching(backend, short, long, 1e-3) == expected
