"""Numbers recomputed from the README of the estimators alone, through the public call, in a few lines of numpy each."""

from __future__ import annotations

import numpy as np
import pytest

import predictor

ROWS, GOLD = 120, 45


def standardised(features, of):
    of = of.astype(float)
    return (features - of.mean(axis=0)) / of.std(axis=0) / of.shape[1] ** 0.5


def kernel(features):
    z = standardised(features, features)
    return z @ z.T / len(z)


def principal(matrix):
    values, vectors = np.linalg.eigh(matrix)
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = np.searchsorted(np.cumsum(values) / values.sum(), 0.95) + 1
    return values[:kept], vectors[:, :kept]


def head(train, labels, other):
    """Predictions and leave-one-out residuals of the ridge head of least error on rows left out."""
    z, n, centred = standardised(train, train), len(train), labels - labels.mean()
    across, scores = standardised(other, train) @ z.T / n, []
    for ridge in np.logspace(-6, 1, 22):
        inverse = np.linalg.inv(z @ z.T / n + ridge * np.eye(n))
        smoother = z @ z.T / n @ inverse
        free = n - 1 - np.trace(smoother)
        scores.append(
            (np.sum((centred - smoother @ centred) ** 2) / free**2 if free > 0.5 else np.inf, inverse, smoother)
        )
    _, inverse, smoother = min(scores, key=lambda one: one[0])
    left_out = (centred - smoother @ centred) / (1 - 1 / n - np.diag(smoother))
    return labels.mean() + across @ inverse @ centred, left_out


@pytest.fixture(scope="module")
def asked():
    rng = np.random.default_rng(5)
    shared = rng.standard_normal((ROWS, 8))
    strong = shared @ rng.standard_normal((8, 12)) + 0.5 * rng.standard_normal((ROWS, 12))
    weak = shared[:, :5] @ rng.standard_normal((5, 9)) + 0.8 * rng.standard_normal((ROWS, 9))
    truth = shared @ rng.standard_normal(8) + rng.standard_normal(ROWS)
    known = np.zeros(ROWS, bool)
    known[rng.permutation(ROWS)[:GOLD]] = True
    names = ["representation_gap", "representation_gap_frobenius", "representation_gap_prior", "cka"]
    names += ["representation_gap_labels", "intrinsic_dimension_discrepancy", "misfit", "misfit_selection"]
    ranking = predictor.predict(
        strong=strong, weak={"w": weak}, labels=np.where(known, truth, np.nan), seed=3, estimators=["combined", *names]
    )
    return strong.astype(np.float32), weak.astype(np.float32), truth, known, ranking.best().estimates


def test_what_the_representations_say(asked):
    strong, weak, truth, known, found = asked
    (ls, us), (lw, uw) = principal(kernel(strong)), principal(kernel(weak))
    ability, fit = (us * (ls / (ls + 0.01))) @ us.T, (uw * (lw / (lw + 0.01))) @ uw.T
    hidden, prior = ability @ (np.eye(ROWS) - fit), (us * ls) @ us.T
    k, q = kernel(strong), kernel(weak)
    overlap, rows = np.sum((us.T @ uw) ** 2), ROWS - GOLD
    pairs = (hidden.T @ hidden)[np.ix_(known, known)] * np.subtract.outer(truth[known], truth[known]) ** 2
    expected = {
        "representation_gap": np.linalg.norm(hidden, 2),
        "representation_gap_frobenius": np.sum(hidden**2) / np.sum(ability**2),
        "representation_gap_prior": np.trace(hidden @ prior @ hidden.T) / np.trace(ability @ prior @ ability),
        "cka": np.sum(k * q) / np.linalg.norm(k) / np.linalg.norm(q),
        "intrinsic_dimension_discrepancy": (overlap + len(ls) / rows * (len(lw) - overlap)) / len(lw),
        "representation_gap_labels": -(ROWS - 1) / (GOLD * (GOLD - 1)) * pairs.sum() / 2 / truth[known].var(),
    }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=1e-8), name


def test_what_the_student_refuses_without_gold_labels(asked):
    strong, weak, truth, _, _ = asked
    given = 0.5 * truth + np.random.default_rng(1).standard_normal(ROWS)
    ranking = predictor.predict(
        strong=strong, weak={"w": weak}, weak_labels={"w": given}, seed=3, estimators=["combined", "misfit"]
    )
    learned = np.empty(ROWS)
    order = np.random.default_rng([3, *b"misfit"]).permutation(ROWS)
    for held in np.array_split(order, 5):
        rest = np.setdiff1d(order, held)
        learned[held] = head(strong[rest], given[rest], strong[held])[0]
    found = ranking.best().estimates["misfit"]
    assert found.value == pytest.approx(np.mean((learned - given) ** 2), rel=1e-5)
    assert found.unit == "squared label units"


def test_what_the_student_refuses(asked):
    strong, weak, truth, known, found = asked
    variance = truth[known].var()
    centred, own = head(weak[known], truth[known], weak[~known])
    rows, learned = strong[~known], np.empty(ROWS - GOLD)
    order = np.random.default_rng([3, *b"misfit"]).permutation(len(rows))
    for held in np.array_split(order, 5):
        rest = np.setdiff1d(order, held)
        learned[held] = head(rows[rest], centred[rest], rows[held])[0]
    misfit = np.mean((learned - centred) ** 2) / variance
    assert found["misfit"].value == pytest.approx(misfit, abs=1e-8)
    left_out = np.mean(head(rows, centred, rows)[1] ** 2) / variance
    assert found["misfit"].details["leave_one_out"] == pytest.approx(left_out, abs=1e-8)
    assert found["misfit_selection"].value == pytest.approx(np.mean(own**2) / variance - misfit, abs=1e-8)


def test_how_far_truth_relies_on_each_voter(asked):
    """Weight and reliability of weak labels and of a proxy, without gold labels, from the README's formula."""
    strong, weak, truth, _, _ = asked
    rng = np.random.default_rng(6)
    given = [c * truth + s * rng.standard_normal(ROWS) for c, s in ((0.6, 0.5), (0.5, 0.6), (0.4, 0.9))]
    proxy = truth + 2.0 * rng.standard_normal(ROWS)
    found = predictor.predict(
        strong=strong,
        weak={f"w{i}": weak[:, i : i + 4] for i in range(3)},
        weak_labels={f"w{i}": one for i, one in enumerate(given)},
        proxies={"p": proxy},
        estimators=["truth"],
    ).evidence_kinds
    unit = np.sqrt(2.0 * np.median([one.var() for one in given]))
    voters = np.stack([*given, proxy]) / unit
    voters -= voters.mean(axis=1, keepdims=True)
    voters[3] *= 0.5 / voters[3].std()
    covariance, deviation = voters @ voters.T / ROWS, voters.std(axis=1)
    factor = covariance / np.outer(deviation, deviation)
    loading = np.sqrt(np.max(factor - 2.0 * np.eye(4), axis=1))
    for _ in range(100):
        np.fill_diagonal(factor, loading**2)
        values, vectors = np.linalg.eigh(factor)
        loading = np.clip(np.sqrt(values[-1]) * np.abs(vectors[:, -1]), 0.0, 1.0)
    reliability = np.minimum(np.append(deviation[:3], 0.5), loading)
    shared = np.append(deviation[:3] ** 2, reliability[3] * deviation[3])
    share = np.abs(np.linalg.solve(covariance + 0.3 * np.mean(deviation**2) * np.eye(4), shared)) * deviation
    assert [one.name for one in found] == ["w0", "w1", "w2", "p"]
    assert [one.reliability for one in found] == pytest.approx(reliability.tolist(), abs=1e-4)
    assert [one.weight for one in found] == pytest.approx((share / share.sum()).tolist(), abs=1e-4)
