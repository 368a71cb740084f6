"""Dawid–Skene: error rates of voters from how they agree, without gold labels.

Dawid, Skene 1979, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm", Applied Statistics
28(1). Voters err independently given the true class. Written here because the library that has it (crowd-kit) brings
transformers, pandas and nltk along.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.statistics.arrays import Array, Ints

PSEUDO_COUNT = 0.01
"""Added to every entry of a confusion matrix, so that a vote never voted stays possible."""


@dataclass(frozen=True, eq=False)
class DawidSkene:
    """Class posteriors of rows and error rates of voters.

    Attributes:
        posterior: (n, k) probability of each true class of each row.
        prior: (k,) share of each true class.
        confusion: (m, k, k) probability that voter j votes column b where row a is true; rows sum to 1.
    """

    posterior: Array
    prior: Array
    confusion: Array

    def surplus(self, votes: Ints) -> Array:
        """(m, m) agreement of voters beyond what independent errors allow, in standard errors; 0 on the diagonal.

        (observed − a_ij) / √(a_ij (1 − a_ij) / n) with a_ij = Σ_a prior_a Σ_b confusion[i, a, b] confusion[j, a, b].
        """
        observed = np.mean(votes[:, :, None] == votes[:, None, :], axis=0)
        allowed = np.einsum("a,iab,jab->ij", self.prior, self.confusion, self.confusion)
        noise = np.sqrt(np.maximum(allowed * (1.0 - allowed), 1e-12) / len(votes))
        beyond: Array = (observed - allowed) / noise
        np.fill_diagonal(beyond, 0.0)
        return beyond

    def errors(self) -> Array:
        """(m,) 0–1 error of each voter, Σ_a prior_a (1 − confusion[j, a, a]); lower is better."""
        right = np.diagonal(self.confusion, axis1=1, axis2=2)
        wrong: Array = (1.0 - right) @ self.prior
        return wrong


def dawid_skene(votes: Ints, classes: int, *, rounds: int = 200, tolerance: float = 1e-6) -> DawidSkene:
    """Maximum likelihood by EM from the majority vote.

    M: confusion[j, a, b] ∝ Σ_i posterior[i, a] [votes[i, j] = b], prior_a = mean_i posterior[i, a].
    E: posterior[i, a] ∝ prior_a Π_j confusion[j, a, votes[i, j]].

    Args:
        votes: (n, m) classes 0 … k − 1.
        classes: k ≥ 2.
        rounds, tolerance: EM stops after so many rounds, or once no posterior moves by more.
    """
    voted = np.eye(classes)[votes]
    posterior: Array = voted.mean(axis=1)
    for _ in range(rounds):
        consensus = _rates(voted, posterior)
        moved = _posterior(votes, consensus)
        still = float(np.abs(moved - posterior).max()) <= tolerance
        posterior = moved
        if still:
            break
    return _rates(voted, posterior)


def _rates(voted: Array, posterior: Array) -> DawidSkene:
    counts = np.einsum("ia,ijb->jab", posterior, voted) + PSEUDO_COUNT
    return DawidSkene(posterior, posterior.mean(axis=0), counts / counts.sum(axis=2, keepdims=True))


def _posterior(votes: Ints, consensus: DawidSkene) -> Array:
    logs = np.log(consensus.confusion)
    score = np.log(np.maximum(consensus.prior, 1e-300)) + sum(logs[j][:, votes[:, j]].T for j in range(votes.shape[1]))
    likely = np.exp(score - score.max(axis=1, keepdims=True))
    posterior: Array = likely / likely.sum(axis=1, keepdims=True)
    return posterior
