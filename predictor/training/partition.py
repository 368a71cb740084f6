"""Partition: D~, D^ and test rows of one split, of any size and with groups of near-duplicates in one part."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.query.training_plan import MIN_PART
from predictor.training.splits import Parts, Rows, check_rows, cut, thirds

_WORD = re.compile(r"\w+")


def partition(
    rows: int,
    rng: np.random.Generator,
    *,
    weak_rows: int | None = None,
    student_rows: int | None = None,
    groups: Rows | None = None,
) -> Parts:
    """Cut 0 … rows − 1 at random into D~, D^ and test rows.

    Groups are put in random order and cut at the parts' sizes, a group across a cut going whole to
    the side of its middle; so no group has rows in two parts, and sizes are met to within half a group.

    Args:
        weak_rows, student_rows: sizes of D~ and D^, at least 8 each and leaving 8 to test on; None for a third.
        groups: (n,) group number of each row; None where every row is its own group.

    Raises:
        InputError: too few rows, sizes that do not fit them, or groups so large that a part stays (nearly) empty.
    """
    if weak_rows is None and student_rows is None and groups is None:
        return thirds(rows, rng)
    check_rows(rows)
    weak = rows // 3 if weak_rows is None else weak_rows
    student = rows // 3 if student_rows is None else student_rows
    for field, size in (("weak_rows", weak), ("student_rows", student)):
        if size < MIN_PART or rows - weak - student < MIN_PART:
            raise InputError(
                f"weak_rows {weak} and student_rows {student} of {rows} rows leave {rows - weak - student} to test "
                f"on; each of the three needs at least {MIN_PART}.",
                reason="BAD_SPLIT",
                field=field,
            )
    if groups is None:
        return cut(rows, weak, student, rng)
    names, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    place = rng.permutation(len(names))
    ends = np.cumsum(sizes[place])
    middles = np.empty(len(names))
    middles[place] = ends - sizes[place] / 2.0
    part = np.searchsorted([weak, weak + student], middles, side="right")[member]
    found = Parts(*(rng.permutation(np.flatnonzero(part == number)) for number in range(3)))
    smallest = min(len(found.weak), len(found.student), len(found.test))
    if smallest < MIN_PART:
        raise InputError(
            f"the {len(names)} groups cannot be cut into D~, D^ and test rows: the largest has {int(sizes.max())} of "
            f"{rows} rows, and a part was left with {smallest}; {MIN_PART} are needed. Group more finely.",
            reason="BAD_GROUPS",
            field="groups",
        )
    return found


def recut(part: Parts, rng: np.random.Generator) -> Parts:
    """The same D~, with all other rows cut anew at random into D^ and test rows of the same sizes."""
    others = rng.permutation(np.concatenate([part.student, part.test]))
    return Parts(part.weak, others[: len(part.student)], others[len(part.student) :])


def first_words(texts: Sequence[str], words: int) -> Rows:
    """(n,) group numbers: rows whose first `words` words agree, case and punctuation aside, are one group.

    Raises:
        InputError: no texts, or fewer than one word.
    """
    if words < 1:
        raise InputError(f"rows cannot be grouped by {words} words; give 1 or more.", reason="BAD_SETTING")
    if not texts:
        raise InputError(
            "rows are grouped by their first words, and there are no texts; name the rows.", reason="BAD_GROUPS"
        )
    seen: dict[tuple[str, ...], int] = {}
    keys = (tuple(_WORD.findall(text.casefold())[:words]) for text in texts)
    found: NDArray[np.intp] = np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.intp)
    return found
