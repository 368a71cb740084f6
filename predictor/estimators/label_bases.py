"""Label bases: how the voters of a ranking may go with the labels, as the strong model sees them.

Two views of weak labels are as plausible as each other: that the truth is a consensus of the teachers' labels, and that
it is a consensus of the answers of each teacher's student. A student averages out errors of its teacher that it cannot
see in the rows, as of hard votes; it also loses what it cannot see of the truth. Gold labels decide between the two,
and between the part of a consensus that the student learns and the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.estimators.problem import Case
from predictor.estimators.supervision import cross_fitted_student
from predictor.statistics.arrays import Array
from predictor.truth.basis import Basis
from predictor.truth.voters import Consensus, Voters, consensus

HALVINGS = 4
"""Random halvings of the rows over which a student's answers are averaged."""


@dataclass(frozen=True, eq=False)
class LabelBases:
    """How the voters may go with the labels.

    Attributes:
        consensus: of the voters as given; None where there are none.
        whole: bases of each view's consensus as it is.
        parted: the same with parts that only gold labels can tell apart.
    """

    consensus: Consensus | None
    whole: tuple[Basis, ...]
    parted: tuple[Basis, ...]

    @classmethod
    def none(cls, rows: int, columns: int) -> LabelBases:
        """Nobody votes."""
        nothing = (Basis.none(rows, columns),)
        return cls(None, nothing, nothing)


def label_bases(case: Case, voters: Voters) -> LabelBases:
    """Bases of the labels.

    Args:
        voters: in label units, at least one.
    """
    agreed = consensus(voters)
    weak, others = (
        voters.only([i for i, one in enumerate(voters.kinds) if (one == "weak") == by]) for by in (True, False)
    )
    fitted, *students = _students(case, [agreed.mean, *weak.scores.transpose(1, 0, 2)])
    means, scores = [agreed.mean], [voters.scores]
    if students:
        taught = Voters(weak.names, weak.kinds, np.stack(students, axis=1)).joined(others).in_label_units()
        if taught.names:
            means.append(consensus(taught).mean)
            scores.append(taught.scores)
    rest, parts = agreed.mean - fitted, [fitted, *means[1:]]
    return LabelBases(
        agreed,
        tuple(Basis.of(mean, own) for mean, own in zip(means, scores, strict=True)),
        tuple(Basis.parted(part, rest, own) for part, own in zip(parts, scores, strict=True)),
    )


def _students(case: Case, labels: list[Array]) -> list[Array]:
    """(n, k) of each: centred answers of students trained on (n, k) labels, on rows that they were not trained on."""
    stacked, rng = np.concatenate(labels, axis=1), case.rng("consensus")
    strong, training = case.strong.features, case.training.squared
    answers: Array = np.mean([cross_fitted_student(strong, stacked, training, rng) for _ in range(HALVINGS)], axis=0)
    answers = answers - answers.mean(axis=0)
    return np.split(answers, len(labels), axis=1)
