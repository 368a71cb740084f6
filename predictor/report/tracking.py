"""Tracking: a ranking as a run of Weights & Biases or MLflow, by their own libraries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from predictor.errors import InputError, UnavailableError
from predictor.results.csv import csv
from predictor.results.ranking import Ranking

TRACKERS = ("wandb", "mlflow")

_OTHER = re.compile(r"[^\w\-./ ]")


def track(ranking: Ranking, target: str) -> str:
    """Log a ranking as one run: what was asked as its configuration, a table of candidates, and the whole answer.

    Metrics are `CANDIDATE/predicted_w2s_error` and so on, and `best/…` of the first one. Where the run goes is the
    tracker's own affair: `WANDB_MODE=offline`, `MLFLOW_TRACKING_URI=sqlite:///runs.db`.

    Args:
        target: `wandb:PROJECT` or `mlflow:EXPERIMENT`.

    Returns:
        The id of the run.

    Raises:
        InputError: another target.
        UnavailableError: the tracker's library is not installed.
    """
    tracker, _, place = target.partition(":")
    if tracker not in TRACKERS or not place:
        raise InputError(
            f"{target!r} names no tracker; give wandb:PROJECT or mlflow:EXPERIMENT.",
            reason="BAD_TRACKER",
            field="track",
        )
    try:
        library: Any = import_module(tracker)
    except ImportError as error:
        raise UnavailableError(
            f"logging to {tracker} needs its package: pip install {tracker}.", reason="MISSING_PACKAGE"
        ) from error
    return _to_wandb(library, ranking, place) if tracker == "wandb" else _to_mlflow(library, ranking, place)


def _to_wandb(library: Any, ranking: Ranking, project: str) -> str:
    run = library.init(project=project, job_type="w2s-ranking", config=asked(ranking))
    try:
        rows = [candidate.to_row() for candidate in ranking.candidates]
        columns = list(dict.fromkeys(name for row in rows for name in row))
        run.log({"candidates": library.Table(columns=columns, data=[[row.get(c) for c in columns] for row in rows])})
        run.summary.update(measured(ranking))
        artifact = library.Artifact("ranking", type="w2s-ranking")
        with artifact.new_file("ranking.json", encoding="utf-8") as file:
            file.write(ranking.to_json())
        run.log_artifact(artifact)
    finally:
        run.finish()
    return str(run.id)


def _to_mlflow(library: Any, ranking: Ranking, experiment: str) -> str:
    library.set_experiment(experiment)
    with library.start_run(run_name=f"w2s ranking of {ranking.strong.name}") as run:
        library.set_tag("w2s.schema", ranking.schema)
        library.log_params({name: str(value)[:500] for name, value in asked(ranking).items()})
        library.log_metrics({_OTHER.sub("_", name): value for name, value in measured(ranking).items()})
        library.log_text(ranking.to_json(), "ranking.json")
        library.log_text(csv(ranking), "candidates.csv")
    return str(run.info.run_id)


def asked(ranking: Ranking) -> dict[str, Any]:
    """What the ranking was of: flat, and enough to find it again."""
    return {
        "strong": ranking.strong.name,
        "candidates": len(ranking.candidates),
        "rank_by": ranking.rank_by,
        "evidence": ranking.evidence,
        "rows": ranking.rows,
        "rows_sha256": ranking.rows_sha256,
        "seed": ranking.provenance.seed,
        **{f"version.{name}": version for name, version in ranking.provenance.versions.items()},
    }


def measured(ranking: Ranking) -> dict[str, float]:
    """Every number of every candidate, as `NAME/column`; `best/column` of the first."""
    found: dict[str, float] = {}
    for candidate in ranking.candidates:
        found |= _numbers(candidate.name, candidate.to_row())
        if candidate.rank == 1:
            found |= _numbers("best", candidate.to_row())
    return found


def _numbers(name: str, row: Mapping[str, Any]) -> dict[str, float]:
    return {
        f"{name}/{column}": float(value)
        for column, value in row.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
