"""Plain progress: a line per phase, and one after a silence; rates and time left."""

from __future__ import annotations

import io
import time

import pytest

from client.cli.pace import Pace, duration
from client.cli.progress import Lines, follow
from predictor.steps import Progress
from tests.service.running import until


def lines_of(out: io.StringIO) -> list[str]:
    """What was printed, without times."""
    return [line.split(" s  ", 1)[1] for line in out.getvalue().splitlines()]


def test_one_line_per_phase_whatever_the_number_of_candidates():
    out = io.StringIO()
    names = [f"c{i}" for i in range(50)]
    with Lines(out, names) as lines:
        for name in names:
            lines.show(Progress(name, "load", 0, 1))
            lines.show(Progress(name, "extract", 600, 600))
            lines.show(Progress(name, "label", 600, 600))
        for i, name in enumerate(names):
            lines.show(Progress(name, "estimate", i, 51))
        lines.show(Progress("", "done", 51, 51))
    assert lines_of(out) == ["reading rows of 50 models: 0 s", "estimating: 0 s", "done"]


def test_a_failed_candidate_is_printed_at_once():
    out = io.StringIO()
    with Lines(out) as lines:
        lines.show(Progress("a", "load", 0, 1))
        lines.show(Progress("a", "failed", 0, 1))
        assert lines_of(out) == ["a: failed"]
        lines.show(Progress("b", "extract", 5, 5))
    assert lines_of(out)[1:] == ["reading rows of 1 model: 0 s"]


def test_every_split_of_a_training_is_printed_once():
    out = io.StringIO()
    with Lines(out) as lines:
        for split in (0, 0, 1):
            lines.show(Progress("a", "train", split, 2))
    assert lines_of(out)[:2] == ["a: training, split 1 of 2", "a: training, split 2 of 2"]


def test_a_silence_is_broken_by_how_far_the_work_is():
    out = io.StringIO()
    with Lines(out, ["small", "big"], quiet_seconds=0.03) as lines:
        lines.show(Progress("big", "load", 0, 1))
        until(lambda: "model 2 of 2, big: loading" in out.getvalue())
        lines.show(Progress("big", "extract", 240, 600))
        until(lambda: "model 2 of 2, big: reading rows, 240 of 600 rows" in out.getvalue())
    ended = out.getvalue()
    time.sleep(0.1)
    assert out.getvalue() == ended


def test_work_that_has_not_begun_prints_nothing():
    out = io.StringIO()

    def steps():
        time.sleep(0.1)
        return 5
        yield

    assert follow(steps(), Lines(out, quiet_seconds=0.02)) == 5
    assert out.getvalue() == ""


def test_time_left_for_all_models_is_the_mean_of_those_that_were_run():
    """Not of the one whose features are stored, and only while another one is to come."""
    pace = Pace(["stored", "a", "b", "c", "d"])
    pace.take(Progress("stored", "extract", 100, 100), 0.0)
    for second in range(0, 31, 5):
        pace.take(Progress("a", "extract", 10 * second, 300), float(second))
    assert pace.text_on_all == ""
    pace.take(Progress("b", "extract", 0, 100), 30.0)
    pace.take(Progress("b", "extract", 50, 100), 35.0)
    assert pace.all_left == pytest.approx(5.0 + 2 * 30.0)
    assert pace.text_on_all == "about 65 s for all models"
    pace.take(Progress("", "estimate", 1, 5), 40.0)
    assert pace.all_left is None


def test_rate_and_time_left_are_those_of_the_last_window():
    pace = Pace(["a", "b"])
    pace.take(Progress("b", "extract", 0, 1000), 0.0)
    assert pace.rate is None
    pace.take(Progress("b", "extract", 100, 1000), 10.0)
    assert (pace.rate, pace.seconds_left) == (10.0, 90.0)
    assert pace.text == "100 of 1,000 rows, 10 rows/s, at most 2 min left"
    for second in range(11, 41):
        pace.take(Progress("b", "extract", 100 + 20 * (second - 10), 1000), float(second))
    assert pace.rate == pytest.approx(20.0)
    pace.take(Progress("a", "extract", 5, 10), 41.0)
    assert pace.rate is None
    assert pace.text == "5 of 10 rows"
    assert pace.model == "model 1 of 2, a"


def test_steps_without_a_countable_unit_have_no_rate():
    pace = Pace()
    pace.take(Progress("", "estimate", 1, 4), 0.0)
    pace.take(Progress("", "estimate", 2, 4), 3.0)
    assert pace.text == "2 of 4, 6 s left"
    assert pace.model == "all candidates"


@pytest.mark.parametrize(("seconds", "text"), [(8.4, "8 s"), (240, "4 min"), (9000, "2.5 h")])
def test_durations_have_a_fitting_unit(seconds, text):
    assert duration(seconds) == text


def test_the_last_step_of_an_estimate_is_named():
    pace = Pace(["a", "b"])
    pace.take(Progress("b", "estimate", 1, 3), 0.0)
    assert pace.text.startswith("1 of 3")
    pace.take(Progress("", "estimate", 2, 3), 1.0)
    assert (pace.model, pace.text) == ("all candidates", "comparing them with each other, the last step")
