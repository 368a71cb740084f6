"""Training routes: students really trained on weak labels as they are and on refined ones, against what was advised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.estimators.hard_votes import votes
from predictor.estimators.problem import Case, Refined, Representation
from predictor.estimators.somerstep2024 import LinearRefiner, Refinement, disjoint_contexts, em_step, shared_contexts
from predictor.heads.ridge import FactoredRidge
from predictor.query.labels import Labels
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.query.source import FeatureSource, LabelSource
from predictor.ranking.gathering import Gathered
from predictor.ranking.labelling import labels_of
from predictor.statistics.arrays import Array
from predictor.steps import Progress, Steps
from predictor.training.measures import squared_error
from predictor.training.splits import cut, thirds
from predictor.validation.validation import RouteTrained, mean_of

Rows = NDArray[np.intp]
Pair = tuple[Array, Array]

SPLITS = 3
"""Random thirds that both routes are trained on in a validation."""


class Relabelling(Protocol):
    """A way to refine the weak labels of some rows, twice, given disjoint contexts."""

    def pair(self, rows: Rows, weak_labels: Array, rng: np.random.Generator) -> Steps[Pair | None]:
        """Refined labels (n, k) of pool rows that carry (n, k) weak ones; None where these cannot be refined."""
        ...


@dataclass(frozen=True, eq=False)
class LinearRelabelling:
    """Linear concepts on (n, d) strong features.

    Attributes:
        context: rows in context.
    """

    strong: NDArray[np.floating]
    context: int = 16

    def pair(self, rows: Rows, weak_labels: Array, rng: np.random.Generator) -> Steps[Pair | None]:
        """See `Relabelling`."""
        yield from ()
        size = min(self.context, (len(rows) - 1) // 2)
        refiner = LinearRefiner.of(self.strong[rows], weak_labels)
        one, other = (refiner.relabel(weak_labels, c) for c in disjoint_contexts(len(rows), size, rng))
        return one, other


@dataclass(frozen=True, eq=False)
class PromptedRelabelling:
    """The strong model, prompted.

    Attributes:
        spec, pool, settings: as for a ranking; the pool has every row.
        context: rows in context.
    """

    source: LabelSource
    spec: ModelSpec
    pool: Pool
    settings: Settings
    context: int = 8

    def pair(self, rows: Rows, weak_labels: Array, rng: np.random.Generator) -> Steps[Pair | None]:
        """See `Relabelling`; None where every row has the same class."""
        classes = votes(weak_labels)
        if np.ptp(classes) == 0:
            return None
        contexts = shared_contexts(classes, min(self.context, len(rows) // 3), rng)
        steps = self.source.refined(self.spec, self.pool.take(rows), self.settings, weak_labels, contexts)
        first, second = yield from steps
        return np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Routes:
    """Measured errors of both routes on every split, in label variances, and what was advised before training.

    Attributes:
        weak: (m, splits) of the teacher; as all errors here, mean squared, on fresh rows.
        naive, refined, em_step: (m, splits) of the student trained on the weak labels, the refined ones, one EM step of
            them; NaN where nothing could be refined.
        score: (m, splits) of the estimator `refinement`: above 0 it advises to refine.
        promised: (m, splits) predicted gain of the refined route less that of the naive one.
        retention: (m, splits) share of the concept that refined labels retain.
    """

    weak: Array
    naive: Array
    refined: Array
    em_step: Array
    score: Array
    promised: Array
    retention: Array

    @property
    def helped(self) -> Array:
        """(m, splits) error saved by refining; NaN where nothing could be refined."""
        return self.naive - self.refined

    def of(self, candidate: int) -> Routes:
        """The routes of one candidate alone, m = 1."""
        return Routes(**{one.name: getattr(self, one.name)[[candidate]] for one in fields(self)})

    def right(self, advice: Array) -> float | None:
        """Share of trainings in which advice above 0 meant help, and only then; None where there is none."""
        known = np.isfinite(advice) & np.isfinite(self.helped)
        return float(np.mean((advice[known] > 0.0) == (self.helped[known] > 0.0))) if known.any() else None

    def cost(self, advice: Array) -> float | None:
        """Mean error of following the advice, less that of the better route each time."""
        known = np.isfinite(advice) & np.isfinite(self.helped)
        if not known.any():
            return None
        taken = np.where(advice > 0.0, self.refined, self.naive)[known]
        return float(np.mean(taken - np.minimum(self.refined, self.naive)[known]))


def routes_steps(
    strong: Representation,
    weak: Sequence[Representation],
    labels: Labels,
    relabelling: Relabelling,
    *,
    splits: int = 3,
    seed: int = 0,
    sizes: tuple[int, int] | None = None,
) -> Steps[Routes]:
    """Train the student on both routes for every candidate, on the parts that `train_w2s` uses.

    On each split: weak head on D~, its labels on D^, refined labels on D^, then a ridge head on either, tested on fresh
    rows. The estimator sees D^ with the refined labels, and the gold labels of D~ alone.

    Args:
        labels: gold labels of all n rows.
        sizes: rows of D~ and D^, the rest being tested on; None for a third each.

    Raises:
        InputError: an unlabelled row.
        W2SError: the strong model cannot be prompted.
    """
    if not labels.known.all():
        raise InputError("routes are trained on labelled rows only.", reason="UNLABELLED_ROW", field="task")
    variance = float(np.sum(np.var(labels.targets, axis=0)))
    measured = {
        name: np.full((len(weak), splits), np.nan)
        for name in ("weak", "naive", "refined", "em_step", "score", "promised", "retention")
    }
    for split in range(splits):
        rng = np.random.default_rng([seed, split])
        rows = len(labels.targets)
        part = thirds(rows, rng) if sizes is None else cut(rows, *sizes, rng)
        student = FactoredRidge.of(strong.features[part.student], strong.features[part.test])
        truth, refined = labels.targets[part.test], {}
        for i, candidate in enumerate(weak):
            yield Progress(candidate.name, "train", split * len(weak) + i, splits * len(weak))
            weak_labels, weak_test = _weak_labels(
                candidate.features, labels.targets, part.weak, (part.student, part.test)
            )
            rng = np.random.default_rng([seed, split, *candidate.name.encode()])
            pair = yield from relabelling.pair(part.student, weak_labels, rng)
            training_labels = {"naive": weak_labels, "em_step": em_step(strong.features[part.student], weak_labels)}
            if pair is not None:
                refined[candidate.name] = pair
                training_labels["refined"] = pair[0]
            measured["weak"][i, split] = squared_error(weak_test, truth) / variance
            for name, shown in training_labels.items():
                learned = student.predict(shown)
                measured[name][i, split] = squared_error(learned, truth) / variance
        case = _case(strong, weak, labels, part.weak, part.student, refined, seed + split)
        for i, found in enumerate(Refinement().estimate(case)):
            if found.value is not None:
                measured["score"][i, split] = found.value
                measured["retention"][i, split] = found.details["retention"]
                measured["promised"][i, split] = found.details["gain_refined"] - found.details["gain_naive"]
    return Routes(**measured)


def routes_of(
    query: RankingQuery, gathered: Gathered, names: Sequence[str], labels: Labels, source: FeatureSource
) -> Steps[tuple[RouteTrained, ...]]:
    """Both routes of the named candidates, refined as the query's settings ask; () where they ask for none.

    Raises:
        W2SError: the strong model cannot be prompted.
    """
    settings, strong = query.settings, gathered.strong
    if settings.refine is None:
        return ()
    relabelling: Relabelling = LinearRelabelling(strong.values)
    if settings.refine == "prompted":
        relabelling = PromptedRelabelling(labels_of(source, query.strong), query.strong, query.pool, settings)
    weak = [Representation.of(one) for one in gathered.active if one.name in names]
    routes = yield from routes_steps(
        Representation.of(strong), weak, labels, relabelling, splits=SPLITS, seed=settings.seed
    )
    return tuple(_trained(candidate.name, settings.refine, routes.of(i)) for i, candidate in enumerate(weak))


def _trained(name: str, realisation: str, routes: Routes) -> RouteTrained:
    def middle(values: Array) -> float | None:
        known = values[np.isfinite(values)]
        return float(known.mean()) if len(known) else None

    refined = routes.refined[0][np.isfinite(routes.refined[0])]
    return RouteTrained(
        name,
        realisation,
        mean_of(routes.naive[0]),
        mean_of(refined) if len(refined) else None,
        middle(routes.score),
        middle(routes.promised),
        routes.right(routes.score),
        routes.right(routes.promised),
    )


def _weak_labels(features: NDArray[np.floating], gold: Array, train: Rows, others: tuple[Rows, Rows]) -> Pair:
    """Weak labels of two other sets of rows, by the weak head trained on gold rows."""
    head = FactoredRidge.of(features[train], features[np.concatenate(others)])
    predicted = head.predict(gold[train])
    return predicted[: len(others[0])], predicted[len(others[0]) :]


def _case(
    strong: Representation,
    weak: Sequence[Representation],
    labels: Labels,
    gold: Rows,
    student: Rows,
    refined: dict[str, Pair],
    seed: int,
) -> Case:
    """What is known before training: D~ with its gold labels, D^ with weak and refined ones."""
    rows = np.concatenate([gold, student])
    shown = labels.targets[rows].copy()
    shown[len(gold) :] = np.nan
    empty = np.full((len(gold), shown.shape[1]), np.nan)
    return Case(
        strong.take(rows),
        tuple(one.take(rows) for one in weak),
        Labels(shown, labels.kind, labels.classes),
        {},
        seed,
        {name: Refined(*(np.concatenate([empty, one]) for one in pair)) for name, pair in refined.items()},
    )
