"""The calls of the package: rank, predict and validate."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Unpack

from predictor.calibration.store import CalibrationStore
from predictor.engines.device import open_device
from predictor.engines.open import LOCAL, open_engine
from predictor.errors import InputError
from predictor.intake.label_tables import ID_COLUMN
from predictor.intake.pool_labels import TableInput, table_given
from predictor.intake.request import Model, Options, build_query, spec_of
from predictor.intake.row_texts import TEXT_COLUMN
from predictor.intake.rows import task_of
from predictor.outcomes.outcome import Outcome
from predictor.outcomes.store import OutcomeStore
from predictor.query.query import RankingQuery
from predictor.query.source import FeatureSource
from predictor.query.training_plan import FREE
from predictor.ranking import teaching
from predictor.ranking.rank import rank_steps
from predictor.results.ranking import Ranking
from predictor.results.training_set import TrainingSet
from predictor.steps import Steps, drain
from predictor.store.arrays import ArraySource
from predictor.store.features import FeatureStore
from predictor.training.learners import Trainee
from predictor.training.partition import first_words
from predictor.training.recipe import Recipe
from predictor.validation.validate import validation_steps
from predictor.validation.validation import Validation


def rank(
    *,
    strong: Model,
    weak: Model | Sequence[Model] | Mapping[str, Model] = (),
    engine: str = LOCAL,
    **options: Unpack[Options],
) -> Ranking:
    """Rank weak supervisors for a strong student, in this process.

    Args:
        strong: a MODEL as on the command line, or an array (n, d) of features.
        weak: candidates: MODELs, arrays, or a mapping name -> either.
        engine: `local`, `dask` or `dask:HOST:PORT`; see `predictor.engines.open.open_engine`.
        **options: see `predictor.intake.request.Options`.

    Returns:
        The ranking; a candidate that fails comes last, with its reason, and does not end the call.

    Raises:
        InputError, NotFoundError: the request is wrong, or the strong model cannot be used.
    """
    query = build_query(strong=strong, weak=weak, **options)
    device = open_device(query.settings.answer_device)
    measured = CalibrationStore().named_in(query.settings), past_of(query)
    with open_engine(engine, source_of(query)) as source:
        return drain(rank_steps(query, source, *measured, device))


def predict(
    *,
    strong: Model,
    weak: Model | Sequence[Model] | Mapping[str, Model] = (),
    engine: str = LOCAL,
    **options: Unpack[Options],
) -> Ranking:
    """`rank` for arrays only: needs numpy, and loads a model library only where `answer_device` names it.

    Args:
        strong, weak, engine, **options: as for `rank`.

    Returns:
        The ranking, as of `rank`.

    Raises:
        InputError: as `rank`, and where a model would have to be run.
    """
    query = build_query(strong=strong, weak=weak, **options)
    device = open_device(query.settings.answer_device)
    measured = CalibrationStore().named_in(query.settings), past_of(query)
    with open_engine(engine, ArraySource()) as source:
        return drain(rank_steps(query, source, *measured, device))


def past_of(query: RankingQuery) -> tuple[Outcome, ...]:
    """This user's recorded outcomes of the query's candidates, as far as its settings ask for them."""
    names = [name for spec in query.weak for name in (spec.name, spec.reference)]
    return OutcomeStore().of_candidates(query.settings.past_outcomes, names)


def label(*, teacher: Model, **options: Unpack[Options]) -> TrainingSet:
    """The training set of a student: the rows without a gold label, with a teacher's labels.

    The labels are those of `weak_labels` for the teacher, else those that it predicts by `#labels=logits` or
    `#labels=words`, else those of a head on its features: a logistic one for classes, a ridge one for numbers, trained
    on the rows with gold labels.

    Args:
        teacher: a MODEL as on the command line, or an array (n, d) of features.
        **options: see `predictor.intake.request.Options`; `weak_labels` may be the labels themselves.

    Raises:
        W2SError: the request is wrong, the model cannot be used, or there is nothing to label with.
    """
    return drain(labelling(teacher=teacher, **options))


def labelling(*, teacher: Model, **options: Unpack[Options]) -> Steps[TrainingSet]:
    """`label` step by step; see there."""
    spec = spec_of(teacher, "teacher", "teacher")
    query = build_query(strong=dataclasses.replace(spec, labels=None), weak=spec, **options)
    return (yield from teaching.training_set(query, source_of(query)))


class TaskOptions(Options, total=False):
    """The keywords that `validate` takes besides `strong` and `weak`; see there."""

    task: TableInput
    recipe: Recipe | None
    splits: int | None
    group_by_first_words: int | None


def validate(
    *, strong: Model, weak: Model | Sequence[Model] | Mapping[str, Model] = (), **options: Unpack[TaskOptions]
) -> Validation:
    """Really train weak → W2S → ceiling for every candidate on a labelled task, and score every estimator against it.

    Args:
        strong, weak: as in `rank`.
        **options: those of `rank`, with `labels` of every row, and
            `task`: a file or frame of labelled rows; where `labels` are given beside `pool` or arrays, a name for them.
            `recipe`: how weak heads, student and ceiling are trained; None for ridge heads on thirds, or on as many
            rows and with such ridges as `weak_rows`, `student_rows`, `weak_ridge` and `student_ridge` give.
            `splits`: random partitions, at least 2; None for 12, and 3 where the strong model itself is trained.
            `group_by_first_words`: rows whose first words agree never fall into two parts of a split.

    Returns:
        Measured errors of every candidate, and the score of every estimator.

    Raises:
        W2SError: the request is wrong, the strong model cannot be used, a row is unlabelled, or every candidate failed.
    """
    return drain(validation_of(strong=strong, weak=weak, **options))


def validation_of(
    *,
    strong: Model,
    weak: Model | Sequence[Model] | Mapping[str, Model] = (),
    task: TableInput = "",
    recipe: Recipe | None = None,
    splits: int | None = None,
    group_by_first_words: int | None = None,
    **options: Unpack[Options],
) -> Steps[Validation]:
    """`validate` step by step; see there."""
    if options.get("labels") is None:
        if (isinstance(task, str) and not task) or options.get("pool") is not None:
            raise InputError(
                "validate needs gold labels of every row: give a file of labelled rows as task, or labels.",
                reason="NO_LABELS",
                field="task",
            )
        columns = options.get("text_column", TEXT_COLUMN), options.get("id_column", ID_COLUMN)
        options["pool"], options["labels"] = task_of(
            table_given(task, "the task"), *columns, options.get("label_column"), options.get("template")
        )
    query = build_query(strong=strong, weak=weak, **options)
    if query.labels is None:
        raise InputError("the task has no labels.", reason="NO_LABELS", field="task")
    own = query.settings.training
    if recipe is None:
        recipe = Recipe(own.heads, training=own)
    elif own not in (FREE, recipe.training):
        raise InputError(
            f"a recipe is given, and beside it {own}; put sizes, ridges, heads and label form into the recipe alone.",
            reason="BAD_RECIPE",
            field="recipe",
        )
    return (
        yield from validation_steps(
            dataclasses.replace(query, labels=None),
            query.labels,
            source_of(query),
            task=str(task) if isinstance(task, str | Path) else "task",
            splits=splits,
            recipe=recipe,
            groups=None if group_by_first_words is None else first_words(query.pool.texts, group_by_first_words),
            student_of=_student,
            device=open_device(query.settings.answer_device),
        )
    )


def _student(query: RankingQuery, recipe: Recipe) -> Trainee:
    """The strong model itself, for recipes that train it; torch is loaded here and not before."""
    from predictor.models.libraries import need

    need("torch", "transformers", "safetensors", purpose="fine-tuning")
    from predictor.finetuning.tuner import FineTuner

    return FineTuner.of(query.strong, query.pool.texts, query.settings, recipe)


def source_of(query: RankingQuery, store: FeatureStore | None = None, prefetch: bool | None = None) -> FeatureSource:
    """Where a query's features come from: arrays where it has nothing else, models and the store otherwise.

    Args:
        query: what is asked.
        store: another feature store than this user's, such as a tenant's own.
        prefetch: load the next model while one runs; where None, if there is a thread to spare.
    """
    if all(spec.is_array for spec in (query.strong, *query.weak, *query.describers)):
        return ArraySource()
    from predictor.extraction.extractor import Extractor

    return Extractor(store=store, prefetch=prefetch)
