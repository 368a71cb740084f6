"""Weak labels of heads trained on the gold rows, and of teachers trained elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from predictor.estimators.combined import Combined
from predictor.estimators.problem import Case, Representation
from predictor.estimators.truth import TruthForecast
from predictor.heads.ridge import FactoredRidge
from predictor.query.labels import Labels
from predictor.truth.exchangeability import FOLLOWED, excess_spread, follows_own, trained_on

ROWS, GOLD = 400, 100


def world(seed):
    """Features of four candidates, noisy labels that they see, and the rows with a gold label."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((ROWS, 10))
    noises = {f"w{i}": 3.0 + i for i in range(4)}
    weak = {
        n: shared @ rng.standard_normal((10, 200)) + e * rng.standard_normal((ROWS, 200)) for n, e in noises.items()
    }
    labels = (shared @ rng.standard_normal(10) + rng.standard_normal(ROWS) > 0.0) * 1.0
    return weak, labels, rng.permutation(ROWS)


def heads(weak, labels, trained):
    return {n: FactoredRidge.of(x[trained], x).predict(labels[trained][:, None]) for n, x in weak.items()}


def revealed(labels, rows):
    return Labels(np.where(np.isin(np.arange(ROWS), rows), labels, np.nan)[:, None], "binary", ("0", "1"))


@pytest.mark.parametrize("seed", range(6))
def test_heads_of_the_gold_rows_are_reported_from_teachers_trained_elsewhere(seed):
    weak, labels, order = world(seed)
    shown = revealed(labels, order[:GOLD])
    assert trained_on(heads(weak, labels, order[:GOLD]).values(), shown)
    elsewhere = heads(weak, labels, order[GOLD : 2 * GOLD])
    others = np.setdiff1d(np.arange(ROWS), order[GOLD : 2 * GOLD])
    assert not trained_on((table[others] for table in elsewhere.values()), shown.take(others))


@pytest.mark.parametrize("seed", [1, 2, 4, 5])
def test_chosen_rows_are_no_training_rows(seed):
    """Gold rows where teachers trained elsewhere disagree have excess spread, and are not mistaken."""
    weak, labels, order = world(seed)
    elsewhere = heads(weak, labels, order[:GOLD])
    others = order[GOLD:]
    tables = [table[others] for table in elsewhere.values()]
    disputed = np.argsort(-np.var(tables, axis=0)[:, 0])[:GOLD]
    shown = revealed(labels, others[disputed]).take(others)
    assert excess_spread(tables, shown.known) > 2.0
    assert not trained_on(tables, shown)


def test_follows_own_by_hand():
    """Outputs ±¼ about ½ of eight rows, half of which the label is beside by ¼ and half by −¾ of it."""
    gold, own = np.array([1.0, 0.0] * 4), np.array([0.75, 0.25] * 4)
    own[:2] = 0.25, 0.75
    labels = Labels(np.concatenate([gold, np.full(8, np.nan)])[:, None], "binary", ("0", "1"))
    table = np.concatenate([own, np.full(8, 0.5)])
    moved = np.array([-0.1875, -0.1875] + [0.0625] * 6)
    assert follows_own([table], labels) == pytest.approx(moved.mean() / (moved.std() / 8**0.5))
    assert follows_own([np.stack([1.0 - table, table], axis=1)], labels) == follows_own([table], labels)
    assert follows_own([], labels) == follows_own([np.ones((16, 3))], labels) == 0.0
    assert follows_own([np.ones(16)], labels) < FOLLOWED


def test_excess_spread_by_hand():
    """Gold rows 0 and others ±1 about their mean 0: q is 0 on gold rows; of others 1 without spread, then 0 or 4."""
    known = np.arange(16) < 8
    gold, others = np.zeros(8), np.array([2.0, -2.0, 0.0, 0.0, 2.0, -2.0, 0.0, 0.0])
    # mean q: 0 and 2, var of others 4 over 8 rows: z = −2/√½.
    assert excess_spread([np.concatenate([gold, others])], known) == pytest.approx(-2.0 / 0.5**0.5)
    assert excess_spread([], known) == excess_spread([np.ones(16)], known) == 0.0
    assert excess_spread([np.arange(16.0)], np.arange(16) < 7) == 0.0  # too few


def test_the_default_takes_no_votes_of_heads_trained_on_the_gold_rows():
    weak, labels, order = world(1)
    models = tuple(Representation(name, x) for name, x in weak.items())
    known = Labels.of([float(v) if i in set(order[:GOLD]) else None for i, v in enumerate(labels)])
    case = Case(models[0], models, known, weak_labels=heads(weak, labels, order[:GOLD]))
    assert Combined().chosen(case).name == "truth_posterior"
    assert replace(TruthForecast(), draws=4, shuffles=2).forecast(case).evidence_kinds == ()
