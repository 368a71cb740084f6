"""RankingQuery: the models, the rows, the evidence given and the settings of a ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from predictor.errors import InputError
from predictor.query.description import Description, check_descriptions, in_class_order
from predictor.query.label_only import check_has_features
from predictor.query.labels import Labels
from predictor.query.model_spec import ModelSpec
from predictor.query.pool import Pool
from predictor.query.prompt import check_classes
from predictor.query.row_sample import Drawn
from predictor.query.settings import Settings
from predictor.query.training_plan import Training
from predictor.query.weak_label_tables import check_weak_labels
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
        descriptions: what each class means in words; empty where nothing is described.
        describers: sentence encoders that compare rows with the descriptions.
        proxies: name -> (n,) finite numbers that are taken to go with the label.
        drawn: how to cut feature sets stored elsewhere to the pool's rows; None where nothing has to be cut.
    """

    strong: ModelSpec
    weak: tuple[ModelSpec, ...]
    pool: Pool
    labels: Labels | None = None
    weak_labels: Mapping[str, Floats] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    drawn: Drawn | None = None
    descriptions: tuple[Description, ...] = ()
    describers: tuple[ModelSpec, ...] = ()
    proxies: Mapping[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_candidates(self.weak)
        check_has_features(self.strong, "strong")
        for describer in self.describers:
            check_has_features(describer, "describers")
        _check_gold(self.labels, self.pool, self.settings.training)
        check_weak_labels(self.weak_labels, self.weak, self.pool, any_width=self.labels is not None)
        _check_labelling_models(self.strong, self.weak, self.weak_labels)
        _check_label_prompt(self)
        check_descriptions(self.descriptions, self.describers, self.pool, self.labels)
        _check_proxies(self)
        _check_costs(self.settings.costs, self.weak)

    def cost_of(self, name: str) -> float:
        """What launching a candidate costs, where costs are given; those of a model hold for each of its layers."""
        given = self.settings.costs
        return given[name] if name in given else given[name.partition("#")[0]]

    @property
    def knows_weak_labels(self) -> bool:
        """Whether any candidate's own labels are given or asked of its model."""
        return bool(self.weak_labels) or any(spec.labels is not None for spec in self.weak)

    @property
    def knows_labels_in_words(self) -> bool:
        """Whether descriptions or proxies are given."""
        return bool(self.descriptions or self.proxies)

    @property
    def columns(self) -> int | None:
        """Label columns that the evidence implies: 1 of two classes and of numbers; None where nothing implies any."""
        if self.labels is not None:
            return int(self.labels.targets.shape[1])
        if len(self.descriptions) > 2:
            return len(self.descriptions)
        return 1 if self.knows_labels_in_words else None

    @property
    def ordered_descriptions(self) -> tuple[Description, ...]:
        """The descriptions in the order of the label columns."""
        return in_class_order(self.descriptions, None if self.labels is None else self.labels.classes)


def _check_proxies(query: RankingQuery) -> None:
    for name, values in query.proxies.items():
        fits = np.shape(values) == (len(query.pool),)
        if not fits or not np.isfinite(values).all():
            row = int(np.argmin(np.isfinite(values))) if fits else 0
            found = f"is {values[row]} in row {row}" if fits else f"has shape {np.shape(values)}"
            raise InputError(
                f"proxy {name!r} {found}; give one finite number for each of the {len(query.pool)} rows.",
                reason="BAD_PROXY",
                field="proxies",
            )
    if query.proxies and query.columns != 1:
        raise InputError(
            f"a proxy is one number per row, and there are {query.columns} classes; proxies go with numbers or with "
            "the second of two classes. Leave --proxy out, or describe the classes with --describe.",
            reason="BAD_PROXY",
            field="proxies",
        )


def _check_candidates(weak: Sequence[ModelSpec]) -> None:
    if not weak:
        raise InputError(
            "no weak candidate given; name at least one with --weak, or several with --candidates FILE.",
            reason="NO_CANDIDATE",
            field="weak",
        )
    names = [spec.name for spec in weak]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(
            f"candidate {twice!r} is named twice; give each its own alias, as in --weak NAME={twice}.",
            reason="DUPLICATE_CANDIDATE",
            field="weak",
        )


def _check_gold(labels: Labels | None, pool: Pool, training: Training) -> None:
    if labels is None:
        return
    if len(labels.targets) != len(pool):
        raise InputError(
            f"labels cover {len(labels.targets)} rows, the pool has {len(pool)}; they must agree.",
            reason="ROWS_DIFFER",
            field="labels",
        )
    if labels.kind == "regression" and (training.heads == "logistic" or training.label_form == "hard"):
        raise InputError(
            f"the labels are numbers to regress on, and {training.heads} heads on {training.label_form} labels "
            "need classes; leave them out for ridge heads on soft ones.",
            reason="BAD_SETTING",
            field="heads",
        )


def _check_labelling_models(strong: ModelSpec, weak: Sequence[ModelSpec], weak_labels: Mapping[str, Floats]) -> None:
    if strong.labels is not None:
        raise InputError(
            f"the strong model has #labels={strong.labels}; only weak candidates label rows, so leave it out.",
            reason="BAD_LABELS",
            field="strong",
        )
    twice = next((spec for spec in weak if spec.labels and spec.name in weak_labels), None)
    if twice is not None:
        raise InputError(
            f"candidate {twice.name!r} has #labels={twice.labels} and --weak-labels too; give one of them.",
            reason="WEAK_LABELS_TWICE",
            field="weak_labels",
        )


def _check_label_prompt(query: RankingQuery) -> None:
    label_prompt, prompted = query.settings.label_prompt, query.settings.refine == "prompted"
    asked = next((spec for spec in query.weak if spec.labels == "words"), None)
    if label_prompt is None and (asked is not None or prompted):
        raise InputError(
            f"{'--refine prompted' if asked is None else f'#labels=words of {asked.name!r}'} needs to know the words "
            "for the classes; give --label-words negative,positive (one per class, in the classes' order).",
            reason="NO_LABEL_WORDS",
            field="label_words",
        )
    if label_prompt is not None and query.labels is not None:
        check_classes(label_prompt, query.labels.classes)
    if prompted and not query.pool.texts:
        raise InputError(
            "--refine prompted reads the rows' texts, and none were given; name the rows with --pool.",
            reason="POOL_MISSING",
            field="pool",
        )


def _check_costs(costs: Mapping[str, float], weak: Sequence[ModelSpec]) -> None:
    names = [spec.name for spec in weak]
    if not costs:
        return
    unknown = [name for name in costs if name not in names and name.partition("#")[0] not in names]
    missing = [name for name in names if name not in costs and not any(one.startswith(f"{name}#") for one in costs)]
    if unknown:
        raise InputError(
            f"a cost is given for {unknown[0]!r}, which is no candidate; the candidates are {', '.join(names)}.",
            reason="UNKNOWN_CANDIDATE",
            field="settings.costs",
        )
    if missing:
        raise InputError(
            f"costs are given, and none for {', '.join(missing)}; give one for every candidate: --cost "
            f"{' '.join(f'{name}=NUMBER' for name in missing)}.",
            reason="COST_MISSING",
            field="settings.costs",
        )
