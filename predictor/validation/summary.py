"""Summary: how wrong predictions were, in sentences and as a table."""

from __future__ import annotations

from predictor.query.evidence import evidence_text
from predictor.results.candidate import Interval
from predictor.results.names import visible
from predictor.results.text import number, percent
from predictor.results.text_table import TextTable
from predictor.validation.claims import Claims
from predictor.validation.scoring import Score
from predictor.validation.validation import Validation

BELOW_NOTICE = 0.0005
"""Losses that would be shown as 0.000."""


def predictions(found: Validation) -> TextTable:
    """A row per candidate, in measured order: the error measured, and those predicted at each level of evidence."""
    predicted = [{one.name: one.error for one in claims.candidates} for claims in found.claims]
    rows = tuple(
        (one.name, number(one.w2s_error.value), *(_interval(errors.get(one.name)) for errors in predicted))
        for one in found.trained
    )
    headings = ("candidate", "measured", *(heading_of(claims) for claims in found.claims))
    empty = "nothing was predicted in label variance"
    return TextTable("W2S error, measured and predicted", headings, rows if predicted else (), empty)


def summary(found: Validation) -> tuple[str, ...]:
    """A sentence per level of evidence, and what a candidate at random would have lost."""
    sentences = []
    for claims in found.claims:
        score = next(
            (s for s in found.scores if (s.estimator, s.evidence) == (claims.estimator, claims.evidence)), None
        )
        if score is not None:
            sentences.append(_sentence(found, claims, score))
    errors = [one.w2s_error.value for one in found.trained]
    if sentences and len(errors) > 1:
        lost = sum(errors) / len(errors) - min(errors)
        sentences.append(f"A teacher drawn at random would lose {number(lost)}.")
    return tuple(sentences)


def _sentence(found: Validation, claims: Claims, score: Score) -> str:
    over = f", over {claims.rankings} draws of D~" if claims.rankings > 1 else ""
    words = f"{heading_of(claims)[:1].upper() + heading_of(claims)[1:]}: {claims.estimator} was off by "
    words += f"{number(score.mae_error)} of the {found.unit} on average{over}"
    if score.coverage_error is not None:
        words += f"; {percent(score.coverage_error)} of the measured errors lay inside its 90 % intervals"
    if score.regret is None:
        return words + "; it could not separate the candidates."
    first = visible(claims.candidates[0].name)
    if score.regret < BELOW_NOTICE:
        return f"{words}; its first choice, {first}, was the best teacher."
    return f"{words}; its first choice, {first}, lost {number(score.regret)} against the best teacher."


def heading_of(claims: Claims) -> str:
    """The level of evidence, as a heading."""
    return evidence_text(claims.evidence).heading


def _interval(found: Interval | None) -> str:
    if found is None:
        return number(None)
    return f"{number(found.value)} [{number(found.low, 2)}, {number(found.high, 2)}]"
