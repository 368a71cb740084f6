"""Runs: trained models as their result folders describe them, and what could be made of a whole tree of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from predictor.errors import InputError
from predictor.outcomes.outcome import Outcome


@dataclass(frozen=True)
class Imported:
    """What a file or folder gave.

    Attributes:
        kind: the format it was read as, for people.
        outcomes: in the order found.
        unpaired: sentences, one for each run that gave no outcome, with what it lacks.
        notes: sentences on outcomes that lack a part, such as the ceiling.
    """

    kind: str
    outcomes: tuple[Outcome, ...]
    unpaired: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Run:
    """One folder with a configuration and results."""

    folder: Path
    config: Mapping[str, Any]
    results: Mapping[str, Any]

    @property
    def date(self) -> str:
        """ISO date on which the results were written."""
        return datetime.fromtimestamp(self.folder.stat().st_mtime, UTC).date().isoformat()


def runs_under(root: Path, results: str) -> Iterator[Run]:
    """Every folder under `root` with `config.json` and a results file, in the order of their paths.

    Raises:
        InputError: one of the files is no JSON object.
    """
    for path in sorted(root.rglob(results)):
        config = path.with_name("config.json")
        if config.is_file():
            yield Run(path.parent, read_object(config), read_object(path))


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object of a file.

    Raises:
        InputError: it cannot be read, or contains something else.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", reason="FILE_UNREADABLE") from error
    except ValueError as error:
        raise InputError(f"{path} is no JSON: {error}.", reason="BAD_RESULTS") from error
    if not isinstance(raw, dict):
        raise InputError(f"{path} contains no JSON object.", reason="BAD_RESULTS")
    return raw


def share_of(holder: Mapping[str, Any], name: str) -> float | None:
    """A number from 0 to 1 under a name, or None."""
    value = holder.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        return None
    return float(value)


def error_rate(accuracy: float | None) -> float | None:
    """Share of wrong answers, free of the digits that 1 − 0.9 leaves."""
    return None if accuracy is None else round(1.0 - accuracy, 12)


def accuracies_outcome(
    about: Outcome, weak: Sequence[float | None], reached: Sequence[float], tops: Sequence[float | None]
) -> Outcome:
    """The outcome with accuracies of teacher, student and ceiling averaged over runs, which differ in their seeds.

    An accuracy that one of the runs lacks is absent. The standard error is that of the student's mean.
    """
    weak_share, accuracy, ceiling = _mean(weak), float(np.mean(reached)), _mean(tops)
    return replace(
        about,
        unit="error rate",
        weak_error=error_rate(weak_share),
        w2s_error=error_rate(accuracy),
        ceiling_error=error_rate(ceiling),
        weak_accuracy=weak_share,
        w2s_accuracy=accuracy,
        ceiling_accuracy=ceiling,
        standard_error=float(np.std(reached, ddof=1) / np.sqrt(len(reached))) if len(reached) > 1 else None,
        seeds=len(reached),
    )


def _mean(shares: Sequence[float | None]) -> float | None:
    given = [one for one in shares if one is not None]
    return float(np.mean(given)) if len(given) == len(shares) else None
