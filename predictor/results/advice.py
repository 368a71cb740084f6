"""Advice: a ranking's decision in words, the same in every form of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from predictor.results.candidate import SHARE, Candidate
from predictor.results.decision import Decision
from predictor.results.names import listed, visible

if TYPE_CHECKING:
    from predictor.results.ranking import Ranking


def headline(ranking: Ranking) -> str:
    """What to do, in one or two sentences. It names whom it means, and says as loudly that there is no gain."""
    ranked = [one for one in ranking.candidates if one.rank is not None]
    if not ranked:
        return "No candidate could be ranked: fix the errors above and run again."
    decision = ranking.decision
    if ranking.null.separable == 0 and ranking.null.value is None:
        return f"Train on none of them yet: {ranking.rank_by} has no value for any candidate; see the warnings."
    if decision is None:
        return f"{visible(ranked[0].name)} comes first; the answer holds no decision."
    if not decision.launch:
        return f"Train on none of them yet: {decision.reason}.{_next(decision)}"
    first = next((one for one in ranked if one.name == decision.launch[0]), ranked[0])
    return f"{_no_gain(decision, first)}{_launch(decision, first)}{_beside(ranked, decision)}{_as_good(decision)}"


def decision_lines(ranking: Ranking) -> list[tuple[str, str]]:
    """Heading and sentence of what a decision rests on; none where nothing was decided."""
    decision = ranking.decision
    if decision is None:
        return []
    found = []
    if decision.launch and decision.expected_regret is not None:
        found.append(("loss", _loss(decision, decision.expected_regret)))
    found += [("cost", _cost(decision))] if decision.launch and decision.costs else []
    if decision.gain is not None and decision.p_gain is not None:
        found.append(("gain", _gain(decision)))
    if decision.halving is not None:
        rounds = ", then ".join(f"{one.candidates} on {one.rows:,} rows" for one in decision.halving.rounds)
        found.append(
            (
                "halving",
                f"where a training can be stopped early, train {rounds}, and keep the better half each time: the best "
                f"is among {listed(decision.halving.candidates)} with a chance of "
                f"{decision.halving.p_contains_best:.0%}",
            )
        )
    found += [("labels", line) for line in _labels(ranking, decision)]
    return [*found, *(("next", step) for step in decision.next_steps)]


def amount(value: float, unit: str) -> str:
    """`0.4% of rows`, or `0.012 label variance`."""
    if unit == SHARE:
        return f"{value:.1%} of rows"
    return f"{value:.3f} {unit}".rstrip()


def _labels(ranking: Ranking, decision: Decision) -> list[str]:
    """Whether to refine, filter or keep the weak labels of those launched, where that was asked for."""
    advised = {one.name: one.estimates.get("refinement") for one in ranking.candidates}
    shown = ((name, advised.get(name)) for name in decision.launch)
    return [f"{visible(name)}: {visible(one.note)}" for name, one in shown if one is not None and one.note]


def _loss(decision: Decision, regret: float) -> str:
    lost, chance = amount(regret, decision.unit), f"with a chance of {decision.p_contains_best or 0.0:.0%}"
    if len(decision.launch) == 1:
        name = visible(decision.launch[0])
        return f"{name} is expected to lose {lost} against the best of all; it is the best {chance}"
    return f"the best of them is expected to lose {lost} against the best of all, which is among them {chance}"


def _launch(decision: Decision, first: Candidate) -> str:
    chance = f"the best with a chance of {decision.p_contains_best or 0.0:.0%}"
    if len(decision.launch) > 1:
        among = f"the best is among them with a chance of {decision.p_contains_best or 0.0:.0%}"
        return f"Train on the labels of {listed(decision.launch)}: {among}."
    student, teacher = first.predicted_accuracy, first.predicted_weak_accuracy
    if student is None or teacher is None or student.value is None or teacher.value is None:
        return f"Train on the labels of {visible(first.name)}: {chance}."
    return (
        f"Train on the labels of {visible(first.name)}: its student is expected to be right in {student.value:.1%} of "
        f"rows, itself in {teacher.value:.1%}; {chance}."
    )


def _no_gain(decision: Decision, first: Candidate) -> str:
    if decision.gain is None or decision.gain > 0.0:
        return ""
    better = "right at least as often as" if decision.unit == SHARE else "wrong by no more than"
    whose = "the student of " + visible(first.name) if len(decision.launch) == 1 else "any student of these"
    return f"No gain expected: {visible(decision.best_weak)} used as it is would be {better} {whose}. "


def _beside(ranked: Sequence[Candidate], decision: Decision) -> str:
    """Why a candidate of higher rank is passed over."""
    place = next((i for i, one in enumerate(ranked) if one.name == decision.launch[0]), 0)
    passed = [one for one in ranked[:place] if one.flags]
    if not passed:
        return ""
    why = " and ".join(dict.fromkeys(_FLAGS[flag][len(passed) > 1] for one in passed for flag in one.flags))
    return f" {listed([one.name for one in passed])} {'comes' if len(passed) == 1 else 'come'} before it, but {why}."


_FLAGS = {
    "not_above_null": ("does no better than shuffled rows", "do no better than shuffled rows"),
    "random_weights": ("has random weights", "have random weights"),
}
"""Flag -> what is said of one candidate and of several."""


def _as_good(decision: Decision) -> str:
    if not decision.as_good:
        return ""
    least = amount(decision.tolerance, decision.unit)
    cost = {name: decision.costs.get(name, 0.0) for name in (decision.launch[0], *decision.as_good)}
    cheapest = min(cost, key=lambda name: cost[name])
    plural = "is as good" if len(decision.as_good) == 1 else "are as good"
    words = f" {listed(decision.as_good)} {plural} (expected loss below {least})"
    if cheapest == decision.launch[0] or cost[cheapest] >= cost[decision.launch[0]]:
        return f"{words}."
    saved = 1.0 - cost[cheapest] / cost[decision.launch[0]]
    return f"{words}; {visible(cheapest)} costs {saved:.0%} less."


def _cost(decision: Decision) -> str:
    spent = sum(decision.costs[name] for name in decision.launch)
    each = ", ".join(f"{visible(name)} {_number(cost)}" for name, cost in decision.costs.items())
    if decision.cost_unit == "parameters × rows":
        relative = {name: cost / decision.costs[decision.launch[0]] for name, cost in decision.costs.items()}
        others = ", ".join(
            f"{visible(name)} {cost:.2f}" for name, cost in relative.items() if name != decision.launch[0]
        )
        beside = f"; others as shares of {visible(decision.launch[0])}: {others}" if others else ""
        return f"{_number(spent)} parameters × rows{beside}"
    if decision.cost_unit == "trainings":
        return f"{len(decision.launch)} of {len(decision.costs)} trainings; give --cost to weigh them"
    return f"{_number(spent)} in {decision.cost_unit}; each: {each}"


def _number(cost: float) -> str:
    return f"{cost:,.6g}" if abs(cost) < 1e6 else f"{cost:.2e}"


def _gain(decision: Decision) -> str:
    gain, chance = decision.gain or 0.0, decision.p_gain or 0.0
    whose = "the student" if len(decision.launch) == 1 else "the better student"
    beside = f"{visible(decision.best_weak)} used as it is; the chance of any gain is {chance:.0%}"
    size = amount(abs(gain), decision.unit)
    if size == amount(0.0, decision.unit):
        return f"none expected: {whose} is level with {beside}"
    if gain < 0.0:
        return f"none expected: {whose} is {size} behind {beside}"
    return f"{whose} is expected to be {size} better than {beside}"


def _next(decision: Decision) -> str:
    if not decision.next_steps:
        return ""
    steps = "; or ".join(decision.next_steps)
    return f" {steps[:1].upper()}{steps[1:]}."
