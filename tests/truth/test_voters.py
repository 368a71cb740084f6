"""Voters: units, repetition, and the consensus without gold labels."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.truth.voters import Voters, consensus, one_factor


def weak(count, noises, seed=0, rows=2000):
    """A truth of variance .6 and calibrated weak labels of growing error."""
    rng = np.random.default_rng(seed)
    truth = np.sqrt(0.6) * rng.standard_normal(rows)
    tables = []
    for noise in noises[:count]:
        seen = truth + noise * rng.standard_normal(rows)
        tables.append(seen * 0.6 / (0.6 + noise**2))
    return truth, Voters(tuple(map(str, range(count))), ("weak",) * count, np.stack(tables, axis=1)[:, :, None])


def test_consensus_is_nearer_the_truth_than_its_best_voter():
    """Weights rise with reliability, and the consensus errs less than each."""
    truth, voters = weak(4, (0.5, 0.7, 1.0, 1.5))
    found = consensus(voters.in_label_units())
    assert (np.diff(found.reliability) < 0.0).all()
    best = min(np.mean((voters.scores[:, j, 0] - truth) ** 2) for j in range(4))
    assert np.mean((found.mean[:, 0] - truth) ** 2) < best


def test_an_overconfident_voter_counts_by_agreement_not_by_its_size():
    """Scores blown up threefold covary with the truth no more than agreement allows."""
    _, voters = weak(4, (0.5, 0.7, 1.0, 1.5))
    scores = voters.scores.copy()
    scores[:, 3] *= 3.0
    blown = Voters(voters.names, voters.kinds, scores)
    assert consensus(blown.in_label_units()).reliability[3] < 0.75


def test_units_of_descriptions_do_not_matter():
    """A description's score in any unit and with any offset makes the same consensus."""
    _, voters = weak(3, (0.5, 0.7, 1.0))
    rng = np.random.default_rng(1)
    words = rng.standard_normal((2000, 1, 1))
    first = voters.joined(Voters(("d",), ("description",), words))
    second = voters.joined(Voters(("d",), ("description",), 7.0 * words + 3.0))
    left, right = (consensus(one.in_label_units()).mean for one in (first, second))
    np.testing.assert_allclose(left, right, atol=1e-10)


def test_order_and_repetition_of_voters_do_not_matter():
    """Permuted voters and voters given twice make the same consensus; a constant one is left out."""
    _, voters = weak(4, (0.5, 0.7, 1.0, 1.5))
    expected = consensus(voters.in_label_units()).mean
    for places in ([2, 0, 3, 1], [0, 1, 1, 2, 3, 3]):
        found = consensus(voters.only(places).distinct().in_label_units()).mean
        np.testing.assert_allclose(found, expected, atol=1e-6)
    flat = Voters(("f",), ("weak",), np.full((2000, 1, 1), 0.4))
    np.testing.assert_allclose(consensus(voters.joined(flat).in_label_units()).mean, expected, atol=1e-9)


def test_one_factor_recovers_loadings():
    """Off the diagonal the correlation is the product of loadings."""
    loading = np.array([0.9, 0.6, 0.4, 0.3])
    correlation = np.outer(loading, loading)
    np.fill_diagonal(correlation, 1.0)
    np.testing.assert_allclose(one_factor(correlation), loading, atol=1e-4)
    np.testing.assert_allclose(one_factor(np.array([[1.0, 0.49], [0.49, 1.0]])), [0.7, 0.7], atol=1e-6)
    assert one_factor(np.ones((1, 1))).tolist() == [1.0]


def test_what_does_not_fit_is_refused():
    """Shapes and finite numbers are checked once, here."""
    with pytest.raises(ValueError, match="one name and kind per voter"):
        Voters(("a",), ("weak",), np.ones((5, 2, 1)))
    with pytest.raises(ValueError, match="not finite"):
        Voters(("a",), ("weak",), np.full((5, 1, 1), np.nan))


def test_a_description_that_agrees_with_nobody_is_trusted_little():
    """Two describers that agree are taken for half right at most; beside them one of noise gets next to no weight."""
    rng = np.random.default_rng(7)
    shared, noise = rng.standard_normal((2, 2000))
    pair = [shared + 0.5 * rng.standard_normal(2000) for _ in range(2)]
    scores = np.stack([*pair, noise], axis=1)[:, :, None]
    found = consensus(Voters(("a", "b", "noise"), ("description",) * 3, scores).in_label_units())
    assert found.reliability[:2] == pytest.approx([0.5, 0.5])
    assert found.reliability[2] < 0.1
    assert abs(found.weights[2]) < 0.1 * found.weights[0]
    lone = consensus(Voters(("noise",), ("description",), scores[:, 2:]).in_label_units())
    assert lone.reliability[0] == pytest.approx(0.5)


def test_two_voters_that_contradict_each_other_are_both_trusted_little():
    """A negative correlation shows of neither that it is right, in whichever order they are listed."""
    rng = np.random.default_rng(8)
    first, second = rng.standard_normal((2, 500))
    scores = 0.5 * np.stack([first, second - 0.3 * first], axis=1)[:, :, None]
    for places in ([0, 1], [1, 0]):
        voters = Voters(("a", "b"), ("weak", "weak"), scores).only(places).in_label_units()
        np.testing.assert_allclose(consensus(voters).reliability, 0.0, atol=1e-6)
