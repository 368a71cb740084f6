"""Molecule cells: one property task, one published student and the zoo of small SMILES transformers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from predictor.estimators.problem import Case, Representation
from predictor.extraction.extractor import Extractor
from predictor.folders import cache_dir
from predictor.models.known_models import find
from predictor.query.model_spec import ModelSpec
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet
from predictor.steps import drain
from predictor.training.runs import train_w2s
from tests.benchmarks.lineup import (
    POPULATION_SMILES,
    SECOND_SMILES,
    SMILES_STRONG,
    SMILES_TASKS,
    Task,
    data_folder,
    read,
    ready,
)
from tests.benchmarks.papers.population_cell import PopulationCell, candidates, gaps, load, orders, reliability
from tests.benchmarks.papers.pretrain import trained
from tests.benchmarks.papers.zoo import SMILES

TASKS = (*SMILES_TASKS, *SECOND_SMILES, *POPULATION_SMILES)
STUDENTS = SMILES_STRONG[:2]
SPLITS = 24
"""Random thirds on which every teacher's student is trained."""


@dataclass(frozen=True, eq=False)
class Population:
    """Features of a task's rows, by the student and by every teacher."""

    task: Task
    student: str
    strong: FeatureSet
    weak: tuple[FeatureSet, ...]

    @classmethod
    def read(cls, rows: Task, student: tuple[str, str], extractor: Extractor, first: int) -> Population:
        """From the store, or extracted."""
        strong = features("strong", ready(find(student[0])), student[1], extractor, rows.pool)
        weak = (features(one.name, str(one.folder), "middle", extractor, rows.pool) for one in trained(SMILES)[:first])
        return cls(rows, student[0], strong, tuple(weak))

    def measured(self, home: Path) -> PopulationCell:
        """All students trained, and every order without labels."""
        outcomes = train_w2s(self.strong.values, [one.values for one in self.weak], self.task.labels, splits=SPLITS)
        case = Case(Representation.of(self.strong), tuple(Representation.of(one) for one in self.weak))
        models = [(one.name, str(one.layer)) for one in self.weak]
        return PopulationCell(
            self.task.name,
            self.student,
            len(self.task.pool),
            float(outcomes.ceiling.mean()),
            reliability(outcomes.w2s),
            candidates(models, range(len(models)), outcomes),
            orders(case, None, 0, home),
            gaps(case),
        )


def features(name: str, reference: str, layer: str, extractor: Extractor, pool: Any) -> FeatureSet:
    """One model's features of the rows, mean-pooled."""
    spec = ModelSpec(name, reference, layer=layer)
    return drain(extractor.features(spec, pool, Settings(precision="fp32")))[0]


def place(task: str, student: str, teachers: int) -> Path:
    """Where a measured cell is stored."""
    return cache_dir() / "benchmarks" / "molecules" / f"{task}-{student}-{teachers}-{SPLITS}.json"


def measure(task: str, student: tuple[str, str], extractor: Extractor, first: int) -> PopulationCell:
    """A cell, from the cache where it is there."""
    stored = place(task, student[0], len(trained(SMILES)[:first]))
    if not stored.exists():
        Population.read(read(task, data_folder()), student, extractor, first).measured(stored).write(stored)
    return load(stored)
