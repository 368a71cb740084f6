"""Listing: which jobs a list has, and in which order, from the texts `filter` and `order_by`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from predictor.errors import InputError
from predictor.results.job import STATES
from predictor.results.selection import LABEL, LABEL_VALUE, MAX_TERMS, check_labels, terms_of

_TEXTS = ("state", "request_id", "repeat_of")
_TIMES = {"create_time": "created", "update_time": "updated"}


@dataclass(frozen=True)
class Listing:
    """A part of a tenant's jobs.

    Attributes:
        condition: SQL after AND, "" for all; `values` fill its marks.
        column: of the order; jobs that agree in it come in the order of creation.
        descending: latest first.
    """

    condition: str = ""
    values: tuple[str | int, ...] = ()
    column: str = "created"
    descending: bool = True

    @property
    def order(self) -> str:
        """SQL of the order."""
        way = "DESC" if self.descending else "ASC"
        return f"{self.column} {way}, seq {way}"

    @classmethod
    def parse(cls, text: str, order_by: str) -> Listing:
        """The part that a filter and an order ask for; both may be empty.

        Raises:
            InputError: another form.
        """
        terms = [_term(*one, text) for one in terms_of(text, _bad(text))]
        column, _, way = (order_by.strip() or "create_time desc").partition(" ")
        if column not in _TIMES or way.strip() not in ("", "asc", "desc"):
            raise InputError(
                f"order_by is {order_by[:64]!r}; give create_time or update_time, and desc behind it for the latest "
                "first.",
                reason="BAD_ORDER",
                field="order_by",
            )
        condition = "".join(f" AND {sql}" for sql, _ in terms)
        return cls(condition, tuple(value for _, value in terms), _TIMES[column], way.strip() == "desc")


def write_labels(labels: dict[str, str]) -> str:
    """Labels as the table holds them: a line each, and line ends around, so that a whole line can be looked for.

    Raises:
        InputError: too many, or a character that is not allowed.
    """
    check_labels(labels)
    return "".join(["\n", *(f"{key}={value}\n" for key, value in sorted(labels.items()))]) if labels else ""


def read_labels(text: str) -> dict[str, str]:
    """What `write_labels` wrote."""
    pairs = (line.partition("=") for line in text.split("\n") if line)
    return {key: value for key, _, value in pairs}


def _term(name: str, sign: str, value: str, text: str) -> tuple[str, str | int]:
    key = name.removeprefix("labels.")
    if key != name and sign in ("=", "!=") and LABEL.match(key) and LABEL_VALUE.match(value):
        # Without the line the text is shorter: both databases compare letters as they are in this, and not in LIKE.
        return f"REPLACE(labels, ?, '') {'<>' if sign == '=' else '='} labels", f"\n{key}={value}\n"
    if name in _TEXTS and sign in ("=", "!=") and (name != "state" or value in STATES):
        return f"COALESCE({name}, '') {sign.replace('!=', '<>')} ?", value
    if name in _TIMES and sign != "!=":
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise _bad(text) from None
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return f"{_TIMES[name]} {sign} ?", round(aware.timestamp() * 1e6)
    raise _bad(text)


def _bad(text: str) -> InputError:
    return InputError(
        f"filter {text[:128]!r} is not understood; give terms joined by AND, as in state = RUNNING AND labels.team = "
        f'"vision" AND create_time > "2026-01-31T00:00:00Z". Fields are {", ".join((*_TEXTS, *_TIMES))} and '
        f"labels.KEY; states are {', '.join(STATES)}; at most {MAX_TERMS} terms.",
        reason="BAD_FILTER",
        field="filter",
    )
