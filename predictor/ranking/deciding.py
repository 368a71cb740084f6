"""Deciding: the launch that a ranking's joint draws and costs advise, and what would make it surer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from predictor.decision.costs import default_costs
from predictor.decision.halving import rungs
from predictor.decision.launch import Launch, best_launch, one_more
from predictor.decision.regret import p_contains_best, shortfalls
from predictor.query.evidence import Evidence
from predictor.query.query import RankingQuery
from predictor.ranking.next_steps import next_steps
from predictor.ranking.ordering import Ordering
from predictor.results.candidate import LABEL_VARIANCE, SHARE, Candidate
from predictor.results.decision import Decision, Halving, NextLaunch, Round
from predictor.statistics.arrays import Array

TOLERANCE = {"accuracy": 0.005, "w2s_error": 0.01, "gain": 0.01}
"""Expected loss below which a candidate counts as good as the first: half a row in a hundred, or a hundredth of the
label variance."""

NOT_ABOVE_NULL = "not_above_null"
RANDOM_WEIGHTS = "random_weights"


def flags_of(candidate: Candidate) -> tuple[str, ...]:
    """Why the candidate must not be advised."""
    facts = candidate.diagnostics
    found = [] if facts.get("above_null", 1.0) else [NOT_ABOVE_NULL]
    return (*found, RANDOM_WEIGHTS) if facts.get("random_weights", 0.0) else tuple(found)


def decide(
    query: RankingQuery, ordering: Ordering, ranked: Sequence[Candidate], strong: int | None, evidence: str
) -> Decision:
    """The decision of a ranking.

    Args:
        ranked: in rank order, with their flags.
        strong: parameters of the strong model, or None.
        evidence: level of the ranking's evidence.
    """
    allowed = [place for place, one in enumerate(ranked) if not one.flags]
    costs, cost_unit = _costs(query, ranked, strong)
    known = dict(zip((one.name for one in ranked), costs.tolist(), strict=True))
    unit = SHARE if ordering.rank_by == "accuracy" else LABEL_VARIANCE if ordering.rank_by else ordering.requested.unit
    tolerance = TOLERANCE.get(ordering.rank_by or "", 0.0)
    if not allowed:
        nothing = Decision((), None, None, unit, tolerance, costs=known, cost_unit=cost_unit, reason=_reason(ranked))
        return next_steps(nothing, query, evidence)
    p_best = np.array([one.p_best or 0.0 for one in ranked])
    count = query.settings.launch or 1
    draws = _Draws.of(ordering, [one.name for one in ranked])
    if draws is None:
        chosen = tuple(allowed[:count])
        plain = Decision(
            tuple(ranked[i].name for i in chosen),
            None,
            p_contains_best(p_best, chosen),
            unit,
            tolerance,
            costs=known,
            cost_unit=cost_unit,
        )
        return next_steps(plain, query, evidence)
    launch = best_launch(draws.losses, allowed, count, costs, tolerance if query.settings.costs else None)
    lost = shortfalls(draws.losses, launch.chosen[0])
    kept, gain, p_gain = draws.gain(launch, allowed)
    decision = Decision(
        launch=tuple(ranked[i].name for i in launch.chosen),
        expected_regret=launch.regret,
        p_contains_best=p_contains_best(p_best, launch.chosen),
        unit=unit,
        tolerance=tolerance,
        as_good=tuple(ranked[i].name for i in as_good(lost, allowed, launch, tolerance, evidence)),
        losses={one.name: float(value) for one, value in zip(ranked, lost, strict=True)},
        costs=known,
        cost_unit=cost_unit,
        gain=gain,
        p_gain=p_gain,
        best_weak=ranked[kept].name,
        one_more=_one_more(draws.losses, allowed, launch, ranked, costs),
        halving=_halving(query, count, allowed, ranked, p_best),
    )
    return next_steps(decision, query, evidence)


def as_good(lost: Array, allowed: Sequence[int], launch: Launch, tolerance: float, evidence: str) -> tuple[int, ...]:
    """Candidates that the evidence says lose little against the first choice.

    None from representations alone: these draws run over the tasks of a prior, and nothing says that this task is one
    of them. Measured, candidates that differed by less than the tolerance under the prior lost up to .07 of accuracy
    (tests/benchmarks/decision.md).
    """
    if evidence == Evidence.representations.name:
        return ()
    return tuple(i for i in allowed if i != launch.chosen[0] and lost[i] < tolerance)


@dataclass(frozen=True, eq=False)
class _Draws:
    """(R, m) losses of students and of the candidates themselves, in rank order; weak None where no accuracy is."""

    losses: Array
    weak: Array

    @classmethod
    def of(cls, ordering: Ordering, names: Sequence[str]) -> _Draws | None:
        draws = ordering.draws
        if draws is None:
            return None
        places = [draws.names.index(name) for name in names]
        if ordering.rank_by == "accuracy" and draws.w2s_accuracy is not None and draws.weak_accuracy is not None:
            return cls(-draws.w2s_accuracy[:, places], -draws.weak_accuracy[:, places])
        if ordering.rank_by == "gain":
            return cls(-draws.gain[:, places], np.zeros_like(draws.gain[:, places]))
        return cls(draws.w2s_error[:, places], (draws.w2s_error + draws.gain)[:, places])

    def gain(self, launch: Launch, allowed: Sequence[int]) -> tuple[int, float, float]:
        """The candidate that is best as it is, how far the best student is above it, and the chance that it is."""
        kept = min(allowed, key=lambda i: float(self.weak[:, i].mean()))
        risen = self.weak[:, kept] - self.losses[:, list(launch.chosen)].min(axis=1)
        return kept, float(risen.mean()), float(np.mean(risen > 0.0))


def _costs(query: RankingQuery, ranked: Sequence[Candidate], strong: int | None) -> tuple[Array, str]:
    given = query.settings.costs
    if given:
        return np.array([query.cost_of(one.name) for one in ranked]), "as given"
    rows = len(query.pool)
    found = default_costs([one.parameters for one in ranked], strong, rows)
    return (np.ones(len(ranked)), "trainings") if found is None else (found, "parameters × rows")


def _one_more(
    losses: Array, allowed: Sequence[int], launch: Launch, ranked: Sequence[Candidate], costs: Array
) -> NextLaunch | None:
    found = one_more(losses, allowed, launch)
    return None if found is None else NextLaunch(ranked[found[0]].name, found[1], float(costs[found[0]]))


def _halving(
    query: RankingQuery, count: int, allowed: Sequence[int], ranked: Sequence[Candidate], p_best: Array
) -> Halving | None:
    """Where several trainings are to be launched: more candidates on fewer rows, for the same price."""
    _, rows = query.settings.training.sizes(len(query.pool))
    plan = rungs(count, len(allowed), rows)
    if not plan or plan[0].candidates < count:
        return None
    first = tuple(allowed[: plan[0].candidates])
    rounds = tuple(Round(one.rows, one.candidates) for one in plan)
    return Halving(tuple(ranked[i].name for i in first), rounds, p_contains_best(p_best, first))


def _reason(ranked: Sequence[Candidate]) -> str:
    if any(NOT_ABOVE_NULL not in one.flags for one in ranked):
        return "the only candidates that beat shuffled rows have random weights"
    return "no candidate is better than shuffled rows"
