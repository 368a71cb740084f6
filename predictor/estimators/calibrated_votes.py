"""Calibrated votes: weak labels that say how likely each class is, made of votes where they are only votes."""

from __future__ import annotations

import numpy as np

from predictor.estimators.dawid1979 import dawid_skene
from predictor.estimators.hard_votes import are_classes, votes
from predictor.query.labels import Labels
from predictor.statistics.arrays import Array


def read_as_classes(weak: Array, labels: Labels | None) -> bool:
    """Whether (m, n, k) weak labels are probabilities or votes: several columns are shares of one whole."""
    whole = weak.shape[2] == 1 or bool(np.allclose(weak.sum(axis=2), 1.0, atol=1e-3))
    return whole and all(are_classes(table, labels) for table in weak)


def only_votes(weak: Array) -> bool:
    """Whether there is nothing but 0 and 1."""
    return bool(np.isin(weak, (0.0, 1.0)).all())


def calibrated_votes(weak: Array) -> Array:
    """(m, n, k) probabilities of the classes given each candidate's vote, with error rates by Dawid and Skene."""
    voted = np.stack([votes(table) for table in weak], axis=1)
    columns = weak.shape[2]
    consensus = dawid_skene(voted, max(columns, 2))
    joint = consensus.prior[None, :, None] * consensus.confusion
    given = joint / joint.sum(axis=1, keepdims=True)
    tables = np.stack([given[i][:, voted[:, i]].T for i in range(voted.shape[1])])
    return tables[:, :, 1:] if columns == 1 else tables
