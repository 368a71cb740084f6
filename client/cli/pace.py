"""Pace: how fast a phase goes, how long it still takes, and which model of how many is run."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from predictor.results.names import visible
from predictor.steps import Progress

WINDOW_SECONDS = 20.0
"""Time over which a rate is averaged. Long rows are run first, so the rate since the start would be too low."""

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

READING = ("load", "extract", "label")
"""Phases in which models are run."""

UNITS = {"extract": "rows", "label": "rows", "upload": "bytes", "download": "bytes"}
"""What a phase counts, where its rate means something."""

MIN_SECONDS = 1.0
"""Time that a phase must have run before a rate is given."""


class Pace:
    """What is known about the work from the steps so far. Times are seconds of any one clock.

    Attributes:
        models: names in the order in which they are run; empty where they are not known.
        latest: the last step, or None before the first.
    """

    def __init__(self, models: Sequence[str] = ()) -> None:
        self.models = tuple(models)
        self.latest: Progress | None = None
        self._seen: deque[tuple[float, int]] = deque()
        self._begun: dict[str, float] = {}
        self._took: dict[str, float] = {}

    def take(self, step: Progress, now: float) -> None:
        """Note one step."""
        if self.latest is None or (step.candidate, step.phase) != (self.latest.candidate, self.latest.phase):
            self._seen.clear()
        self.latest = step
        if step.phase in READING and step.candidate in self.models:
            self._took[step.candidate] = now - self._begun.setdefault(step.candidate, now)
        self._seen.append((now, step.done))
        while len(self._seen) > 2 and self._seen[1][0] < now - WINDOW_SECONDS:
            self._seen.popleft()

    @property
    def rate(self) -> float | None:
        """Units a second over the last `WINDOW_SECONDS`; None before there is one."""
        if len(self._seen) < 2:
            return None
        (start, before), (end, after) = self._seen[0], self._seen[-1]
        return (after - before) / (end - start) if end - start >= MIN_SECONDS and after > before else None

    @property
    def seconds_left(self) -> float | None:
        """Time that this phase of this model still takes at this rate."""
        return None if self.latest is None or not self.rate else (self.latest.total - self.latest.done) / self.rate

    @property
    def all_left(self) -> float | None:
        """Time that this model and those after it still take, if they take what earlier ones took on average.

        None before one was run, and for the last one. Models whose features are stored take no time and do not count.
        """
        name = "" if self.latest is None else self.latest.candidate
        before = [took for model, took in self._took.items() if model != name and took >= MIN_SECONDS]
        after = len(set(self.models) - set(self._begun))
        if self.seconds_left is None or name not in self.models or not before or not after:
            return None
        return self.seconds_left + after * sum(before) / len(before)

    @property
    def model(self) -> str:
        """The model and its place, such as `model 3 of 21, mpnet`."""
        name = "" if self.latest is None else self.latest.candidate
        if name in self.models and len(self.models) > 1:
            return f"model {self.models.index(name) + 1} of {len(self.models)}, {visible(name)}"
        return visible(name) or "all candidates"

    @property
    def text(self) -> str:
        """How far the phase is, such as `640 of 2,000 rows, 310 rows/s, at most 4 s left`; "" where nothing counts."""
        step = self.latest
        if step is None or not 0 < step.done < step.total:
            return ""
        if (step.phase, step.candidate, step.total - step.done) == ("estimate", "", 1):
            return "comparing them with each other, the last step"
        unit = UNITS.get(step.phase, "")
        count = f"{step.done:,} of {step.total:,}" + (f" {unit}" if unit else "")
        if unit and self.rate is not None and self.seconds_left is not None:
            count += f", {self.rate:,.{0 if self.rate >= 10 else 1}f} {unit}/s"
        most = "at most " if step.phase in READING else ""  # long rows are run first, and the others are faster
        return count + (f", {most}{duration(self.seconds_left)} left" if self.seconds_left is not None else "")

    @property
    def text_on_all(self) -> str:
        """How far all models are, such as `about 12 min for all models`; "" where nothing tells."""
        return "" if self.all_left is None else f"about {duration(self.all_left)} for all models"


def duration(seconds: float) -> str:
    """Seconds in a unit of their size: `8 s`, `4 min`, `2.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def data_size(count: float) -> str:
    """Bytes in a unit of their size: `640 kB`, `83.5 MB`, `2.1 GB`."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.0f} kB" if count >= 1e3 else f"{count:.0f} B"
