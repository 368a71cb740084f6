"""Settings: how models are run and candidates are ranked; the one list of options and the home of their defaults."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from predictor.errors import InputError
from predictor.query.budget import Budget, read_budget
from predictor.query.checks import check_answer_device, check_layer
from predictor.query.option import Option, check_options, option_of, options_of, plain, setting
from predictor.query.prompt import LabelPrompt, read_label_prompt
from predictor.query.training_plan import Training

RankBy = Literal["accuracy", "w2s_error", "gain"]
Pooling = Literal["mean", "last", "cls"]
Precision = Literal["auto", "fp32", "bf16"]
Truncate = Literal["right", "left", "middle"]
RefineBy = Literal["linear", "prompted"]

PAST = ("calibration", "past_outcomes")
"""Settings that name stored measurements: the provenance records these instead."""


def read_costs(given: Mapping[str, float] | Iterable[str] | str) -> dict[str, float]:
    """Candidate -> cost, from a mapping or `NAME=NUMBER` texts.

    Raises:
        InputError: no such text, or a number that is no cost.
    """
    if isinstance(given, Mapping):
        pairs: list[tuple[str, object]] = [(str(name), value) for name, value in given.items()]
    else:
        texts = [given] if isinstance(given, str) else list(given)
        pairs = [(name, value) for name, _, value in (str(text).rpartition("=") for text in texts)]
    found = {}
    for name, value in pairs:
        try:
            cost = float(plain(value))
        except (TypeError, ValueError):
            cost = math.nan
        if not name or not math.isfinite(cost) or cost < 0.0:
            raise InputError(
                f"cost {f'{name}={value}' if name else value!r} cannot be read; give NAME=NUMBER with a number of at "
                "least 0, as in --cost small=1.5.",
                reason="BAD_SETTING",
                field="costs",
            )
        found[name] = cost
    return found


def _names(given: Any) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


@dataclass(frozen=True)
class Settings:
    """How models are run and candidates are ranked.

    Attributes:
        label_prompt: label words and prompt for language models, or None where none is asked.
        refine: what relabels rows for the estimator `refinement`, which is then shown: linear concepts on the strong
            model's features, or the strong model itself, prompted. None shows it only where it is asked for by name.
        training: sizes, heads and ridges of the training to come, as far as they are known.
        estimators: names of `predictor.estimators.registry`.
        rank_by: which predicted outcome makes the order; None for accuracy where it is predicted, else the error.
        launch: how many trainings can be launched; None for one.
        costs: candidate -> what launching its training costs; empty for parameters × rows.
        layer: of models that name none: a number, `middle`, `last`, or several joined by commas.
        suggest_labels: rows to name whose gold labels would tell most about the choice; None for none.
        max_rows: rows drawn of a larger pool, uniformly with `seed`; None for all.
        max_length: tokens after which a row is cut.
        truncate: the end that a long row loses, or its middle.
        calibration: name of a fitted calibration, or None.
        past_outcomes: recipe of the recorded outcomes that are evidence, `any` for all of them; None for none.
        answer_device: where heads are factored and training is simulated: `numpy`; `cpu` or `cuda[:N]` by
            torch; `auto` for a GPU where there is one, else numpy.
        precision: of torch arithmetic; `auto` is bf16 where the device and the model support it, else fp32.
        budget, confidence: where either is given, rows are read in stages and candidates that cannot be best are
            dropped on the way; see `predictor.ranking.racing`. Confidence in [0.5, 1), 0.95 where only a budget is
            given.

    Raises:
        InputError: a value that is not allowed.
    """

    label_prompt: LabelPrompt | None = None
    refine: RefineBy | None = setting(
        None,
        Option(
            "labels",
            "also predict whether relabelling before training would help: on the strong model's features, or by "
            "prompting the strong model",
            choices=get_args(RefineBy),
        ),
    )
    training: Training = field(default_factory=Training)
    estimators: tuple[str, ...] = setting(
        ("combined",),
        Option(
            "ranking",
            "estimators to ask (default: combined); see w2s ls estimators",
            "NAME",
            read=_names,
            flag="--estimator",
            several=True,
        ),
    )
    rank_by: RankBy | None = setting(
        None,
        Option(
            "ranking",
            "what the order follows (default: accuracy of classes where it can be predicted, else w2s_error)",
            choices=get_args(RankBy),
        ),
    )
    launch: int | None = setting(
        None,
        Option("decision", "how many trainings can be launched (default: 1)", "K", min_value=1, parse=int),
    )
    costs: Mapping[str, float] = field(
        default_factory=dict,
        metadata={
            "option": Option(
                "decision",
                "what launching the training of a candidate costs, in any unit (default: parameters × rows)",
                "NAME=NUMBER",
                read=read_costs,
                flag="--cost",
                several=True,
            )
        },
    )
    suggest_labels: int | None = setting(
        None,
        Option(
            "decision",
            "also name the N rows whose gold labels would tell most about the choice, and what labels are expected to "
            "change",
            "N",
            min_value=1,
            parse=int,
        ),
    )
    layer: str = setting(
        "middle",
        Option("extraction", "0 (embeddings) to the last, middle (default) or last; 3,6 for both", "L", read=str),
    )
    pooling: Pooling = setting(
        "mean", Option("extraction", "how tokens become a row (default: mean)", choices=get_args(Pooling))
    )
    max_rows: int | None = setting(
        None, Option("rows", "draw N rows of a larger pool, by --seed", "N", min_value=2, parse=int)
    )
    max_length: int = setting(
        256, Option("extraction", "where longer rows are cut (default: 256)", "TOKENS", min_value=1, parse=int)
    )
    truncate: Truncate = setting(
        "right",
        Option("extraction", "which end of a long row is cut (default: right, its end)", choices=get_args(Truncate)),
    )
    precision: Precision = setting(
        "auto",
        Option(
            "extraction",
            "of the arithmetic (default: auto: bf16 where the device and the model support it)",
            choices=get_args(Precision),
        ),
    )
    budget: Budget | None = setting(
        None,
        Option(
            "stages",
            "read at most this share of the rows (0.25, 25%; 150 rows at least) or for this time (90s, 5m), and drop "
            "candidates that cannot be best on the way",
            "SHARE|TIME",
            read=read_budget,
        ),
    )
    confidence: float | None = setting(
        None,
        Option("stages", "of such a decision, 0.5 to below 1 (default: 0.95)", "C", read=float, parse=float),
    )
    seed: int = setting(0, Option("rows", "seed of everything drawn (default: 0)", "S", min_value=0, parse=int))
    calibration: str | None = setting(
        None, Option("evidence", "correct errors and gains by past outcomes; see w2s calibrate", "NAME")
    )
    past_outcomes: str | None = setting(
        None,
        Option(
            "evidence",
            "use recorded outcomes of the same candidates on other tasks as evidence; those of trainings by RECIPE, or "
            "any; see w2s outcomes",
            "RECIPE",
        ),
    )

    answer_device: str = setting(
        "numpy",
        Option(
            "ranking",
            "where heads are factored and training is simulated: numpy (default), cuda or cuda:N (a GPU, "
            "by torch), cpu (torch without one), or auto (a GPU where there is one); numbers agree to 1e-6",
            "DEVICE",
        ),
    )

    def __post_init__(self) -> None:
        check_options(self)
        check_answer_device(self.answer_device)
        check_layer(self.layer.replace(" ", ""))
        if self.confidence is not None and not 0.5 <= self.confidence < 1.0:
            raise InputError(
                f"confidence is {self.confidence}; it must be from 0.5 to below 1, as 0.95.",
                reason="BAD_SETTING",
                field="confidence",
            )
        if not self.estimators:
            raise InputError("no estimator named; leave estimators out for the default.", reason="NO_ESTIMATOR")

    def record(self) -> dict[str, Any]:
        """The settings for the provenance of an answer. What was measured before is recorded where it is used."""
        values = {own.name: getattr(self, own.name) for own in fields(self) if own.name not in PAST}
        for name, value in values.items():
            if isinstance(value, LabelPrompt | Training | Budget):
                values[name] = asdict(value)
            elif isinstance(value, tuple):
                values[name] = list(value)
            elif isinstance(value, Mapping):
                values[name] = dict(value)
        return values


def settings_of(given: Mapping[str, object]) -> Settings:
    """Settings by the keywords of `OPTIONS`; what is None or absent takes its default.

    Raises:
        InputError: a value that is not allowed.
    """
    values = _values(Settings, given)
    training = Training(**_values(Training, given))
    prompt: Any = {own: given.get(option.keyword) for own, option in options_of(LabelPrompt).items()}
    return Settings(**values, training=training, label_prompt=read_label_prompt(prompt["words"], prompt["template"]))


def _values(record: type, given: Mapping[str, object]) -> dict[str, Any]:
    """Field -> value, of the fields whose keyword was given."""
    asked = {name: (option, given.get(option.keyword or name)) for name, option in options_of(record).items()}
    return {name: option.read(value) for name, (option, value) in asked.items() if value is not None}


def _options() -> Iterator[tuple[str, Option]]:
    records: dict[str, type] = {"label_prompt": LabelPrompt, "training": Training}
    for own in fields(Settings):
        option = option_of(own)
        pairs = options_of(records[own.name]) if option is None else {own.name: option}
        yield from ((one.keyword or name, one) for name, one in pairs.items())


OPTIONS: Mapping[str, Option] = dict(_options())
"""Keyword of `build_query` -> option, for every setting of a ranking."""
