"""Plain progress: a line per change of phase, and a word after a silence: nobody shall take a long step for a hang."""

from __future__ import annotations

import io
import time

from client.cli.progress import Lines, follow
from predictor.steps import Progress
from tests.service.running import until


def test_a_line_says_what_is_begun_and_repeats_nothing():
    out = io.StringIO()
    with Lines(out) as lines:
        for done in (0, 64, 128):
            lines.show(Progress("small", "extract", done, 600))
        lines.show(Progress("small", "done", 1, 1))
    told = [line.split("  ", 1)[1] for line in out.getvalue().replace(" s  ", "  ").splitlines()]
    assert [line.split("  ")[-1] for line in told] == ["small: reading 600 rows", "small: done"]


def test_a_silence_is_broken_by_what_is_still_going_on_and_how_far_it_is():
    out = io.StringIO()
    with Lines(out, quiet_seconds=0.03) as lines:
        lines.show(Progress("big", "load", 0, 1))
        until(lambda: "big: still loading" in out.getvalue(), 10)
        lines.show(Progress("big", "extract", 240, 600))
        until(lambda: "big: still reading rows, 240 of 600" in out.getvalue(), 10)
    ended = out.getvalue()
    time.sleep(0.1)
    assert out.getvalue() == ended


def test_nothing_is_repeated_before_the_silence_is_as_long_as_it_may_be():
    out = io.StringIO()
    with Lines(out, quiet_seconds=0.4) as lines:
        lines.show(Progress("big", "load", 0, 1))
        until(lambda: "still" in out.getvalue(), 10)
    begun, reminded = (float(line.split()[1]) for line in out.getvalue().splitlines()[:2])
    assert reminded - begun >= 0.3  # shown in tenths


def test_work_that_has_not_begun_is_not_reminded_of():
    out = io.StringIO()

    def steps():
        time.sleep(0.1)
        return 5
        yield

    assert follow(steps(), Lines(out, quiet_seconds=0.02)) == 5
    assert out.getvalue() == ""
