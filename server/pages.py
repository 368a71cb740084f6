"""Pages of a list: the size of one, and the token that the next one begins after.

A token is the id of the last row of the page before: a job's id, a feature set's name, an outcome's id. It grants
nothing, since every list is read with the caller's own tenant.
"""

from __future__ import annotations

from predictor.errors import InputError


def page_size(requested: int, max_size: int) -> int:
    """Rows of one page: as many as requested, at most `max_size`; 0 means `max_size`.

    Raises:
        InputError: a negative size.
    """
    if requested < 0:
        raise InputError(
            f"page_size is {requested}; it must be from 0 to {max_size}.", reason="BAD_PAGE", field="page_size"
        )
    return min(requested or max_size, max_size)


def bad_page_token(token: str) -> InputError:
    """The error for a token that names no row of the caller's list."""
    return InputError(
        f"page_token {token[:64]!r} is not in your list: it belongs to another list, or its row was deleted. Leave it "
        "empty to begin with the first page.",
        reason="BAD_PAGE",
        field="page_token",
    )
