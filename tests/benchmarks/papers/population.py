"""Population: how well an order of many teachers matches what was measured of them, in figures and tables."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from predictor.statistics.arrays import Array
from predictor.statistics.rank_correlation import rank_correlation
from tests.benchmarks.papers.published import interval

STATIC = "measured on the other tasks"
WEAK_ERROR = "weak error, measured"
UNKNOWN = "unknown beforehand"
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


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured of the teachers of one cell, in label variances."""

    task: str
    student: str
    names: tuple[str, ...]
    w2s_error: Array
    weak_error: Array

    def figure(self, order: str, evidence: str, values: Array, gain: Array | None = None) -> Figure:
        """How an order compares; of `values` the lowest is best, of predicted `gain` the highest."""
        regret = float(self.w2s_error[int(np.argmin(values))] - self.w2s_error.min())
        found = None if gain is None else rank_correlation(gain, self.weak_error - self.w2s_error)
        rho = rank_correlation(values, self.w2s_error)
        pairs = self._ordered_pairs(values)
        return Figure(self.task, self.student, len(self.names), order, evidence, rho, found, regret, pairs)

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
        if not others:
            return None
        by_name = [dict(zip(one.names, one.w2s_error, strict=True)) for one in others]
        ranks = [np.argsort(np.argsort([one[name] for name in self.names])) for one in by_name]
        return self.figure(STATIC, "past outcomes", np.mean(ranks, axis=0))

    def hindsight(self, order: str, settings: Mapping[str, Sequence[float]]) -> Figure:
        """The best of several settings of one estimator, chosen by what was measured."""
        tried = [self.figure(order, "representations", np.array(values)) for values in settings.values()]
        return max(tried, key=lambda one: one.rho or 0.0)


def summary(found: Sequence[Figure], *, pairs: bool = False) -> str:
    """A line per evidence and order, the best of each evidence last; `pairs` adds the pairs that are apart."""
    lines = [
        "| evidence | order by | cells | ρ with W2S error (95 %) | worst cell | ρ with gain | regret, mean · worst |"
        + (" pairs apart in order, mean · worst |" if pairs else ""),
        "|---|---|---:|---:|---:|---:|---:|" + ("---:|" if pairs else ""),
    ]
    keys = dict.fromkeys((f.evidence, f.order) for f in found)
    for evidence, order in sorted(keys, key=lambda k: (k[0], _mean(found, k))):
        rows = [f for f in found if (f.evidence, f.order) == (evidence, order)]
        rho = np.array([f.rho for f in rows if f.rho is not None])
        gain = [f.rho_gain for f in rows if f.rho_gain is not None]
        lost = [f.regret for f in rows if f.regret is not None] or [float("nan")]
        apart = [f.pairs for f in rows if f.pairs is not None]
        shown = "{:.2f} ({:.2f} to {:.2f}) | {:.2f}".format(*interval(rho), rho.min()) if len(rho) else "– | –"
        lines.append(
            f"| {evidence} | {order} | {len(rho)} | {shown} | "
            f"{f'{np.mean(gain):.2f}' if gain else '–'} | {np.mean(lost):.3f} · {max(lost):.3f} |"
            + (f" {f'{np.mean(apart):.2f} · {min(apart):.2f}' if apart else '–'} |" if pairs else "")
        )
    return "\n".join(lines)


def _mean(found: Sequence[Figure], key: tuple[str, str]) -> float:
    rows = [f.rho for f in found if (f.evidence, f.order) == key and f.rho is not None]
    return float(np.mean(rows)) if rows else 0.0


def write(path: Path, found: Sequence[Figure], *, pairs: bool = False) -> None:
    """Every figure, the worst first; `pairs` as of the summary."""
    columns = [one.name for one in fields(Figure) if pairs or one.name != "pairs"]
    with path.open("w", newline="", encoding="utf-8") as file:
        sheet = csv.DictWriter(file, columns, lineterminator="\n", extrasaction="ignore")
        sheet.writeheader()
        for row in sorted(found, key=lambda f: 2.0 if f.rho is None else f.rho):
            sheet.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in asdict(row).items()})
