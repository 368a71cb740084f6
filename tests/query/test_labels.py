"""Labels: numbers, classes and gaps become the targets of linear heads."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.query.label_column import MAX_CLASSES
from predictor.query.labels import Labels


def test_two_values_make_a_binary_task_coded_in_order():
    labels = Labels.of([3, 5, 5, 3, None])
    assert (labels.kind, labels.classes) == ("binary", ("3", "5"))
    assert labels.targets[:4, 0].tolist() == [0, 1, 1, 0]
    assert labels.known.tolist() == [True] * 4 + [False]


def test_names_become_classes_in_alphabetical_order():
    labels = Labels.of(["dog", "cat", "", "eel", "cat"])
    assert (labels.kind, labels.classes) == ("multiclass", ("cat", "dog", "eel"))
    assert labels.targets[[0, 1, 3]].tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert np.isnan(labels.targets[2]).all()


def test_class_numbers_are_ordered_as_numbers():
    labels = Labels.of(["10", "9", "2"] * 8)
    assert (labels.kind, labels.classes) == ("multiclass", ("2", "9", "10"))


def test_few_whole_numbers_are_classes_and_many_are_a_quantity():
    assert Labels.of([0, 1, 2] * 10).kind == "multiclass"
    assert Labels.of(list(range(30))).kind == "regression"
    assert Labels.of([0.5, 1.0, 2.0, 3.0] * 10).kind == "regression"


def test_regression_preserves_numbers_of_any_type():
    labels = Labels.of(["-0.77", -3.3, np.float32(2.5), 1, float("nan")])
    assert labels.kind == "regression"
    np.testing.assert_allclose(labels.targets[:4, 0], [-0.77, -3.3, 2.5, 1])
    assert labels.classes is None


def test_labels_align_by_id():
    labels = Labels.by_id(["a", "b", "c", "d", "e"], {"e": 1, "a": 0, "c": 1, "b": 0})
    np.testing.assert_array_equal(labels.targets[:, 0], [0, 0, 1, np.nan, 1])


def test_taking_rows_preserves_kind_and_classes():
    labels = Labels.of(["x", "y", "z"] * 4).take(np.array([1, 1, 0]))
    assert labels.targets.tolist() == [[0, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert labels.classes == ("x", "y", "z")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, 0, None, None, 1], r"3 row\(s\) carry a gold label; at least 4 are needed"),
        ([1, 1, 1, 1], r"every gold label is the same"),
        (["a", "a", "a", "a"], r"every gold label is the same"),
        ([1.0, 2.0, float("inf"), 3.0], r"a gold label is infinite"),
        ([f"class {i}" for i in range(MAX_CLASSES + 1)], r"the labels have 65 classes; at most 64"),
    ],
)
def test_labels_that_cannot_train_a_head_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        Labels.of(values)


def test_a_label_of_a_unknown_caller_is_refused():
    with pytest.raises(InputError, match=r"labelled row 'q' is not in the pool; ids in --labels must name pool rows"):
        Labels.by_id(["a", "b"], {"a": 1, "q": 0})


def test_missing_values_of_pandas_are_gaps_and_no_class():
    pandas = pytest.importorskip("pandas")
    numbers = Labels.of(pandas.Series([1, None, 0, 1, 0, None], dtype="Int64"))
    assert (numbers.classes, numbers.known.tolist()) == (("0", "1"), [True, False, True, True, True, False])
    names = Labels.of(pandas.Series(["x", None, "y", "x", "y", None], dtype="string"))
    assert (names.classes, names.known.tolist()) == (("x", "y"), [True, False, True, True, True, False])
    as_given = Labels.of(["x", "nan", "y", "x", "y", "NaN "])
    assert (as_given.classes, as_given.known.tolist()) == (("x", "y"), [True, False, True, True, True, False])


@pytest.mark.parametrize("turn", ["series", "frame", "tensor", "list of tensors", "column", "masked"])
def test_labels_of_other_libraries_are_the_same_labels(turn):
    values = np.array([0.5, np.nan, 1.5, 2.5, np.nan, 4.0])
    if turn in ("series", "frame"):
        pandas = pytest.importorskip("pandas")
        given = pandas.Series(values) if turn == "series" else pandas.DataFrame({"label": values})
    elif turn in ("tensor", "list of tensors"):
        given = pytest.importorskip("torch").tensor(values, requires_grad=True)
        given = given if turn == "tensor" else list(given)
    else:
        given = values[:, None] if turn == "column" else np.ma.masked_invalid(values)
    np.testing.assert_array_equal(Labels.of(given).targets, Labels.of(values).targets)


def test_several_values_a_row_are_refused_by_their_number():
    with pytest.raises(InputError, match=r"labels have 3 values in a row; give one per row"):
        Labels.of(np.eye(3)[[0, 1, 2, 0, 1, 2]])


def test_numbers_whose_squares_cannot_be_summed_are_refused():
    for unit in (1e70, 1e-70):
        with pytest.raises(InputError, match=r"at most 1e\+60 in size and at least 1e-60 apart"):
            Labels.of((np.arange(9) + 0.5) * unit)
