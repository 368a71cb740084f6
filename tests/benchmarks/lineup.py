"""Lineup: the real tasks, strong models and weak candidates that every accuracy figure is measured on."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from predictor.errors import RefusedError
from predictor.extraction.extractor import Extractor
from predictor.folders import cache_dir
from predictor.intake.rows import read_task
from predictor.models.convert import convert
from predictor.models.known_models import KNOWN_MODELS, KnownModel, find
from predictor.models.resolve import resolve
from predictor.query.labels import Labels
from predictor.query.model_reference import ModelReference
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.query import RankingQuery
from predictor.query.settings import Settings
from predictor.query.source import FeatureSet
from predictor.steps import Progress, Steps, drain

MAX_ROWS = 800
"""Rows per task: drawn once, with seed 0."""

SMILES_TASKS = ("freesolv", "esol", "tox21_sr_are")
TEXT_TASKS = ("subjectivity", "sentence_polarity", "ethics_justice", "ethics_deontology", "ethics_virtue")
TASKS = SMILES_TASKS + TEXT_TASKS

SECOND_SMILES = ("chembl234", "chembl233", "chembl244", "chembl264", "chembl237")
THIRD_SMILES = ("chembl228", "chembl4792", "chembl2147", "chembl287", "chembl3979")
SETS = {
    "first": TASKS,
    "second": (*SECOND_SMILES, "imdb"),
    "third": (*THIRD_SMILES, "product_reviews", "editorials", "tweets"),
    "classes": ("targets", "opinions", "topics", "activities"),
}
"""Tasks by when they were first looked at; `tests.benchmarks.registry_tasks` writes the files of the later ones."""

POPULATION_SMILES = ("lipophilicity",)
"""Of `tests.benchmarks.papers.molecules` alone."""

ALL_SMILES = (*SMILES_TASKS, *SECOND_SMILES, *THIRD_SMILES, *POPULATION_SMILES, "targets")

SMILES_STRONG = (("rxnfp-bert_ft", "6"), ("rxnmapper-albert", "6"), ("rxnfp-bert_pretrained", "6"))
TEXT_STRONG = (("all-mpnet-base-v2", "8"), ("SmolLM2-135M-Instruct", "15"), ("all-MiniLM-L6-v2", "4"))


@dataclass(frozen=True, eq=False)
class Task:
    """One labelled task, cut to MAX_ROWS rows."""

    name: str
    pool: Pool
    labels: Labels


@dataclass(frozen=True, eq=False)
class Cell:
    """One task with one strong model and its candidates: layers of every *other* model."""

    task: Task
    strong: FeatureSet
    weak: tuple[FeatureSet, ...]

    @property
    def models(self) -> dict[str, FeatureSet]:
        """Features by name, the strong model's as `strong`."""
        return {one.name: one for one in self.weak} | {"strong": self.strong}

    def query(self, settings: Settings) -> RankingQuery:
        """The cell as asked of a source that holds `models`."""
        weak = tuple(ModelSpec(one.name, f"features:{one.name}") for one in self.weak)
        return RankingQuery(ModelSpec("strong", "features:strong"), weak, self.task.pool, settings=settings)


@dataclass(frozen=True, eq=False)
class InMemory:
    """A FeatureSource of features extracted before."""

    found: dict[str, FeatureSet]

    def features(self, spec: ModelSpec, pool: Pool, settings: Settings) -> Steps[tuple[FeatureSet, ...]]:
        yield Progress(spec.name, "extract", len(pool), len(pool))
        return (self.found[spec.name],)


def data_folder() -> Path:
    """The folder of the task files, which W2S_DATA names; a program that cannot have it ends here."""
    if "W2S_DATA" not in os.environ:
        sys.exit("set W2S_DATA to the folder that holds the task files")
    return Path(os.environ["W2S_DATA"])


def read(name: str, folder: Path, skip: int = 0) -> Task:
    """The task of that name from the data folder; `skip` rows of those drawn are left out, for other ones."""
    pool, labels = read_task(folder / f"{name}.jsonl")
    if len(pool) > MAX_ROWS:
        rows = np.sort(np.random.default_rng(0).permutation(len(pool))[skip : skip + MAX_ROWS])
        pool, labels = pool.take(rows), labels.take(rows)
    return Task(name, pool, labels)


def cells(task: Task, extractor: Extractor) -> list[Cell]:
    """The task with each of its strong models, features from the store where they are there."""
    smiles = task.name in ALL_SMILES
    found: dict[str, tuple[FeatureSet, ...]] = {}
    for model in (m for m in KNOWN_MODELS if m.reads == ("smiles" if smiles else "text")):
        found[model.name] = _extract(extractor, model.name, ready(model), _layers(model), task.pool)
    if smiles:
        found["random-bert"] = _extract(extractor, "random-bert", str(random_control()), "3,6,9,12", task.pool)
    return [
        Cell(
            task,
            next(one for one in found[name] if one.layer == layer),
            tuple(one for other, layers in found.items() if other != name for one in layers),
        )
        for name, layer in (SMILES_STRONG if smiles else TEXT_STRONG)
    ]


def ready(model: KnownModel) -> str:
    """The model's reference, its pickled weights converted first where that is needed."""
    if model.convert:
        try:
            resolve(ModelReference.parse(model.reference), cache_dir())
        except RefusedError:
            convert(model.reference, tokenizer="smiles")
    return model.reference


def random_control() -> Path:
    """A BERT of rxnfp's shape with random weights (seed 0) and the same tokenizer: what architecture alone gives."""
    folder = cache_dir() / "controls" / "random-bert"
    if not (folder / "model.safetensors").exists():
        import shutil

        import torch
        from transformers import AutoConfig, AutoModel

        twin = resolve(ModelReference.parse(ready(find("rxnfp-bert_ft"))), cache_dir()).folder
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("vocab.txt", "w2s_tokenizer.json"):
            shutil.copy(twin / name, folder / name)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            AutoModel.from_config(AutoConfig.from_pretrained(twin)).save_pretrained(folder)
    return folder


def _layers(model: KnownModel) -> str:
    """All blocks of small models, every third of deep ones, the one vector of static ones."""
    if model.layers == 0:
        return "last"
    step = 3 if model.layers > 12 else 1
    return ",".join(str(layer) for layer in range(step, model.layers + 1, step))


def _extract(extractor: Extractor, name: str, reference: str, layers: str, pool: Pool) -> tuple[FeatureSet, ...]:
    parsed = ModelReference.parse(reference)
    kept = parsed.body + (f"#tokenizer={parsed.tokenizer}" if parsed.tokenizer else "")
    return drain(extractor.features(ModelSpec(name, kept, layer=layers), pool, Settings(precision="fp32")))
