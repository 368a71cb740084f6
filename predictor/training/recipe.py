"""Recipe: how the weak heads, the student and its ceiling are trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Literal, get_args

from predictor.errors import InputError
from predictor.query.checks import at_least, one_of
from predictor.query.labels import Kind
from predictor.query.training_plan import FREE, Heads, Training

Method = Literal["ridge", "logistic", "full", "lora"]
Loss = Literal["squared", "xent", "confidence"]

LOSSES: dict[Method, tuple[Loss, ...]] = {
    "ridge": ("squared",),
    "logistic": ("xent", "confidence"),
    "full": ("squared", "xent", "confidence"),
    "lora": ("squared", "xent", "confidence"),
}
"""Losses of each method; the first that the labels allow is its default, but for classes `xent` where there is one."""


RATES = {"full": 1e-4, "lora": 1e-3}
"""Highest learning rates where none is asked for."""


@dataclass(frozen=True)
class Tuning:
    """How the strong model itself is trained, in the methods `full` and `lora`.

    Attributes:
        epochs: passes over the student's rows; always all of them, nothing is stopped by an outcome.
        learning_rate: of AdamW on the model's weights, warmed up and let down linearly; None for 1e-4 (`full`) or
            1e-3 (`lora`), see RATES. The new head learns at 1e-3, or at this rate where it is higher.
        batch_rows: rows per step.
        lora_rank: width of the adapters.
        head_layer: whose pooled states the head reads: a number, `middle` or `last`.
        device: `cpu`, `cuda`, or `auto` for a GPU where there is one; arithmetic is bf16 on a GPU, else fp32.
    """

    epochs: int = 10
    learning_rate: float | None = None
    batch_rows: int = 16
    lora_rank: int = 8
    head_layer: str = "last"
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_rows", "lora_rank"):
            at_least(name, getattr(self, name), 1)
        if self.learning_rate is not None and not 0.0 < self.learning_rate < 1.0:
            raise InputError(
                f"learning_rate is {self.learning_rate}; it must be between 0 and 1, such as 0.0001.",
                reason="BAD_SETTING",
                field="learning_rate",
            )


@dataclass(frozen=True)
class Recipe:
    """One way to train weak head → weak labels → student → test.

    Attributes:
        method: `ridge` and `logistic` heads on frozen features; `full` trains every weight of the strong model,
            `lora` low-rank adapters on its attention. Weak models have heads on frozen features in all of them.
        loss: what the student minimises; None for the method's default on the labels at hand, see `for_labels`.
        training: sizes, ridges and label form; rows beyond both training sets are tested on. Its `heads` follow the
            method and the loss, see `for_labels`. A student that is trained as a whole has no ridge.
        confidence: largest weight of the student's own predictions, loss `confidence`.
        seeds: trainings averaged per split; heads have nothing random.
        tuning: of the methods that train the model itself.
    """

    method: Method = "ridge"
    loss: Loss | None = None
    training: Training = FREE
    confidence: float = 0.5
    seeds: int = 1
    tuning: Tuning = Tuning()

    def __post_init__(self) -> None:
        one_of("recipe", self.method, get_args(Method))
        if self.loss is not None:
            one_of("loss", self.loss, get_args(Loss))
            if self.loss not in LOSSES[self.method]:
                raise InputError(
                    f"recipe {self.method!r} cannot minimise loss {self.loss!r}; it takes "
                    f"{', '.join(LOSSES[self.method])}.",
                    reason="BAD_RECIPE",
                    field="loss",
                )
        at_least("seeds", self.seeds, 1)
        if self.seeds > 1 and not self.trains_model:
            raise InputError(
                f"seeds is {self.seeds}, and {self.method} heads have nothing random; give more splits instead, or "
                "recipe full or lora.",
                reason="BAD_RECIPE",
                field="seeds",
            )
        if self.training.heads == "logistic" and self.method == "ridge":
            raise InputError(
                "the training plan has logistic heads, and the recipe is 'ridge'; give recipe logistic.",
                reason="BAD_RECIPE",
                field="heads",
            )
        if self.training.student_ridge is not None and self.trains_model:
            raise InputError(
                f"recipe {self.method!r} trains the strong model itself, which has no ridge; leave student_ridge out.",
                reason="BAD_RECIPE",
                field="student_ridge",
            )
        if not 0.0 <= self.confidence < 1.0:
            raise InputError(
                f"confidence is {self.confidence}; it must be at least 0 and below 1, such as 0.5.",
                reason="BAD_SETTING",
                field="confidence",
            )

    @property
    def trains_model(self) -> bool:
        """True where the strong model's own weights are trained, which needs the model and its texts."""
        return self.method in ("full", "lora")

    @property
    def learning_rate(self) -> float:
        """Highest rate of the model's own weights; of methods that train them only."""
        return self.tuning.learning_rate or RATES[self.method]

    @property
    def usual_splits(self) -> int:
        """Splits to train on where none are asked for: heads are cheap, models are not."""
        return 3 if self.trains_model else 12

    @property
    def words(self) -> dict[str, str | int | float]:
        """The settings that have a bearing on this method, by name, for answers; those left to a default apart."""
        named: dict[str, str | int | float | None] = {
            "weak_rows": self.training.weak_rows,
            "student_rows": self.training.student_rows,
            "weak_ridge": self.training.weak_ridge,
            "student_ridge": self.training.student_ridge,
            "confidence": self.confidence if self.loss == "confidence" else None,
        }
        if self.trains_model:
            named |= {"seeds": self.seeds} | {
                name: value
                for name, value in asdict(self.tuning).items()
                if self.method == "lora" or name != "lora_rank"
            }
            named["learning_rate"] = self.learning_rate
        return {name: value for name, value in named.items() if value is not None}

    def for_labels(self, kind: Kind) -> Recipe:
        """The recipe with its loss chosen for the labels, and the heads of its training plan with it.

        Weak models get logistic heads where the student learns from class probabilities, else ridge heads. Predictions
        follow this plan: a model trained as a whole counts as a head of its loss.

        Raises:
            InputError: a loss, or hard labels, that only classes know.
        """
        fitting: tuple[Loss, ...] = ("squared",) if kind == "regression" else ("xent", "squared", "confidence")
        possible = [loss for loss in fitting if loss in LOSSES[self.method]]
        if not possible or (self.loss is not None and self.loss not in fitting):
            what = f"recipe {self.method!r}" if self.loss is None else f"loss {self.loss!r}"
            raise InputError(
                f"{what} needs classes, and the labels are numbers to regress on; give recipe ridge, full or lora "
                "with loss squared.",
                reason="BAD_RECIPE",
                field="recipe" if self.loss is None else "loss",
            )
        if self.training.label_form == "hard" and kind == "regression":
            raise InputError(
                "label form 'hard' needs classes, and the labels are numbers to regress on; give soft.",
                reason="BAD_RECIPE",
                field="label_form",
            )
        loss = self.loss or possible[0]
        heads: Heads = "ridge" if loss == "squared" else "logistic"
        return replace(self, loss=loss, training=replace(self.training, heads=heads))
