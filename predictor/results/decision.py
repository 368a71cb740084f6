"""Decision: which trainings to launch, what that is expected to lose and to bring, and what would make it surer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class NextLaunch:
    """One training beside those launched: what it is expected to save, in the decision's unit, and its cost."""

    name: str
    saves: float
    cost: float


@dataclass(frozen=True)
class Round:
    """One round of successive halving: candidates, each trained on so many rows; the better half goes on."""

    rows: int
    candidates: int


@dataclass(frozen=True)
class Halving:
    """A plan for partial trainings.

    Attributes:
        candidates: of the first round, in rank order.
        rounds: in their order.
        p_contains_best: that the best is among the candidates of the first round.
    """

    candidates: tuple[str, ...]
    rounds: tuple[Round, ...]
    p_contains_best: float


@dataclass(frozen=True)
class Decision:
    """Which trainings to launch. The unit is that of the order: share of rows, or label variance.

    Attributes:
        launch: candidates to train, the first choice first; empty where none may be advised.
        expected_regret: what the best of them is expected to lose against the best of all; None where none is launched.
        p_contains_best: chance that the best of all is among them; None as above.
        unit: of all losses and gains here.
        tolerance: expected loss below which a candidate counts as good as the first choice.
        as_good: other candidates whose expected loss against the first choice is below the tolerance.
        losses: ranked candidate -> its expected loss where it is worse than the first choice.
        costs: ranked candidate -> what launching it costs.
        cost_unit: of these: `parameters × rows`, `as given`, or `trainings` where sizes are not known.
        gain: expected rise of the student launched above the best candidate used as it is, which costs no training.
        p_gain: chance that there is any.
        best_weak: that candidate; empty where the gain is not known.
        one_more: the next training to launch, or None.
        halving: a plan where partial trainings are possible, or None.
        reason: why nothing is launched; empty where something is.
        next_steps: what would make the decision surer or cheaper, the best first.
    """

    launch: tuple[str, ...]
    expected_regret: float | None
    p_contains_best: float | None
    unit: str
    tolerance: float
    as_good: tuple[str, ...] = ()
    losses: Mapping[str, float] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)
    cost_unit: str = ""
    gain: float | None = None
    p_gain: float | None = None
    best_weak: str = ""
    one_more: NextLaunch | None = None
    halving: Halving | None = None
    reason: str = ""
    next_steps: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Decision:
        """Read the JSON object back."""
        more, halving = raw["one_more"], raw["halving"]
        tuples = {name: tuple(raw[name]) for name in ("launch", "as_good", "next_steps")}
        return cls(
            **{
                **raw,
                **tuples,
                "one_more": None if more is None else NextLaunch(**more),
                "halving": None
                if halving is None
                else Halving(
                    tuple(halving["candidates"]),
                    tuple(Round(**one) for one in halving["rounds"]),
                    halving["p_contains_best"],
                ),
            }
        )
