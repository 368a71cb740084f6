"""Training: real weak-to-strong training, what the predictions are checked against."""

from predictor.training.measures import accuracy, log_loss, squared_error
from predictor.training.outcomes import Outcomes
from predictor.training.recipe import Recipe, Tuning
from predictor.training.runs import train_w2s, training_steps

__all__ = ["Outcomes", "Recipe", "Tuning", "accuracy", "log_loss", "squared_error", "train_w2s", "training_steps"]
