"""Row ids: the same row under the spellings that files give its id."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from predictor.errors import InputError

_WHOLE = re.compile(r"([+-]?[0-9]+)\.0*")
_ROUNDED = re.compile(r"[0-9](?:\.[0-9]+)?[eE]\+?[0-9]+")
_INVISIBLE = str.maketrans(dict.fromkeys("\ufeff\u200b\u200c\u200d\u2060\u00ad"))


def rows_of(names: Sequence[str], ids: Sequence[str]) -> dict[str, int | None]:
    """The row number of each name; None where no id of the pool is meant.

    A name that no row has is compared without blanks around it, in Unicode form NFC, and a whole number without the
    `.0` that frames add where a column has gaps. It counts where exactly one row is meant.

    Raises:
        InputError: two names mean one row.
    """
    exact = {one: row for row, one in enumerate(ids)}
    if all(name in exact for name in names):
        return {name: exact[name] for name in names}
    alike: dict[str, list[int]] = {}
    for row, one in enumerate(ids):
        alike.setdefault(_canonical(one), []).append(row)
    found: dict[str, int | None] = {}
    owner: dict[int, str] = {}
    for name in names:
        rows = [exact[name]] if name in exact else alike.get(_canonical(name), [])
        found[name] = rows[0] if len(rows) == 1 else None
        if len(rows) == 1 and owner.setdefault(rows[0], name) != name:
            raise InputError(
                f"ids {owner[rows[0]]!r} and {name!r} both name row {ids[rows[0]]!r} of the pool; give each row once.",
                reason="DUPLICATE_ROW_ID",
            )
    return found


def likeness(name: str, ids: Sequence[str]) -> str:
    """What to do about an id that no row has: the id that looks like it, or how the pool's ids look."""
    same = [one for one in ids if _canonical(one) == _canonical(name)]
    if len(same) > 1:
        return f"{same[0]!r} and {same[1]!r} both look like it; write the id as the pool does."
    if _ROUNDED.fullmatch(name):
        return "It looks like a number that was rounded; write the ids as texts."
    close = next((one for one in ids if _loose(one) == _loose(name)), None)
    if close is not None:
        return f"Did you mean {close!r}? Letter case, blanks and leading zeros count."
    numbered = all(one == str(row) for row, one in enumerate(ids))
    shown = ", ".join(map(repr, ids[:2]))
    if numbered:
        return f"The pool's rows are numbered: {shown} to {ids[-1]!r}. Name its column of ids with --id-column."
    return f"The pool's ids are such as {shown}."


def _canonical(name: str) -> str:
    text = unicodedata.normalize("NFC", name.translate(_INVISIBLE).strip())
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def _loose(name: str) -> str:
    text = "".join(unicodedata.normalize("NFKC", _canonical(name)).casefold().split())
    return text.lstrip("0") or "0"
