"""Predict weak-to-strong generalization before anyone pays for the training.

`rank` and `predict` predict, `label` writes what a student is trained on, `validate` really trains. Everything here
loads on first use, and neither torch nor any model library is touched before a model has to be run.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from predictor.api import label as label
    from predictor.api import predict as predict
    from predictor.api import rank as rank
    from predictor.api import validate as validate
    from predictor.errors import CancelledError as CancelledError
    from predictor.errors import DeadlineError as DeadlineError
    from predictor.errors import InputError as InputError
    from predictor.errors import LimitError as LimitError
    from predictor.errors import NotFoundError as NotFoundError
    from predictor.errors import RefusedError as RefusedError
    from predictor.errors import UnavailableError as UnavailableError
    from predictor.errors import W2SError as W2SError
    from predictor.query.labels import Labels as Labels
    from predictor.query.pool import Pool as Pool
    from predictor.results.ranking import Ranking as Ranking
    from predictor.results.training_set import TrainingSet as TrainingSet
    from predictor.training.recipe import Recipe as Recipe
    from predictor.training.recipe import Tuning as Tuning
    from predictor.validation.validation import Validation as Validation

_HOMES = {
    "predictor.api": ("label", "predict", "rank", "validate"),
    "predictor.errors": (
        "CancelledError",
        "DeadlineError",
        "InputError",
        "LimitError",
        "NotFoundError",
        "RefusedError",
        "UnavailableError",
        "W2SError",
    ),
    "predictor.query.labels": ("Labels",),
    "predictor.query.pool": ("Pool",),
    "predictor.query.training_plan": ("Training",),
    "predictor.results.ranking": ("Ranking",),
    "predictor.results.training_set": ("TrainingSet",),
    "predictor.training.recipe": ("Recipe", "Tuning"),
    "predictor.validation.validation": ("Validation",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "CancelledError",
    "DeadlineError",
    "InputError",
    "Labels",
    "LimitError",
    "NotFoundError",
    "Pool",
    "Ranking",
    "Recipe",
    "RefusedError",
    "Training",
    "TrainingSet",
    "Tuning",
    "UnavailableError",
    "Validation",
    "W2SError",
    "label",
    "predict",
    "rank",
    "validate",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'predictor' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
