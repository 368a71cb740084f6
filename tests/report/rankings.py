"""Hand-made rankings, one of each kind that a report must show well."""

from __future__ import annotations

import dataclasses
import math

from predictor.results.candidate import Candidate, Estimate, Failure, Interval
from predictor.results.decision import Decision, NextLaunch
from predictor.results.ranking import NullBand, Provenance, Ranking, StrongModel

EVIL = '<script>alert("x")</script>&\x1b[31mred\x1b[0m\u202e|`*_'
"""A name that would run, colour, turn round or break whatever does not escape it."""


def spectrum(decay: float) -> dict[str, float]:
    return {f"spectrum_{i}": i**-decay * math.exp(-i / 60) for i in range(1, 33)}


def candidate(name: str, place: int, error: float, gain: float, p_best: float, tie: int) -> Candidate:
    return Candidate(
        name,
        "ok",
        place,
        max(1, place - 1),
        place + 1,
        p_best,
        tie,
        Interval(error, error - 0.031, error + 0.037, "label variance"),
        Interval(gain, gain - 0.042, gain + 0.038, "label variance"),
        Interval(0.4 - 0.1 * place, -0.1, 0.6, "fraction"),
        layer="6",
        dim=384,
        parameters=22_713_216,
        fingerprint="ab" * 32,
        estimates={
            "label_prior_simulation": Estimate(error, "lower", "label variance", error - 0.03, error + 0.03),
            "representation_gap": Estimate(0.8 + 0.02 * place, "lower", ""),
            "misfit": Estimate(None, "higher", "label variance", note="needs weak labels"),
            "parameter_count": Estimate(22_713_216.0 / place, "higher", "weights"),
        },
        diagnostics={
            **spectrum(0.6 + 0.1 * place),
            "overlap_with_strong": 0.8 - 0.1 * place,
            "effective_dimension": 40.0 - place,
        },
        warnings=("3 rows were cut at 256 tokens",) if place == 2 else (),
        timings={"extract": 1.5},
    )


def failed(name: str, message: str = "it does not exist; check the path.") -> Candidate:
    return Candidate(name, "failed", error=Failure("NOT_FOUND", "MODEL_NOT_FOUND", message))


def ranking(*, failures: tuple[Candidate, ...] = (), rank_by: str = "w2s_error") -> Ranking:
    return Ranking(
        rank_by,
        "representations",
        600,
        "c0ffee" * 10,
        StrongModel("mpnet", "6", 768, "cd" * 32, {**spectrum(0.5), "effective_dimension": 55.0}),
        (
            candidate("small#layer=6", 1, 0.312, 0.083, 0.71, 1),
            candidate("small#layer=3", 2, 0.331, 0.066, 0.28, 1),
            candidate("tiny", 3, 0.583, -0.021, 0.004, 2),
            *failures,
        ),
        NullBand(0.612, 0.571, 0.655, "label variance", 2),
        Provenance(
            {"w2s-predictor": "0.1.0", "numpy": "2.4"},
            7,
            {
                "strong": "mpnet=./mpnet",
                "max_rows": None,
                "command": ["rank", "--strong", "mpnet=./mpnet", "--weak", "small=./my model#layer=3,6", "tiny=./tiny"],
            },
        ),
        ("12 rows are blank; they are kept",),
        decision=decision(),
    )


def decision() -> Decision:
    """One training of three, the second candidate cheaper and nearly as good."""
    return Decision(
        launch=("small#layer=6",),
        expected_regret=0.004,
        p_contains_best=0.71,
        unit="label variance",
        tolerance=0.01,
        as_good=("small#layer=3",),
        losses={"small#layer=6": 0.0, "small#layer=3": 0.006, "tiny": 0.27},
        costs={"small#layer=6": 4.0, "small#layer=3": 3.0, "tiny": 1.0},
        cost_unit="as given",
        gain=0.08,
        p_gain=0.93,
        best_weak="small#layer=3",
        one_more=NextLaunch("small#layer=3", 0.003, 3.0),
        next_steps=("label 50 of the rows and give them with --labels",),
    )


def bare() -> Ranking:
    """What the least informative answer holds: no band, no intervals, no estimates, nothing ranked."""
    return dataclasses.replace(
        ranking(),
        candidates=(failed("only"),),
        null=NullBand(),
        warnings=(),
        provenance=Provenance({}, 0, {}),
        decision=None,
    )


def pointwise() -> Ranking:
    """Values without bounds, and one candidate without any value."""
    base = ranking()
    first, second, third = base.candidates
    point = Interval(0.3, None, None, "label variance")
    return dataclasses.replace(
        base,
        candidates=(
            dataclasses.replace(first, predicted_w2s_error=point, predicted_gain=None, predicted_pgr=None, p_best=None),
            dataclasses.replace(second, predicted_w2s_error=None, predicted_gain=None, tie_group=None, diagnostics={}),
            dataclasses.replace(third, predicted_w2s_error=point, rank_low=None, rank_high=None, estimates={}),
        ),
        null=NullBand(),
        strong=dataclasses.replace(base.strong, diagnostics={}),
    )


def by_estimator() -> Ranking:
    """Ordered by an estimator's own value: nothing is predicted."""
    base = ranking(rank_by="representation_gap")
    none = {"predicted_w2s_error": None, "predicted_gain": None, "predicted_pgr": None}
    return dataclasses.replace(
        base,
        candidates=tuple(dataclasses.replace(candidate, **none) for candidate in base.candidates),
        null=NullBand(0.97, 0.95, 0.99, "", 3),
    )


def of_classes() -> Ranking:
    """A ranking of which accuracies are predicted."""
    plain = ranking()
    first = plain.candidates[0]
    reported = Estimate(0.3, "lower", "label variance", details={"weak_accuracy": 0.794, "w2s_accuracy": 0.8213})
    first = dataclasses.replace(first, estimates={**first.estimates, "truth_posterior": reported})
    return dataclasses.replace(plain, evidence="few_labels", candidates=(first, *plain.candidates[1:]))
