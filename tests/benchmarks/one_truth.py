"""How well the `truth` estimator predicts measured training from each set of evidence, on three populations.

    W2S_DATA=FOLDER python -m tests.benchmarks.one_truth -o tests/benchmarks/one_truth.csv --task subjectivity …
    python -m tests.benchmarks.one_truth --table tests/benchmarks/one_truth.csv

Resumable: rows that the file has are not computed again. Populations: every layer of every other model (`layers`), the
layer of each that lies nearest two thirds of its depth (`models`), and arrays without sizes and depths with half as
many of noise beside them (`arrays`). Without the candidates' weak labels the measured outcomes are those of the
accuracy record; with them, students really trained on these labels, on halves of the rows that are no weak head's.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from predictor.estimators.cross_fitted_students import by_ridge
from predictor.estimators.problem import Case, Representation
from predictor.estimators.protocol import Forecast
from predictor.estimators.truth import TruthForecast
from predictor.extraction.extractor import Extractor
from predictor.heads.ridge import FactoredRidge
from predictor.models.known_models import find
from predictor.query.labels import Labels
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.query.training_plan import Training
from predictor.ranking.describing import similarities
from predictor.statistics.rank_correlation import rank_correlation
from predictor.steps import drain
from predictor.training.measures import hardened
from predictor.training.simulated import Split
from predictor.training.simulation import SimulatedTeacher
from predictor.training.splits import Parts, cut
from predictor.truth.voters import Kind, Voters
from tests.benchmarks.accuracy import RECORDS, measured_beside
from tests.benchmarks.descriptions import texts_of
from tests.benchmarks.lineup import Cell, Task, cells, data_folder, read, ready
from tests.benchmarks.one_truth_table import COLUMNS, GOLD, POPULATIONS, TEACHERS, table
from tests.benchmarks.sheet import continued

Array = NDArray[np.float64]

DESCRIBERS = ("all-mpnet-base-v2", "all-MiniLM-L6-v2")

SPLITS = 2
"""Splits of the rows on which teachers are trained; draws of gold rows elsewhere."""

HALVINGS = 4
"""Random halvings of the rows on which students are really trained: with one, ρ of a cell is known to about .1."""

OVERCONFIDENT = 1.8


@dataclass(frozen=True, eq=False)
class Cached(TruthForecast):
    """The estimator with heads and kernels kept between evidence sets of one cell."""

    chains: dict[tuple[int, int], Any] = field(default_factory=dict)
    found: dict[tuple[int, ...], Any] = field(default_factory=dict)

    def kernels(self, case: Case) -> tuple[Array, ...]:
        """As the estimator's, made once per set of models and of gold rows, which weigh them."""
        known = () if case.labels is None else np.flatnonzero(case.labels.known).tolist()
        key = (*(id(one.features) for one in case.weak), *known)
        if key not in self.found:
            self.found[key] = super().kernels(case)
        kernels: tuple[Array, ...] = self.found[key]
        return kernels

    def heads(self, case: Case, places: NDArray[np.intp]) -> tuple[Split, ...]:
        """As the estimator's, each head factored once."""
        rng, rows = case.rng("truth splits"), case.rows
        parts = [Parts.stack([cut(rows, rows // 3, rows // 3, rng)]) for _ in range(self.splits(rows))]
        return tuple(self._split(case, places, part, number) for number, part in enumerate(parts))

    def _split(self, case: Case, places: NDArray[np.intp], part: Parts, number: int) -> Split:
        strong = case.strong.features
        for features in (case.weak[i].features for i in places):
            if (id(features), number) not in self.chains:
                split = Split.of(strong, [features], part, case.training.squared)
                self.chains[id(features), number] = split.student, split.teachers[0]()
        kept = [self.chains[id(case.weak[i].features), number] for i in places]
        return Split(part, kept[0][0], tuple(partial(_same, teacher) for _, teacher in kept), case.strong.device)


def _same(teacher: SimulatedTeacher) -> SimulatedTeacher:
    return teacher


def descriptions(task: Task, extractor: Extractor) -> Voters | None:
    """Scores by each describer: differences of cosines of two classes, or probabilities of each of more."""
    texts = texts_of(task.name, task.labels.classes)
    if texts is None:
        return None
    scores = []
    for name in DESCRIBERS:
        model = find(name)
        spec = ModelSpec(name, ready(model), layer=str(model.layers))
        rows, words = (
            drain(extractor.features(spec, pool, Settings(precision="fp32")))[0].values.astype(np.float64)
            for pool in (task.pool, Pool.of(list(texts)))
        )
        scores.append(similarities(rows, np.split(words, len(words))))
    kind: Kind = "description"
    return Voters(DESCRIBERS, (kind,) * len(DESCRIBERS), np.stack(scores, axis=1))


def population(cell: Cell, kind: str) -> tuple[Representation, tuple[Representation, ...], list[int]]:
    """Strong model, candidates, and the places of the real ones among the cell's candidates."""
    weak = [Representation.of(one) for one in cell.weak]
    strong = Representation.of(cell.strong)
    places = list(range(len(weak)))
    if kind != "layers":
        models: dict[str, list[int]] = {}
        for place, one in enumerate(weak):
            models.setdefault(one.name.partition("#")[0], []).append(place)
        places = [
            min(v, key=lambda i: abs((1.0 if (d := weak[i].depth) is None else d) - 2 / 3)) for v in models.values()
        ]
    if kind == "arrays":
        rng = np.random.default_rng(7)
        junk = [
            rng.standard_normal((len(strong.features), int(d))) for d in rng.choice((64, 256, 512), len(places) // 2)
        ]
        bare = [Representation(weak[i].name, weak[i].features) for i in places]
        bare += [Representation(f"junk {i}", one) for i, one in enumerate(junk)]
        return Representation(strong.name, strong.features), tuple(bare), places
    return strong, tuple(weak[i] for i in places), places


def label_free(
    cell: Cell, kind: str, measured: Array, words: Voters | None, wanted: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Evidence without weak labels, against the record's (m, 2) weak and W2S errors."""
    strong, weak, places = population(cell, kind)
    estimator, outcome, classes = Cached(shuffles=0), measured[places], len(cell.task.labels.classes or ())
    for name in wanted:
        count, described = GOLD[name]
        if described and words is None:
            continue
        for split in range(SPLITS if count else 1):
            labels = (
                shown(cell.task.labels, gold_rows(cell.task, len(strong.features), split)[:count]) if count else None
            )
            training = Training(weak_rows=len(strong.features) // 3) if count else Training()
            case = Case(
                strong,
                weak,
                labels,
                training=training,
                voters=words if described else None,
                described_classes=classes if described else 0,
            )
            started = time.perf_counter()
            forecast = estimator.forecast(case)
            yield {"evidence": name, "split": split} | scored(forecast, outcome, time.perf_counter() - started)


def with_teachers(cell: Cell, kind: str, words: Voters | None, wanted: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Evidence with weak labels, against students really trained on them."""
    strong, weak, places = population(cell, kind)
    targets, real, classes = cell.task.labels.targets, len(places), len(cell.task.labels.classes or ())
    variance = float(np.sum(np.var(targets, axis=0)))
    for split in range(SPLITS):
        part = cut(len(targets), len(targets) // 3, len(targets) // 3, np.random.default_rng([split, 13]))
        rows = np.sort(np.concatenate([part.student, part.test]))
        needed = {TEACHERS[name][1] for name in wanted}
        tables = {likes: teachers(weak, targets, part.weak, rows, likes) for likes in sorted(needed)}
        here = strong.take(rows)
        candidates = tuple(one.take(rows) for one in weak)
        student = by_ridge(here.features, Training(), np.random.default_rng([split, 17]))
        estimator = Cached(shuffles=0)
        for name in wanted:
            count, likes, described = TEACHERS[name]
            regressed = likes == "hard" and cell.task.labels.kind == "regression"
            if regressed or (described and words is None):
                continue
            known = gold_rows(cell.task, len(rows), split)[:count]
            given = {one.name: table for one, table in zip(candidates, tables[likes], strict=True)}
            labels = shown(cell.task.labels.take(rows), known) if count else None
            voters = words.take(rows) if described and words is not None else None
            case = Case(here, candidates, labels, given, voters=voters, described_classes=classes if voters else 0)
            started = time.perf_counter()
            forecast = estimator.forecast(case)
            seconds = time.perf_counter() - started
            held = np.setdiff1d(np.arange(len(rows)), known)
            truth = targets[rows]
            student_labels = np.stack([student(np.stack(tables[likes])) for _ in range(HALVINGS)])
            missed = (np.concatenate([np.stack(tables[likes])[None], student_labels]) - truth)[:, :, held]
            errors = np.sum(missed**2, axis=(2, 3)) / len(held) / variance
            outcome = np.stack([errors[0], errors[1:].mean(axis=0)], axis=1)
            yield {"evidence": name, "split": split} | scored(forecast, outcome[:real], seconds)


def gold_rows(task: Task, rows: int, split: int) -> NDArray[np.intp]:
    """An order of the rows of which the first have gold labels; of each task its own, as files are ordered alike."""
    return np.random.default_rng([split, 19, crc32(task.name.encode())]).permutation(rows)


def teachers(
    weak: Sequence[Representation], targets: Array, own: NDArray[np.intp], rows: NDArray[np.intp], likes: str
) -> list[Array]:
    """(rows, k) answers of ridge heads that were trained on the rows `own`."""
    found = []
    for place, one in enumerate(weak):
        table = FactoredRidge.of(one.features[own], one.features[rows]).predict(targets[own])
        if likes == "over" and place % 2:
            table = targets[own].mean(axis=0) + OVERCONFIDENT * (table - targets[own].mean(axis=0))
        found.append(hardened(table) if likes == "hard" else table)
    return found


def shown(labels: Labels, rows: NDArray[np.intp]) -> Labels:
    """The labels of these rows alone."""
    targets = np.full_like(labels.targets, np.nan)
    targets[rows] = labels.targets[rows]
    return replace(labels, targets=targets)


def scored(forecast: Forecast, measured: Array, seconds: float) -> dict[str, Any]:
    """Figures of the real candidates, which come first."""
    real, error = len(measured), forecast.error
    weak, w2s = measured.T
    low, high = np.quantile(forecast.error_draws[:real], [0.05, 0.95], axis=1)
    inside = (w2s >= np.minimum(low, error[:real])) & (w2s <= np.maximum(high, error[:real]))
    return {
        "candidates": real,
        "error": rank_correlation(error[:real], w2s),
        "gain": rank_correlation(forecast.gain[:real], weak - w2s),
        "regret": float(w2s[np.argmin(error[:real])] - w2s.min()),
        "coverage": float(np.mean(inside)),
        "width": float(np.mean(high - low)),
        "bias": float(np.mean(error[:real] - w2s)),
        "junk_first": int(np.argmin(error) >= real),
        "seconds": seconds,
    }


def main() -> None:
    """Run, or print the table of an earlier run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.one_truth", description=__doc__)
    parser.add_argument("-o", type=Path, default=Path("one_truth.csv"), help="result file (CSV), continued if there")
    parser.add_argument("--task", action="append", help="tasks of the record")
    parser.add_argument("--population", action="append", choices=POPULATIONS)
    parser.add_argument("--evidence", action="append", choices=(*GOLD, *TEACHERS))
    parser.add_argument("--table", type=Path, help="print the table of this file")
    options = parser.parse_args()
    if options.table:
        sys.stdout.write(table(options.table) + "\n")
        return
    folder, extractor = data_folder(), Extractor()
    record = {
        (row["task"], row["strong"], row["candidate"]): [float(row[x]) for x in ("weak_error", "w2s_error")]
        + [float(row["ceiling_error"])]
        for path in (*RECORDS.values(), Path(__file__).parent / "accuracy_classes.csv")
        for row in csv.DictReader(measured_beside(path).read_text(encoding="utf-8").splitlines())
    }
    with continued(options.o, COLUMNS, COLUMNS[:4]) as sheet:
        for name in options.task or ():
            task = read(name, folder)
            words = descriptions(task, extractor)
            for cell in cells(task, extractor):
                model = f"{cell.strong.name.partition('#')[0]}#layer={cell.strong.layer}"
                outcomes = np.array([record[name, model, one.name] for one in cell.weak])
                for kind in options.population or POPULATIONS:
                    head = {"task": name, "strong": model, "population": kind, "ceiling": outcomes[0, 2]}
                    wanted = [
                        one
                        for one in options.evidence or (*GOLD, *TEACHERS)
                        if (name, model, kind, one) not in sheet.done
                    ]
                    free = label_free(cell, kind, outcomes[:, :2], words, [one for one in wanted if one in GOLD])
                    student_labels = with_teachers(cell, kind, words, [one for one in wanted if one in TEACHERS])
                    for rows in (free, student_labels):
                        for row in rows:
                            sheet.write(head | row)


if __name__ == "__main__":
    main()
