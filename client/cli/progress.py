"""Progress on standard error: live bars on a terminal, a line at phase ends and now and then elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing
from types import TracebackType
from typing import Protocol, Self, TextIO, TypeVar

from client.cli.pace import PHASES, READING, Pace, duration
from predictor.query.query import RankingQuery
from predictor.results.names import visible
from predictor.steps import Progress, Steps, drain

Answer = TypeVar("Answer")

QUIET_SECONDS = 15.0
"""Time without a line after which plain progress reports how far the work is."""


class Display(AbstractContextManager["Display"], Protocol):
    """Somewhere to show steps."""

    def show(self, step: Progress) -> None:
        """Show one step."""


def follow(steps: Steps[Answer], display: Display) -> Answer:
    """Run the steps to their end, showing each; leaving early closes them, which cancels the work."""
    with closing(steps), display:
        return drain(steps, display.show)


def names_of(query: RankingQuery) -> tuple[str, ...]:
    """Names of the models of a query in the order in which they are run."""
    return tuple(dict.fromkeys(spec.name for spec in (query.strong, *query.weak, *query.describers)))


def display(models: Sequence[str] = (), stream: TextIO | None = None) -> Display:
    """Bars where the stream is a terminal and rich is installed, lines otherwise.

    Args:
        models: names of the models in the order in which they are run, for "model 3 of 21".
    """
    target = sys.stderr if stream is None else stream
    if target.isatty():
        try:
            return Bars(models)
        except ModuleNotFoundError:
            return Lines(target, models)
    return Lines(target, models)


class Lines:
    """A line when a phase ends, when a candidate fails or begins a split of its own, and after a silence.

    Loading all models, reading the rows by them and labelling the rows is one phase.

    Attributes:
        quiet_seconds: length of a silence.
    """

    def __init__(self, stream: TextIO, models: Sequence[str] = (), quiet_seconds: float = QUIET_SECONDS) -> None:
        self.quiet_seconds = quiet_seconds
        self._stream = stream
        self._pace = Pace(models)
        self._lock = threading.Lock()
        self._started = self._printed = self._phase_started = time.monotonic()
        self._phase, self._of_phase = "", set[str]()
        self._splits: set[tuple[str, int]] = set()
        self._ended = threading.Event()
        self._reminder = threading.Thread(target=self._remind, name="w2s-progress", daemon=True)

    def __enter__(self) -> Self:
        self._reminder.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._reminder.join()
        if error is None and self._phase not in ("", "done"):
            self._end_phase(time.monotonic())

    def show(self, step: Progress) -> None:
        """Note the step, and print a line where a phase ends or a candidate fails."""
        now = time.monotonic()
        with self._lock:
            phase = "extract" if step.phase in READING else step.phase
            if step.phase == "failed":
                self._of_phase.discard(step.candidate)
                self._print(f"{visible(step.candidate)}: failed", now)
                return
            if phase != self._phase:
                self._end_phase(now)
                self._phase, self._phase_started, self._of_phase = phase, now, set()
            self._of_phase.add(step.candidate)
            self._pace.take(step, now)
            split = (step.candidate, step.done)
            if step.phase == "train" and step.candidate and split not in self._splits:
                self._splits.add(split)
                self._print(f"{visible(step.candidate)}: training, split {step.done + 1} of {step.total}", now)
            elif step.phase == "done":
                self._print("done", now)

    def _end_phase(self, now: float) -> None:
        if not self._phase or self._phase == "done":
            return
        models = len(self._of_phase - {""})
        whom = f" of {models} model{'s' if models > 1 else ''}" if self._phase == "extract" else ""
        self._print(f"{PHASES.get(self._phase, self._phase)}{whom}: {duration(now - self._phase_started)}", now)

    def _print(self, text: str, now: float) -> None:
        self._printed = now
        print(f"w2s: {now - self._started:6.1f} s  {text}", file=self._stream, flush=True)

    def _remind(self) -> None:
        while not self._ended.wait(self.quiet_seconds / 3):
            with self._lock:
                step, now = self._pace.latest, time.monotonic()
                if step is None or now - self._printed < self.quiet_seconds:
                    continue
                parts = (PHASES.get(step.phase, step.phase), self._pace.text, self._pace.text_on_all)
                self._print(f"{self._pace.model}: {', '.join(part for part in parts if part)}", now)


class Bars:
    """Two live bars: all models, and what is done at present; gone when the work is over.

    Raises:
        ModuleNotFoundError: rich is not installed.
    """

    def __init__(self, models: Sequence[str] = ()) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Live

        self._live = Live(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.fields[what]}", markup=False),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[far]}", markup=False, style="dim"),
            console=Console(stderr=True),
            transient=True,
        )
        self._pace = Pace(models)
        self._run: set[str] = set()
        self._all = self._live.add_task("", total=max(len(models), 1), what="models", far="", visible=len(models) > 1)
        self._now = self._live.add_task("", total=1, what="starting", far="")
        self._shown = ("", "")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, step: Progress) -> None:
        """Move the bars; a failed candidate is printed above them."""
        if step.phase == "failed":
            self._live.console.print(f"{visible(step.candidate)}: failed", markup=False, highlight=False)
            self._run.add(step.candidate)
            return
        self._pace.take(step, time.monotonic())
        what = f"{_short(visible(step.candidate) or 'all candidates')}: {PHASES.get(step.phase, step.phase)}"
        if self._shown != (step.candidate, step.phase):
            self._shown = (step.candidate, step.phase)
            self._live.reset(self._now, total=max(step.total, 1), what=what, far="")
        finished = step.phase == "done" or step.done >= step.total > 0
        if finished and step.phase == "extract" and step.candidate in self._pace.models:
            self._run.add(step.candidate)
        elif step.phase not in READING:
            self._run.update(self._pace.models)
        read = f"{len(self._run)} of {len(self._pace.models)} read"
        far = f"{read}, {self._pace.text_on_all}" if self._pace.text_on_all else read
        self._live.update(self._all, completed=len(self._run), far=far)
        self._live.update(self._now, completed=max(step.total, 1) if finished else step.done, far=self._pace.text)


def _short(name: str) -> str:
    return name if len(name) <= 32 else f"…{name[-31:]}"
