"""Task descriptions of the record's text tasks, one text per class or end of the scale, in the order of the labels.

They were written once, before any ranking was computed with them. Tasks without an entry have no description.
"""

from __future__ import annotations

FILM = ("a negative review of a film", "a positive review of a film")
RATING = ("a very negative, unfavourable opinion", "a very positive, favourable opinion")

DESCRIPTIONS: dict[str, tuple[str, ...]] = {
    "sentence_polarity": FILM,
    "imdb": FILM,
    "subjectivity": (
        "a plot summary of a film, telling what happens",
        "a film reviewer's personal opinion of a film",
    ),
    "product_reviews": RATING,
    "editorials": RATING,
    "tweets": RATING,
    "ethics_deontology": ("an unreasonable excuse", "a reasonable excuse"),
    "ethics_justice": ("an unreasonable explanation", "a reasonable explanation"),
}
"""Two texts: the class coded 0 or the lower end, and the class coded 1 or the upper end."""

OPINIONS: dict[str, str] = {
    "favourable": "a favourable, positive opinion",
    "neither": "a neutral statement, neither favourable nor unfavourable",
    "unfavourable": "an unfavourable, negative opinion",
}
"""Texts of the classes of `opinions`; the classes of `topics` and `activities` are described by their names."""


def texts_of(task: str, classes: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """One text per class in the order of `classes`, or per end of the scale; None where the task has no description."""
    if task in DESCRIPTIONS:
        return DESCRIPTIONS[task]
    if classes is None:
        return None
    if task == "opinions":
        return tuple(OPINIONS[name] for name in classes)
    return classes if task in ("topics", "activities") else None
