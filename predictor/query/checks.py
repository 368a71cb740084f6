"""Checks of single settings, with one form of error message."""

from __future__ import annotations

import re
from collections.abc import Sequence

from predictor.errors import InputError

_DEVICES = re.compile(r"^(numpy|cpu|cuda(:\d{1,3})?|auto)$")
_LAYERS = re.compile(r"^(middle|last|\d+)(,(middle|last|\d+))*$")


def one_of(name: str, value: object, allowed: Sequence[str]) -> None:
    """Refuse a value that is none of those allowed.

    Raises:
        InputError: `BAD_SETTING`, with the setting's name and all that is allowed.
    """
    if value not in allowed:
        raise InputError(
            f"{name} is {value!r}; it must be one of {', '.join(allowed)}.", reason="BAD_SETTING", field=name
        )


def at_least(name: str, value: object, min_value: int, advice: str = "") -> None:
    """Refuse what is no whole number, or less than `min_value`.

    Args:
        advice: a sentence to add to the message.

    Raises:
        InputError: `BAD_SETTING`, with the setting's name.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < min_value:
        text = f"{name} is {value!r}; it must be a whole number of at least {min_value}."
        raise InputError(f"{text} {advice}".strip(), reason="BAD_SETTING", field=name)


def check_layer(text: str | None) -> str | None:
    """The text, once it is known to name one layer or several; None stays None.

    Raises:
        InputError: it names none.
    """
    if text is not None and not _LAYERS.match(text):
        raise InputError(
            f"layer={text!r} is not a layer; give a number from 0 (embeddings), middle, last, or several joined by "
            "commas.",
            reason="BAD_LAYER",
            field="layer",
        )
    return text


def check_answer_device(name: str) -> None:
    """Refuse what names no device that an answer can be computed on; whether this machine has it is seen later.

    Raises:
        InputError: `BAD_SETTING`, with all that is allowed.
    """
    if not isinstance(name, str) or not _DEVICES.match(name):
        narrow = " Apple's GPUs (mps) have no 64-bit numbers, which an answer is computed in." if name == "mps" else ""
        raise InputError(
            f"answer_device is {name!r}; it must be numpy, cpu, cuda, cuda:N for GPU number N, or auto.{narrow}",
            reason="BAD_SETTING",
            field="answer_device",
        )
