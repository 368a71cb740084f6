"""Label bases: how the voters of a ranking may go with the labels, as the strong model sees them.

Views of weak labels are as plausible as each other: that the truth is a consensus of the teachers' labels, and that
it is a consensus of the answers of each teacher's student. A student averages out errors of its teacher that it cannot
see in the rows, as of hard votes; it also loses what it cannot see of the truth. Gold labels decide between the two,
and between the part of a consensus that the student learns and the rest.

As they are without gold labels, both are scaled such that the teachers are calibrated in all: students' answers are too
small, as their heads are shrunk. A third view then is the consensus of heads that were trained on the same rows, as
most are: a simulation of such training knows what they share of the noise of these rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.estimators.problem import Case
from predictor.estimators.simulated_moments import simulated_moments
from predictor.estimators.supervision import cross_fitted_student
from predictor.statistics.arrays import Array
from predictor.truth.basis import CALIBRATED, WHOLE, Basis
from predictor.truth.consensus import linear_prediction
from predictor.truth.voters import Consensus, Kind, Voters, consensus, scaled

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


def label_bases(case: Case, voters: Voters, kernel: Array, *, unit: bool) -> LabelBases:
    """Bases of the labels.

    Args:
        voters: in label units, at least one.
        kernel: (n, n) of the tasks.
        unit: labels have variance 1 in these units; False where their variance is a guess.
    """
    agreed = consensus(voters, unit=unit)
    weak, others = (
        voters.only([i for i, one in enumerate(voters.kinds) if (one == "weak") == by]) for by in (True, False)
    )
    fitted, *students = _students(case, [agreed.mean, *weak.scores.transpose(1, 0, 2)])
    means, scores = [agreed.mean], [voters.scores]
    if students:
        taught = Voters(weak.names, weak.kinds, np.stack(students, axis=1)).joined(others).in_label_units()
        if taught.names:
            means.append(consensus(taught, unit=unit).mean)
            scores.append(taught.scores)
    rest, parts = agreed.mean - fitted, [fitted, *means[1:]]
    parted = tuple(Basis.parted(part, rest, own) for part, own in zip(parts, scores, strict=True))
    simulated = _of_same_rows(case, voters, kernel, unit=unit)
    if simulated is not None:
        means.append(simulated)
        scores.append(voters.scores)
    kappa, means = WHOLE if unit else CALIBRATED, [scaled(mean, voters, agreed.covariance) for mean in means]
    whole = tuple(Basis.of(mean, own, kappa) for mean, own in zip(means, scores, strict=True))
    return LabelBases(agreed, whole, parted)


def same_rows_basis(
    case: Case, voters: Voters, kernel: Array, kappa: tuple[float, float], *, unit: bool
) -> LabelBases | None:
    """The third view alone, for labels without gold ones; None where no voter is a head on features.

    Args:
        kappa: mean and standard deviation of its coefficient.
    """
    simulated = _of_same_rows(case, voters, kernel, unit=unit)
    if simulated is None:
        return None
    agreed = consensus(voters, unit=unit)
    return LabelBases(agreed, (Basis.of(scaled(simulated, voters, agreed.covariance), voters.scores, kappa),), ())


def _of_same_rows(case: Case, voters: Voters, kernel: Array, *, unit: bool) -> Array | None:
    """(n, k) consensus where weak labels are of heads that saw the same gold rows; None of labels without features.

    What the simulation makes of the weak labels is one voter, beside descriptions and labels without features.
    """
    models = {one.name: one for one in case.weak if not one.labels_only}
    weak = [i for i, one in enumerate(voters.names) if voters.kinds[i] == "weak" and one in models]
    if not weak:
        return None
    trained, training = [models[voters.names[i]] for i in weak], case.training
    rng, asked = case.rng("simulated weak labels"), training.sizes(case.rows)[0]
    moments = simulated_moments(trained, kernel, asked, training.squared, rng)
    one = linear_prediction(voters.scores[:, weak], moments)
    others = voters.only([i for i in range(len(voters.names)) if i not in weak])
    kind: Kind = "weak"
    joint = Voters(("heads of the same rows",), (kind,), one[:, None]).joined(others).in_label_units()
    return consensus(joint, unit=unit).mean if joint.names else None


def _students(case: Case, labels: list[Array]) -> list[Array]:
    """(n, k) of each: centred answers of students trained on (n, k) labels, on rows that they were not trained on."""
    stacked, rng = np.concatenate(labels, axis=1), case.rng("consensus")
    given = case.strong.features, stacked, case.training.squared, rng, case.strong.device
    answers: Array = np.mean([cross_fitted_student(*given) for _ in range(HALVINGS)], axis=0)
    answers = answers - answers.mean(axis=0)
    return np.split(answers, len(labels), axis=1)
