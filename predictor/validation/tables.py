"""Tables: what a validation measured, as text tables, Markdown and CSV."""

from __future__ import annotations

import csv as writer
import io

from predictor.estimators.protocol import Predicts
from predictor.query.evidence import evidence_text
from predictor.results.csv import safe
from predictor.results.names import visible
from predictor.results.text import ABSENT, number
from predictor.results.text_table import TextTable
from predictor.validation.scoring import Score
from predictor.validation.summary import predictions, summary
from predictor.validation.validation import Mean, Trained, Validation

MEASURED = "Errors on rows that nothing was trained on, ± standard error over splits, in units of the "
SCORED = (
    "predicts: the outcome that its value predicts; ρ: rank correlation (Spearman) with the measured W2S error and "
    "gain, τ: Kendall's with what it predicts, 1 is right; regret: W2S error lost by its first choice; |error|, "
    "|gain|: mean absolute error of its predictions; 90 %: share inside its error intervals; lost: accuracy "
    "of classes lost by its first choice by accuracy, by error and by gain"
)
PREDICTED: dict[Predicts, str] = {
    "w2s_error": "W2S error",
    "gain": "gain",
    "weak_error": "weak error",
    "nothing": ABSENT,
}
ROUTES = (
    "Students trained on the weak labels as they are and on refined ones; the score, above 0 where it advises to "
    "refine; the predicted difference of gains, and the share of splits on which either was right"
)
REPEATABLE = 0.5
"""Orders of two splits that agree less than this are mostly chance."""

NOTHING_TO_LEARN = 0.9
"""Share of the label variance that a ceiling leaves where there is next to nothing to learn."""

WILD = 1.0
"""Standard errors of a PGR above this: it is not shown."""

FIGURES = ("weak_error", "w2s_error", "gain", "weak_accuracy", "w2s_accuracy", "weak_log_loss", "w2s_log_loss")


def measurements(found: Validation) -> TextTable:
    """A row per candidate, best measured W2S error first."""
    classes = any(one.w2s_accuracy is not None for one in found.trained)
    of_classes = ("W2S accuracy", "weak accuracy", "W2S log-loss") if classes else ()
    headings = ("candidate", "W2S error", "gain", "weak error", "PGR", *of_classes)
    rows = tuple((*_errors(one), *(_classes(one) if classes else ())) for one in found.trained)
    return TextTable("Measured outcomes", headings, rows, "no candidate was trained")


def estimators(found: Validation) -> TextTable:
    """A row per estimator and evidence."""
    figures: tuple[str, ...] = ("τ", "ρ error", "ρ gain", "regret", "|error|", "|gain|", "90 %")
    classes = any(one.accuracy_lost_by_error is not None for one in found.scores)
    figures += ("ρ accuracy", "lost by accuracy", "lost by error", "lost by gain") if classes else ()
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
            *(_by_accuracy(one) if classes else ()),
        )
        for one in found.scores
    )
    headings = ("estimator", "evidence", "predicts", *figures)
    return TextTable("Estimators against what was measured", headings, rows, "no estimator was scored")


def _by_accuracy(one: Score) -> tuple[str, ...]:
    """How well it orders accuracies, and the accuracy that the first choice by each order loses."""
    return (
        number(one.spearman_accuracy, 2),
        number(one.regret_accuracy),
        number(one.accuracy_lost_by_error),
        number(one.accuracy_lost_by_gain),
    )


def _tau(one: Score) -> float | None:
    """Kendall's τ-b with what the estimator predicts."""
    return {"w2s_error": one.kendall_error, "gain": one.kendall_gain, "weak_error": one.kendall_weak}.get(one.predicts)


def routes(found: Validation) -> TextTable:
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
    return TextTable("Refining before training", headings, rows, "no weak labels were refined")


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


def warnings(found: Validation) -> tuple[str, ...]:
    """Limits of the figures, in sentences; () where there are none."""
    notes = [f"Of the forecasts without labels: {warning}." for warning in found.warnings]
    ceiling = found.ceiling_error.value
    if found.reliability is None or found.reliability < REPEATABLE:
        notes.append(
            f"The measured order of the candidates does not repeat from split to split (ρ limit "
            f"{number(found.reliability, 2)}), so no ρ in these tables is evidence for or against an estimator; more "
            "splits, rows or candidates would make it one."
        )
    if ceiling >= NOTHING_TO_LEARN:
        notes.append(
            f"Trained on gold labels, the student still errs by {number(ceiling, 2)} of the {found.unit}: there is "
            "next to nothing to learn from so many rows, and candidates are close to each other."
        )
    if any(_wild(one) for one in found.trained):
        notes.append(
            "A PGR whose standard error is above 1 is left out: the ceiling hardly beats that weak model, so that the "
            "share of the gap is a division by next to nothing."
        )
    if "head_layer" in found.training:
        notes.append(
            f"Estimators predict linear heads on the frozen features of {found.strong}, and the head of this training "
            f"sits on layer {found.training['head_layer']} of a model that moves: compare orders, not levels."
        )
    return tuple(notes)


def recipe_of(found: Validation) -> str:
    """`lora, xent loss, soft labels, epochs 3`."""
    settings = [f"{name.replace('_', ' ')} {value}" for name, value in found.training.items()]
    return ", ".join([found.recipe, f"{found.loss} loss", f"{found.label_form} labels", *settings])


def markdown(found: Validation) -> str:
    """A heading, the facts and both tables."""
    lines = [f"# Weak-to-strong validation: {visible(found.task)}", ""]
    lines += [f"* {term}: {visible(value)}" for term, value in about(found)]
    lines += ["", *(f"* {visible(warning)}" for warning in warnings(found))] if warnings(found) else []
    refined = [(routes(found), ROUTES + ".")] if found.routes else []
    claimed = [(predictions(found), " ".join(summary(found)))] if found.claims else []
    for table, note in (
        (measurements(found), MEASURED + found.unit + "."),
        *claimed,
        *refined,
        (estimators(found), SCORED + "."),
    ):
        lines += ["", f"## {table.caption}", "", note, ""]
        lines += table.pipes()
    if found.failed:
        lines += ["", "## Failed", ""]
        lines += [f"* {visible(name)}: {visible(error.message)}" for name, error in found.failed.items()]
    return "\n".join(lines) + "\n"


def csv(found: Validation) -> str:
    """RFC 4180 text, one row a candidate, numbers in full; a value that does not exist is an empty field.

    The measured columns are followed by the value of every estimator, one column each.
    """
    predicted = list(dict.fromkeys(name for one in found.trained for name in one.predicted))
    out = io.StringIO()
    rows = writer.writer(out)
    names = [part for name in FIGURES for part in (name, f"{name}_standard_error")]
    shown = [safe(name) for name in predicted]
    rows.writerow(["name", *names, "pgr", "pgr_standard_error", *shown, "error_code", "error_message"])
    for one in found.trained:
        means: list[Mean | None] = [getattr(one, name) for name in FIGURES]
        figures = [part for m in means for part in ((None, None) if m is None else (m.value, m.standard_error))]
        values = [one.predicted.get(name, {}).get("value") for name in predicted]
        rows.writerow([safe(one.name), *figures, one.pgr, one.pgr_standard_error, *values, None, None])
    for name, error in found.failed.items():
        rows.writerow([safe(name), *[None] * (len(names) + 2 + len(predicted)), error.code, safe(error.message)])
    return out.getvalue()


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
