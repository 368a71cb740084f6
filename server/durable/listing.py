"""Listing: which jobs a list has, and in which order, from the texts `filter` and `order_by`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from predictor.errors import InputError
from predictor.results.job import STATES

MAX_TERMS = 16
MAX_LABELS = 16

_LABEL = re.compile(r"^[a-z][a-z0-9_.-]{0,62}$")
_VALUE = re.compile(r"^[A-Za-z0-9_.:/@+-]{0,128}$")
_TERM = re.compile(r'\s*([a-z][a-z0-9_]*(?:\.[a-z0-9_.-]+)?)\s*(=|!=|<=|>=|<|>)\s*("[^"]*"|[^\s"]+)\s*(AND\s|$)')
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
    wrong = [key for key, value in labels.items() if not _LABEL.match(key) or not _VALUE.match(value)]
    if wrong or len(labels) > MAX_LABELS:
        raise InputError(
            f"{len(labels)} labels are given, of which {len(wrong)} have another form; at most {MAX_LABELS} are "
            "stored, with keys of 1 to 63 of a-z, 0-9 and _.- that begin with a letter, and values of up to 128 of "
            "letters, digits and _.:/@+-.",
            reason="BAD_LABELS",
            field="labels",
        )
    return "".join(["\n", *(f"{key}={value}\n" for key, value in sorted(labels.items()))]) if labels else ""


def read_labels(text: str) -> dict[str, str]:
    """What `write_labels` wrote."""
    pairs = (line.partition("=") for line in text.split("\n") if line)
    return {key: value for key, _, value in pairs}


def terms_of(text: str, error: InputError) -> list[tuple[str, str, str]]:
    """Field, sign and value of each term of a filter.

    Raises:
        InputError: `error`, where the text is no filter.
    """
    found: list[tuple[str, str, str]] = []
    place = 0
    while place < len(text.rstrip()):
        term = _TERM.match(text, place)
        if term is None or len(found) >= MAX_TERMS:
            raise error
        found.append((term[1], term[2], term[3].strip('"')))
        place = term.end()
        if term[4] and not text[place:].strip():
            raise error
    return found


def _term(name: str, sign: str, value: str, text: str) -> tuple[str, str | int]:
    key = name.removeprefix("labels.")
    if key != name and sign in ("=", "!=") and _LABEL.match(key) and _VALUE.match(value):
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
