"""Cells of the decision benchmark: what was predicted of every candidate's student, and what training it measured.

A cell is a task of classes, a strong model and one layer of every other model, with a random-weights control among
them. Weak heads are ridge heads on a third of the rows. Students are ridge heads on their labels of the rest, each row
predicted by students that were trained on halves without it, over HALVINGS halvings. Predictions and measurements are
stored in the cache folder, as each costs some seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from predictor.decision.draws import centred_on
from predictor.estimators.combined import Combined
from predictor.estimators.cross_fitted_students import by_ridge
from predictor.estimators.problem import Case, Representation
from predictor.estimators.protocol import Forecast
from predictor.extraction.extractor import Extractor
from predictor.folders import cache_dir
from predictor.heads.ridge import FactoredRidge
from predictor.query.labels import Labels
from predictor.query.model_spec import ModelSpec
from predictor.query.settings import Settings
from predictor.query.training_plan import Training
from predictor.ranking.null_scores import above_null
from predictor.ranking.ordering import ordered_by, rank_by_of, step_of
from predictor.steps import drain
from predictor.training.splits import cut
from predictor.truth.voters import Voters
from tests.benchmarks.finished import random_weights
from tests.benchmarks.lineup import ALL_SMILES, Cell, cells, data_folder, read
from tests.benchmarks.one_truth import descriptions, population, shown

Array = NDArray[np.float64]

TASKS = (
    *("subjectivity", "sentence_polarity", "ethics_justice", "ethics_deontology", "ethics_virtue"),
    *("opinions", "topics", "activities", "tox21_sr_are", "targets"),
)
EVIDENCE = ("none", "descriptions", "weak labels", "gold 50", "descriptions + gold 50", "D~")
"""Of none and of descriptions alone the training is simulated. `weak labels` are those of the trained heads. `D~` are
the gold rows of these heads, and `gold 50` are 50 of them."""

ON_ALL_ROWS = ("weak labels", "D~")
"""Evidence whose prediction trains real students, on halves of the rows, each tested on the other half. Elsewhere the
training is simulated, with one test set."""

HALVINGS = 4
TRAININGS, RESAMPLES = 16, 8
"""Halvings on which it is counted which student is the best, and resamples of the test rows of each."""

SPLITS = 1
"""Splits of the rows on which teachers are trained."""

STRONG = 3
"""Strong models per task."""


@dataclass(frozen=True, eq=False)
class Answered:
    """One ranking beside what was measured.

    Attributes:
        order: (m,) values that make the order, lower is better.
        draws: (R, m) of the outcome that makes it, lower is better.
        above: (m,) whether the candidate beats shuffled rows.
        control: (m,) whether it has random weights.
        accuracy, error: (m,) predicted of the students; accuracy is NaN where it is not predicted.
        measured, measured_weak, measured_error: (m,) accuracy of the student and of the candidate, and Err_w2s.
        wins: (m,) see `wins_of`, of the outcome that makes the order.
        step: the smallest difference of that outcome.
    """

    task: str
    strong: str
    evidence: str
    split: int
    names: tuple[str, ...]
    order: Array
    draws: Array
    above: NDArray[np.bool_]
    control: NDArray[np.bool_]
    accuracy: Array
    error: Array
    measured: Array
    measured_weak: Array
    measured_error: Array
    wins: Array
    step: float


STORED = tuple(name for name in Answered.__dataclass_fields__ if name != "wins")


def answered(folder: Path, tasks: Sequence[str], wanted: Sequence[str]) -> Iterator[Answered]:
    """Every cell of the tasks with every evidence, from the cache where it is there."""
    store = cache_dir() / "benchmarks" / "decision"
    (store / "wins").mkdir(parents=True, exist_ok=True)
    extractor = Extractor()
    for name in tasks:
        task = read(name, folder)
        missing = [one for one in wanted if len(list(store.glob(f"{name}.*.{_slug(one)}.?.npz"))) < STRONG * SPLITS]
        counted = len(list((store / "wins").glob(f"{name}.*.npy"))) == STRONG * SPLITS
        words = descriptions(task, extractor) if missing else None
        for cell in cells(task, extractor) if missing or not counted else ():
            _fill(store, cell, words, missing, extractor)
        for path in sorted(store.glob(f"{name}.*.npz")):
            one = _read(path)
            if one.evidence in wanted:
                yield one


def _slug(evidence: str) -> str:
    return evidence.replace(" ", "_").replace("~", "")


def _fill(store: Path, cell: Cell, words: Voters | None, wanted: Sequence[str], extractor: Extractor) -> None:
    strong, weak, control = candidates(cell, extractor)
    model = cell.strong.name.partition("#")[0]
    targets = cell.task.labels.targets
    for split in range(SPLITS):
        part = cut(len(targets), len(targets) // 3, len(targets) // 3, np.random.default_rng([split, 13]))
        rest = np.sort(np.concatenate([part.student, part.test]))
        tables = [
            FactoredRidge.of(one.features[part.weak], one.features[rest]).predict(targets[part.weak]) for one in weak
        ]
        measured = trained(strong.features[rest], tables, targets[rest]) if wanted else np.empty((3, 0))
        wins = _wins_path(store, cell.task.name, model, split)
        if not wins.exists():
            np.save(wins, wins_of(strong.features[rest], tables, targets[rest]))
        for evidence in wanted:
            path = store / f"{cell.task.name}.{model}.{_slug(evidence)}.{split}.npz"
            if path.exists() or ("descriptions" in evidence and words is None):
                continue
            case = case_of(evidence, strong, weak, cell.task.labels, words, part.weak, rest, tables, split)
            _write(path, case, evidence, split, cell, control, measured)


def candidates(
    cell: Cell, extractor: Extractor
) -> tuple[Representation, tuple[Representation, ...], NDArray[np.bool_]]:
    """The strong model, one layer of every other model, and which of them has random weights."""
    strong, weak, _ = population(cell, "models")
    if cell.task.name not in ALL_SMILES:
        spec = ModelSpec("random-MiniLM", str(random_weights()), layer="4")
        found = drain(extractor.features(spec, cell.task.pool, Settings(precision="fp32")))[0]
        weak = (*weak, Representation.of(found))
    return strong, weak, np.array([one.name.startswith("random-") for one in weak])


def case_of(
    evidence: str,
    strong: Representation,
    weak: Sequence[Representation],
    labels: Labels,
    words: Voters | None,
    own: NDArray[np.intp],
    rest: NDArray[np.intp],
    tables: Sequence[Array],
    split: int,
) -> Case:
    """The candidates with that evidence."""
    voters = words if "descriptions" in evidence else None
    classes = 0 if voters is None or labels.classes is None else len(labels.classes)
    if evidence == "weak labels":
        given = {one.name: table for one, table in zip(weak, tables, strict=True)}
        here = tuple(one.take(rest) for one in weak)
        return Case(strong.take(rest), here, None, given, seed=split)
    gold = {"D~": own, "gold 50": own[:50], "descriptions + gold 50": own[:50]}.get(evidence)
    known = None if gold is None else shown(labels, gold)
    training = Training() if gold is None else Training(weak_rows=len(own) if len(gold) < len(own) else None)
    return Case(strong, tuple(weak), known, seed=split, training=training, voters=voters, described_classes=classes)


def trained(strong: NDArray[np.floating], tables: Sequence[Array], truth: Array) -> Array:
    """(3, m) accuracy of students and teachers, and Err_w2s, on rows that neither was trained on."""
    student, rng = by_ridge(strong, Training(), np.random.default_rng(17)), float(np.sum(np.var(truth, axis=0)))
    learned = [student(np.stack(tables)) for _ in range(HALVINGS)]
    right = np.mean([[_right(one, truth) for one in students] for students in learned], axis=0)
    error = np.mean([[np.mean(np.sum((one - truth) ** 2, axis=1)) / rng for one in some] for some in learned], axis=0)
    found: Array = np.array([right, [_right(one, truth) for one in tables], error])
    return found


def wins_of(strong: NDArray[np.floating], tables: Sequence[Array], truth: Array) -> Array:
    """(2, 2, m) share of trainings in which each candidate's student is the best, ties shared.

    A training is what a draw of the prediction is of: one halving of the rows, and one resample of test rows. First of
    one half tested by the student of the other, then of all rows; by accuracy, then by squared error.
    """
    rng, rows, weak = np.random.default_rng(19), len(truth), np.concatenate(tables, axis=1)
    found, answers = np.zeros((2, 2, len(tables))), np.empty_like(weak)
    for _ in range(TRAININGS):
        first, second = np.array_split(rng.permutation(rows), 2)
        for train, test in ((first, second), (second, first)):
            answers[test] = FactoredRidge.of(strong[train], strong[test]).predict(weak[train])
        named = answers.reshape(rows, len(tables), -1).transpose(1, 0, 2)
        wrong = np.array([~_hits(one, truth) for one in named], dtype=np.float64)
        lost = np.stack([wrong, np.sum((named - truth) ** 2, axis=2)])
        for place, tested in enumerate((second, np.arange(rows))):
            weights = rng.multinomial(len(tested), np.full(len(tested), 1 / len(tested)), RESAMPLES)
            scores = lost[:, :, tested] @ weights.T
            best = scores == scores.min(axis=1, keepdims=True)
            found[place] += np.mean(best / best.sum(axis=1, keepdims=True), axis=2) / TRAININGS
    return found


def _hits(prediction: Array, truth: Array) -> NDArray[np.bool_]:
    if truth.shape[1] == 1:
        right: NDArray[np.bool_] = (prediction[:, 0] > 0.5) == (truth[:, 0] > 0.5)
        return right
    found: NDArray[np.bool_] = prediction.argmax(axis=1) == truth.argmax(axis=1)
    return found


def _right(prediction: Array, truth: Array) -> float:
    return float(np.mean(_hits(prediction, truth)))


def _write(
    path: Path, case: Case, evidence: str, split: int, cell: Cell, control: NDArray[np.bool_], measured: Array
) -> None:
    forecast: Forecast = Combined().forecast(case)
    follows = rank_by_of(None, forecast)
    order, draws = ordered_by(follows, forecast)
    nothing = np.full(len(order), np.nan)
    one = Answered(
        cell.task.name,
        cell.strong.name.partition("#")[0],
        evidence,
        split,
        tuple(one.name for one in case.weak),
        order,
        centred_on(order, draws).T,
        above_null(forecast.error, forecast.null_draws),
        control,
        nothing if forecast.accuracy is None else forecast.accuracy.w2s,
        forecast.error,
        measured[0],
        measured[1],
        measured[2],
        nothing,
        step_of(follows, forecast),
    )
    np.savez_compressed(path, **{name: np.asarray(getattr(one, name)) for name in STORED})


def _read(path: Path) -> Answered:
    with np.load(path) as found:
        values = {name: found[name] for name in STORED}
    values |= {name: str(values[name]) for name in ("task", "strong", "evidence")}
    values |= {"split": int(values["split"]), "step": float(values["step"]), "names": tuple(map(str, values["names"]))}
    by_error = bool(np.isnan(values["accuracy"]).any())
    every = np.load(_wins_path(path.parent, values["task"], values["strong"], values["split"]))
    return Answered(**values, wins=every[int(values["evidence"] in ON_ALL_ROWS), int(by_error)])


def _wins_path(store: Path, task: str, strong: str, split: int) -> Path:
    return store / "wins" / f"{task}.{strong}.{split}.npy"


if __name__ == "__main__":
    for found in answered(data_folder(), sys.argv[1:] or TASKS, EVIDENCE):
        sys.stdout.write(f"{found.task} {found.strong} {found.evidence} {found.split}\n")
