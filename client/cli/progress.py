"""Progress on standard error: live bars on a terminal, one plain line per change of phase elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import AbstractContextManager, closing
from types import TracebackType
from typing import Protocol, Self, TextIO, TypeVar

from predictor.results.text import visible
from predictor.steps import Progress, Steps, drain

Answer = TypeVar("Answer")

QUIET_SECONDS = 15.0
"""Time without a line after which plain progress says what is still going on."""

PHASES = {
    "load": "loading",
    "extract": "reading rows",
    "label": "labelling rows",
    "estimate": "estimating",
    "train": "training",
    "upload": "uploading",
    "download": "downloading",
    "done": "done",
    "failed": "failed",
}


class Display(AbstractContextManager["Display"], Protocol):
    """Somewhere to show steps."""

    def show(self, step: Progress) -> None:
        """Show one step."""


def follow(steps: Steps[Answer], display: Display) -> Answer:
    """Run the steps to their end, showing each; leaving early closes them, which cancels the work."""
    with closing(steps), display:
        return drain(steps, display.show)


def display(stream: TextIO | None = None) -> Display:
    """Bars where the stream is a terminal and rich is installed, lines otherwise."""
    target = sys.stderr if stream is None else stream
    if target.isatty():
        try:
            return Bars()
        except ModuleNotFoundError:
            return Lines(target)
    return Lines(target)


class Lines:
    """One line whenever the candidate or its phase changes, for every fine-tuning of a candidate, and after a silence.

    Attributes:
        quiet_seconds: length of a silence.
    """

    def __init__(self, stream: TextIO, quiet_seconds: float = QUIET_SECONDS) -> None:
        self.quiet_seconds = quiet_seconds
        self._stream = stream
        self._shown: set[tuple[str, str, str]] = set()
        self._started = self._spoken = time.monotonic()
        self._latest: Progress | None = None
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

    def show(self, step: Progress) -> None:
        """Print the step if its phase is new for this candidate, or a split of its own training begins."""
        self._latest = step
        split = f", split {step.done + 1} of {step.total}" if step.phase == "train" and step.candidate else ""
        if (step.candidate, step.phase, split) in self._shown:
            return
        self._shown.add((step.candidate, step.phase, split))
        rows = f" {step.total:,} rows" if step.phase == "extract" else ""
        phase = "reading" if rows else PHASES.get(step.phase, step.phase)
        self._print(step, f"{phase}{rows}{split}")

    def _print(self, step: Progress, what: str) -> None:
        self._spoken = time.monotonic()
        name = visible(step.candidate) or "all candidates"
        print(f"w2s: {self._spoken - self._started:6.1f} s  {name}: {what}", file=self._stream, flush=True)

    def _remind(self) -> None:
        while not self._ended.wait(self.quiet_seconds / 3):
            step = self._latest
            if step is None or time.monotonic() - self._spoken < self.quiet_seconds:
                continue
            count = f", {step.done:,} of {step.total:,}" if 0 < step.done < step.total else ""
            self._print(step, f"still {PHASES.get(step.phase, step.phase)}{count}")


class Bars:
    """One live bar per candidate, carrying its phase; gone when the work is over.

    Raises:
        ModuleNotFoundError: rich is not installed.
    """

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Live

        self._live = Live(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.fields[name]}", markup=False),
            TextColumn("{task.fields[phase]}", markup=False, style="dim"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._tasks: dict[str, object] = {}
        self._phases: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, step: Progress) -> None:
        """Move the candidate's bar."""
        name = visible(step.candidate) or "all candidates"
        phase = PHASES.get(step.phase, step.phase)
        finished = step.phase in ("done", "failed")
        total = max(step.total, 1)
        if name not in self._tasks:
            self._tasks[name] = self._live.add_task("", total=total, name=_short(name), phase=phase)
        elif self._phases[name] != step.phase and not finished:
            self._live.reset(self._tasks[name], total=total, name=_short(name), phase=phase)  # type: ignore[arg-type]  # rich's TaskID
        self._phases[name] = step.phase
        done = total if finished else step.done
        self._live.update(self._tasks[name], completed=done, total=total, phase=phase)  # type: ignore[arg-type]  # as above


def _short(name: str) -> str:
    return name if len(name) <= 32 else f"…{name[-31:]}"
