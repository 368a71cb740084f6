"""Settings: how to extract and judge; the only place where these defaults live."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from predictor.query.prompt import LabelPrompt
from predictor.query.training_plan import Training

RankBy = Literal["w2s_error", "gain"]
Pooling = Literal["mean", "last", "cls"]
Precision = Literal["auto", "fp32", "bf16"]
RefineBy = Literal["linear", "prompted"]


@dataclass(frozen=True)
class Budget:
    """The most that may be read before an answer is due; at least one of the two is given.

    Attributes:
        share: of the pool's rows, in (0, 1]; None for all.
        seconds: wall time spent on reading and judging, > 0; None for any.
    """

    share: float | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Settings:
    """How to extract and judge.

    Attributes:
        precision: of torch arithmetic; `auto` is bf16 where the device has it and the model bears it, else fp32.
        budget, confidence: where either is given, rows are read in stages and candidates that cannot be best are
            dropped on the way; see `predictor.ranking.racing`. Confidence in [0.5, 1), 0.95 where only a budget is
            given.
        wording: label words and prompt for language models, or None where none is asked.
        refine: what relabels rows for the estimator `refinement`, which is then shown: linear concepts on the strong
            model's features, or the strong model itself, prompted. None shows it only where it is asked for by name.
        training: sizes, heads and ridges of the training to come, as far as they are known.
    """

    estimators: tuple[str, ...] = ("combined",)
    rank_by: RankBy = "w2s_error"
    layer: str = "middle"
    pooling: Pooling = "mean"
    max_rows: int | None = None
    max_length: int = 256
    seed: int = 0
    calibration: str | None = None
    precision: Precision = "auto"
    budget: Budget | None = None
    confidence: float | None = None
    label_prompt: LabelPrompt | None = None
    refine: RefineBy | None = None
    training: Training = field(default_factory=Training)
