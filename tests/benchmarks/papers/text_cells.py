"""Text cells: one task, one student and a population of different text models, really trained and predicted.

Teachers are every known text model but the student, and the trained members of the text zoo: of each the layer that
lies nearest two thirds of its depth, and in some cells all of its layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from predictor.estimators.problem import Case, Representation
from predictor.extraction.extractor import Extractor
from predictor.folders import cache_dir
from predictor.query.model_spec import ModelSpec
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet
from predictor.steps import drain
from predictor.training.runs import train_w2s
from predictor.truth.voters import Voters
from tests.benchmarks.lineup import TEXT_STRONG, Task, cells
from tests.benchmarks.one_truth import descriptions
from tests.benchmarks.papers import turtle
from tests.benchmarks.papers.population_cell import (
    TURTLE,
    PopulationCell,
    Prediction,
    candidates,
    gaps,
    load,
    orders,
    reliability,
    truths,
)
from tests.benchmarks.papers.pretrain import trained
from tests.benchmarks.papers.zoo import TEXT

SPLITS = 24
"""Random thirds on which every teacher's student is trained."""

CLOSER = ("subjectivity", "tweets", "opinions")
"""One task of two classes, one of numbers and one of more classes, on which all layers and TURTLE are there for the
first student: each costs as much as another cell."""

DEPTH = 2 / 3


def stored(task: str, student: str, members: int) -> Path:
    """Where a measured cell is stored."""
    return cache_dir() / "benchmarks" / "text_population" / f"{task}-{student}-{members}-{SPLITS}.json"


def measure(task: Task, extractor: Extractor, members: int, students: Sequence[str]) -> list[PopulationCell]:
    """The cells of one task, stored ones as they are."""
    missing = [name for name in students if not stored(task.name, name, members).exists()]
    if missing:
        words = descriptions(task, extractor)
        for name, strong, weak in populations(task, extractor, members):
            if name in missing:
                path = stored(task.name, name, members)
                _measured(task, name, strong, weak, words, path).write(path)
    return [load(stored(task.name, name, members)) for name in students]


def populations(
    task: Task, extractor: Extractor, members: int
) -> Iterator[tuple[str, FeatureSet, tuple[FeatureSet, ...]]]:
    """Each student with all layers of its teachers."""
    own = [features for one in trained(TEXT)[:members] for features in _layers(one.name, one, task, extractor)]
    for (name, _), cell in zip(TEXT_STRONG, cells(task, extractor), strict=True):
        yield name, cell.strong, (*cell.weak, *own)


def _layers(name: str, member: Any, task: Task, extractor: Extractor) -> tuple[FeatureSet, ...]:
    layers = ",".join(str(layer) for layer in range(1, member.depth + 1))
    return drain(
        extractor.features(ModelSpec(name, str(member.folder), layer=layers), task.pool, Settings(precision="fp32"))
    )


def _measured(
    task: Task, student: str, strong: FeatureSet, weak: Sequence[FeatureSet], words: Voters | None, home: Path
) -> PopulationCell:
    closer = task.name in CLOSER and student == TEXT_STRONG[0][0]
    places = one_layer(weak)
    if not closer:
        weak, places = [weak[place] for place in places], list(range(len(places)))
    outcomes = train_w2s(strong.values, [one.values for one in weak], task.labels, splits=SPLITS)
    everyone = tuple(Representation.of(one) for one in weak)
    classes = len(task.labels.classes or ())
    whole = Case(Representation.of(strong), everyone)
    models = [(model_of(found), str(found.layer)) for found in weak]
    of_models = tuple(replace(everyone[place], name=models[place][0]) for place in places)
    case = Case(whole.strong, of_models)
    one = orders(case, words, classes, home)
    if closer:
        one[TURTLE] = Prediction(*(list(map(float, values)) for values in turtle.simulated(case.strong, case.weak)))
    return PopulationCell(
        task.name,
        student,
        len(task.pool),
        float(outcomes.ceiling.mean()),
        reliability(outcomes.w2s[places]),
        candidates(models, places, outcomes),
        one,
        gaps(case),
        truths(whole, words, classes) if closer else {},
    )


def one_layer(weak: Sequence[FeatureSet]) -> list[int]:
    """Places of the layer of each model nearest two thirds of its depth, in the models' order."""
    models: dict[str, list[int]] = {}
    for place, one in enumerate(weak):
        models.setdefault(model_of(one), []).append(place)
    return [min(found, key=lambda place: abs(_depth(weak[place]) - DEPTH)) for found in models.values()]


def model_of(found: FeatureSet) -> str:
    """Its name without the layer."""
    return found.name.partition("#")[0]


def _depth(found: FeatureSet) -> float:
    return 1.0 if found.depth is None else found.depth
