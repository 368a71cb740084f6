"""Area under the ROC curve against counting every pair, and scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from predictor.statistics.auroc import auroc


def counted(scores, positive, weights):
    """Every pair of a positive and a negative row, weighed by both."""
    right = total = 0.0
    for i in np.flatnonzero(positive):
        for j in np.flatnonzero(~positive):
            pair = weights[i] * weights[j]
            total += pair
            right += pair * ((scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j]))
    return right / total


@pytest.mark.parametrize("ties", [False, True])
def test_auroc_is_the_weighed_share_of_pairs_in_order(ties):
    rng = np.random.default_rng(3)
    scores = rng.standard_normal((40, 3))
    scores = np.round(scores) if ties else scores
    positive = rng.uniform(size=(40, 3)) < 0.4
    weights = rng.multinomial(40, np.full(40, 1 / 40), 3).T / 40
    found = auroc(scores, positive, weights)
    assert found == pytest.approx([counted(scores[:, r], positive[:, r], weights[:, r]) for r in range(3)])
    even = auroc(scores, positive, np.ones((40, 3)))
    assert even == pytest.approx([roc_auc_score(positive[:, r], scores[:, r]) for r in range(3)])
    one = auroc(scores[:, :1], positive, weights)
    assert one == pytest.approx([counted(scores[:, 0], positive[:, r], weights[:, r]) for r in range(3)])


def test_auroc_of_one_class_alone_is_absent():
    assert np.isnan(auroc(np.arange(3.0)[:, None], np.ones((3, 1), dtype=bool), np.ones((3, 1))))[0]
