"""What past outcomes of the same candidates add to `truth` without labels, each task left out in turn.

    W2S_DATA=FOLDER nice -n 15 python -m tests.benchmarks.label_free_forecasts      # some hours on a busy machine
    python -m tests.benchmarks.past_outcomes > tests/benchmarks/past_outcomes.md

Forecasts are those stored by `tests.benchmarks.label_free_forecasts`; outcomes are those of the accuracy record.
Nothing is trained. Every cell goes to past_outcomes.csv. Populations of many models are in `tests.benchmarks.papers`.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields, replace
from functools import cache
from pathlib import Path

import numpy as np

from predictor.estimators.protocol import Forecast
from predictor.outcomes.outcome import Outcome
from predictor.ranking.past_outcomes import PastOutcomes
from predictor.statistics.arrays import Array
from predictor.statistics.rank_correlation import average_ranks, rank_correlation
from tests.benchmarks.accuracy import RECORDS, measured_beside
from tests.benchmarks.label_free_forecasts import load, place
from tests.benchmarks.lineup import ALL_SMILES
from tests.benchmarks.past_outcomes_page import PAGE

UNLEARNED = ("ethics_justice", "ethics_deontology", "ethics_virtue", "tox21_sr_are")
"""Tasks of the record on which nothing or little is learned."""
COUNTS, DRAWS = (1, 2, 3, 5, 8), 5


@dataclass(frozen=True)
class Cell:
    """One student on one task; orders by the forecast, by past outcomes alone, and by both.

    Attributes:
        past: tasks with outcomes of these candidates.
        spread, predicted_spread: standard deviation between candidates of the errors, and of those predicted.
        weight, reliability: as in the answer.
        rho_*, gain_*: Spearman's ρ with the measured W2S error, and with the gain.
        regret_*: error of the first choice above the least.
        inside_*: share of errors, relative to their mean, inside the 90 % range of the draws.
        rho_shuffled: ρ where every past task's outcomes are given to the candidates at random.
    """

    population: str
    task: str
    student: str
    candidates: int
    past: int
    spread: float
    predicted_spread: float
    weight: float
    reliability: float
    rho_free: float
    rho_static: float
    rho_both: float
    gain_free: float
    gain_both: float
    regret_free: float
    regret_static: float
    regret_both: float
    inside_free: float
    inside_both: float
    rho_shuffled: float


@dataclass(frozen=True, eq=False)
class Measured:
    """One student on one task, candidates in the order of the forecast."""

    population: str
    task: str
    student: str
    names: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    forecast: Forecast

    @property
    def error(self) -> Array:
        """(m,)."""
        return np.array([one.w2s_error for one in self.outcomes])

    @property
    def gain(self) -> Array:
        """(m,)."""
        return np.array([one.gain for one in self.outcomes])


def recorded() -> Iterator[tuple[str, Outcome]]:
    """Population and outcome of every measured candidate of the record."""
    for path in RECORDS.values():
        with measured_beside(path).open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                errors = {name: float(row[name]) for name in ("weak_error", "w2s_error", "standard_error")}
                kind = "molecules" if row["task"] in ALL_SMILES else "texts"
                yield kind, Outcome(row["task"], row["strong"], row["candidate"], **errors)  # type: ignore[arg-type]


@cache
def every() -> tuple[tuple[str, Outcome], ...]:
    """See `recorded`."""
    return tuple(recorded())


def cells() -> Iterator[Measured]:
    """Every measured cell with a stored forecast."""
    found: dict[tuple[str, str, str], dict[str, Outcome]] = {}
    for kind, one in every():
        found.setdefault((kind, one.task, one.strong), {})[one.weak] = one
    for (kind, task, student), own in found.items():
        stored = load(place(task, student))
        if stored is not None:
            outcomes = tuple(own[name] for name in stored.names)
            yield Measured(kind, task, student, stored.names, outcomes, stored.forecast())


def past_of(one: Measured) -> list[Outcome]:
    """Outcomes of the cell's population on other tasks."""
    return [outcome for kind, outcome in every() if kind == one.population and outcome.task != one.task]


def static(names: Sequence[str], past: Iterable[Outcome]) -> Array:
    """(m,) mean rank of each candidate over the cells of other tasks, 0 to 1; .5 where it is in none."""
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for one in past:
        groups.setdefault((one.task, one.strong), []).append(one)
    ranks: dict[str, list[float]] = {}
    for group in groups.values():
        placed = average_ranks(np.array([one.w2s_error for one in group])) / len(group)
        for one, rank in zip(group, placed, strict=True):
            ranks.setdefault(one.weak, []).append(float(rank))
    return np.array([np.mean(ranks.get(name, [0.5])) for name in names])


def with_past(one: Measured, past: Iterable[Outcome]) -> Forecast:
    """As the product adds it."""
    return PastOutcomes(tuple(past), {}).added_to(one.forecast, one.names)


def shuffled(past: Iterable[Outcome], rng: np.random.Generator) -> list[Outcome]:
    """Every task's outcomes given to its candidates at random, the same for all its students."""
    groups: dict[str, list[Outcome]] = {}
    for one in past:
        groups.setdefault(one.task, []).append(one)
    found = []
    for group in groups.values():
        names = sorted({one.weak for one in group})
        other = dict(zip(names, rng.permutation(names).tolist(), strict=True))
        found += [replace(one, weak=other[one.weak]) for one in group]
    return found


def scored(one: Measured) -> Cell:
    """The cell's figures."""
    past, rng = past_of(one), np.random.default_rng(0)
    both, fixed = with_past(one, past), static(one.names, past)
    noise = [with_past(one, shuffled(past, rng)) for _ in range(DRAWS)]
    use, error = both.evidence_kinds[-1], one.error
    return Cell(
        one.population,
        one.task,
        one.student,
        len(one.names),
        len({other.task for other in past}),
        float(error.std()),
        float(one.forecast.error.std()),
        use.weight,
        use.reliability,
        *(_rho(values, error) for values in (one.forecast.error, fixed, both.error)),
        *(_rho(values.gain, one.gain) for values in (one.forecast, both)),
        *(float(error[int(np.argmin(v))] - error.min()) for v in (one.forecast.error, fixed, both.error)),
        *(_inside(values.error_draws, error) for values in (one.forecast, both)),
        float(np.mean([_rho(other.error, error) for other in noise])),
    )


def _rho(values: Array, measured: Array) -> float:
    return rank_correlation(values, measured) or 0.0


def _inside(draws: Array, error: Array) -> float:
    low, high = np.quantile(draws - draws.mean(axis=0), [0.05, 0.95], axis=1)
    centred = error - error.mean()
    return float(np.mean((low <= centred) & (centred <= high)))


GROUPS: dict[str, Callable[[str, str], bool]] = {
    "all": lambda kind, task: True,
    "with something to learn": lambda kind, task: task not in UNLEARNED,
    "texts with something to learn": lambda kind, task: kind == "texts" and task not in UNLEARNED,
    "molecules with something to learn": lambda kind, task: kind == "molecules" and task not in UNLEARNED,
}


def summary(found: Sequence[Cell]) -> str:
    """A line per group of cells."""
    lines = [
        "| tasks | cells | ρ with W2S error: `truth` | static order | both | worst cell: `truth` · static · both "
        "| ρ with gain: `truth` | both | regret: `truth` · static · both | inside 90 %: `truth` · both | shuffled |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, chosen in GROUPS.items():
        rows = [one for one in found if chosen(one.population, one.task)]
        if rows:
            columns = {field.name: np.array([getattr(one, field.name) for one in rows]) for field in fields(Cell)}
            mean = {name: float(np.mean(columns[name])) for name in columns if columns[name].dtype.kind == "f"}
            worst = " · ".join(f"{columns[f'rho_{one}'].min():.2f}" for one in ("free", "static", "both"))
            lost = " · ".join(f"{mean[f'regret_{one}']:.3f}" for one in ("free", "static", "both"))
            lines.append(
                f"| {name} | {len(rows)} | {mean['rho_free']:.2f} | {mean['rho_static']:.2f} | {mean['rho_both']:.2f} "
                f"| {worst} | {mean['gain_free']:.2f} | {mean['gain_both']:.2f} | {lost} "
                f"| {mean['inside_free']:.2f} · {mean['inside_both']:.2f} | {mean['rho_shuffled']:.2f} |"
            )
    return "\n".join(lines)


def by_count(measured: Sequence[Measured]) -> str:
    """ρ with a few random past tasks of the record with something to learn."""
    lines = [
        "| past tasks | static order | `truth` and past outcomes | cells in which both beats `truth` |",
        "|---:|---:|---:|---:|",
    ]
    chosen = [one for one in measured if GROUPS["with something to learn"](one.population, one.task)]
    rng = np.random.default_rng(0)
    for count in COUNTS:
        rows = []
        for one in chosen:
            past = past_of(one)
            names = sorted({other.task for other in past})
            for _ in range(DRAWS):
                drawn = set(rng.permutation(names)[:count].tolist())
                some = [other for other in past if other.task in drawn]
                orders = (one.forecast.error, static(one.names, some), with_past(one, some).error)
                rows.append([_rho(values, one.error) for values in orders])
        free, fixed, both = np.array(rows).T
        lines.append(f"| {count} | {fixed.mean():.2f} | {both.mean():.2f} | {np.mean(both > free):.0%} |")
    return "\n".join(lines)


def cellwise(found: Sequence[Cell]) -> str:
    """Every cell, that in which past outcomes harmed most first."""
    lines = [
        "| task · student | candidates | past tasks | weight | reliability | `truth` | static | both "
        "| gain: `truth` · both |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for one in sorted(found, key=lambda c: c.rho_both - c.rho_free):
        lines.append(
            f"| {one.task} · {one.student} | {one.candidates} | {one.past} | {one.weight:.2f} | {one.reliability:.2f} "
            f"| {one.rho_free:.2f} | {one.rho_static:.2f} | {one.rho_both:.2f} "
            f"| {one.gain_free:.2f} · {one.gain_both:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Write the page to standard output and every cell beside this file."""
    measured = list(cells())
    found = [scored(one) for one in measured]
    with Path(__file__).with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        sheet = csv.writer(file, lineterminator="\n")
        sheet.writerow(field.name for field in fields(Cell))
        for one in sorted(found, key=lambda c: c.rho_both - c.rho_free):
            sheet.writerow(f"{v:.4f}" if isinstance(v, float) else v for v in astuple(one))
    possible = len({(kind, one.task, one.strong) for kind, one in every()})
    page = PAGE.format(
        summary=summary(found),
        counts=by_count(measured),
        cells=cellwise(found),
        done=len(found),
        possible=possible,
        draws=DRAWS,
    )
    sys.stdout.write(page)


if __name__ == "__main__":
    main()
