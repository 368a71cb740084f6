"""Simulated worlds of the decision benchmark, whose truth is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from predictor.decision.draws import centred_on
from predictor.estimators.combined import Combined
from predictor.estimators.problem import Case, Representation
from predictor.heads.ridge import FactoredRidge
from predictor.query.labels import Labels
from predictor.query.training_plan import Training
from predictor.ranking.null_scores import above_null
from predictor.ranking.ordering import ordered_by, rank_by_of, step_of
from predictor.statistics.arrays import Array
from tests.benchmarks.decision_cells import ON_ALL_ROWS, Answered, trained, wins_of
from tests.benchmarks.one_truth import shown

WORLD_ROWS, TRAINED_ON, TEACHERS = 240, 80, 5
GOLD = {"D~": TRAINED_ON, "gold 25": 25}
"""Evidence -> gold rows, of the TRAINED_ON that heads are trained on."""


def simulations(kind: str, evidence: str, count: int) -> Iterator[Answered]:
    """Simulated rankings with that evidence: `world`, or `null` where no teacher sees anything."""
    for seed in range(count):
        rng = np.random.default_rng([seed, *kind.encode()])
        hidden = rng.standard_normal((WORLD_ROWS, 6))
        strong = hidden @ rng.standard_normal((6, 20)) + 0.3 * rng.standard_normal((WORLD_ROWS, 20))
        seen = hidden if kind == "world" else rng.standard_normal((TEACHERS, WORLD_ROWS, 6))
        weak = [
            (seen if kind == "world" else seen[i]) @ rng.standard_normal((6, 12))
            + noise * rng.standard_normal((WORLD_ROWS, 12))
            for i, noise in enumerate(rng.uniform(0.5, 4.0, TEACHERS))
        ]
        truth = (hidden @ rng.standard_normal(6) + 0.8 * rng.standard_normal(WORLD_ROWS) > 0.0).astype(float)[:, None]
        yield _world(kind, evidence, seed, strong, weak, truth)


def _world(kind: str, evidence: str, seed: int, strong: Array, weak: Sequence[Array], truth: Array) -> Answered:
    known, rest = np.split(np.arange(len(truth)), [TRAINED_ON])
    names = tuple(f"teacher {i}" for i in range(len(weak)))
    labels = shown(Labels(truth, "binary", ("0", "1")), known[: GOLD[evidence]])
    models = tuple(Representation(name, one) for name, one in zip(names, weak, strict=True))
    training = Training(weak_rows=TRAINED_ON)
    forecast = Combined().forecast(Case(Representation("strong", strong), models, labels, seed=seed, training=training))
    follows = rank_by_of(None, forecast)
    order, draws = ordered_by(follows, forecast)
    tables = [FactoredRidge.of(one[known], one[rest]).predict(truth[known]) for one in weak]
    measured = trained(strong[rest], tables, truth[rest])
    accuracy = np.full(len(weak), np.nan) if forecast.accuracy is None else forecast.accuracy.w2s
    return Answered(
        kind,
        "simulated",
        evidence,
        seed,
        names,
        order,
        centred_on(order, draws).T,
        above_null(forecast.error, forecast.null_draws),
        np.zeros(len(weak), dtype=bool),
        accuracy,
        forecast.error,
        measured[0],
        measured[1],
        measured[2],
        wins_of(strong[rest], tables, truth[rest])[int(evidence in ON_ALL_ROWS), int(forecast.accuracy is None)],
        step_of(follows, forecast),
    )
