"""Request: a RankingQuery from what a caller passes."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, TypeGuard, Unpack, cast

import numpy as np
from numpy.typing import NDArray

from predictor.errors import InputError
from predictor.intake.candidates import CandidateFile, expanded, read_candidates
from predictor.intake.describing import DescribeInput, ProxiesInput, describers_of, descriptions_of, proxies_of
from predictor.intake.draw import draw
from predictor.intake.label_tables import ID_COLUMN
from predictor.intake.pool_labels import LabelsInput, PoolInput, RowsGiven
from predictor.intake.row_texts import TEXT_COLUMN
from predictor.intake.weak_labels import WeakLabelsInput, finished_labels, weak_labels_given
from predictor.query.budget import Budget
from predictor.query.label_only import with_labels_as_features
from predictor.query.model_spec import ModelSpec, read_spec
from predictor.query.query import RankingQuery
from predictor.query.settings import Pooling, Precision, RankBy, RefineBy, Truncate, read_costs, settings_of
from predictor.query.training_plan import Heads, LabelForm

Model = str | Path | NDArray[np.floating] | ModelSpec
CostsInput = Mapping[str, float] | Sequence[str]


class Options(TypedDict, total=False):
    """The keywords of `build_query` besides `strong` and `weak`; None means the default.

    Those from `label_words` on are settings: `predictor.query.settings.OPTIONS` has their checks and their help,
    `Settings` their defaults.

    Attributes:
        candidates: a file of further candidates; see `predictor.intake.candidates`.
        pool: a file or frame of rows, the texts themselves, or a Pool; None where every model is an array of known
            length. Frames are those of pandas and polars, a `datasets.Dataset`, an Arrow table, a list of records.
        labels: gold labels of some rows: a file or frame, id -> label, or one value a row (None or NaN where
            unlabelled).
        weak_labels: candidate -> predictions (n,) or (n, classes), or -> file or frame; or `NAME=FILE` strings.
        describe: class -> what it means in words, or several texts for it; or `NAME=TEXT` strings. Of numbers, `low`
            and `high`.
        describers: MODELs that compare rows with the descriptions; the request's own sentence encoders where None.
        proxies: name -> (n,) numbers that are taken to go with the label, or -> file; or `NAME=FILE` strings.
        text_column, id_column: columns of the pool.
        template: joins columns of the pool to texts, as `{passage}\\nQ: {question}`; replaces `text_column`.
        label_column: of `labels`; without `labels`, the column of the pool that has gold labels of some rows.
        weak_label_column: of the files of `weak_labels`.
        label_words: the words for the classes, in their order, joined by commas or as a list; for candidates
            with `#labels=words` and for `refine="prompted"`.
        prompt: what language models are asked, with `{text}` where the row goes.
        refine: also report whether relabelling before training would help: `linear` on the strong model's features, or
            `prompted` by the strong model itself.
        weak_rows, student_rows: gold rows that the weak heads will be trained on, and rows that the student will be
            trained on, at least 8 each; a third of the rows where not given.
        weak_ridge, student_ridge: of their heads, > 0, a share of the mean squared length of a standardised row; by
            cross-validation where not given. See `predictor.query.training_plan.Training`.
        heads: `ridge` or, of classes, `logistic` ones, of the weak models and the student.
        label_form: the student will be trained on probabilities (`soft`) or on the likeliest class (`hard`).
        estimators: names of `predictor.estimators`, or one of them.
        rank_by: `accuracy`, `w2s_error` or `gain`; None for accuracy where it is predicted, else `w2s_error`.
        layer: for models that name none: a number, `middle`, `last`, or several joined by commas.
        pooling: `mean`, `last` or `cls`.
        max_rows: draw this many rows of a larger pool, uniformly with `seed`; their order is preserved, and labels,
            weak labels and arrays are cut alike.
        max_length: tokens after which a row is cut.
        truncate: `right` (its end), `left` or `middle`: what a long row loses.
        precision: `auto`, `fp32` or `bf16`.
        budget: limit on what is read: a share of the rows (`0.25`, `25%`) or a time (`90s`, `5m`); candidates that
            cannot be best are then dropped on the way.
        confidence: of the decision where rows are read in stages, from 0.5 to below 1.
        suggest_labels: rows to name whose gold labels would tell most about the choice; none where not given.
        launch: how many trainings can be launched; 1 where not given.
        costs: candidate -> what launching its training costs; or `NAME=NUMBER` strings. Parameters × rows where not
            given.
        seed: >= 0.
        calibration: name of a fitted calibration.
        past_outcomes: recipe of recorded outcomes of the same candidates that are taken as evidence, or `any`.
        answer_device: where heads are factored and training is simulated: `numpy`, `cpu` or `cuda[:N]` by
            torch, or `auto`.
    """

    candidates: str | Path | None
    pool: PoolInput | None
    labels: LabelsInput | None
    weak_labels: WeakLabelsInput | None
    describe: DescribeInput | None
    describers: str | ModelSpec | Sequence[str | ModelSpec] | None
    proxies: ProxiesInput | None
    text_column: str
    id_column: str
    template: str | None
    label_column: str | None
    weak_label_column: str | None
    label_words: str | Sequence[str] | None
    prompt: str | None
    refine: RefineBy | None
    weak_rows: int | None
    student_rows: int | None
    weak_ridge: float | None
    student_ridge: float | None
    heads: Heads | None
    label_form: LabelForm | None
    estimators: str | Sequence[str] | None
    rank_by: RankBy | None
    layer: str | int | None
    pooling: Pooling | None
    max_rows: int | None
    max_length: int | None
    truncate: Truncate | None
    precision: Precision | None
    budget: Budget | str | float | None
    confidence: float | None
    launch: int | None
    suggest_labels: int | None
    costs: CostsInput | None
    seed: int | None
    calibration: str | None
    past_outcomes: str | None
    answer_device: str | None


def build_query(
    *,
    strong: Model,
    weak: Model | Sequence[Model] | Mapping[str, Model] = (),
    remote: bool = False,
    **options: Unpack[Options],
) -> RankingQuery:
    """Read, check and align everything one ranking needs.

    Args:
        strong: a MODEL as on the command line (`NAME=MODEL` gives an alias), or an array (n, d) of features.
        weak: one such, a list, or a mapping name -> MODEL or array. A folder of checkpoints is one candidate each.
        remote: feature sets are stored on the server that will be asked, and not here.
        **options: see `Options`.

    Raises:
        InputError, NotFoundError: with the next step in the message.
    """
    _check_keywords(options)
    student = spec_of(strong, "strong", "strong")
    listed = None if (file := options.get("candidates")) is None else read_candidates(file)
    candidates = _candidates(weak, listed)
    settings = settings_of({**options, "costs": _costs(options.get("costs"), listed)})
    given = RowsGiven(
        options.get("pool"),
        options.get("labels"),
        options.get("label_column"),
        options.get("text_column", TEXT_COLUMN),
        options.get("id_column", ID_COLUMN),
        options.get("template"),
    )
    rows, gold = given.read((student, *candidates))
    columns = options.get("weak_label_column"), options.get("id_column", ID_COLUMN)
    finished = finished_labels(candidates, rows, gold, *columns)
    weak_labels = weak_labels_given(options.get("weak_labels"), finished, candidates, rows, gold, *columns)
    candidates = with_labels_as_features(candidates, weak_labels)
    descriptions = descriptions_of(options.get("describe"))
    query = RankingQuery(
        student,
        candidates,
        rows,
        gold,
        weak_labels,
        settings,
        descriptions=descriptions,
        describers=describers_of(
            options.get("describers"), (student, *candidates), described=bool(descriptions), texts=bool(rows.texts)
        ),
        proxies=proxies_of(options.get("proxies"), rows),
    )
    return draw(query, remote=remote)


def _candidates(
    weak: Model | Sequence[Model] | Mapping[str, Model], listed: CandidateFile | None
) -> tuple[ModelSpec, ...]:
    more = () if listed is None else tuple(_array_file(spec) for spec in listed.models)
    return tuple(one for spec in (*_named(weak), *more) for one in expanded(spec))


def _costs(given: CostsInput | None, listed: CandidateFile | None) -> CostsInput | None:
    """The costs given, beside those of the file of candidates."""
    if listed is None or not listed.costs:
        return given
    return {**listed.costs, **({} if given is None else read_costs(given))}


def _named(weak: Model | Sequence[Model] | Mapping[str, Model]) -> tuple[ModelSpec, ...]:
    if isinstance(weak, Mapping):
        return tuple(
            dataclasses.replace(spec_of(model, str(name), "weak"), name=str(name)) for name, model in weak.items()
        )
    models = [weak] if _is_one(weak) else cast(Sequence[Model], weak)
    return tuple(spec_of(model, f"weak[{place}]", "weak") for place, model in enumerate(models))


def _is_one(weak: object) -> TypeGuard[Model]:
    """Frames and tensors are arrays too; their items would be columns or rows."""
    return isinstance(weak, str | Path | ModelSpec) or hasattr(weak, "__array__")


def spec_of(model: Model, name: str, field: str) -> ModelSpec:
    """One model as a caller passes it.

    Raises:
        InputError: it is neither a reference nor an array of features.
    """
    if isinstance(model, ModelSpec):
        return model
    if isinstance(model, str | Path):
        return _array_file(read_spec(str(model)))
    values = _as_array(model, name, field)
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise InputError(
            f"{field} model {name!r} is an array of shape {values.shape} and type {values.dtype}; features are numbers "
            "of shape (rows, dimensions).",
            reason="BAD_ARRAY",
            field=field,
        )
    return ModelSpec(name, "array:", values=values)


def _check_keywords(options: Iterable[str]) -> None:
    """Refuse a keyword that nothing reads."""
    known = Options.__annotations__
    unknown = next((one for one in options if one not in known), None)
    if unknown is not None:
        alike = difflib.get_close_matches(unknown, known, 1)
        what = f"did you mean {alike[0]}?" if alike else f"known ones are {', '.join(sorted(known))}."
        raise InputError(f"there is no keyword {unknown!r}; {what}", reason="UNKNOWN_KEYWORD", field=unknown)


def _as_array(model: Any, name: str, field: str) -> NDArray[Any]:
    """The model as numpy sees it.

    Raises:
        InputError: numpy cannot, as with rows of different lengths, or a tensor of a form that has no numbers here.
    """
    if hasattr(model, "detach") and hasattr(model, "cpu"):
        model = model.detach().cpu()
        model = model.float() if str(model.dtype) == "torch.bfloat16" else model
    if isinstance(model, np.ma.MaskedArray) and np.ma.is_masked(model):
        raise InputError(
            f"{field} model {name!r} is an array with {int(np.ma.getmaskarray(model).sum()):,} masked values; a "
            "feature needs a number everywhere. Fill them, or leave those rows out of every model.",
            reason="BAD_ARRAY",
            field=field,
        )
    try:
        return np.asarray(model)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{field} model {name!r} is no array of numbers ({error}); give features of shape (rows, dimensions).",
            reason="BAD_ARRAY",
            field=field,
        ) from error


def _array_file(spec: ModelSpec) -> ModelSpec:
    """A bare `file.npy` is an array: such a file never has a model."""
    file = spec.reference.partition("::")[0]
    bare = spec.parsed.kind == "folder" and file.endswith((".npy", ".npz", ".safetensors"))
    return dataclasses.replace(spec, reference=f"array:{spec.reference}") if bare else spec
