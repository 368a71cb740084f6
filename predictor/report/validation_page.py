"""Validation page: a validation as one HTML file that loads nothing."""

from __future__ import annotations

from predictor.report.intervals import Row, interval_plot
from predictor.report.markup import facts, section, text, text_table
from predictor.report.page import POLICY
from predictor.report.style import CSS
from predictor.results.text import unit_of
from predictor.validation.summary import heading_of, summary
from predictor.validation.tables import MEASURED, ROUTES, SCORED, about, estimators, measurements, routes, warnings
from predictor.validation.validation import Validation

TITLE = "How wrong were the predictions?"
DRAWN = (
    "Dot and line: predicted W2S error with its 90 % interval; upright stroke: the error that training measured. "
    "Candidates are in the predicted order."
)


def html(found: Validation) -> str:
    """One self-contained page that loads nothing; write it as UTF-8."""
    best = f"{found.trained[0].name} was the best teacher" if found.trained else "no candidate was trained"
    noted = [*warnings(found), *(f"{name}: {error.message}" for name, error in found.failed.items())]
    notes = f'<ul class="notes">{"".join(f"<li>{text(note)}</li>" for note in noted)}</ul>' if noted else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{text(POLICY)}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>Weak-to-strong validation: {text(best)}</title><style>{CSS}</style></head><body><main>"
        f'<header><p class="eyebrow">Weak-to-strong validation · {text(found.task)}</p><h1>{text(best)}</h1>'
        f"{facts((term, text(value)) for term, value in about(found))}{notes}</header>"
        f"{text_table(measurements(found), MEASURED + unit_of(found.unit) + '.')}"
        f"{_drawn(found)}"
        f"{text_table(routes(found), ROUTES) if found.routes else ''}{text_table(estimators(found), SCORED)}"
        "</main></body></html>\n"
    )


def _drawn(found: Validation) -> str:
    """The section of a page: sentences, and a plot per level of evidence."""
    plots = "".join(
        interval_plot(
            heading_of(claims)[:1].upper() + heading_of(claims)[1:],
            f"{claims.estimator}; label variance, lower is better",
            [Row(one.name, one.error, measured=one.w2s_error) for one in claims.candidates],
        )
        for claims in found.claims
    )
    if not plots:
        return ""
    sentences = "".join(f"<p>{text(one)}</p>" for one in summary(found))
    words, figures = f'<div class="summary">{sentences}</div>', f'<div class="plots compared">{plots}</div>'
    return section(TITLE, words, figures, lead=text(DRAWN))
