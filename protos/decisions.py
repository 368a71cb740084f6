"""Decisions: to and from their wire form."""

from __future__ import annotations

from predictor.results.decision import Decision, Halving, NextLaunch, Round
from protos.w2s.v1 import ranking_pb2 as pb

_PLAIN = ("unit", "tolerance", "cost_unit", "reason", "best_weak")
_LISTS = ("launch", "as_good", "next_steps")
_OPTIONAL = ("expected_regret", "p_contains_best", "gain", "p_gain")


def decision_to_proto(decision: Decision) -> pb.Decision:
    """The decision as a message; the order of its maps is noted by the caller."""
    message = pb.Decision(losses=decision.losses, costs=decision.costs)
    for name in _PLAIN:
        setattr(message, name, getattr(decision, name))
    for name in _LISTS:
        getattr(message, name).extend(getattr(decision, name))
    for name in _OPTIONAL:
        if getattr(decision, name) is not None:
            setattr(message, name, getattr(decision, name))
    more, halving = decision.one_more, decision.halving
    if more is not None:
        message.one_more.CopyFrom(pb.NextLaunch(name=more.name, saves=more.saves, cost=more.cost))
    if halving is not None:
        rounds = [pb.Round(rows=one.rows, candidates=one.candidates) for one in halving.rounds]
        message.halving.CopyFrom(
            pb.Halving(candidates=halving.candidates, rounds=rounds, p_contains_best=halving.p_contains_best)
        )
    return message


def decision_from_proto(message: pb.Decision, losses: dict[str, float], costs: dict[str, float]) -> Decision:
    """The decision of a message, with its maps in the order that the caller restored."""
    more, halving = message.one_more, message.halving
    return Decision(
        launch=tuple(message.launch),
        expected_regret=message.expected_regret if message.HasField("expected_regret") else None,
        p_contains_best=message.p_contains_best if message.HasField("p_contains_best") else None,
        unit=message.unit,
        tolerance=message.tolerance,
        as_good=tuple(message.as_good),
        losses=losses,
        costs=costs,
        cost_unit=message.cost_unit,
        gain=message.gain if message.HasField("gain") else None,
        p_gain=message.p_gain if message.HasField("p_gain") else None,
        one_more=NextLaunch(more.name, more.saves, more.cost) if message.HasField("one_more") else None,
        halving=Halving(
            tuple(halving.candidates),
            tuple(Round(one.rows, one.candidates) for one in halving.rounds),
            halving.p_contains_best,
        )
        if message.HasField("halving")
        else None,
        best_weak=message.best_weak,
        reason=message.reason,
        next_steps=tuple(message.next_steps),
    )
