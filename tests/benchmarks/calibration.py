"""How well calibrations on real outcomes predict the tasks that they have not seen.

    W2S_DATA=FOLDER python -m tests.benchmarks.calibration --outcomes outcomes.csv
    python -m tests.benchmarks.calibration --outcomes tests/benchmarks/calibration.csv --table

Every candidate of every cell of the lineup is trained for real, ridge heads on SPLITS random thirds; what was predicted
of it without labels, from the weak labels of heads taught the first split's D~, and with the gold labels of that D~, is
kept beside what was measured. Then a calibration is fitted, each task is left out in turn, and the figures are printed.
Cells that the file has already are not trained again.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from predictor.calibration.apply import upper_limit
from predictor.calibration.calibrate import calibrate
from predictor.calibration.fit import fit_line
from predictor.extraction.extractor import Extractor
from predictor.outcomes.importing.sheets import read_sheet
from predictor.outcomes.outcome import Outcome, accuracy_gain
from predictor.query.labels import Labels
from predictor.query.model_spec import ModelSpec
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.ranking.answer import answer_steps
from predictor.ranking.candidate import PendingCandidate
from predictor.ranking.gathering import Gathered
from predictor.ranking.selection import Selection
from predictor.results.candidate import Candidate
from predictor.results.ranking import Ranking
from predictor.steps import drain
from predictor.training.runs import train_w2s
from predictor.training.splits import thirds
from tests.benchmarks import lineup
from tests.benchmarks.lineup import Cell

SPLITS = 12
ABOUT = (
    *("task", "strong", "weak", "recipe", "loss", "unit", "seeds", "rows", "standard_error"),
    *("weak_error", "w2s_error", "ceiling_error", "weak_accuracy", "w2s_accuracy", "ceiling_accuracy"),
)


def outcomes_of(cell: Cell) -> list[Outcome]:
    """What every candidate of a cell measured, and what had been predicted."""
    labels, rows = cell.task.labels, len(cell.task.pool)
    free = _ranking(cell, _query(cell, "label_prior_simulation"))
    given = _revealed(labels, rows)
    shown = _ranking(cell, replace(_query(cell, "truth_posterior", "misfit"), labels=given))
    student_labels = _ranking(cell, replace(_query(cell, "consensus_truth"), labels=given))
    measured = train_w2s(cell.strong.values, [one.values for one in cell.weak], labels, splits=SPLITS)
    stated = {one.name: _stated(one, "label_prior_simulation") for one in free.candidates}
    for ranking, estimator in ((student_labels, "consensus_truth"), (shown, "truth_posterior")):
        for one in ranking.candidates:
            stated[one.name] |= _stated(one, estimator)
    found = []
    for i, weak in enumerate(cell.weak):
        errors = {
            "weak_error": measured.weak[i],
            "w2s_error": measured.w2s[i],
            "ceiling_error": measured.ceiling,
            "weak_accuracy": None if measured.weak_accuracy is None else measured.weak_accuracy[i],
            "w2s_accuracy": None if measured.w2s_accuracy is None else measured.w2s_accuracy[i],
            "ceiling_accuracy": measured.ceiling_accuracy,
        }
        found.append(
            Outcome(
                task=cell.task.name,
                strong=cell.strong.name,
                weak=weak.name,
                loss="squared",
                standard_error=float(np.std(measured.w2s[i], ddof=1) / np.sqrt(SPLITS)),
                seeds=SPLITS,
                rows=rows,
                predicted=stated[weak.name],
                **{name: None if values is None else float(np.mean(values)) for name, values in errors.items()},
            )
        )
    return found


def _query(cell: Cell, *estimators: str) -> RankingQuery:
    weak = tuple(ModelSpec(one.name, f"features:{one.name}") for one in cell.weak)
    settings = Settings(estimators=estimators)
    return RankingQuery(ModelSpec("strong", "features:strong"), weak, cell.task.pool, settings=settings)


def _ranking(cell: Cell, query: RankingQuery) -> Ranking:
    weak = tuple(PendingCandidate(spec, one) for spec, one in zip(query.weak, cell.weak, strict=True))
    return drain(answer_steps(query, Selection.of(query), Gathered(cell.strong, weak)))


def _revealed(labels: Labels, rows: int) -> Labels:
    """The gold labels that the weak heads of the first split are trained on."""
    part = thirds(rows, np.random.default_rng([0, 0]))
    targets = np.full_like(labels.targets, np.nan)
    targets[part.weak] = labels.targets[part.weak]
    return Labels(targets, labels.kind, labels.classes)


def _stated(candidate: Candidate, estimator: str) -> dict[str, dict[str, float]]:
    error, gain = candidate.predicted_w2s_error, candidate.predicted_gain
    assert error is not None
    assert gain is not None
    numbers = {"value": error.value, "gain": gain.value}
    numbers |= {"error_low": error.low, "error_high": error.high}
    numbers["accuracy_gain"] = accuracy_gain(candidate.estimates[estimator].details)
    if "misfit" in candidate.estimates:
        numbers["disagreement"] = candidate.estimates["misfit"].details.get("disagreement")
    return {estimator: {name: value for name, value in numbers.items() if value is not None}}


def write(path: Path, outcomes: list[Outcome]) -> None:
    """One row an outcome, six digits, in the columns that `w2s outcomes import` reads."""
    rows = []
    for one in outcomes:
        row = {name: getattr(one, name) for name in ABOUT}
        stated = (
            (f"predicted.{e}.{key}", value) for e, numbers in one.predicted.items() for key, value in numbers.items()
        )
        rows.append(row | dict(stated))
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n", restval="")
        writer.writeheader()
        for row in rows:
            shown = {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()}
            writer.writerow({name: "" if value is None else value for name, value in shown.items()})


def table(outcomes: list[Outcome]) -> str:
    """The backtest as Markdown: one row an estimator and quantity."""
    fitted = calibrate("benchmark", outcomes)
    lines = [
        "| predicted by | measured | tasks | outcomes | slope | calibrated | mean of other tasks | as predicted "
        "| in the 90 % interval | its width | ρ | ρ as predicted | known |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for fit in fitted.fits:
        line, test = fit.line, fit.backtest
        raw = "–" if test.mae_as_predicted is None else f"{test.mae_as_predicted:.3f}"
        rhos = " | ".join("–" if rho is None else f"{rho:.2f}" for rho in (test.order, test.order_as_predicted))
        lines.append(
            f"| `{fit.estimator}` | {fit.target.replace('_', ' ')}, {fit.unit} | {line.tasks} | {line.outcomes} "
            f"| {line.slope:.2f} | {test.mae:.3f} | {test.mae_mean:.3f} | {raw} | {test.coverage:.0%} "
            f"| {test.width:.2f} | {rhos} | {len(fit.random_effects)} |"
        )
    return "\n".join(lines)


def by_task(outcomes: list[Outcome], estimator: str, target: str) -> str:
    """One row a task that was left out: the mean absolute error, and the share inside the interval."""
    lines = [
        "| left out | outcomes | measured, mean | calibrated | as predicted | inside |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    given = "value" if target == "w2s_error" else target
    pairs = [(one.predicted[estimator].get(given), getattr(one, target), one.task) for one in outcomes]
    known = [pair for pair in pairs if None not in pair]
    x, y, tasks = (np.array(column) for column in zip(*known, strict=True))
    place = np.unique(tasks, return_inverse=True)[1]
    for task in np.unique(tasks):
        held = tasks == task
        line = fit_line(x[~held], y[~held], place[~held], same_unit=True, min_tasks=3)
        errors = np.abs(y[held] - line.intercept - line.slope * x[held])
        raw = f"{np.mean(np.abs(y[held] - x[held])):.3f}"
        lines.append(
            f"| {task} | {held.sum()} | {y[held].mean():.3f} | {errors.mean():.3f} | {raw} "
            f"| {np.mean(errors <= line.spread):.0%} |"
        )
    return "\n".join(lines)


def caps(outcomes: list[Outcome]) -> str:
    """How often the accuracy changed by more than student and teacher disagreed."""
    pairs = [
        (100.0 * share, abs(one.accuracy_gain), 100.0 * upper_limit(share, one.rows))
        for one in outcomes
        if one.accuracy_gain is not None and (share := one.predicted["truth_posterior"].get("disagreement")) is not None
    ]
    share, change, limit = np.array(pairs).T
    return (
        f"|accuracy gain| above the disagreement that was counted: {np.mean(change > share):.1%} of {len(pairs)} "
        f"outcomes, by at most {max(0.0, float(np.max(change - share))):.2f} points; above its upper limit, which is "
        f"what clips: {np.mean(change > limit):.1%}. Median disagreement {np.median(share):.1f} points."
    )


def main() -> None:
    """Train what is missing, then fit, leave out and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.calibration", description=__doc__)
    parser.add_argument("--outcomes", type=Path, required=True, help="outcomes as CSV, for w2s outcomes import too")
    parser.add_argument("--task", action="append", help="only these tasks")
    parser.add_argument("--table", action="store_true", help="print the figures of the file and stop")
    options = parser.parse_args()
    kept = list(read_sheet(options.outcomes).outcomes) if options.outcomes.exists() else []
    if not options.table:
        done = {(one.task, one.strong) for one in kept}
        folder, extractor = lineup.data_folder(), Extractor()
        for name in options.task or lineup.TASKS:
            for cell in lineup.cells(lineup.read(name, folder), extractor):
                if (name, cell.strong.name) in done:
                    continue
                started = time.perf_counter()
                found = outcomes_of(cell)
                kept += found
                write(options.outcomes, kept)
                seconds = time.perf_counter() - started
                print(f"{name} · {cell.strong.name}: {len(found)} outcomes, {seconds:.0f} s", file=sys.stderr)
    print(table(kept))
    for estimator, target in (("truth_posterior", "w2s_error"), ("truth_posterior", "accuracy_gain")):
        print(f"\n{estimator}, {target}:\n\n{by_task(kept, estimator, target)}")
    print(f"\n{caps(kept)}")


if __name__ == "__main__":
    main()
