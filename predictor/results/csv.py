"""Sheet: a ranking as CSV, one row a candidate, for spreadsheets and scripts."""

from __future__ import annotations

import csv as writer
import io
import unicodedata

from predictor.results.candidate import Candidate
from predictor.results.ranking import Ranking

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters of a text that a spreadsheet runs as a formula."""


def csv(ranking: Ranking) -> str:
    """RFC 4180 text with a header line. A value that does not exist is an empty field, never 0.

    Numbers are written in full; texts are made `safe`.
    """
    names = list(dict.fromkeys(name for candidate in ranking.candidates for name in candidate.estimates))
    header = ["rank", "rank_low", "rank_high", "name", "status", "p_best", "tie_group", "layer", "dim", "parameters"]
    for interval in Candidate("", "ok").outcomes():
        header += [interval, f"{interval}_low", f"{interval}_high", f"{interval}_unit"]
    header += [*names, "error_code", "error_reason", "error_message"]
    out = io.StringIO()
    sheet = writer.writer(out)
    sheet.writerow([safe(name) for name in header])
    for candidate in ranking.candidates:
        sheet.writerow([safe(value) for value in _row(candidate, names)])
    return out.getvalue()


def _row(candidate: Candidate, names: list[str]) -> list[object]:
    row: list[object] = [
        candidate.rank,
        candidate.rank_low,
        candidate.rank_high,
        candidate.name,
        candidate.status,
        candidate.p_best,
        candidate.tie_group,
        candidate.layer,
        candidate.dim,
        candidate.parameters,
    ]
    for interval in candidate.outcomes().values():
        row += [None] * 4 if interval is None else [interval.value, interval.low, interval.high, interval.unit]
    row += [candidate.estimates[name].value if name in candidate.estimates else None for name in names]
    error = candidate.error
    return [*row, *((None, None, None) if error is None else (error.code, error.reason, error.message))]


def safe(value: object) -> object:
    """A text as spreadsheets and terminals may show it; everything else as it is. Names come from outside.

    A text that a spreadsheet would run as a formula is preceded by an apostrophe. Control and direction characters
    become `\\x1b` or `\\u202e`, except tabs and line breaks, which CSV quotes.
    """
    if not isinstance(value, str):
        return value
    return "'" * (value[:1] in FORMULA) + "".join(_escaped(letter) for letter in value)


def _escaped(letter: str) -> str:
    if letter in "\t\r\n" or unicodedata.category(letter) not in ("Cc", "Cf"):
        return letter
    return letter.encode("ascii", "backslashreplace").decode() if ord(letter) > 0x7F else f"\\x{ord(letter):02x}"
