"""The decision in words: whom it names, what it costs and loses, and that there is no gain."""

from __future__ import annotations

import dataclasses

import pytest

from predictor.results.advice import decision_lines, headline
from predictor.results.candidate import Interval
from predictor.results.decision import Decision, Halving, Round
from predictor.results.ranking import NullBand, Ranking
from tests.report.rankings import bare, decision, ranking

FIRST, SECOND, THIRD = "small#layer=6", "small#layer=3", "tiny"


def decided(**changes) -> Ranking:
    return dataclasses.replace(ranking(), decision=dataclasses.replace(decision(), **changes))


def of_classes(one: Ranking) -> Ranking:
    shares = [Interval(value, value - 0.02, value + 0.02, "share of rows") for value in (0.8213, 0.794)]
    first = dataclasses.replace(one.candidates[0], predicted_accuracy=shares[0], predicted_weak_accuracy=shares[1])
    return dataclasses.replace(one, candidates=(first, *one.candidates[1:]))


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (
            decided(),
            f"Train on the labels of {FIRST}: the best with a chance of 71%. {SECOND} is as good (expected loss below "
            f"0.010 label variance); {SECOND} costs 25% less.",
        ),
        (decided(as_good=()), f"Train on the labels of {FIRST}: the best with a chance of 71%."),
        (
            of_classes(decided(as_good=())),
            f"Train on the labels of {FIRST}: its student is expected to be right in 82.1% of rows, itself in 79.4%; "
            "the best with a chance of 71%.",
        ),
        (
            decided(as_good=(SECOND, THIRD)),
            f"Train on the labels of {FIRST}: the best with a chance of 71%. {SECOND} and {THIRD} are as good "
            f"(expected loss below 0.010 label variance); {THIRD} costs 75% less.",
        ),
        (
            decided(launch=(FIRST, SECOND), as_good=(), p_contains_best=0.99),
            f"Train on the labels of {FIRST} and {SECOND}: the best is among them with a chance of 99%.",
        ),
        (
            decided(gain=-0.01, as_good=()),
            f"No gain expected: {SECOND} used as it is would be wrong by no more than the student of {FIRST}. Train on "
            f"the labels of {FIRST}: the best with a chance of 71%.",
        ),
        (
            decided(
                launch=(), reason="no candidate is better than shuffled rows", next_steps=("label rows", "read more")
            ),
            "Train on none of them yet: no candidate is better than shuffled rows. Label rows; or read more.",
        ),
        (bare(), "No candidate could be ranked: fix the errors above and run again."),
        (
            dataclasses.replace(ranking(), rank_by="cka", null=NullBand()),
            "Train on none of them yet: cka has no value for any candidate; see the warnings.",
        ),
    ],
)
def test_the_headline_reports_what_to_do_and_names_whom_it_means(one, words):
    assert headline(one) == words
    assert one.advice() == words


@pytest.mark.parametrize(
    ("flags", "why"),
    [(("random_weights",), "has random weights"), (("not_above_null",), "does no better than shuffled rows")],
)
def test_a_candidate_that_is_passed_over_is_named_with_the_reason(flags, why):
    one = decided(launch=(SECOND,), as_good=())
    first = dataclasses.replace(one.candidates[0], flags=flags)
    one = dataclasses.replace(one, candidates=(first, *one.candidates[1:]))
    assert headline(one).endswith(f"{FIRST} comes before it, but {why}.")


def test_the_lines_name_cost_loss_gain_and_next_steps():
    lines = dict(decision_lines(decided()))
    assert lines["loss"] == (
        f"{FIRST} is expected to lose 0.004 label variance against the best of all; it is the best with a chance of 71%"
    )
    assert lines["cost"] == f"4 in as given; each: {FIRST} 4, {SECOND} 3, {THIRD} 1"
    assert lines["gain"] == (
        f"the student is expected to be 0.080 label variance better than {SECOND} used as it is; the chance of any "
        "gain is 93%"
    )
    assert lines["next"] == "label 50 of the rows and give them with --labels"
    assert "is 0.020 label variance behind" in dict(decision_lines(decided(gain=-0.02)))["gain"]
    for none in (0.0, -0.0001, 0.0001):
        assert f"none expected: the student is level with {SECOND}" in dict(decision_lines(decided(gain=none)))["gain"]
    share = dict(decision_lines(decided(unit="share of rows")))
    assert "lose 0.4% of rows" in share["loss"]


def test_default_costs_are_shown_as_shares_of_the_first():
    line = dict(decision_lines(decided(cost_unit="parameters × rows")))["cost"]
    assert line == f"4 parameters × rows; others as shares of {FIRST}: {SECOND} 0.75, {THIRD} 0.25"


def test_of_several_the_best_is_among_them():
    lines = dict(decision_lines(decided(launch=(FIRST, SECOND))))
    assert lines["loss"].endswith("against the best of all, which is among them with a chance of 71%")


def test_partial_trainings_are_a_plan():
    plan = Halving((FIRST, SECOND, THIRD), (Round(50, 3), Round(100, 1)), 1.0)
    line = dict(decision_lines(decided(halving=plan)))["halving"]
    assert "train 3 on 50 rows, then 1 on 100 rows" in line


def test_a_decision_reads_back():
    one = decided(halving=Halving((FIRST,), (Round(50, 1),), 0.5))
    assert Ranking.from_dict(one.to_dict()).decision == one.decision
    nothing = Decision((), None, None, "", 0.0)
    again = Ranking.from_dict(dataclasses.replace(one, decision=nothing).to_dict())
    assert again.decision == nothing
