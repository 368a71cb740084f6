"""Ridge heads, and ridges chosen by leaving rows out: explicit hat matrices, scikit-learn and hand arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import Ridge, RidgeCV

from predictor.heads.ridge import RIDGES, FactoredRidge
from tests.reference import dense
from tests.reference.models import correlated

SHAPES = [(30, 20, 6), (24, 9, 23), (20, 15, 50)]


@pytest.fixture(params=SHAPES, ids=lambda s: "x".join(map(str, s)))
def parts(request):
    train, other, dims = request.param
    rng = np.random.default_rng(train + dims)
    rows = correlated(train + other, dims, 0.6, rng)
    return rows[:train], rows[train:], rng.standard_normal((train, 3)) + 5.0


@pytest.mark.parametrize("ridge", [1e-4, 1e-2, 1.0])
def test_predictions_are_the_explicit_hat_matrix_times_the_labels(parts, ridge):
    train, other, labels = parts
    np.testing.assert_allclose(
        FactoredRidge.of(train, other).predict(labels, ridge), dense.hat(train, other, ridge) @ labels, atol=1e-10
    )


@pytest.mark.parametrize("ridge", [1e-4, 1e-2, 1.0])
def test_predictions_are_those_of_scikit_learn_with_alpha_n_times_ridge(parts, ridge):
    """‖y − Zw‖² + α‖w‖² and K = ZZᵀ/n agree at α = n β."""
    train, other, labels = parts
    second = Ridge(alpha=len(train) * ridge, solver="svd").fit(dense.standardise(train), labels)
    np.testing.assert_allclose(
        FactoredRidge.of(train, other).predict(labels, ridge),
        second.predict(dense.standardise(train, other)),
        atol=1e-10,
    )


def test_each_column_may_have_its_own_ridge(parts):
    train, other, labels = parts
    ridges = np.array([1e-3, 0.1, 10.0])
    together = FactoredRidge.of(train, other).predict(labels, ridges)
    for k, ridge in enumerate(ridges):
        np.testing.assert_allclose(together[:, k], dense.hat(train, other, ridge) @ labels[:, k], atol=1e-10)


def test_a_head_by_hand():
    # Training features 0, 2, 4, 6: mean 3, variance (9 + 1 + 1 + 9)/4 = 5; z = (x − 3)/√5, d' = 1, λ = 1.
    # Labels 1, 1, 3, 7: mean 3, slope per x at no ridge = (−3·−2 + −1·−2 + 1·0 + 3·4)/20 = 1.
    # Ridge ¼ keeps 1/(1 + ¼) = 0.8 of it: f(x) = 3 + 0.8 (x − 3); at 8 it is 7, at 3 it is 3.
    head = FactoredRidge.of(np.array([[0.0], [2.0], [4.0], [6.0]]), np.array([[8.0], [3.0]]))
    np.testing.assert_allclose(head.predict(np.array([[1.0], [1.0], [3.0], [7.0]]), 0.25), [[7.0], [3.0]], atol=1e-12)


def test_the_ridge_by_hand():
    # As above: U = (−3, −1, 1, 3)/√20, h_i = ¼ + s u_i² with u² = .45, .05, .05, .45 and s = 1/(1 + β).
    # β = ¼: residuals .4, −1.2, −.8, 1.6 over .39, .71, .71, .39: 2.72/.1521 + 2.08/.5041 = 22.01, the least.
    # β = 1: −.5, −1.5, −.5, 2.5 over .525, .725, .725, .525: 6.5/.275625 + 2.5/.525625 = 28.34.
    # β = 1/99: .97, −1.01, −.99, 1.03 over .3045, .7005, .7005, .3045: 21.59 + 4.08 = 25.67.
    # The mean of 1 − h for each would have it otherwise: 6 · .24 > 4.0041 · 4/2.01².
    head = FactoredRidge.of(np.array([[0.0], [2.0], [4.0], [6.0]]), np.array([[8.0]]))
    labels = np.array([[1.0], [1.0], [3.0], [7.0]])
    assert head.loo_ridge(labels, np.array([1.0 / 99.0, 1.0]))[0] == 1.0 / 99.0
    assert head.loo_ridge(labels, np.array([0.25, 1.0, 1.0 / 99.0]))[0] == 0.25


def test_the_expected_ridge_by_hand():
    # As above, 20 of energy along U and 4 outside, where rows have .75 − u² = .3, .7, .7, .3 of 2 directions.
    # β = ¼: weights w 6.5746, 1.9837; 20 · .04 · (.9, .1) w + 4 · (.6, 1.4) w / 2 = 18.34.
    # β = 1: 20 · ¼ · 3.4556 + 4 · 2.4202 = 26.96.  β = 1/99: 20 · .0001 · 9.9105 + 4 · 4.6622 = 18.67.
    # With 6 outside ¼ costs 4.89 + 20.17 = 25.06 and 1 costs 17.28 + 14.52 = 31.80; with 60, 206.55 and 162.49.
    head = FactoredRidge.of(np.array([[0.0], [2.0], [4.0], [6.0]]), np.array([[8.0]]))
    ridges, energy = np.array([0.25, 1.0, 1.0 / 99.0]), np.array([[20.0, 20.0, 20.0]])
    picked = head.expected_loo_ridge(energy, np.array([24.0, 26.0, 80.0]), ridges)
    np.testing.assert_array_equal(picked, [0.25, 0.25, 1.0])


def test_the_picked_ridge_errs_least_on_rows_left_out_one_by_one(parts):
    train, other, labels = parts
    rng = np.random.default_rng(2)
    slopes = rng.standard_normal((train.shape[1], 4))
    signal = dense.standardise(train) @ slopes
    labels = np.hstack(
        [labels, signal + rng.standard_normal(signal.shape) * [0.05, 0.3, 1.0, 3.0] * signal.std(axis=0)]
    )
    picked = FactoredRidge.of(train, other).loo_ridge(labels)
    assert len(set(picked)) > 1
    for k, ridge in enumerate(picked):
        assert ridge == min(RIDGES, key=lambda beta, column=labels[:, k]: dense.press(train, column, beta))


def test_counts_that_few_rows_carry_get_the_ridge_of_scikit_learn():
    """Rows weigh very differently here, and the mean of 1 − h for every row would choose other ridges."""
    picked, theirs = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        counts = np.hstack([rng.poisson(2.0, (80, 10)), rng.random((80, 80)) < 0.015]).astype(float)
        labels = (counts[:, :10] @ rng.standard_normal(10) + rng.standard_normal(80))[:, None]
        picked.append(FactoredRidge.of(counts, counts).loo_ridge(labels)[0])
        second = RidgeCV(alphas=len(counts) * RIDGES).fit(dense.standardise(counts), labels[:, 0])
        theirs.append(second.alpha_ / len(counts))
    np.testing.assert_allclose(picked, theirs)
    assert len(set(picked)) > 2


def test_a_head_that_could_interpolate_is_scored_without_cancellation():
    """d > n: at the least ridge 1 − h and the residuals are 10⁻⁴ of themselves, and their ratio the whole score."""
    rng = np.random.default_rng(3)
    train = rng.standard_normal((12, 400))
    signal = dense.standardise(train) @ rng.standard_normal((400, 2))
    for labels in (signal, 1e6 + signal, rng.standard_normal((12, 2))):
        picked = FactoredRidge.of(train, train).loo_ridge(labels)
        for k, ridge in enumerate(picked):
            scores = [dense.press(train, labels[:, k], beta) for beta in RIDGES]
            assert scores[list(RIDGES).index(ridge)] <= min(scores) * (1 + 1e-9)


def test_the_expected_ridge_errs_least_in_the_mean_over_labels(parts):
    """E PRESS with full matrices, over every ridge."""
    train, other, _ = parts
    root = np.random.default_rng(4).standard_normal((len(train), 5))
    covariance = root @ root.T + 0.2 * np.eye(len(train))
    head = FactoredRidge.of(train, other)
    centring = np.eye(len(train)) - 1.0 / len(train)
    energy = np.diag(head.left.T @ covariance @ head.left)[:, None]
    picked = head.expected_loo_ridge(energy, np.array([np.trace(centring @ covariance @ centring)]))[0]
    assert picked == min(RIDGES, key=lambda beta: dense.expected_press(train, covariance, beta))


def test_the_expected_score_is_the_mean_over_drawn_labels_where_directions_are_uncorrelated(parts):
    """White labels: `expected_loo_ridge` minimises what `loo_ridge` sees in the mean."""
    train, _, _ = parts
    labels = np.random.default_rng(6).standard_normal((len(train), 4000))
    labels -= labels.mean(axis=0)
    for ridge in RIDGES[::5]:
        missed = np.eye(len(train)) - dense.hat(train, train, ridge)
        drawn = np.sum((missed @ labels / np.diag(missed)[:, None]) ** 2, axis=0)
        claimed = dense.expected_press(train, np.eye(len(train)) - 1.0 / len(train), ridge)
        assert np.mean(drawn) == pytest.approx(claimed, abs=4 * np.std(drawn) / np.sqrt(len(drawn)))


def test_labels_that_do_not_vary_are_predicted_as_they_are(parts):
    train, other, _ = parts
    labels = np.full((len(train), 1), 4.0)
    head = FactoredRidge.of(train, other)
    np.testing.assert_allclose(head.predict(labels, head.loo_ridge(labels)), 4.0)


def test_a_head_on_constant_features_predicts_the_mean():
    head = FactoredRidge.of(np.ones((6, 2)), np.arange(8.0).reshape(4, 2))
    labels = np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [8.0]])
    np.testing.assert_array_equal(head.predict(labels, head.loo_ridge(labels)), np.full((4, 1), 3.0))


def test_a_dimension_that_varies_only_outside_the_training_rows_is_not_used():
    rng = np.random.default_rng(5)
    train, other = rng.standard_normal((10, 3)), rng.standard_normal((7, 3))
    labels = rng.standard_normal((10, 1))
    wide = FactoredRidge.of(np.hstack([train, np.ones((10, 1))]), np.hstack([other, 1e9 * np.ones((7, 1))]))
    np.testing.assert_allclose(
        wide.predict(labels, 0.1), FactoredRidge.of(train, other).predict(labels, 0.1), atol=1e-12
    )


def test_shuffling_breaks_the_pairing_and_nothing_else(parts):
    train, other, labels = parts
    head = FactoredRidge.of(train, other)
    order = np.random.default_rng(6).permutation(len(train))
    mixed = head.shuffled(np.random.default_rng(6))
    # Permuting the rows of U is permuting the labels the other way round.
    back = np.argsort(order)
    np.testing.assert_allclose(mixed.predict(labels, 0.1), head.predict(labels[back], 0.1), atol=1e-10)
    assert np.abs(mixed.predict(labels, 0.1) - head.predict(labels, 0.1)).max() > 1e-3


def test_the_ridges_tried_span_a_millionth_to_ten_times_the_trace():
    assert (RIDGES[0], RIDGES[-1]) == pytest.approx((1e-6, 10.0))
    assert np.all(np.diff(RIDGES) > 0)


def test_real_molecules_described_by_their_pieces_are_learned(labelled_rows):
    """FreeSolv by the weights of its letter pairs and counts of its letters, near as many dimensions as rows.

    The generalised score, tr(I − S)² for every row alike, takes a ridge with which heads err by more than the mean.
    """
    texts, values = labelled_rows("freesolv", 642)
    pieces = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), lowercase=False, min_df=3, sublinear_tf=True)
    letters = CountVectorizer(analyzer="char", lowercase=False).fit_transform(texts).toarray()
    shapes = TruncatedSVD(200, random_state=0).fit_transform(pieces.fit_transform(texts))
    features, labels = np.hstack([shapes, np.log1p(letters)]), np.array(values)[:, None]
    order = np.random.default_rng(0).permutation(len(texts))
    train, other = order[:214], order[214:]
    head, gold = FactoredRidge.of(features[train], features[other]), labels[train]

    def error(ridge):
        return np.mean((labels[other] - head.predict(gold, ridge)) ** 2) / np.var(labels)

    left = head.left.T @ (gold - gold.mean())
    outside = np.sum((gold - gold.mean()) ** 2) - np.sum(left**2)
    kept = head.shrinkage(RIDGES)
    free = len(train) - 1 - kept.sum(axis=0)
    generalised = (outside + np.sum(((1 - kept) * left) ** 2, axis=0)) / free**2
    assert error(float(RIDGES[np.argmin(np.where(free > 0.5, generalised, np.inf))])) > 1.0
    assert error(None) < 0.4
