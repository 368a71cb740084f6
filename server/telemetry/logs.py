"""Logs: one JSON line an event on stderr, without texts, paths or messages of exceptions."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from types import TracebackType

from predictor.errors import InputError, W2SError

LEVELS = ("info", "warning", "error")

_lowest = {"level": 0}


def check_level(level: str) -> None:
    """Refuse what is no level.

    Raises:
        InputError: it is none of `LEVELS`.
    """
    if level not in LEVELS:
        raise InputError(
            f"log level {level!r} is none; give {', '.join(LEVELS)}.", reason="BAD_LOG_LEVEL", field="log_level"
        )


def set_level(level: str) -> None:
    """Leave out what is below a level from now on."""
    check_level(level)
    _lowest["level"] = LEVELS.index(level)


def log(event: str, level: str = "info", **fields: str | int | float | None) -> None:
    """Write one event. Fields are names, codes, counts and ids, never what a caller sent."""
    if LEVELS.index(level) < _lowest["level"]:
        return
    line = {"time": round(time.time(), 3), "level": level, "event": event, **fields}
    sys.stderr.write(json.dumps(line, ensure_ascii=True) + "\n")
    sys.stderr.flush()


def log_error(event: str, error: BaseException, **fields: str | int | float | None) -> None:
    """Write one event with the class of an exception, its reason and where it was raised, without its text.

    What is none of our errors is a bug, and has the level `error`; the others are warnings.
    """
    level = "warning" if isinstance(error, W2SError) else "error"
    reason = {"reason": error.reason} if isinstance(error, W2SError) else {}
    log(event, level, exception=type(error).__name__, **reason, at=place_of(error.__traceback__), **fields)


def place_of(trace: TracebackType | None) -> str:
    """The innermost frames as `module:line`, outermost first."""
    frames = [f"{frame.f_globals.get('__name__', '?')}:{line}" for frame, line in traceback.walk_tb(trace)]
    return " > ".join(frames[-4:])


class _Foreign(logging.Handler):
    """Other libraries' records, reduced to who complained and about which class of exception."""

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        level = "warning" if record.levelno < logging.ERROR else "error"
        log("library", level, logger=record.name, exception=None if kind is None else kind.__name__)


def capture_libraries() -> None:
    """Send what grpc and asyncio log through `log`."""
    root = logging.getLogger()
    root.handlers[:] = [_Foreign(level=logging.WARNING)]
