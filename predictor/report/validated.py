"""Validated: what a validation measured, as tables for the terminal, Markdown, CSV or a page."""

from __future__ import annotations

import csv as writer
import io

from predictor.estimators.protocol import Predicts
from predictor.query.evidence import evidence_text
from predictor.report.markup import facts, text
from predictor.report.page import POLICY
from predictor.report.style import CSS
from predictor.results.csv import safe
from predictor.results.text import ABSENT, number, unit_of, visible
from predictor.results.text_table import Sheet
from predictor.validation.scoring import Score
from predictor.validation.validation import Mean, Trained, Validation
from predictor.validation.verdict import drawn, predictions, verdicts

MEASURED = "Errors on rows that nothing was trained on, ± standard error over splits, in units of the "
SCORED = (
    "predicts: the outcome that its value speaks of; ρ: rank correlation (Spearman) with the measured W2S error and "
    "gain, τ: Kendall's with what it predicts, 1 is right; regret: W2S error lost by its first choice; |error|, "
    "|gain|: mean absolute error of its predictions; 90 %: share inside its error intervals"
)
PREDICTED: dict[Predicts, str] = {
    "w2s_error": "W2S error",
    "gain": "gain",
    "weak_error": "weak error",
    "nothing": ABSENT,
}
ROUTES = (
    "Students taught the weak labels as they are and refined ones, with the score that advises to refine where it is "
    "above 0, the predicted difference of gains, and the share of splits on which either was right"
)
REPEATABLE = 0.5
"""Orders that agree with themselves less than this, split against split, are mostly chance."""

TAUGHT_NOTHING = 0.9
"""Share of the label variance that a ceiling leaves where there is next to nothing to learn."""

WILD = 1.0
"""Standard errors of a PGR beyond this leave nothing of it."""

FIGURES = ("weak_error", "w2s_error", "gain", "weak_accuracy", "w2s_accuracy", "weak_log_loss", "w2s_log_loss")


def measurements(found: Validation) -> Sheet:
    """A row per candidate, best measured W2S error first."""
    classes = any(one.w2s_accuracy is not None for one in found.trained)
    of_classes = ("W2S accuracy", "weak accuracy", "W2S log-loss") if classes else ()
    headings = ("candidate", "W2S error", "gain", "weak error", "PGR", *of_classes)
    rows = tuple((*_errors(one), *(_classes(one) if classes else ())) for one in found.trained)
    return Sheet("Measured outcomes", headings, rows, "no candidate was trained")


def judgements(found: Validation) -> Sheet:
    """A row per estimator and evidence."""
    figures = ("τ", "ρ error", "ρ gain", "regret", "|error|", "|gain|", "90 %")
    rows = tuple(
        (
            one.estimator,
            evidence_text(one.evidence).short,
            PREDICTED[one.predicts],
            number(_tau(one), 2),
            number(one.spearman_error, 2),
            number(one.spearman_gain, 2),
            number(one.regret),
            number(one.mae_error),
            number(one.mae_gain),
            number(one.coverage_error, 2),
        )
        for one in found.scores
    )
    headings = ("estimator", "evidence", "predicts", *figures)
    return Sheet("Estimators against what was measured", headings, rows, "no estimator was scored")


def _tau(one: Score) -> float | None:
    """Kendall's τ-b with what the estimator predicts."""
    return {"w2s_error": one.kendall_error, "gain": one.kendall_gain, "weak_error": one.kendall_weak}.get(one.predicts)


def routes(found: Validation) -> Sheet:
    """A row per candidate whose weak labels were refined too."""
    headings = ("candidate", "refined by", "naive error", "refined error", "score", "right", "promised", "right")
    rows = tuple(
        (
            one.name,
            one.realisation,
            mean(one.naive_error),
            mean(one.refined_error),
            number(one.score, 3, True),
            number(one.right_score, 2),
            number(one.promised, 3, True),
            number(one.right_promised, 2),
        )
        for one in found.routes
    )
    return Sheet("Refining before teaching", headings, rows, "no weak labels were refined")


def about(found: Validation) -> tuple[tuple[str, str], ...]:
    """What was trained, and the figures that concern all candidates."""
    parts = "" if found.parts is None else " / ".join(f"{rows:,}" for rows in found.parts)
    pairs = [
        ("student", found.strong),
        ("recipe", recipe_of(found)),
        ("rows", f"{found.rows:,}" + (f" (D~ / D^ / test {parts})" if parts else "")),
        ("splits", str(found.splits)),
        ("ceiling", f"{mean(found.ceiling_error)}: the student trained on gold labels"),
    ]
    if found.ceiling_accuracy is not None:
        pairs.append(("ceiling accuracy", mean(found.ceiling_accuracy)))
    pairs.append(
        ("ρ limit", f"{number(found.reliability, 2)}: rank correlation of the measured errors with themselves")
    )
    return tuple(pairs)


def remarks(found: Validation) -> tuple[str, ...]:
    """What the figures cannot tell, in sentences; () where there is nothing to add."""
    told = [f"Of the forecasts without labels: {warning}." for warning in found.warnings]
    ceiling = found.ceiling_error.value
    if found.reliability is None or found.reliability < REPEATABLE:
        told.append(
            f"The measured order of the candidates does not repeat from split to split (ρ limit "
            f"{number(found.reliability, 2)}), so no ρ in these tables is evidence for or against an estimator; more "
            "splits, rows or candidates would make it one."
        )
    if ceiling >= TAUGHT_NOTHING:
        told.append(
            f"Taught gold labels, the student still errs by {number(ceiling, 2)} of the {found.unit}: there is next to "
            "nothing to learn from so many rows, and candidates lie together."
        )
    if any(_wild(one) for one in found.trained):
        told.append(
            "A PGR whose standard error is above 1 is left out: the ceiling hardly beats that weak model, so that the "
            "share of the gap is a division by next to nothing."
        )
    if "head_layer" in found.training:
        told.append(
            f"Estimators predict linear heads on the frozen features of {found.strong}, and the head of this training "
            f"sits on layer {found.training['head_layer']} of a model that moves: compare orders, not levels."
        )
    return tuple(told)


def recipe_of(found: Validation) -> str:
    """`lora, xent loss, soft labels, epochs 3`."""
    settings = [f"{name.replace('_', ' ')} {value}" for name, value in found.training.items()]
    return ", ".join([found.recipe, f"{found.loss} loss", f"{found.label_form} labels", *settings])


def markdown(found: Validation) -> str:
    """A heading, the facts and both tables."""
    lines = [f"# Weak-to-strong validation: {visible(found.task)}", ""]
    lines += [f"* {term}: {visible(value)}" for term, value in about(found)]
    lines += ["", *(f"* {visible(remark)}" for remark in remarks(found))] if remarks(found) else []
    refined = [(routes(found), ROUTES + ".")] if found.routes else []
    claimed = [(predictions(found), " ".join(verdicts(found)))] if found.claims else []
    for sheet, note in (
        (measurements(found), MEASURED + found.unit + "."),
        *claimed,
        *refined,
        (judgements(found), SCORED + "."),
    ):
        lines += ["", f"## {sheet.caption}", "", note, ""]
        lines += sheet.pipes()
    if found.failed:
        lines += ["", "## Failed", ""]
        lines += [f"* {visible(name)}: {visible(error.message)}" for name, error in found.failed.items()]
    return "\n".join(lines) + "\n"


def csv(found: Validation) -> str:
    """RFC 4180 text, one row a candidate, numbers in full; a value that does not exist is an empty field.

    After what was measured stands what every estimator had said, one column each.
    """
    said = list(dict.fromkeys(name for one in found.trained for name in one.predicted))
    out = io.StringIO()
    sheet = writer.writer(out)
    names = [part for name in FIGURES for part in (name, f"{name}_standard_error")]
    sheet.writerow(["name", *names, "pgr", "pgr_standard_error", *said, "error_code", "error_message"])
    for one in found.trained:
        means: list[Mean | None] = [getattr(one, name) for name in FIGURES]
        figures = [part for m in means for part in ((None, None) if m is None else (m.value, m.standard_error))]
        values = [one.predicted.get(name, {}).get("value") for name in said]
        sheet.writerow([safe(one.name), *figures, one.pgr, one.pgr_standard_error, *values, None, None])
    for name, error in found.failed.items():
        sheet.writerow([safe(name), *[None] * (len(names) + 2 + len(said)), error.code, safe(error.message)])
    return out.getvalue()


def html(found: Validation) -> str:
    """One self-contained page that loads nothing; write it as UTF-8."""
    best = f"{found.trained[0].name} taught best" if found.trained else "no candidate was trained"
    noted = [*remarks(found), *(f"{name}: {error.message}" for name, error in found.failed.items())]
    notes = f'<ul class="notes">{"".join(f"<li>{text(note)}</li>" for note in noted)}</ul>' if noted else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{text(POLICY)}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>Weak-to-strong validation: {text(best)}</title><style>{CSS}</style></head><body><main>"
        f'<header><p class="eyebrow">Weak-to-strong validation · {text(found.task)}</p><h1>{text(best)}</h1>'
        f"{facts((term, text(value)) for term, value in about(found))}{notes}</header>"
        f"{measurements(found).html(MEASURED + unit_of(found.unit) + '.')}"
        f"{drawn(found)}"
        f"{routes(found).html(ROUTES) if found.routes else ''}{judgements(found).html(SCORED)}"
        "</main></body></html>\n"
    )


def mean(value: Mean | None, sign: bool = False) -> str:
    """`0.31 ± 0.02`, or a dash."""
    if value is None:
        return ABSENT
    return number(value.value, 3, sign) + _spread(value.standard_error)


def _spread(error: float | None) -> str:
    return "" if error is None else f" ± {number(error)}"


def _errors(one: Trained) -> tuple[str, ...]:
    pgr = (
        ABSENT
        if one.pgr is None or _wild(one)
        else number(one.pgr, 2) + ("" if one.pgr_standard_error is None else f" ± {number(one.pgr_standard_error, 2)}")
    )
    return one.name, mean(one.w2s_error), mean(one.gain, True), mean(one.weak_error), pgr


def _wild(one: Trained) -> bool:
    return one.pgr_standard_error is not None and one.pgr_standard_error > WILD


def _classes(one: Trained) -> tuple[str, ...]:
    return mean(one.w2s_accuracy), mean(one.weak_accuracy), mean(one.w2s_log_loss)
