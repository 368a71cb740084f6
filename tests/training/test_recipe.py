"""Recipes: which combinations exist, and what the others are told."""

from __future__ import annotations

import pytest

from predictor.errors import InputError
from predictor.query.training_plan import Training
from predictor.training.recipe import Recipe, Tuning


@pytest.mark.parametrize(
    ("method", "kind", "loss", "weak"),
    [
        ("ridge", "binary", "squared", "ridge"),
        ("ridge", "regression", "squared", "ridge"),
        ("logistic", "multiclass", "xent", "logistic"),
        ("full", "regression", "squared", "ridge"),
        ("lora", "binary", "xent", "logistic"),
    ],
)
def test_each_method_has_a_loss_that_fits_the_labels(method, kind, loss, weak):
    settled = Recipe(method).for_labels(kind)
    assert (settled.loss, settled.training.heads) == (loss, weak)


@pytest.mark.parametrize(
    ("asked", "kind", "words"),
    [
        ({"method": "logistic"}, "regression", r"recipe 'logistic' needs classes.*give recipe ridge, full or lora"),
        ({"method": "full", "loss": "xent"}, "regression", r"loss 'xent' needs classes"),
        ({"training": Training(label_form="hard")}, "regression", r"label form 'hard' needs classes.*give soft"),
    ],
)
def test_what_needs_classes_is_refused_for_numbers(asked, kind, words):
    with pytest.raises(InputError, match=words):
        Recipe(**asked).for_labels(kind)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"method": "forest"}, r"recipe is 'forest'; it must be one of ridge, logistic, full, lora"),
        ({"loss": "xent"}, r"recipe 'ridge' cannot minimise loss 'xent'; it takes squared"),
        ({"method": "logistic", "loss": "squared"}, r"recipe 'logistic' cannot minimise .* takes xent, confidence"),
        ({"training": Training(heads="logistic")}, r"the training plan has logistic heads, and the recipe is 'ridge'"),
        ({"seeds": 2}, r"seeds is 2, and ridge heads have nothing random; give more splits"),
        ({"seeds": 0}, r"seeds is 0; it must be a whole number of at least 1"),
        ({"method": "lora", "training": Training(student_ridge=0.1)}, r"'lora' trains .* itself, which has no ridge"),
        ({"confidence": 1.0}, r"confidence is 1.0; it must be at least 0 and below 1"),
    ],
)
def test_impossible_recipes_say_what_is_possible(asked, words):
    with pytest.raises(InputError, match=words):
        Recipe(**asked)


@pytest.mark.parametrize(("asked", "words"), [({"epochs": 0}, "epochs is 0"), ({"learning_rate": 2.0}, "rate is 2.0")])
def test_impossible_tunings_are_refused(asked, words):
    with pytest.raises(InputError, match=words):
        Tuning(**asked)


def test_fine_tuning_is_done_on_fewer_splits_unless_asked():
    assert [Recipe(method).usual_splits for method in ("ridge", "logistic", "full", "lora")] == [12, 12, 3, 3]


def test_an_answer_names_the_settings_that_mattered():
    asked = {"weak_ridge": 0.1, "student_ridge": 0.2, "weak_rows": 50}
    assert Recipe(training=Training(**asked)).words == asked
    centred = Recipe("lora", "confidence", tuning=Tuning(epochs=3, learning_rate=0.002)).words
    assert centred["confidence"] == 0.5
    assert (centred["epochs"], centred["learning_rate"], centred["lora_rank"]) == (3, 0.002, 8)
    full = Recipe("full").words
    assert "lora_rank" not in full
    assert full["learning_rate"] == 0.0001


@pytest.mark.parametrize(
    ("method", "loss", "expected"),
    [
        ("ridge", None, Training(50, 90, 0.1, 0.2)),
        ("logistic", None, Training(50, 90, 0.1, 0.2, "logistic")),
        ("logistic", "confidence", Training(50, 90, 0.1, 0.2, "logistic")),
        ("lora", "squared", Training(50, 90, 0.1)),
        ("lora", "xent", Training(50, 90, 0.1, heads="logistic")),
    ],
)
def test_a_forecast_follows_sizes_heads_and_their_ridges(method, loss, expected):
    student = {} if method == "lora" else {"student_ridge": 0.2}
    recipe = Recipe(method, loss, Training(50, 90, 0.1, **student))
    assert recipe.for_labels("binary").training == expected
