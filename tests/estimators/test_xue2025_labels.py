"""The representation gap with labels: dense twins, unbiasedness by enumeration, and where it does not apply."""

from __future__ import annotations

import dataclasses
from itertools import combinations, product

import numpy as np
import pytest

from predictor.estimators import xue2025_labels
from predictor.estimators.problem import Case, Representation
from predictor.estimators.xue2025_labels import (
    FOLDS,
    RESAMPLES,
    HiddenMap,
    LabelledGap,
    PseudoLabelledGap,
    PseudoLabels,
    far_from_random,
    gap_from_subset,
)
from predictor.heads.ridge import FactoredRidge
from predictor.query.labels import Labels
from predictor.spectral.kernels import StreamedKernel
from predictor.spectral.spectra import PrincipalKernel
from predictor.training.runs import train_w2s
from tests.estimators.cases import case_with, shown, task, teachers
from tests.estimators.test_xu2025 import refitted
from tests.reference import dense
from tests.reference.heads import folded, ridge_predictions
from tests.reference.models import correlated, dimmed

GIVEN, PSEUDO = LabelledGap(), PseudoLabelledGap()
GRID = tuple(product((0.9, 0.95, 0.99), (1e-3, 1e-2, 1e-1)))


def matrix(strong, weak, energy, ridge):
    """A = P_s (I − P_w), (n, n), from its definition."""
    parts = [dense.principal(dense.kernel(features), energy)[0] for features in (strong, weak)]
    p_strong, p_weak = (dense.smoother(part, ridge) for part in parts)
    return p_strong @ (np.eye(len(p_weak)) - p_weak)


@pytest.fixture(scope="module", params=[(30, 9, 5), (24, 40, 12)], ids=lambda s: "x".join(map(str, s)))
def pair(request):
    rows, d_strong, d_weak = request.param
    rng = np.random.default_rng(rows)
    strong = correlated(rows, d_strong, 0.8, rng)
    return strong, dimmed(strong, d_weak, 0.5, rng)


@pytest.mark.parametrize("at", GRID)
def test_with_every_label_it_is_theorem_3_8(pair, at):
    strong, weak = pair
    labels = np.random.default_rng(3).standard_normal((len(strong), 2)) + 5.0
    both = HiddenMap.of(Representation("s", strong), Representation("w", weak))
    hidden = both.at(*at, np.arange(len(strong)))
    expected = np.sum((matrix(strong, weak, *at) @ labels) ** 2) / len(labels)
    assert np.sum((hidden @ labels) ** 2) / len(labels) == pytest.approx(expected, abs=1e-10)
    found = both.of_projected(*at, both.projected(labels))
    np.testing.assert_allclose(found, hidden @ labels, atol=1e-10)
    value, error = gap_from_subset(hidden, labels, len(labels))
    assert value == pytest.approx(expected, abs=1e-9)
    assert error == 0.0


def test_the_hidden_map_by_hand():
    """Strong e₁, e₂ with λ = ¾, ¼; weak (0.6, 0.8) between them and e₃ with ½ each; β = ¼: D_s = ¾, ½ and D_w = ⅔.

    B = D_s (I − ⅔ [[.36, .48], [.48, .64]]) on the first two rows; of y = (1, 2, −3, 0) it keeps (.09, .41333…).
    """
    strong = PrincipalKernel(np.array([0.75, 0.25]), np.eye(4)[:, :2])
    weak = PrincipalKernel(np.array([0.5, 0.5]), np.array([[0.6, 0.0], [0.8, 0.0], [0.0, 1.0], [0.0, 0.0]]))
    both = HiddenMap(strong, weak, strong.vectors.T @ weak.vectors)
    hidden = both.at(0.95, 0.25, np.arange(4))
    np.testing.assert_allclose(hidden, [[0.57, -0.24, 0, 0], [-0.16, 0.86 / 3, 0, 0]], atol=1e-12)
    expected = (0.09**2 + (1.24 / 3) ** 2) / 4
    labels = np.array([[1.0], [2.0], [-3.0], [0.0]])
    assert np.sum((hidden @ labels) ** 2) / 4 == pytest.approx(expected)
    np.testing.assert_allclose(both.of_projected(0.95, 0.25, both.projected(labels)), hidden @ labels, atol=1e-12)


def test_the_sum_over_pairs_by_hand():
    """B = (1, −1, 0) at 3 of 5 rows, y = (1, 2, 4): one pair counts, M_12 = −1, and 4/(3 · 2) · 1 = ⅔.

    Without row 3 it is 4/(2 · 1) = 2, without row 1 or 2 nothing: ⅔ Σ (2 − ⅔, −⅔, −⅔)² = 16/9, of which 1 − 3/5.
    """
    value, error = gap_from_subset(np.array([[1.0, -1.0, 0.0]]), np.array([[1.0], [2.0], [4.0]]), 5)
    assert value == pytest.approx(2 / 3)
    assert error == pytest.approx((16 / 9 * 0.4) ** 0.5)


def test_over_all_subsets_of_rows_it_is_unbiased_whatever_the_labels_and_their_offset():
    """Every subset of 4 of 9 rows is equally likely: the mean over all 126 is the gap with every label."""
    rng = np.random.default_rng(0)
    strong = correlated(9, 3, 0.5, rng)
    weak = dimmed(strong, 2, 0.5, rng)
    hidden = HiddenMap.of(Representation("s", strong), Representation("w", weak))
    labels = rng.standard_normal((9, 2)) + np.array([100.0, -7.0])
    expected = np.sum((matrix(strong, weak, 0.95, 0.01) @ labels) ** 2) / 9
    found = [
        gap_from_subset(hidden.at(0.95, 0.01, np.array(rows)), labels[list(rows)], 9)[0]
        for rows in combinations(range(9), 4)
    ]
    assert np.mean(found) == pytest.approx(expected, abs=1e-8)
    assert np.std(found) > 0.1 * expected


def test_the_plain_sum_over_the_subset_would_not_be_unbiased():
    """What the diagonal does: the same subsets, scaled by (n/l)², over-estimate."""
    rng = np.random.default_rng(0)
    strong = correlated(9, 3, 0.5, rng)
    whole = HiddenMap.of(Representation("s", strong), Representation("w", dimmed(strong, 2, 0.5, rng)))
    labels = rng.standard_normal((9, 1))
    every = whole.at(0.95, 0.01, np.arange(9))
    plain = [np.sum((every[:, list(r)] @ labels[list(r)]) ** 2) * (9 / 4) ** 2 / 9 for r in combinations(range(9), 4)]
    assert np.mean(plain) > 1.2 * np.sum((every @ labels) ** 2) / 9


def test_the_estimate_is_the_sum_over_labelled_pairs_with_the_jackknifes_interval():
    case = case_with("few_labels", noises=(0.3, 1.0), kind="multiclass", rows=60)
    known = np.flatnonzero(case.labels.known)
    gold = case.labels.targets[known]
    count, variance = len(known), sum(np.var(column) for column in gold.T)
    for model, found in zip(case.weak, GIVEN.estimate(case), strict=True):
        for at in GRID:
            whole = matrix(case.strong.features, model.features, *at)
            pairs = (whole.T @ whole)[np.ix_(known, known)]

            def estimate(kept, pairs=pairs):
                total = sum(pairs[i, j] * np.sum((gold[i] - gold[j]) ** 2) for i, j in combinations(kept, 2))
                return -(60 - 1) / (len(kept) * (len(kept) - 1)) * total / variance

            value = estimate(range(count))
            assert found.details[f"energy={at[0]:g},ridge={at[1]:g}"] == pytest.approx(value, abs=1e-9)
            if at != (0.95, 1e-2):
                continue
            assert found.value == pytest.approx(value, abs=1e-9)
            without = [estimate([j for j in range(count) if j != i]) for i in range(count)]
            spread = (count - 1) * np.var(without) * (1 - count / 60)
            assert found.high - found.value == pytest.approx(1.645 * spread**0.5, abs=1e-9)
            assert found.value - found.low == pytest.approx(1.645 * spread**0.5, abs=1e-9)


def test_its_interval_holds_the_gap_with_every_label_about_as_often_as_it_reports():
    strong, (weak,) = teachers((0.6,), rows=150)
    values = task(strong)
    hidden = HiddenMap.of(strong, weak)
    every = hidden.at(0.95, 1e-2, np.arange(150))
    whole, rng, inside = np.sum((every @ values) ** 2) / 150, np.random.default_rng(5), 0
    for _ in range(300):
        rows = rng.permutation(150)[:50]
        value, error = gap_from_subset(every[:, rows], values[rows, None], 150)
        inside += abs(value - whole) <= 1.645 * error
    assert 0.8 <= inside / 300 <= 0.97


def test_labelled_rows_from_one_end_are_noted_and_random_ones_are_not():
    strong, weak = teachers((0.3,))
    values = task(strong)
    order = np.argsort(strong.kernel.vectors[:, 0])
    for rows, special in ((order[:40], True), (np.random.default_rng(2).permutation(120)[:40], False)):
        table = [float(v) if i in rows else None for i, v in enumerate(values)]
        (found,) = GIVEN.estimate(Case(strong, weak, Labels.of(table)))
        assert ("no random subset" in found.note) is special


def test_random_subsets_are_seldom_taken_for_special_ones():
    kernel = PrincipalKernel.of(correlated(60, 6, 0.5, np.random.default_rng(0)))
    rng = np.random.default_rng(1)
    hits = [far_from_random(kernel, rng.permutation(np.arange(60) < 20), rng) for _ in range(60)]
    assert sum(hits) <= 3


@pytest.mark.parametrize("kind", ["regression", "multiclass"])
def test_pseudo_labels_come_from_heads_that_did_not_see_the_row(kind):
    case = case_with("few_labels", noises=(0.3,), kind=kind)
    known = case.labels.known
    gold = case.labels.targets[known]
    scale = sum(np.var(column) for column in gold.T) ** 0.5
    found = PseudoLabels.of(case.strong.features, case.labels, case.rng(PSEUDO.name))
    strong = case.strong.features
    held_out = folded(strong[known], gold, FOLDS, case.rng(PSEUDO.name))
    np.testing.assert_allclose(found.labels[known] * scale, held_out, atol=1e-8)
    np.testing.assert_allclose(
        found.labels[~known] * scale, ridge_predictions(strong[known], strong[~known], gold), atol=1e-8
    )
    np.testing.assert_allclose(found.in_sample * scale, ridge_predictions(strong[known], strong, gold), atol=1e-8)
    error = np.mean(np.sum((held_out - gold) ** 2, axis=1)) / scale**2
    assert found.strong_error == pytest.approx(error, abs=1e-9)


def test_the_pseudo_labels_gap_is_theorem_3_8_with_the_spread_over_bootstraps():
    case = case_with("few_labels", noises=(0.3, 1.0))
    known = case.labels.known
    gold = case.labels.targets[known]
    strong = case.strong.features
    pseudo = PseudoLabels.of(strong, case.labels, case.rng(PSEUDO.name))
    rng = case.rng(PSEUDO.name)
    folded(strong[known], gold, FOLDS, rng)
    draws = rng.multinomial(len(gold), np.full(len(gold), 1 / len(gold)), RESAMPLES)
    ridge = FactoredRidge.of(strong[known], strong).loo_ridge(gold)
    redrawn = [refitted(strong[known], strong, gold, ridge, counts) / gold.std() for counts in draws]
    for model, found in zip(case.weak, PSEUDO.estimate(case), strict=True):
        for at in GRID:
            whole = matrix(strong, model.features, *at)
            value = np.sum((whole @ pseudo.labels) ** 2) / case.rows
            assert found.details[f"energy={at[0]:g},ridge={at[1]:g}"] == pytest.approx(value, abs=1e-9)
        whole = matrix(strong, model.features, 0.95, 1e-2)
        moved = np.array([np.sum((whole @ other) ** 2) / case.rows for other in redrawn])
        low, high = found.value + np.quantile(moved - moved.mean(), [0.05, 0.95])
        assert found.value == found.details["energy=0.95,ridge=0.01"]
        assert (found.low, found.high) == pytest.approx((max(low, 0.0), high), abs=1e-8)
        assert found.details["strong_error"] == pseudo.strong_error
        assert found.details["in_sample"] == pytest.approx(
            np.sum((whole @ pseudo.in_sample) ** 2) / case.rows, abs=1e-9
        )


def test_a_gap_that_other_gold_rows_would_change_by_more_than_itself_ends_at_0():
    strong, (weak,) = teachers((0.6,))
    labels = task(strong)[:, None]
    pseudo = PseudoLabels(0.1 * labels, 0.1 * labels, tuple(scale * labels for scale in (0.0, 0.0, 1.0, 1.0)), 0.5)
    found = PSEUDO._one(HiddenMap.of(strong, weak), pseudo)
    assert found.low == 0.0 < found.value < found.high


@pytest.mark.parametrize("estimator", [GIVEN, PSEUDO])
@pytest.mark.parametrize("kind", ["regression", "binary"])
def test_the_teacher_that_sees_less_hides_more(estimator, kind):
    case = case_with("few_labels", noises=(0.1, 0.8, 4.0), kind=kind, rows=240)
    assert np.all(np.diff([e.value for e in estimator.estimate(case)]) > 0)


@pytest.mark.parametrize("estimator", [GIVEN, PSEUDO])
def test_a_task_that_the_weak_model_sees_is_hidden_less_than_one_that_it_does_not(estimator):
    """The same two models: what is asked of the labels decides, which no label-free form can know."""
    rng = np.random.default_rng(1)
    strong = Representation("s", rng.standard_normal((240, 6)))
    weak = (Representation("w", strong.features[:, :3]),)
    seen, unseen = strong.features[:, 0], strong.features[:, 5]
    found = []
    for truth in (seen, unseen):
        labels = shown(truth + 0.1 * rng.standard_normal(240))
        found.append(estimator.estimate(Case(strong, weak, labels))[0].value)
    assert found[0] < 0.1
    assert found[1] > 0.6


def test_they_order_teachers_as_measured_training_does():
    case = case_with("few_labels", noises=(0.1, 0.8, 4.0), rows=240)
    labels = Labels.of(task(case.strong))
    measured = train_w2s(case.strong.features, [w.features for w in case.weak], labels, splits=6).w2s.mean(axis=1)
    for estimator in (GIVEN, PSEUDO):
        assert list(np.argsort([e.value for e in estimator.estimate(case)])) == list(np.argsort(measured))


def test_a_strong_head_that_learns_nothing_gives_no_pseudo_labels():
    strong, weak = teachers((0.1,))
    labels = shown(np.random.default_rng(5).standard_normal(120))
    (found,) = PSEUDO.estimate(Case(strong, weak, labels))
    assert found.value is None
    assert "a strong head's error on held-out gold rows is 1." in found.note
    assert GIVEN.estimate(Case(strong, weak, labels))[0].value is not None


@pytest.mark.parametrize("estimator", [GIVEN, PSEUDO])
def test_without_gold_labels_both_are_absent(estimator):
    for evidence in ("representations", "weak_labels"):
        for found in estimator.estimate(case_with(evidence)):
            assert (found.value, found.note) == (None, "needs gold labels of some rows: --labels FILE")


@pytest.mark.parametrize("estimator", [GIVEN, PSEUDO])
def test_kernels_that_are_read_in_chunks_give_the_same_numbers(estimator, monkeypatch):
    case = case_with("few_labels", noises=(0.3, 1.0))
    expected = estimator.estimate(case)
    monkeypatch.setattr(xue2025_labels, "CHUNK_ROWS", 50)
    again = dataclasses.replace(case, strong=streamed(case.strong), weak=tuple(streamed(w) for w in case.weak))
    for one, other in zip(expected, estimator.estimate(again), strict=True):
        assert (other.value, other.low, other.high) == pytest.approx((one.value, one.low, one.high), abs=1e-9)
        assert other.details == pytest.approx(dict(one.details), abs=1e-9)
        assert other.note == one.note


def streamed(model):
    found = Representation(model.name, model.features)
    vars(found)["kernel"] = StreamedKernel.of(model.features)  # in place of the cached property
    return found
