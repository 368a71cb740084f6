"""Classes of drawn truths: what heads can learn of them, their shares, and the probabilities of gold labels."""

from __future__ import annotations

import numpy as np
import pytest

from predictor.truth.class_link import ClassLink, Smoother

ROWS, DRAWS = 160, 24


def setting(classes, size=0.5, seed=0):
    """A smoother of ten directions, and Gaussian truths along these, codes of classes by their shares."""
    rng = np.random.default_rng([seed, classes])
    directions = rng.standard_normal((ROWS, 10))
    directions = np.linalg.qr(directions - directions.mean(axis=0))[0]
    columns = 1 if classes == 2 else classes
    shares = rng.dirichlet(np.full(classes, 8.0))
    centre = shares[1:] if classes == 2 else shares
    deviation = np.sqrt(size * float(np.sum(centre * (1 - centre))) / columns)
    smooth = np.tensordot(directions * np.sqrt(ROWS / 10), rng.standard_normal((10, columns, DRAWS)), 1)
    return (
        ClassLink.of(centre, Smoother(directions, np.linspace(1.0, 0.5, 10))),
        centre[:, None] + deviation * smooth,
        centre,
    )


def one_hot(named, classes):
    return np.eye(classes)[named].transpose(0, 2, 1)


@pytest.mark.parametrize("classes", [2, 3, 6, 20])
def test_heads_learn_as_much_of_classes_as_of_truths(classes):
    """Learned energy of probabilities, the mean of class codes, is that of the truths, about the classes' shares."""
    link, codes, _ = setting(classes, size=0.2 if classes < 20 else 0.1)
    columns = np.concatenate([1.0 - codes, codes], axis=1) if classes == 2 else codes
    away = columns - link.shares[:, None]
    probability = link.probabilities(away)
    assert probability.mean(axis=(0, 2)) == pytest.approx(link.shares, abs=0.01)

    u, s = link.smoother.directions, link.smoother.shares

    def energy(x):
        return np.mean([np.sum((u @ np.diag(s) @ u.T @ x[:, :, r]) ** 2) / ROWS for r in range(x.shape[2])])

    assert energy(probability - link.shares[:, None]) == pytest.approx(energy(away), rel=0.03)


@pytest.mark.parametrize("classes", [6, 20])
def test_noise_is_not_counted_twice(classes):
    """The class of the truth's largest code is drawn far more often than the largest of noisy codes is that class."""
    link, codes, centre = setting(classes)
    rng = np.random.default_rng(1)
    drawn = link.draw(codes, np.full(DRAWS, 0.5), rng)
    noise = np.sqrt(0.5 * np.sum(centre * (1 - centre)) / classes)
    noisy = (codes + noise * rng.standard_normal(codes.shape)).argmax(axis=1)
    largest = codes.argmax(axis=1)
    assert np.mean(drawn == largest) > np.mean(noisy == largest) + 0.1


@pytest.mark.parametrize("classes", [2, 4])
def test_rows_follow_the_probabilities_of_gold_labels(classes):
    link, codes, _ = setting(classes, size=0.2)
    wanted = np.random.default_rng(2).dirichlet(10.0 * link.shares, ROWS)
    told = ClassLink(link.shares, link.smoother, wanted)
    codes = np.concatenate([codes] * 20, axis=2)
    drawn = told.draw(codes, np.full(codes.shape[2], 0.5), np.random.default_rng(3))
    found = one_hot(drawn, classes).mean(axis=2)
    assert np.abs(found - wanted).mean() < 0.02


def test_levels_of_noise_have_a_link_of_their_own():
    """A louder truth is read as surer classes: each level is fitted to its own draws."""
    link, faint, centre = setting(3, size=0.05)
    loud = centre[:, None] + 3.0 * (faint - centre[:, None])
    both, noise = np.concatenate([faint, loud], axis=2), np.repeat([0.9, 0.5], DRAWS)
    drawn = link.draw(both, noise, np.random.default_rng(4))
    right = drawn == both.argmax(axis=1)
    assert right[:, DRAWS:].mean() > right[:, :DRAWS].mean() + 0.05


@pytest.mark.parametrize("classes", [2, 5])
def test_what_heads_cannot_see_is_noise_to_them(classes):
    """Truths that differ outside the smoother's directions give the same probabilities."""
    link, codes, centre = setting(classes, size=0.1)
    u, away = link.smoother.directions, codes - centre[:, None]
    away = np.concatenate([-away, away], axis=1) if classes == 2 else away
    other = np.random.default_rng(5).standard_normal(away.shape)
    other -= np.tensordot(u @ u.T, other, 1)
    np.testing.assert_allclose(link.probabilities(away + 0.1 * other), link.probabilities(away), atol=1e-9)
