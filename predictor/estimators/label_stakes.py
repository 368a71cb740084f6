"""Label stakes: what the students' errors owe to the labels of the rows, under the truth that all evidence makes."""

from __future__ import annotations

import numpy as np

from predictor.decision.label_stake import LabelStake
from predictor.estimators.cross_fitted_students import by_ridge
from predictor.estimators.label_truths import LabelTruths
from predictor.estimators.problem import Case
from predictor.estimators.simulated_sizes import sizes_of
from predictor.estimators.supervision import supervise
from predictor.estimators.truth import TruthForecast
from predictor.heads.ridge import FactoredRidge
from predictor.statistics.arrays import Array, Ints
from predictor.training.measures import hardened
from predictor.training.splits import cut

GRID_POINTS = 6
"""Heaviest points of the truth's grid that its covariance is made of: an n × n matrix each."""

SPLITS = 5
"""Splits of the rows on which training is simulated, where no weak labels are known."""

LABELINGS = 4
"""Plausible labelings per split."""


def label_stake(case: Case, *, accuracy: bool, estimator: TruthForecast | None = None) -> tuple[Ints, LabelStake]:
    """The rows that it is about, and the stake.

    Students are trained on given weak labels, or on those of heads trained on the gold rows; else training is simulated
    on plausible labelings, and each labeling's students give slopes of their own.

    Args:
        accuracy: errors are shares of wrong classes: answers count as the classes that they name.
        estimator: of the truth; None for that of its defaults.

    Raises:
        InputError: as `TruthForecast.forecast`.
    """
    estimator = estimator or TruthForecast()
    rows, case = estimator.sampled(estimator.prepared(case))
    known = np.empty(0, dtype=np.intp) if case.labels is None else np.flatnonzero(case.labels.known)
    truths = estimator.truths(case, known)
    level = truths.order.heaviest(GRID_POINTS)
    heads = case.labels is not None and (case.training.weak_rows or 0) <= len(known)
    slopes = np.full((1, len(case.weak), *level.mean.shape), np.nan)
    places = [i for i, one in enumerate(case.weak) if heads or one.name in case.weak_labels]
    if places:
        slopes[0, places] = _trained(case, places, truths, accuracy=accuracy)
    if len(places) < len(case.weak):
        slopes = _simulated(case, places, slopes[0], truths, accuracy=accuracy)
    return rows, LabelStake(slopes, level.covariance, max(level.noise, 1e-6))


def _trained(case: Case, places: list[int], truths: LabelTruths, *, accuracy: bool) -> Array:
    """(len(places), n, k) −2 f / n of students trained on weak labels; 0 on rows that their heads were trained on."""
    every_row = truths.finished and all(case.weak[i].name in case.weak_labels for i in places)
    supervision = supervise(case, case.rng("stake"), every_row=every_row)
    weak = truths.coding.labels(np.stack([t for i in places if (t := supervision.predictions[i]) is not None]))
    strong = case.strong.take(supervision.rows)
    train = by_ridge(strong.features, case.training, case.rng("stake students"), strong.device)
    answers = _answers(train(weak), truths, accuracy=accuracy)
    found = np.zeros((len(places), case.rows, weak.shape[2]))
    found[:, supervision.rows] = -2.0 * answers / len(supervision.rows)
    return found


def _simulated(case: Case, trained: list[int], given: Array, truths: LabelTruths, *, accuracy: bool) -> Array:
    """(g, m, n, 1) −2 f / n on the test rows of each split, one label column each; of trained candidates their own."""
    rng, training, found = case.rng("stake labelings"), case.training.squared, []
    strong = case.strong.features
    for _ in range(SPLITS):
        part = cut(case.rows, *sizes_of(case), rng)
        drawn = truths.order.draw(LABELINGS, rng).labels
        columns = rng.integers(drawn.shape[1], size=LABELINGS)
        labels, test = drawn[part.weak][:, columns, np.arange(LABELINGS)], part.test
        student = FactoredRidge.of(strong[part.student], strong[test])
        slopes = np.zeros((LABELINGS, len(case.weak), case.rows, 1))
        for place, one in enumerate(case.weak):
            if place in trained:
                slopes[:, place, test, 0] = given[place][test][:, columns].T * (case.rows / len(test))
                continue
            head = FactoredRidge.of(one.features[part.weak], one.features[part.student])
            learned = student.predict(head.predict(labels, training.weak_ridge), training.student_ridge)
            named = _answers(learned[:, :, None], truths, accuracy=accuracy and drawn.shape[1] == 1)
            slopes[:, place, test, 0] = -2.0 * named[:, :, 0].T / len(test)
        found.append(slopes)
    return np.concatenate(found)


def _answers(learned: Array, truths: LabelTruths, *, accuracy: bool) -> Array:
    """(…, k) answers in the unit of the labels: as they are, or as the classes that they name."""
    if not accuracy:
        return learned
    codes = truths.coding.codes(learned)
    return truths.coding.labels(hardened(codes.reshape(-1, codes.shape[-1])).reshape(codes.shape))
