"""Runs: weak head → weak labels → student → test, really trained, for every candidate on the same splits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.query.labels import Labels
from predictor.statistics.arrays import Array
from predictor.steps import Progress, Steps, drain
from predictor.training.learners import Trainee, student_heads, weak_heads
from predictor.training.measures import accuracy, hardened, log_loss, squared_error
from predictor.training.outcomes import Outcomes
from predictor.training.partition import partition
from predictor.training.recipe import Recipe
from predictor.training.splits import Parts, Rows


def train_w2s(
    strong: NDArray[np.floating],
    weak: Sequence[NDArray[np.floating]],
    labels: Labels,
    *,
    splits: int = 3,
    seed: int = 0,
    recipe: Recipe | None = None,
    groups: Rows | None = None,
) -> Outcomes:
    """Train heads on frozen features: weak head → weak labels → strong head → test, for every candidate.

    Args:
        strong: (n, d_s).
        weak: per candidate (n, d_w).
        labels: gold labels of all n rows.
        splits: random partitions, the same for all candidates.
        recipe: of method `ridge` (where None, with ridges by leave-one-out cross-validation) or `logistic`.
        groups: (n,) rows of one group never fall into two parts of a split.

    Raises:
        InputError: the recipe does not fit the labels or the rows, or trains the strong model itself.
    """
    asked = (recipe or Recipe()).for_labels(labels.kind)
    if asked.trains_model:
        raise InputError(
            f"recipe {asked.method!r} trains the strong model itself, and only its features are here; give ridge or "
            "logistic.",
            reason="BAD_RECIPE",
            field="recipe",
        )
    steps = training_steps(student_heads(strong, asked), weak, labels, asked, splits=splits, seed=seed, groups=groups)
    return drain(steps)


def training_steps(
    student: Trainee,
    weak: Sequence[NDArray[np.floating]],
    labels: Labels,
    recipe: Recipe,
    *,
    splits: int,
    seed: int,
    groups: Rows | None = None,
    names: Sequence[str] = (),
    parts: Sequence[Parts] = (),
) -> Steps[Outcomes]:
    """As `train_w2s`, with any student and a step before every training; closing it ends the work.

    Args:
        recipe: with its loss chosen, see `Recipe.for_labels`.
        names: of the candidates, for the steps; without them, and for heads, steps count splits alone.
        parts: one per split, instead of random partitions.
    """
    targets = labels.targets
    variance = float(np.sum(np.var(targets, axis=0)))
    sheet = _Sheet(len(weak), splits, recipe.seeds, labels.kind != "regression")
    shown = names if recipe.trains_model else ()
    for split in range(splits):
        yield Progress("", "train", split, splits)
        part = parts[split] if parts else part_of(len(targets), recipe, seed, split, groups)
        truth = targets[part.test]
        learner = student.on(part.student, part.test)
        for again in range(recipe.seeds):
            top = learner.learn(targets[part.student], _seed(seed, split, again), gold=True)
            sheet.ceiling[:, split, again] = sheet.measured(top, truth)
        others = np.concatenate([part.student, part.test])
        for i, features in enumerate(weak):
            if shown:
                yield Progress(shown[i], "train", split, splits)
            head = weak_heads(features, recipe).on(part.weak, others)
            predicted = head.learn(targets[part.weak], _seed(seed, split, 0), gold=True)
            weak_labels, weak_test = np.split(predicted, [len(part.student)])
            sheet.weak[:, i, split] = sheet.measured(weak_test, truth)
            if recipe.training.label_form == "hard":
                weak_labels = hardened(weak_labels)
            for again in range(recipe.seeds):
                learned = learner.learn(weak_labels, _seed(seed, split, again))
                sheet.w2s[:, i, split, again] = sheet.measured(learned, truth)
    yield Progress("", "train", splits, splits)
    return sheet.outcomes(variance)


def part_of(rows: int, recipe: Recipe, seed: int, split: int, groups: Rows | None = None) -> Parts:
    """D~, D^ and the test rows of one split."""
    rng = np.random.default_rng([seed, split])
    sizes = recipe.training.weak_rows, recipe.training.student_rows
    return partition(rows, rng, weak_rows=sizes[0], student_rows=sizes[1], groups=groups)


def _seed(seed: int, split: int, again: int) -> int:
    """One number per training: the same for every candidate of a split, so that they differ only by their labels."""
    return int(np.random.SeedSequence([seed, split, again]).generate_state(1)[0])


class _Sheet:
    """Squared error, accuracy and log-loss of everything that was trained; seeds are averaged at the end."""

    def __init__(self, candidates: int, splits: int, seeds: int, classes: bool) -> None:
        self.weak = np.full((3, candidates, splits), np.nan)
        self.w2s = np.full((3, candidates, splits, seeds), np.nan)
        self.ceiling = np.full((3, splits, seeds), np.nan)
        self._classes = classes

    def measured(self, prediction: Array, truth: Array) -> tuple[float, ...]:
        """The three figures, of which regression has only the first."""
        if not self._classes:
            return squared_error(prediction, truth), np.nan, np.nan
        return squared_error(prediction, truth), accuracy(prediction, truth), log_loss(prediction, truth)

    def outcomes(self, variance: float) -> Outcomes:
        """Errors in label variance; accuracies and log-losses only where there are classes."""
        weak, w2s, ceiling = self.weak, self.w2s.mean(axis=-1), self.ceiling.mean(axis=-1)
        errors = (weak[0] / variance, w2s[0] / variance, ceiling[0] / variance)
        if not self._classes:
            return Outcomes(*errors)
        return Outcomes(*errors, weak[1], w2s[1], ceiling[1], weak[2], w2s[2], ceiling[2])
