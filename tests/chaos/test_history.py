"""The checker of histories finds each kind of broken promise, and no more."""

from datetime import UTC, datetime

import pytest

from predictor.results.job import Job
from tests.chaos.history import History, Sight
from tests.chaos.outcome import Outcome


def job(state, request_id="r", name="j"):
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return Job(name, state, moment, moment, 9, 1, request_id)


def faults(*sights, final=None):
    history = History()
    history.ask("r")
    for place, (state, revision, *more) in enumerate(sights):
        digest, cancel, name = (*more, None, False, "j")[:3] if not more else (*more, *(None, False, "j")[len(more) :])
        history.sights.append(Sight(place, place + 0.5, "r", name, state, revision, digest, cancel))
    return history.faults({"j": job("SUCCEEDED")} if final is None else final)


def test_a_sound_life_has_no_errors():
    assert faults(("QUEUED", 1), ("RUNNING", 2), ("QUEUED", 3), ("RUNNING", 4), ("SUCCEEDED", 9, "d")) == []


@pytest.mark.parametrize(
    ("sights", "final", "text"),
    [
        ([("RUNNING", 2), ("QUEUED", 1)], None, "went back from revision 2 to 1"),
        ([("SUCCEEDED", 2), ("RUNNING", 3)], None, "went from SUCCEEDED to RUNNING"),
        ([("CANCELLING", 2), ("SUCCEEDED", 3)], None, "went from CANCELLING to SUCCEEDED"),
        ([("SUCCEEDED", 2, "a"), ("SUCCEEDED", 2, "b")], None, "has two answers"),
        ([("QUEUED", 1)], {}, "was acknowledged and is gone"),
        ([("QUEUED", 1)], {"j": job("RUNNING")}, "never ended"),
        ([("CANCELLING", 1, None, True)], None, "was cancelled and became SUCCEEDED"),
        ([("FAILED", 1)], None, "ended as"),
        ([("QUEUED", 1), ("QUEUED", 1, None, False, "k")], None, "request r made 2 jobs"),
        ([], {"j": job("SUCCEEDED", "unknown")}, "was asked for by nobody"),
    ],
)
def test_a_broken_promise_is_found(sights, final, text):
    assert any(text in error for error in faults(*sights, final=final))


def test_a_run_that_did_too_little_is_no_success():
    assert Outcome(2, 3, 9, 5).problems() == ["2 faults of 3"]
    assert Outcome(3, 3, 4, 5).problems() == ["load of 4, not 5"]
    assert Outcome(3, 3, 5, 5).problems() == []
