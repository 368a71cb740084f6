"""What is asked: the models, the rows, the evidence at hand and how to judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from predictor.errors import InputError
from predictor.query.labels import Labels
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.prompt import check_classes
from predictor.query.row_sample import Drawn
from predictor.query.settings import Settings
from predictor.statistics.arrays import Floats


@dataclass(frozen=True, eq=False)
class RankingQuery:
    """Everything one ranking needs, validated on construction.

    Attributes:
        strong: the student.
        weak: candidate supervisors, at least one, names distinct.
        pool: the rows that the chosen supervisor will label.
        labels: gold labels of some rows (the weak heads' training rows D~), or None.
        weak_labels: candidate name -> (n,) or (n, classes) predictions on the pool.
        drawn: how to cut feature sets that lie elsewhere to the pool's rows; None where nothing is left to cut.
    """

    strong: ModelSpec
    weak: tuple[ModelSpec, ...]
    pool: Pool
    labels: Labels | None = None
    weak_labels: Mapping[str, Floats] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    drawn: Drawn | None = None

    def __post_init__(self) -> None:
        if not self.weak:
            raise InputError("no weak candidate given; name at least one with --weak.", reason="NO_CANDIDATE")
        names = [spec.name for spec in self.weak]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputError(
                f"candidate {twice!r} is named twice; give each its own alias, as in --weak NAME={twice}.",
                reason="DUPLICATE_CANDIDATE",
                field="weak",
            )
        if self.labels is not None and len(self.labels.targets) != len(self.pool):
            raise InputError(
                f"labels cover {len(self.labels.targets)} rows, the pool has {len(self.pool)}; they must agree.",
                reason="ROWS_DIFFER",
                field="labels",
            )
        for name, values in self.weak_labels.items():
            if name not in names:
                raise InputError(
                    f"weak labels are given for {name!r}, which is no candidate; the candidates are "
                    f"{', '.join(names)}.",
                    reason="UNKNOWN_CANDIDATE",
                    field="weak_labels",
                )
            if len(values) != len(self.pool):
                raise InputError(
                    f"weak labels of {name!r} cover {len(values)} rows, the pool has {len(self.pool)}; give one "
                    "per row.",
                    reason="ROWS_DIFFER",
                    field="weak_labels",
                )
        self._check_asked_labels()
        training = self.settings.training
        numbers = self.labels is not None and self.labels.kind == "regression"
        if numbers and (training.heads == "logistic" or training.label_form == "hard"):
            raise InputError(
                f"the labels are numbers to regress on, and {training.heads} heads on {training.label_form} labels "
                "need classes; leave them out for ridge heads on soft ones.",
                reason="BAD_SETTING",
                field="heads",
            )

    @property
    def knows_weak_labels(self) -> bool:
        """Whether any candidate's own labels are given or asked of its model."""
        return bool(self.weak_labels) or any(spec.labels is not None for spec in self.weak)

    def _check_asked_labels(self) -> None:
        label_prompt = self.settings.label_prompt
        if self.strong.labels is not None:
            raise InputError(
                f"the strong model has #labels={self.strong.labels}; only weak candidates label rows, so leave it out.",
                reason="BAD_LABELS",
                field="strong",
            )
        twice = next((spec for spec in self.weak if spec.labels and spec.name in self.weak_labels), None)
        if twice is not None:
            raise InputError(
                f"candidate {twice.name!r} has #labels={twice.labels} and --weak-labels too; give one of them.",
                reason="WEAK_LABELS_TWICE",
                field="weak_labels",
            )
        prompted = self.settings.refine == "prompted"
        asks = next((spec for spec in self.weak if spec.labels == "words"), None)
        if label_prompt is None and (asks is not None or prompted):
            raise InputError(
                f"{'--refine prompted' if asks is None else f'#labels=words of {asks.name!r}'} needs to know the words "
                "for the classes; give --label-words negative,positive (one per class, in the classes' order).",
                reason="NO_LABEL_WORDS",
                field="label_words",
            )
        if label_prompt is not None and self.labels is not None:
            check_classes(label_prompt, self.labels.classes)
        if prompted and not self.pool.texts:
            raise InputError(
                "--refine prompted reads the rows' texts, and none were given; name the rows with --pool.",
                reason="POOL_MISSING",
                field="pool",
            )
