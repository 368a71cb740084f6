"""Dawid–Skene against EM written out in loops, and on voters of known error."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.estimators.dawid1979 import PSEUDO_COUNT, DawidSkene, dawid_skene


def voters(rows, errors, classes, rng, shares=None):
    """True classes and votes of voters that err independently, a wrong vote going to any other class."""
    truth = rng.choice(classes, rows, p=shares)
    wrong = (truth[:, None] + rng.integers(1, classes, (rows, len(errors)))) % classes
    return truth, np.where(rng.random((rows, len(errors))) < errors, wrong, truth[:, None])


def looped(votes, classes, rounds):
    """The two steps as sums over rows, voters and classes, from the majority's shares."""
    rows, count = votes.shape
    posterior = [[sum(v == a for v in row) / count for a in range(classes)] for row in votes]

    def rates():
        prior = [sum(p[a] for p in posterior) / rows for a in range(classes)]
        confusion = np.full((count, classes, classes), PSEUDO_COUNT)
        for i in range(rows):
            for j in range(count):
                for a in range(classes):
                    confusion[j, a, votes[i, j]] += posterior[i][a]
        for j in range(count):
            for a in range(classes):
                confusion[j, a] /= sum(confusion[j, a])
        return prior, confusion

    for _ in range(rounds):
        prior, confusion = rates()
        for i in range(rows):
            likely = [prior[a] * np.prod([confusion[j, a, votes[i, j]] for j in range(count)]) for a in range(classes)]
            posterior[i] = [x / sum(likely) for x in likely]
    return np.array(posterior), *map(np.array, rates())


@pytest.mark.parametrize(("classes", "rounds"), [(2, 1), (2, 6), (3, 4)])
def test_it_is_em_written_out(classes, rounds):
    _, votes = voters(25, [0.1, 0.3, 0.4, 0.2], classes, np.random.default_rng(classes))
    posterior, prior, confusion = looped(votes, classes, rounds)
    found = dawid_skene(votes, classes, rounds=rounds, tolerance=-1.0)
    np.testing.assert_allclose(found.posterior, posterior, atol=1e-10)
    np.testing.assert_allclose(found.prior, prior, atol=1e-10)
    np.testing.assert_allclose(found.confusion, confusion, atol=1e-10)
    wrong = [
        sum(prior[a] * confusion[j, a, b] for a in range(classes) for b in range(classes) if a != b) for j in range(4)
    ]
    np.testing.assert_allclose(found.errors(), wrong, atol=1e-10)


@pytest.mark.parametrize(("classes", "shares"), [(2, [0.5, 0.5]), (2, [0.8, 0.2]), (4, None)])
def test_known_errors_of_independent_voters_are_recovered(classes, shares):
    errors = np.array([0.05, 0.15, 0.25, 0.35])
    _, votes = voters(4000, errors, classes, np.random.default_rng(1), shares)
    np.testing.assert_allclose(dawid_skene(votes, classes).errors(), errors, atol=0.03)


def test_a_good_minority_outweighs_a_poor_majority():
    truth, votes = voters(3000, [0.05, 0.05, 0.05, 0.4, 0.4, 0.4, 0.4, 0.4], 2, np.random.default_rng(2))
    best = dawid_skene(votes, 2).posterior.argmax(axis=1)
    majority = votes.mean(axis=1) > 0.5
    assert np.mean(best != truth) < np.mean(majority != truth)


def test_unanimous_voters_are_taken_to_be_right():
    votes = np.repeat((np.arange(30) % 2)[:, None], 3, axis=1)
    found = dawid_skene(votes, 2)
    assert np.all(found.errors() < 1e-2)
    assert np.isfinite(found.posterior).all()


def test_a_class_that_nobody_names_has_no_share():
    _, votes = voters(200, [0.1, 0.1, 0.1], 2, np.random.default_rng(3))
    found = dawid_skene(votes, 3)
    assert found.prior[2] == pytest.approx(0.0, abs=1e-9)
    assert np.isfinite(found.errors()).all()


def test_surplus_agreement_term_by_term():
    _, cast = voters(200, [0.1, 0.3, 0.2], 3, np.random.default_rng(5))
    found = dawid_skene(cast, 3)
    for i, j in ((0, 1), (0, 2), (1, 2), (2, 1)):
        allowed = sum(
            found.prior[a] * sum(found.confusion[i, a, b] * found.confusion[j, a, b] for b in range(3))
            for a in range(3)
        )
        beyond = (np.mean(cast[:, i] == cast[:, j]) - allowed) / (allowed * (1 - allowed) / 200) ** 0.5
        assert found.surplus(cast)[i, j] == pytest.approx(beyond, abs=1e-9)
    assert np.diag(found.surplus(cast)).tolist() == [0.0, 0.0, 0.0]


def test_voters_that_copy_one_another_agree_too_much_and_independent_ones_do_not():
    rng = np.random.default_rng(6)
    _, cast = voters(900, [0.2, 0.25, 0.3, 0.2], 2, rng)
    assert np.abs(dawid_skene(cast, 2).surplus(cast)).max() < 3.0
    copies = [np.where(rng.random(900) < 0.95, cast[:, 0], 1 - cast[:, 0]) for _ in range(2)]
    copied = np.column_stack([cast, *copies])
    assert dawid_skene(copied, 2).surplus(copied).max() > 3.0


def test_voters_who_never_differ_have_a_finite_surplus():
    votes = np.zeros((30, 3), dtype=int)
    assert np.isfinite(dawid_skene(votes, 2).surplus(votes)).all()
    certain = DawidSkene(np.eye(2)[votes[:, 0]], np.array([1.0, 0.0]), np.tile(np.eye(2), (3, 1, 1)))
    assert certain.surplus(votes).tolist() == np.zeros((3, 3)).tolist()
