"""LogME against the authors' formula with explicit matrices, the marginal likelihood, and cases by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.linalg import null_space
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from predictor.estimators.problem import Case, Representation
from predictor.estimators.you2021 import BestEvidence, LogMe
from predictor.query.labels import Labels
from predictor.training.runs import train_w2s
from tests.estimators.cases import case_with, shown, task, teachers
from tests.reference import dense
from tests.reference.models import correlated

ESTIMATOR = LogMe()
SILENT = -0.5 * np.log(2 * np.pi * np.e)


def without_mean(features, labels):
    """The n − 1 contrasts of the rows that know nothing of an intercept."""
    contrasts = null_space(np.ones((1, len(labels)))).T
    return contrasts @ dense.standardise(features), contrasts @ ((labels - labels.mean()) / labels.std())


def authors_evidence(features, labels, alpha, beta):
    """Equation of section 4.2: ½ [n log β + d log α − n log 2π − β‖F m − y‖² − α mᵀm − log |A|]."""
    rows, dims = features.shape
    a = alpha * np.eye(dims) + beta * features.T @ features
    m = beta * np.linalg.solve(a, features.T @ labels)
    return 0.5 * (
        rows * np.log(beta)
        + dims * np.log(alpha)
        - rows * np.log(2 * np.pi)
        - beta * np.sum((features @ m - labels) ** 2)
        - alpha * m @ m
        - np.linalg.slogdet(a)[1]
    )


def authors_fixed_point(features, labels, rounds=400):
    """Algorithm 1 of the paper, on explicit matrices."""
    rows = len(labels)
    values = np.linalg.eigvalsh(features.T @ features)
    alpha = beta = 1.0
    for _ in range(rounds):
        a = alpha * np.eye(features.shape[1]) + beta * features.T @ features
        m = beta * np.linalg.solve(a, features.T @ labels)
        gamma = np.sum(beta * values / (alpha + beta * values))
        alpha, beta = gamma / (m @ m), (rows - gamma) / np.sum((features @ m - labels) ** 2)
    return alpha, beta


@pytest.mark.parametrize("dims", [3, 12, 60])
def test_it_is_the_authors_evidence_at_their_fixed_point_without_the_mean(dims):
    rng = np.random.default_rng(dims)
    features = correlated(40, dims, 0.6, rng)
    score = dense.standardise(features) @ rng.standard_normal(dims)
    labels = score / score.std() + rng.standard_normal(40) + 3.0
    case = Case(Representation("s", features), (Representation("w", features),), Labels.of([*labels]))
    (found,) = ESTIMATOR.estimate(case)
    contrasted = without_mean(features, labels)
    alpha, beta = authors_fixed_point(*contrasted)
    assert found.details["prior_precision"] == pytest.approx(alpha, rel=1e-4)
    assert found.details["noise_precision"] == pytest.approx(beta, rel=1e-4)
    assert found.value == pytest.approx(authors_evidence(*contrasted, alpha, beta) / 39, abs=1e-7)


def test_the_fixed_point_is_the_maximum_of_the_marginal_likelihood():
    """Evidence = log N(y; 0, I/β + F Fᵀ/α); no other α and β do better."""
    rng = np.random.default_rng(1)
    features = correlated(30, 5, 0.6, rng)
    labels = dense.standardise(features) @ rng.standard_normal(5) + 0.3 * rng.standard_normal(30)
    f, y = without_mean(features, labels)

    def marginal(logs):
        cov = np.eye(29) / np.exp(logs[1]) + f @ f.T / np.exp(logs[0])
        return multivariate_normal(np.zeros(29), cov).logpdf(y)

    best = minimize(lambda logs: -marginal(logs), np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-8})
    case = Case(Representation("s", features), (Representation("w", features),), Labels.of([*labels]))
    (found,) = ESTIMATOR.estimate(case)
    assert found.value == pytest.approx(-best.fun / 29, abs=1e-7)
    logs = np.log([found.details["prior_precision"], found.details["noise_precision"]])
    assert marginal(logs) == pytest.approx(authors_evidence(f, y, *np.exp(logs)), abs=1e-8)


def test_one_direction_by_hand():
    """σ = 1, energy 4 of 5, 3 rows: with t = α/β the profile is −½ log(1 + 1/t) − 3/2 log(4 t/(1 + t) + 1) + …

    Its derivative vanishes where 1/(t (1 + t)) · ½ = 3/2 · 4/(1 + t)² / (4 t/(1 + t) + 1): (1 + 5 t) = 12 t, t = 1/7.
    There ‖F m − y‖² + t ‖m‖² = 4 t/(1 + t) + 1 = 3/2, β = 2 and α = 2/7.
    """
    found = BestEvidence.of(np.array([1.0]), np.array([4.0]), 5.0, 3)
    assert (found.prior, found.noise) == pytest.approx((2 / 7, 2.0), rel=1e-6)
    expected = 0.5 * (3 * np.log(2.0) - 3 * np.log(2 * np.pi) - 3 - np.log(8.0))
    assert found.per_row == pytest.approx(expected / 3, abs=1e-9)


def test_columns_of_classes_are_averaged():
    case = case_with("few_labels", noises=(0.3,), kind="multiclass")
    known = case.labels.known
    gold, features = case.labels.targets[known], case.weak[0].features[known]
    each = []
    for column in gold.T:
        f, y = without_mean(features, column)
        each.append(authors_evidence(f, y, *authors_fixed_point(f, y)) / (len(gold) - 1))
    assert ESTIMATOR.estimate(case)[0].value == pytest.approx(np.mean(each), abs=1e-6)


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_the_candidate_that_sees_the_task_best_has_most_evidence_and_least_measured_weak_error(kind):
    case = case_with("few_labels", noises=(0.1, 0.8, 4.0), kind=kind, rows=240)
    found = [e.value for e in ESTIMATOR.estimate(case)]
    assert np.all(np.diff(found) < 0)
    labels = Labels.of(task(case.strong, kind))
    measured = train_w2s(case.strong.features, [w.features for w in case.weak], labels, splits=4).weak.mean(axis=1)
    assert list(np.argsort(measured)) == list(np.argsort([-v for v in found]))


def test_features_that_say_nothing_have_the_evidence_of_their_mean():
    rng = np.random.default_rng(0)
    strong, _ = teachers((0.1,))
    labels = shown(rng.standard_normal(120))
    noise = Representation("noise", rng.standard_normal((120, 5)))
    (found,) = ESTIMATOR.estimate(Case(strong, (noise,), labels))
    assert SILENT - 0.02 < found.value < SILENT + 0.05


def test_more_dimensions_than_gold_rows_stay_finite_and_honest():
    """Features that could fit the gold rows exactly: pure noise still has no evidence."""
    rng = np.random.default_rng(1)
    strong, _ = teachers((0.1,))
    wide = Representation("wide", rng.standard_normal((120, 500)))
    (found,) = ESTIMATOR.estimate(Case(strong, (wide,), shown(rng.standard_normal(120))))
    assert found.value < SILENT + 0.1
    exact = Representation("exact", np.hstack([wide.features[:, :60], strong.features]))
    (better,) = ESTIMATOR.estimate(Case(strong, (exact,), shown(task(strong, noise=0.0))))
    assert np.isfinite(better.value)
    assert better.value > SILENT + 0.1


def test_the_unit_and_offset_of_labels_do_not_matter():
    case = case_with("few_labels", noises=(0.3,))
    moved = dataclasses.replace(case, labels=dataclasses.replace(case.labels, targets=40.0 * case.labels.targets - 7.0))
    assert ESTIMATOR.estimate(moved)[0].value == pytest.approx(ESTIMATOR.estimate(case)[0].value, abs=1e-9)


def test_it_reports_what_it_lacks():
    assert ESTIMATOR.estimate(case_with("weak_labels"))[0].note == "needs gold labels of some rows: --labels FILE"
    case = case_with("few_labels", noises=(0.3,))
    known = np.flatnonzero(case.labels.known)
    flat = np.random.default_rng(0).standard_normal((120, 3))
    flat[known] = 1.0
    (found,) = ESTIMATOR.estimate(dataclasses.replace(case, weak=(Representation("flat", flat),)))
    assert (found.value, found.note) == (None, "features or labels are constant over the gold rows")
