"""Text cells: one task, one student and a population of different text models, really trained and predicted.

Teachers are every known text model but the student, and the trained members of the text zoo: of each the layer that
lies nearest two thirds of its depth, and in some cells all of its layers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from predictor.estimators.problem import Case, Representation
from predictor.estimators.registry import ESTIMATORS
from predictor.estimators.truth import TruthForecast
from predictor.estimators.xue2025 import RepresentationGap
from predictor.extraction.extractor import Extractor
from predictor.folders import cache_dir
from predictor.query.model_spec import ModelSpec
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet
from predictor.statistics.arrays import Array
from predictor.statistics.rank_correlation import rank_correlation
from predictor.steps import drain
from predictor.training.runs import train_w2s
from predictor.truth.voters import Voters
from tests.benchmarks.lineup import TEXT_STRONG, Task, cells
from tests.benchmarks.one_truth import descriptions
from tests.benchmarks.papers import turtle
from tests.benchmarks.papers.peers_gaussian import left_out_share, sufficiency
from tests.benchmarks.papers.pretrain import trained
from tests.benchmarks.papers.zoo import TEXT

SPLITS = 8
"""Random thirds on which every teacher's student is trained."""

CLOSER = ("subjectivity", "tweets", "opinions")
"""One task of two classes, one of numbers and one of more classes, on which all layers and TURTLE are there for the
first student: each costs as much as another cell."""

DEPTH = 2 / 3
BASELINES = ("cka", "parameter_count", "width", "effective_dimension")
BASELINES += ("representation_gap", "representation_gap_frobenius", "representation_gap_prior")
LEFT_OUT, SUFFICIENCY, TURTLE = "left-out share of the student", "Gaussian sufficiency", "TURTLE, ten classes"
NOTHING, WORDS = "truth", "truth, with descriptions"


@dataclass(frozen=True)
class Candidate:
    """One layer of one teacher; errors in label variances."""

    model: str
    layer: str
    one: bool
    weak_error: float
    w2s_error: float


@dataclass(frozen=True)
class Prediction:
    """What one estimator says of candidates, in their order: lowest `error` is best; `gain` where it predicts one."""

    error: list[float]
    gain: list[float] | None = None


@dataclass(frozen=True)
class TextCell:
    """Everything measured and predicted of a task and a student.

    Attributes:
        one: predictions of the population of one layer a model, by the name of the order.
        settings: the representation gap of the same population under each of its settings.
        layers: predictions of all layers, by the name of the order; none where only one layer a model is there.
    """

    task: str
    student: str
    rows: int
    ceiling: float
    reliability: float
    candidates: list[Candidate]
    one: dict[str, Prediction]
    settings: dict[str, list[float]]
    layers: dict[str, Prediction]


def stored(task: str, student: str, members: int) -> Path:
    """Where a measured cell is stored."""
    return cache_dir() / "benchmarks" / "text_population" / f"{task}-{student}-{members}.json"


def load(path: Path) -> TextCell:
    """A measured cell."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    predicted = {key: {name: Prediction(**one) for name, one in found[key].items()} for key in ("one", "layers")}
    candidates = [Candidate(**one) for one in found["candidates"]]
    return TextCell(**(found | predicted | {"candidates": candidates}))


def measure(task: Task, extractor: Extractor, members: int, students: Sequence[str]) -> list[TextCell]:
    """The cells of one task, stored ones as they are."""
    missing = [name for name in students if not stored(task.name, name, members).exists()]
    if missing:
        own = [features for one in trained(TEXT)[:members] for features in _layers(one.name, one, task, extractor)]
        words = descriptions(task, extractor)
        for (name, _), cell in zip(TEXT_STRONG, cells(task, extractor), strict=True):
            if name in missing:
                found = _measured(task, name, cell.strong, (*cell.weak, *own), words)
                path = stored(task.name, name, members)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(asdict(found)) + "\n", encoding="utf-8")
    return [load(stored(task.name, name, members)) for name in students]


def _layers(name: str, member: Any, task: Task, extractor: Extractor) -> tuple[FeatureSet, ...]:
    layers = ",".join(str(layer) for layer in range(1, member.depth + 1))
    return drain(
        extractor.features(ModelSpec(name, str(member.folder), layer=layers), task.pool, Settings(precision="fp32"))
    )


def _measured(
    task: Task, student: str, strong: FeatureSet, weak: Sequence[FeatureSet], words: Voters | None
) -> TextCell:
    closer = task.name in CLOSER and student == TEXT_STRONG[0][0]
    places = one_layer(weak)
    if not closer:
        weak, places = [weak[place] for place in places], list(range(len(places)))
    outcomes = train_w2s(strong.values, [one.values for one in weak], task.labels, splits=SPLITS)
    everyone = tuple(Representation.of(one) for one in weak)
    classes = len(task.labels.classes or ())
    whole = Case(Representation.of(strong), everyone)
    case = Case(whole.strong, tuple(everyone[place] for place in places))
    one = _truths(case, words, classes)
    layers = _truths(whole, words, classes) if closer else {}
    for name in BASELINES:
        found = ESTIMATORS[name].estimate(case)
        values = np.array([np.nan if answer.value is None else answer.value for answer in found])
        one[name] = Prediction((values if found[0].better == "lower" else -values).tolist())
    teachers = [weak[place].values for place in places]
    one[LEFT_OUT] = Prediction(left_out_share(strong.values, teachers).tolist())
    one[SUFFICIENCY] = Prediction((-sufficiency(strong.values, teachers)).tolist())
    if closer:
        one[TURTLE] = Prediction(*(list(map(float, values)) for values in turtle.simulated(case.strong, case.weak)))
    gaps = RepresentationGap().estimate(case)
    mean = outcomes.w2s.mean(axis=1)
    return TextCell(
        task.name,
        student,
        len(task.pool),
        float(outcomes.ceiling.mean()),
        _reliability(outcomes.w2s[places]),
        [
            Candidate(
                found.name.partition("#")[0],
                str(found.layer),
                place in places,
                float(outcomes.weak[place].mean()),
                float(mean[place]),
            )
            for place, found in enumerate(weak)
        ],
        one,
        {name: [gap.details[name] for gap in gaps] for name in gaps[0].details},
        layers,
    )


def one_layer_of(
    task: Task, student: str, extractor: Extractor, members: int
) -> tuple[FeatureSet, tuple[FeatureSet, ...]]:
    """The student and one layer of every teacher, in the order of the stored cell."""
    own = [features for one in trained(TEXT)[:members] for features in _layers(one.name, one, task, extractor)]
    cell = next(one for one in cells(task, extractor) if one.strong.name.partition("#")[0] == student)
    weak = (*cell.weak, *own)
    return cell.strong, tuple(weak[place] for place in one_layer(weak))


def one_layer(weak: Sequence[FeatureSet]) -> list[int]:
    """Places of the layer of each model nearest two thirds of its depth, in the models' order."""
    models: dict[str, list[int]] = {}
    for place, one in enumerate(weak):
        models.setdefault(one.name.partition("#")[0], []).append(place)
    return [min(found, key=lambda place: abs(_depth(weak[place]) - DEPTH)) for found in models.values()]


def _depth(found: FeatureSet) -> float:
    return 1.0 if found.depth is None else found.depth


def _truths(case: Case, words: Voters | None, classes: int) -> dict[str, Prediction]:
    """Predictions without evidence, and with descriptions where the task has some."""
    cases = {NOTHING: case}
    if words is not None:
        cases[WORDS] = Case(case.strong, case.weak, voters=words, described_classes=classes)
    forecasts = {name: TruthForecast(shuffles=0).forecast(here) for name, here in cases.items()}
    return {name: Prediction(found.error.tolist(), found.gain.tolist()) for name, found in forecasts.items()}


def _reliability(w2s: Array) -> float:
    """Rank correlation of the means over every other split; 0 where a half has no order."""
    return rank_correlation(w2s[:, ::2].mean(axis=1), w2s[:, 1::2].mean(axis=1)) or 0.0
