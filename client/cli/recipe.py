"""Recipe: the flags of how `w2s validate` trains."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from client.cli import flags
from client.cli.parser import Parser

if TYPE_CHECKING:
    from predictor.training.recipe import Recipe


def add_recipe(parser: Parser) -> None:
    """How weak heads, student and ceiling are trained."""
    group = flags.add_training(parser)
    group.add_argument(
        "--recipe",
        choices=("ridge", "logistic", "full", "lora"),
        help="heads on frozen features (ridge, the default, or logistic), or the strong model itself: all its weights "
        "(full) or adapters on its attention (lora)",
    )
    group.add_argument(
        "--loss",
        choices=("squared", "xent", "confidence"),
        help="what the student minimises (default: squared for numbers and ridge, else xent); confidence mixes in "
        "its own predictions",
    )
    group.add_argument(
        "--label-form",
        choices=("soft", "hard"),
        help="train the student on probabilities (default) or on the likeliest class",
    )
    group.add_argument("--splits", metavar="N", type=int, help="random splits to train on (default: 12, fine-tuning 3)")
    group.add_argument("--seeds", metavar="N", type=int, help="fine-tunings to average per split (default: 1)")
    group.add_argument(
        "--group-by-first-words",
        metavar="N",
        type=int,
        help="put rows with the same first N words in the same part of a split, since near-duplicates leak",
    )
    group.add_argument(
        "--confidence-weight",
        metavar="A",
        type=float,
        help="maximum weight of the student's own predictions, with --loss confidence (default: 0.5)",
    )
    tuning = parser.add_argument_group("fine-tuning (--recipe full and lora)")
    tuning.add_argument("--epochs", metavar="N", type=int, help="passes over the student's rows (default: 10)")
    tuning.add_argument(
        "--learning-rate", metavar="R", type=float, help="highest rate of AdamW (default: 0.0001 full, 0.001 lora)"
    )
    tuning.add_argument("--batch-rows", metavar="N", type=int, help="rows per step (default: 16)")
    tuning.add_argument("--lora-rank", metavar="R", type=int, help="width of the adapters (default: 8)")
    tuning.add_argument(
        "--head-layer", metavar="L", help="layer under the new head: a number, middle or last (default: last)"
    )


def recipe_of(arguments: argparse.Namespace) -> Recipe:
    """The recipe that the flags ask for; those not given take their defaults.

    Raises:
        InputError: a combination that does not exist.
    """
    from predictor.query.training_plan import Training
    from predictor.training.recipe import Recipe, Tuning

    tuning = _given(arguments, "epochs", "learning_rate", "batch_rows", "lora_rank", "head_layer")
    training = _given(arguments, "weak_rows", "student_rows", "weak_ridge", "student_ridge", "label_form")
    asked = _given(arguments, "loss", "seeds")
    renamed = {"method": arguments.recipe, "confidence": arguments.confidence_weight}
    asked |= {name: value for name, value in renamed.items() if value is not None}
    # Each flag has its field's type.
    return Recipe(**asked, training=Training(**training), tuning=Tuning(**tuning))  # type: ignore[arg-type]


def _given(arguments: argparse.Namespace, *names: str) -> dict[str, object]:
    return {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
