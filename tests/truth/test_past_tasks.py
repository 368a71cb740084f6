"""What past tasks add to a forecast of the same candidates."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.truth.past_tasks import MAX_AGREEMENT, PRIOR_AGREEMENT, PastTask, agreement, standing

CANDIDATES = 12


def made(rng: np.random.Generator, tasks: int, rho: float) -> tuple[list[PastTask], np.ndarray]:
    """Past tasks and the new one, whose orders correlate by ρ."""
    own = np.sqrt(rho) * rng.standard_normal(CANDIDATES)
    every = own + np.sqrt(1.0 - rho) * rng.standard_normal((tasks + 1, CANDIDATES))
    return [PastTask(f"task {t}", 5.0 + 0.2 * every[t]) for t in range(tasks)], every[-1]


def test_term_by_term():
    """The update written out from the formulas of the module, one candidate unmeasured on one task."""
    past = [
        PastTask("a", np.array([1.0, 2.0, 4.0, 3.0]), 0.9),
        PastTask("b", np.array([0.1, np.nan, 0.5, 0.2]), 0.5),
    ]
    mean, variance = np.array([0.3, 0.35, 0.5, 0.45]), np.array([0.01, 0.02, 0.03, 0.04])
    f = mean - mean.mean()
    known = [np.array([0, 1, 2, 3]), np.array([0, 2, 3])]
    z = [
        (one.values[own] - one.values[own].mean()) / one.values[own].std() for one, own in zip(past, known, strict=True)
    ]
    pair = np.corrcoef(z[0][[0, 2, 3]], z[1])[0, 1]
    rho = min((PRIOR_AGREEMENT + 0.9 * 0.5 * pair) / (1.0 + 0.9 * 0.5), MAX_AGREEMENT)
    near = [np.corrcoef(f[own], values)[0, 1] for own, values in zip(known, z, strict=True)]
    others = [(PRIOR_AGREEMENT + 0.5 * pair) / 1.5, (PRIOR_AGREEMENT + 0.9 * pair) / 1.9]
    weights = [0.9 * (near[0] + others[0]) / 2.0, 0.5 * (near[1] + others[1]) / 2.0]
    spreads = [np.sqrt(f[own].var() + variance[own].mean()) for own in known]
    prior = (weights[0] * spreads[0] ** 2 + weights[1] * spreads[1] ** 2) / sum(weights)
    top, count = np.zeros(4), np.zeros(4)
    for weight, own, values, spread in zip(weights, known, z, spreads, strict=True):
        top[own] += weight * (f[own].mean() + spread * values)
        count[own] += weight
    effect = rho * top / (rho * count + 1.0 - rho)
    missed = prior * (1.0 - rho**2 * count / (rho * count + 1.0 - rho))
    updated = 1.0 / (1.0 / variance + 1.0 / missed - 1.0 / prior)
    expected = updated * (f / variance + effect / missed)
    found = standing(past, mean, variance)
    assert found.mean == pytest.approx(expected - expected.mean())
    assert found.weight == pytest.approx(np.mean(1.0 - updated / variance))
    assert found.tasks == pytest.approx(np.array(weights) / sum(weights))


def test_the_posterior_mean_of_the_model():
    """With equal weights the effect is the conditional mean of a Gaussian with these covariances."""
    rho, tasks = 0.6, 3
    covariance = np.full((tasks + 1, tasks + 1), rho) + (1.0 - rho) * np.eye(tasks + 1)
    z = np.array([0.4, -1.0, 0.9])
    exact = covariance[-1, :-1] @ np.linalg.solve(covariance[:-1, :-1], z)
    assert rho * z.sum() / (rho * tasks + 1.0 - rho) == pytest.approx(exact)
    variance = 1.0 - covariance[-1, :-1] @ np.linalg.solve(covariance[:-1, :-1], covariance[:-1, -1])
    assert 1.0 - rho**2 * tasks / (rho * tasks + 1.0 - rho) == pytest.approx(variance)


def test_direction():
    """A candidate that did badly on near tasks is predicted worse than its twin that did well."""
    measured = np.array([0.1, 0.2, 0.3, 0.9, 0.5])
    mean = np.array([0.1, 0.2, 0.3, 0.4, 0.4])
    found = standing([PastTask("a", measured), PastTask("b", measured)], mean, np.full(5, 0.01))
    assert found.mean[3] > found.mean[4]


def test_certain_forecast_stays():
    """A forecast without uncertainty is not moved."""
    past, _ = made(np.random.default_rng(0), 5, 0.8)
    mean = np.linspace(0.0, 1.0, CANDIDATES)
    found = standing(past, mean, np.full(CANDIDATES, 1e-12))
    assert found.mean == pytest.approx(mean - mean.mean())
    assert found.weight == pytest.approx(0.0, abs=1e-6)


def test_far_tasks_say_nothing():
    """A task whose order is the opposite of the forecast's has weight 0."""
    mean = np.linspace(0.0, 1.0, CANDIDATES)
    found = standing([PastTask("a", -mean)], mean, np.full(CANDIDATES, 0.1))
    assert found.mean == pytest.approx(mean - mean.mean())
    assert (found.weight, found.reliability, found.tasks.tolist()) == (0.0, 0.0, [0.0])


def test_tasks_that_agree_count_against_the_forecast():
    """Four tasks of one order move a forecast that they contradict; a lone one does not."""
    mean = np.linspace(0.0, 1.0, 6)
    other = np.array([0.5, 0.9, 0.1, 0.8, 0.2, 0.3])
    alone, agreed = (
        standing([PastTask(f"task {t}", other) for t in range(count)], mean, np.full(6, 0.1)) for count in (1, 4)
    )
    assert alone.weight < 0.02
    assert agreed.weight > 0.3
    assert np.corrcoef(agreed.mean, other)[0, 1] > np.corrcoef(mean, other)[0, 1] + 0.3


def test_worthless_tasks_change_little():
    """Orders without any relation move the forecast by a tenth of its spread at most, in the mean over draws."""
    moved = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        past, _ = made(rng, 8, 0.0)
        mean = rng.standard_normal(CANDIDATES)
        found = standing(past, mean, np.full(CANDIDATES, 0.5))
        moved.append(np.std(found.mean - (mean - mean.mean())) / mean.std())
    assert np.mean(moved) < 0.1


def test_informative_tasks_beat_either():
    """Forecast and past tasks together have a smaller error than the forecast, in the mean over draws."""
    alone, both = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        past, truth = made(rng, 5, 0.7)
        mean = 0.5 * truth + np.sqrt(0.25) * rng.standard_normal(CANDIDATES)
        found = standing(past, mean, np.full(CANDIDATES, 0.5))
        truth = truth - truth.mean()
        alone.append(np.mean((mean - mean.mean() - truth) ** 2))
        both.append(np.mean((found.mean - truth) ** 2))
    assert np.mean(both) < 0.75 * np.mean(alone)


def test_agreement_is_estimated():
    """ρ of many tasks is that which they were made with; of none it is the prior."""
    found = []
    for seed in range(30):
        past, _ = made(np.random.default_rng(seed), 10, 0.6)
        scores = np.stack([one.standardised() for one in past])
        found.append(agreement([one.name for one in past], scores, scores == scores, np.ones(10))[0])
    assert np.mean(found) == pytest.approx(0.6, abs=0.08)
    alone, each = agreement(["a"], scores[:1], scores[:1] == scores[:1], np.ones(1))
    assert (alone, each.tolist()) == (PRIOR_AGREEMENT, [PRIOR_AGREEMENT])


def test_students_of_one_task_are_no_other_task():
    """Orders of one task's students say nothing of how far tasks agree."""
    z = np.stack([np.arange(4.0)] * 3)
    assert agreement(["a", "a", "a"], z, z == z, np.full(3, 1 / 3))[0] == PRIOR_AGREEMENT
    assert agreement(["a", "a", "b"], z, z == z, np.full(3, 1 / 3))[0] > PRIOR_AGREEMENT


def test_spread_of_the_same_unit_is_its_own():
    """Errors in the forecast's unit set the spread; others take the forecast's, whatever their size."""
    mean, variance = np.linspace(0.0, 1.0, 6), np.full(6, 0.1)
    small = 1e-3 * np.arange(6.0)
    own, other, larger = (
        standing([PastTask("a", values, same_unit=same)], mean, variance).mean
        for values, same in ((small, True), (small, False), (100.0 * small, False))
    )
    assert np.ptp(own) < np.ptp(other)
    assert other == pytest.approx(larger)
