"""Selection: which things of a list in memory a page has, and in which order, by the texts `filter` and `order_by`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Generic, TypeVar

from predictor.errors import InputError

MAX_TERMS = 16
MAX_LABELS = 16

T = TypeVar("T")
Fields = Mapping[str, Callable[[T], "str | float | Mapping[str, str] | None"]]
"""What can be asked for by name. A mapping is one of labels, each of which is asked for as `labels.KEY`."""

LABEL = re.compile(r"^[a-z][a-z0-9_.-]{0,62}$")
LABEL_VALUE = re.compile(r"^[A-Za-z0-9_.:/@+-]{0,128}$")
_TERM = re.compile(r'\s*([a-z][a-z0-9_]*(?:\.[a-z0-9_.-]+)?)\s*(=|!=|<=|>=|<|>)\s*("[^"]*"|[^\s"]+)\s*(AND\s|$)')

_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


@dataclass(frozen=True)
class Selection(Generic[T]):
    """A part of a list.

    Attributes:
        tests: all of which a thing has to pass.
        key: what the order goes by; None for that of the list.
        descending: the largest first.
    """

    tests: tuple[Callable[[T], bool], ...] = ()
    key: Callable[[T], Any] | None = None
    descending: bool = False

    @classmethod
    def parse(cls, text: str, order_by: str, fields: Fields[T]) -> Selection[T]:
        """The part that a filter and an order ask for; both may be empty.

        Texts are compared by `=` and `!=`, and `*` stands for any characters; numbers by every sign. What a thing does
        not have passes `!=` only, and comes last in an order.

        Raises:
            InputError: another form, or a field that is not one of `fields`.
        """
        tests = tuple(
            _test(name, sign, value, fields, text) for name, sign, value in terms_of(text, _bad(text, fields))
        )
        name, _, way = order_by.strip().partition(" ")
        if not name:
            return cls(tests)
        ordered = [one for one in fields if one != "labels"]
        if name not in ordered or way.strip() not in ("", "asc", "desc"):
            raise InputError(
                f"order_by is {order_by[:64]!r}; give one of {', '.join(ordered)}, and desc behind it for the largest "
                "first.",
                reason="BAD_ORDER",
                field="order_by",
            )
        return cls(tests, fields[name], way.strip() == "desc")

    def of(self, things: Iterable[T]) -> list[T]:
        """Those of the things that pass, in the order."""
        found = [one for one in things if all(test(one) for test in self.tests)]
        key = self.key
        if key is None:
            return found
        known = [one for one in found if key(one) is not None]
        return sorted(known, key=key, reverse=self.descending) + [one for one in found if key(one) is None]


def check_labels(labels: Mapping[str, str]) -> None:
    """Refuse labels of another form.

    Raises:
        InputError: too many, or a character that is not allowed.
    """
    wrong = [key for key, value in labels.items() if not LABEL.match(key) or not LABEL_VALUE.match(value)]
    if wrong or len(labels) > MAX_LABELS:
        raise InputError(
            f"{len(labels)} labels are given, of which {len(wrong)} have another form; at most {MAX_LABELS} are "
            "stored, with keys of 1 to 63 of a-z, 0-9 and _.- that begin with a letter, and values of up to 128 of "
            "letters, digits and _.:/@+-.",
            reason="BAD_LABELS",
            field="labels",
        )


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


def page_after(things: list[T], token: str, name: Callable[[T], str], error: InputError) -> list[T]:
    """The things behind the one of that name; all of them where the token is empty.

    Raises:
        InputError: none has it.
    """
    if not token:
        return things
    for place, one in enumerate(things):
        if name(one) == token:
            return things[place + 1 :]
    raise error


def _test(name: str, sign: str, value: str, fields: Fields[T], text: str) -> Callable[[T], bool]:
    base, _, key = name.partition(".")
    if base not in fields or (base == "labels") != bool(key):
        raise _bad(text, fields)

    def get(one: T) -> Any:
        found = fields[base](one)
        return found.get(key) if isinstance(found, Mapping) else found

    number = _number(value)
    if sign not in ("=", "!=") and number is None:
        raise _bad(text, fields)

    def passes(one: T) -> bool:
        found = get(one)
        if found is None:
            return sign == "!="
        if isinstance(found, str):
            return sign in ("=", "!=") and (fnmatchcase(found, _literal(value)) == (sign == "="))
        return _SIGNS[sign](found, value if number is None else number)

    return passes


def _literal(value: str) -> str:
    """As `fnmatch` reads it, where only `*` is special."""
    return value.replace("[", "[[]").replace("?", "[?]")


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _bad(text: str, fields: Mapping[str, Any]) -> InputError:
    names = ", ".join("labels.KEY" if name == "labels" else name for name in fields)
    return InputError(
        f'filter {text[:128]!r} is not understood; give terms joined by AND, as in {next(iter(fields))} = "a*". Fields '
        f"are {names}; `*` stands for any characters, and numbers are compared by < <= > >= too.",
        reason="BAD_FILTER",
        field="filter",
    )
