"""Agreement-on-the-line against a plain retelling, on rows drawn alike and otherwise, and where there is no line."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import norm

from predictor.estimators import baek2022
from predictor.estimators.baek2022 import FOLDS, AgreementLine, AgreementOnTheLine, on_the_line
from predictor.estimators.problem import Case, Representation
from predictor.estimators.vote_matrix import VoteMatrix
from predictor.heads.ridge import FactoredRidge
from predictor.query.labels import Labels
from tests.estimators.cases import case_with, task, teachers
from tests.estimators.test_dawid1979 import voters
from tests.reference.heads import folded, ridge_predictions

ESTIMATOR = AgreementOnTheLine()


def test_the_line_is_fitted_on_probits_of_agreement_and_read_at_accuracies():
    rng = np.random.default_rng(6)
    gold, votes_gold = voters(60, [0.1, 0.2, 0.3, 0.4], 2, rng)
    _, votes_pool = voters(90, [0.2, 0.25, 0.4, 0.45], 2, rng)
    pairs = [(i, j) for i in range(4) for j in range(i)]
    known = [norm.ppf(np.mean(votes_gold[:, i] == votes_gold[:, j])) for i, j in pairs]
    found = [norm.ppf(np.mean(votes_pool[:, i] == votes_pool[:, j])) for i, j in pairs]
    expected, offset = np.polyfit(known, found, 1)
    accuracy = np.mean(votes_gold == gold[:, None], axis=0)
    errors, slope, fit = on_the_line(votes_gold, gold, votes_pool)
    np.testing.assert_allclose(errors, 1 - norm.cdf(expected * norm.ppf(accuracy) + offset), atol=1e-9)
    assert slope == pytest.approx(expected)
    assert fit == pytest.approx(np.corrcoef(known, found)[0, 1] ** 2)


def test_on_rows_drawn_alike_the_line_returns_the_error_on_the_gold_rows():
    gold, votes = voters(200, [0.1, 0.2, 0.35], 2, np.random.default_rng(7))
    errors, _, fit = on_the_line(votes, gold, votes)
    np.testing.assert_allclose(errors, np.mean(votes != gold[:, None], axis=0), atol=1e-9)
    assert fit == pytest.approx(1.0)


def test_perfect_agreement_stays_finite():
    votes = np.zeros((20, 3), dtype=int)
    errors, _, fit = on_the_line(votes, votes[:, 0], votes)
    assert np.isfinite(errors).all()
    assert np.isfinite(fit)


def retold(case):
    """Errors on the pool, errors on gold rows, slope and R², by explicit heads, pairs and least squares."""
    known = case.labels.known
    gold = case.labels.targets[known]

    def chosen(table):
        return table.argmax(axis=1) if table.shape[1] > 1 else (table[:, 0] > 0.5).astype(int)

    held_out = [chosen(folded(w.features[known], gold, FOLDS, case.rng("line"))) for w in case.weak]
    pool = [chosen(ridge_predictions(w.features[known], w.features[~known], gold)) for w in case.weak]
    pairs = [(i, j) for i in range(len(pool)) for j in range(i)]
    x = [norm.ppf(np.mean(held_out[i] == held_out[j])) for i, j in pairs]
    y = [norm.ppf(np.mean(pool[i] == pool[j])) for i, j in pairs]
    slope, offset = np.polyfit(x, y, 1)
    right = np.array([np.mean(v == chosen(gold)) for v in held_out])
    return 1 - norm.cdf(slope * norm.ppf(right) + offset), 1 - right, slope, np.corrcoef(x, y)[0, 1] ** 2


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_the_line_is_that_of_explicit_heads_and_pairs(kind):
    case = case_with("few_labels", noises=(0.05, 0.6, 2.5), kind=kind)
    matrix = VoteMatrix.of(case, ESTIMATOR.name)
    found = AgreementLine.of(matrix, case, matrix.votes())
    errors, held_out, slope, fit = retold(case)
    np.testing.assert_allclose(found.errors, errors, atol=1e-9)
    np.testing.assert_allclose(found.held_out, held_out, atol=1e-9)
    assert (found.slope, found.fit) == pytest.approx((slope, fit), abs=1e-9)


def test_the_estimate_is_the_error_on_the_line():
    case = case_with("few_labels", noises=(0.05, 0.6, 2.5), kind="multiclass", seed=1)
    matrix = VoteMatrix.of(case, ESTIMATOR.name)
    line = AgreementLine.of(matrix, case, matrix.votes())
    for i, found in enumerate(ESTIMATOR.estimate(case)):
        assert found.value == line.errors[i]
        assert found.details == {"held_out_error": line.held_out[i], "slope": line.slope, "fit": line.fit}


def test_a_pool_that_is_noisier_than_the_gold_rows_has_the_errors_that_the_line_predicts():
    """Features blurred on the pool alone: the error on gold rows is far too low there, the line sees it."""
    strong, weak = teachers((0.02, 0.2, 0.5, 1.0, 2.0), rows=1500)
    values = task(strong, "binary", noise=0.0)
    labels = Labels.of([float(v) if i < 500 else None for i, v in enumerate(values)])
    rng = np.random.default_rng(0)
    blurred = []
    for model in weak:
        features = model.features.copy()
        features[500:] += 0.4 * features.std(axis=0) * rng.standard_normal(features[500:].shape)
        blurred.append(Representation(model.name, features))
    case = Case(strong, tuple(blurred), labels)
    gold = labels.targets[:500]
    heads = [FactoredRidge.of(m.features[:500], m.features[500:]) for m in blurred]
    true = [np.mean((head.predict(gold, head.loo_ridge(gold))[:, 0] > 0.5) != values[500:]) for head in heads]
    found = ESTIMATOR.estimate(case)
    missed = np.abs(np.array([f.value for f in found]) - true).mean()
    assert missed < 0.5 * np.abs(np.array([f.details["held_out_error"] for f in found]) - true).mean()
    assert list(np.argsort([f.value for f in found])) == list(np.argsort(true))


def test_agreements_on_no_rising_line_give_no_number(monkeypatch):
    case = case_with("few_labels", noises=(0.05, 0.6, 2.5), kind="binary", rows=240)
    for slope, fit in ((1.0, 0.79), (-0.5, 0.95), (0.0, 1.0)):
        line = AgreementLine(np.full(3, 0.2), np.full(3, 0.2), slope, fit)
        monkeypatch.setattr(baek2022.AgreementLine, "of", lambda *_, line=line: line)
        for found in ESTIMATOR.estimate(case):
            assert found.value is None
            assert found.note == (
                f"agreements are on no rising line: slope {slope:.2f}, R² {fit:.2f}; R² must be at least 0.8"
            )
    monkeypatch.setattr(
        baek2022.AgreementLine, "of", lambda *_: AgreementLine(np.full(3, 0.2), np.full(3, 0.3), 0.9, 0.8)
    )
    assert [e.value for e in ESTIMATOR.estimate(case)] == [0.2] * 3


def test_it_reports_what_it_lacks():
    assert "needs gold labels" in ESTIMATOR.estimate(case_with("weak_labels", kind="binary"))[0].note
    assert ESTIMATOR.estimate(case_with("few_labels"))[0].note == "needs classes: numbers neither agree nor differ"
    two = case_with("few_labels", noises=(0.1, 0.5), kind="binary")
    assert "of at least 3 candidates, has 2" in ESTIMATOR.estimate(two)[0].note
    case = case_with("few_labels", kind="binary")
    given = dataclasses.replace(case, weak_labels={"t1": np.full((case.rows, 1), 0.4)})
    assert ESTIMATOR.estimate(given)[0].note == "given weak labels may know the gold rows: leave them out"
