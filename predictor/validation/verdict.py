"""Verdict: how wrong predictions were, in sentences, as a table and drawn beside what was measured."""

from __future__ import annotations

from predictor.query.evidence import evidence_text
from predictor.report.intervals import Row, interval_plot
from predictor.report.markup import section, text
from predictor.results.ranking import Interval
from predictor.results.text import number, percent, visible
from predictor.results.text_table import Sheet
from predictor.validation.claims import Claims
from predictor.validation.scoring import Score
from predictor.validation.validation import Validation

TITLE = "How wrong were the predictions?"
DRAWN = (
    "Dot and line: predicted W2S error with its 90 % interval; upright stroke: the error that training measured. "
    "Candidates stand in the predicted order."
)
BELOW_NOTICE = 0.0005
"""Losses that would be shown as 0.000."""


def predictions(found: Validation) -> Sheet:
    """A row per candidate, in measured order: the error measured, and those predicted at each level of evidence."""
    told = [{one.name: one.error for one in claims.candidates} for claims in found.claims]
    rows = tuple(
        (one.name, number(one.w2s_error.value), *(_interval(said.get(one.name)) for said in told))
        for one in found.trained
    )
    headings = ("candidate", "measured", *(_heading(claims) for claims in found.claims))
    empty = "nothing was predicted in label variance"
    return Sheet("W2S error, measured and predicted", headings, rows if told else (), empty)


def verdicts(found: Validation) -> tuple[str, ...]:
    """A sentence per level of evidence, and what a candidate at random would have lost."""
    told = []
    for claims in found.claims:
        score = next(
            (s for s in found.scores if (s.estimator, s.evidence) == (claims.estimator, claims.evidence)), None
        )
        if score is not None:
            told.append(_sentence(found, claims, score))
    errors = [one.w2s_error.value for one in found.trained]
    if told and len(errors) > 1:
        lost = sum(errors) / len(errors) - min(errors)
        told.append(f"A teacher drawn at random would lose {number(lost)}.")
    return tuple(told)


def drawn(found: Validation) -> str:
    """The section of a page: sentences, and a plot per level of evidence."""
    plots = "".join(
        interval_plot(
            _heading(claims)[:1].upper() + _heading(claims)[1:],
            f"{claims.estimator}; label variance, lower is better",
            [Row(one.name, one.error, measured=one.w2s_error) for one in claims.candidates],
        )
        for claims in found.claims
    )
    if not plots:
        return ""
    sentences = "".join(f"<p>{text(one)}</p>" for one in verdicts(found))
    words, figures = f'<div class="verdict">{sentences}</div>', f'<div class="plots compared">{plots}</div>'
    return section(TITLE, words, figures, lead=text(DRAWN))


def _sentence(found: Validation, claims: Claims, score: Score) -> str:
    over = f", over {claims.rankings} draws of D~" if claims.rankings > 1 else ""
    words = f"{_heading(claims)[:1].upper() + _heading(claims)[1:]}: {claims.estimator} was off by "
    words += f"{number(score.mae_error)} of the {found.unit} on average{over}"
    if score.coverage_error is not None:
        words += f"; {percent(score.coverage_error)} of the measured errors lay inside its 90 % intervals"
    if score.regret is None:
        return words + "; it could not tell the candidates apart."
    first = visible(claims.candidates[0].name)
    if score.regret < BELOW_NOTICE:
        return f"{words}; its first choice, {first}, taught best."
    return f"{words}; its first choice, {first}, lost {number(score.regret)} against the best teacher."


def _heading(claims: Claims) -> str:
    return evidence_text(claims.evidence).heading


def _interval(said: Interval | None) -> str:
    if said is None:
        return number(None)
    return f"{number(said.value)} [{number(said.low, 2)}, {number(said.high, 2)}]"
