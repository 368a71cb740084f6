"""Population: how well an order of many teachers matches what was measured of them, in figures and tables.

Past outcomes are those of the same teachers on the other tasks, of all students.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from predictor.estimators.protocol import Forecast
from predictor.outcomes.outcome import Outcome
from predictor.ranking.past_outcomes import PastOutcomes
from predictor.statistics.arrays import Array
from predictor.statistics.rank_correlation import rank_correlation
from tests.benchmarks.papers.population_cell import LEFT_OUT, NOTHING, WORDS, PopulationCell
from tests.benchmarks.papers.published import interval

STATIC = "measured on the other tasks"
ONE_ORDER = "one order for all tasks, this one among them"
WEAK_ERROR = "weak error, measured"
UNKNOWN = "unknown beforehand"
PAST = "past outcomes"
HINDSIGHT = "`representation_gap`, best of 9 settings in hindsight"
BOTH = "mean rank of `truth` and the left-out share"
APART = 0.05
"""Label variances; teachers whose students' errors differ by less are as good as each other to whoever trains one."""


@dataclass(frozen=True)
class Figure:
    """One order of one cell.

    Attributes:
        teachers: how many were ordered.
        rho, rho_gain: Spearman's, with measured W2S error and gain.
        regret: W2S error of the first choice above that of the best teacher, in label variances.
        pairs: share in the right order of the pairs of teachers that are more than APART; None where none is, or where
            only correlations are stored.
        reach: what a perfect order would correlate with, see `PopulationCell.reach`.
    """

    task: str
    student: str
    teachers: int
    order: str
    evidence: str
    rho: float | None
    rho_gain: float | None
    regret: float | None
    pairs: float | None = None
    reach: float = 1.0


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured of the teachers of one cell, in label variances."""

    task: str
    student: str
    names: tuple[str, ...]
    w2s_error: Array
    weak_error: Array
    standard_error: Array | None = None
    reach: float = 1.0

    @classmethod
    def of(cls, cell: PopulationCell) -> Measured:
        """Of one layer a model."""
        one = [found for found in cell.candidates if found.one]
        columns = ("w2s_error", "weak_error", "standard_error")
        errors = (np.array([getattr(found, name) for found in one]) for name in columns)
        return cls(cell.task, cell.student, tuple(found.model for found in one), *errors, reach=cell.reach)

    def figure(self, order: str, evidence: str, values: Array, gain: Array | None = None) -> Figure:
        """How an order compares; of `values` the lowest is best, of predicted `gain` the highest."""
        regret = float(self.w2s_error[int(np.argmin(values))] - self.w2s_error.min())
        found = None if gain is None else rank_correlation(gain, self.weak_error - self.w2s_error)
        rho = rank_correlation(values, self.w2s_error)
        pairs = self._ordered_pairs(values)
        about = self.task, self.student, len(self.names), order, evidence
        return Figure(*about, rho, found, regret, pairs, self.reach)

    def _ordered_pairs(self, values: Array) -> float | None:
        better, worse = np.nonzero(self.w2s_error[:, None] < self.w2s_error - APART)
        if not len(better):
            return None
        return float(np.mean((values[better] < values[worse]) + 0.5 * (values[better] == values[worse])))

    def teachers_own(self) -> Figure:
        """The order of the teachers' own errors, which nobody knows beforehand."""
        return self.figure(WEAK_ERROR, UNKNOWN, self.weak_error)

    def static(self, cells: Sequence[Measured]) -> Figure | None:
        """The order by mean rank in the other tasks of the same student; None where there are none."""
        others = [one for one in cells if one.student == self.student and one.task != self.task]
        return self._by_rank(STATIC, PAST, others) if others else None

    def one_order(self, cells: Sequence[Measured]) -> Figure | None:
        """The order by mean rank in all tasks of the same student, its own among them; None where there is one.

        It is about the most that an order can reach which is the same whatever the labels mean.
        """
        own = [one for one in cells if one.student == self.student]
        return self._by_rank(ONE_ORDER, UNKNOWN, own) if len(own) > 1 else None

    def _by_rank(self, order: str, evidence: str, cells: Sequence[Measured]) -> Figure:
        by_name = [dict(zip(one.names, one.w2s_error, strict=True)) for one in cells]
        ranks = [np.argsort(np.argsort([one[name] for name in self.names])) for one in by_name]
        return self.figure(order, evidence, np.mean(ranks, axis=0))

    def with_past(self, order: str, evidence: str, forecast: Forecast, cells: Sequence[Measured]) -> Figure | None:
        """The order of a forecast with what was measured on the other tasks, as the product adds it; None without."""
        past = tuple(outcome for one in cells if one.task != self.task for outcome in one.outcomes())
        if not past:
            return None
        found = PastOutcomes(past, {}).added_to(forecast, self.names)
        return self.figure(order, evidence, found.error, found.gain)

    def outcomes(self) -> Iterator[Outcome]:
        """As `w2s validate` would store them."""
        errors = np.zeros(len(self.names)) if self.standard_error is None else self.standard_error
        for name, w2s, weak, error in zip(self.names, self.w2s_error, self.weak_error, errors, strict=True):
            yield Outcome(self.task, self.student, name, weak_error=weak, w2s_error=w2s, standard_error=error)

    def hindsight(self, order: str, settings: Mapping[str, Sequence[float]]) -> Figure:
        """The best of several settings of one estimator, chosen by what was measured."""
        tried = [self.figure(order, "representations", np.array(values)) for values in settings.values()]
        return max(tried, key=lambda one: one.rho or 0.0)


def figures(cells: Sequence[tuple[PopulationCell, Mapping[str, Forecast]]]) -> list[Figure]:
    """Every order of every cell; with each the forecasts of `truth`, by the name of the order."""
    found, everyone = [], [Measured.of(one) for one, _ in cells]
    for (cell, forecasts), here in zip(cells, everyone, strict=True):
        for name, predicted in cell.one.items():
            gain = None if predicted.gain is None else np.array(predicted.gain)
            found.append(here.figure(quoted(name), evidence(name), np.array(predicted.error), gain))
        ranks = [np.argsort(np.argsort(cell.one[name].error)) for name in (NOTHING, LEFT_OUT)]
        found += [
            here.figure(BOTH, evidence(NOTHING), np.mean(ranks, axis=0)),
            here.hindsight(HINDSIGHT, cell.settings),
            here.teachers_own(),
        ]
        history = [here.static(everyone), here.one_order(everyone)]
        for name, forecast in forecasts.items():
            kinds = PAST if name == NOTHING else f"{evidence(name)}, {PAST}"
            history.append(here.with_past(with_past(name), kinds, forecast, everyone))
        found += [one for one in history if one is not None]
    return found


def evidence(name: str) -> str:
    """What an order of a cell rests on."""
    return "descriptions" if name == WORDS else "representations"


def with_past(name: str) -> str:
    """Name of an order with past outcomes."""
    return f"`truth`, {PAST}" if name == NOTHING else f"{quoted(name)} and {PAST}"


def quoted(name: str) -> str:
    """Name of an order as tables have it: estimators in backquotes."""
    head, *rest = name.split(",", maxsplit=1)
    return name if " " in head or head == "TURTLE" else ",".join([f"`{head}`", *rest])


def summary(found: Sequence[Figure]) -> str:
    """A line per evidence and order, the best of each evidence last."""
    lines = [
        "| evidence | order by | cells | ρ with W2S error (95 %) | of reach | worst cell | ρ with gain "
        "| regret, mean · worst | pairs apart in order, mean · worst |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    keys = dict.fromkeys((f.evidence, f.order) for f in found)
    for evidence, order in sorted(keys, key=lambda k: (k[0], _mean(found, k))):
        rows = [f for f in found if (f.evidence, f.order) == (evidence, order)]
        rho = np.array([f.rho for f in rows if f.rho is not None])
        reached = [f.rho / f.reach for f in rows if f.rho is not None and f.reach > 0.0]
        gain = [f.rho_gain for f in rows if f.rho_gain is not None]
        lost = [f.regret for f in rows if f.regret is not None] or [float("nan")]
        apart = [f.pairs for f in rows if f.pairs is not None]
        mean, low, high = interval(rho) if len(rho) else (np.nan,) * 3
        shown = (
            f"{mean:.2f} ({low:.2f} to {high:.2f}) | {np.mean(reached):.2f} | {rho.min():.2f}"
            if len(rho)
            else "– | – | –"
        )
        lines.append(
            f"| {evidence} | {order} | {len(rho)} | {shown} | "
            f"{f'{np.mean(gain):.2f}' if gain else '–'} | {np.mean(lost):.3f} · {max(lost):.3f} | "
            f"{f'{np.mean(apart):.2f} · {min(apart):.2f}' if apart else '–'} |"
        )
    return "\n".join(lines)


def cellwise(cells: Sequence[PopulationCell], found: Sequence[Figure], shown: Sequence[str]) -> str:
    """A line per cell, that in which the first order is worst first."""
    lines = [
        "| task · student | ceiling | reach | weak error, range | " + " | ".join(shown) + " |",
        "|---|---:|---:|---:|" + "---:|" * len(shown),
    ]
    at = {(f.task, f.student, f.order): f.rho for f in found}
    for cell in sorted(cells, key=lambda c: at[c.task, c.student, shown[0]] or 0.0):
        rho = [at.get((cell.task, cell.student, name)) for name in shown]
        weak = Measured.of(cell).weak_error
        lines.append(
            f"| {cell.task} · {cell.student} | {cell.ceiling:.2f} | {cell.reach:.2f} | "
            f"{weak.min():.2f} to {weak.max():.2f} | "
            + " | ".join("–" if one is None else f"{one:.2f}" for one in rho)
            + " |"
        )
    return "\n".join(lines)


def _mean(found: Sequence[Figure], key: tuple[str, str]) -> float:
    rows = [f.rho for f in found if (f.evidence, f.order) == key and f.rho is not None]
    return float(np.mean(rows)) if rows else 0.0


def write(path: Path, found: Sequence[Figure]) -> None:
    """Every figure, the worst first."""
    with path.open("w", newline="", encoding="utf-8") as file:
        sheet = csv.DictWriter(file, [one.name for one in fields(Figure)], lineterminator="\n")
        sheet.writeheader()
        for row in sorted(found, key=lambda f: 2.0 if f.rho is None else f.rho):
            sheet.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in asdict(row).items()})
