"""Detect: which format a file or folder of measured outcomes has."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from predictor.errors import InputError, NotFoundError
from predictor.intake.tables import read_table
from predictor.outcomes.importing import eleuther_results, openai_results
from predictor.outcomes.importing.layouts import layout_of
from predictor.outcomes.importing.run_tables import read_layout
from predictor.outcomes.importing.runs import Imported, read_object
from predictor.outcomes.importing.sheets import read_sheet, read_validation


def import_outcomes(path: str | Path, *, task: str | None = None) -> Imported:
    """Outcomes of a table, of the JSON of `w2s validate`, or of a folder of results.

    Args:
        path: a file, or the folder of all runs of a sweep.
        task: the task's name, in place of the one that the source gives; needed where it gives none.

    Raises:
        NotFoundError: nothing is there.
        InputError: no format that is known here, or damaged.
    """
    where = Path(path).expanduser()
    if where.is_dir():
        found = _of_folder(where, task)
    elif not where.exists():
        raise NotFoundError(f"{path} does not exist; check the path.", reason="FILE_NOT_FOUND", field="path")
    else:
        found = _of_json(where, task) if where.suffix.lower() == ".json" else _of_table(where, task)
    if task is None:
        return found
    return dataclasses.replace(found, outcomes=tuple(dataclasses.replace(one, task=task) for one in found.outcomes))


def _of_table(path: Path, task: str | None) -> Imported:
    if path.suffix.lower() == ".npz":
        raise InputError(
            f"{path} has arrays, and outcomes are one training a row; give a .csv, .tsv, .parquet or .jsonl with the "
            "columns task, strong, weak, and w2s_error or w2s_accuracy. See w2s outcomes import --help.",
            reason="UNKNOWN_FILE_KIND",
            field="path",
        )
    table = read_table(path)
    layout = layout_of(frozenset(table.columns))
    return read_sheet(path) if layout is None else read_layout(table.records(), layout, task)


def _of_json(path: Path, task: str | None) -> Imported:
    """The results of `w2s validate`, or an object of students by name."""
    found = read_object(path)
    records = [{"strong": name, **one} for name, one in found.items() if isinstance(one, dict)]
    layout = layout_of(frozenset(records[0])) if records and len(records) == len(found) else None
    return read_validation(path) if layout is None else read_layout(records, layout, task)


def _of_folder(folder: Path, task: str | None) -> Imported:
    if next(folder.glob(f"*.{openai_results.SUMMARY}"), None) is not None:
        return openai_results.read_summaries(folder, task)
    if next(folder.rglob(openai_results.SUMMARY), None) is not None:
        return openai_results.read_sweep(folder)
    if next(folder.rglob(f"w2s/{eleuther_results.RESULTS}"), None) is not None:
        return eleuther_results.read_results(folder)
    raise InputError(
        f"{folder} contains no results of a known kind: neither {openai_results.SUMMARY} files "
        f"(openai/weak-to-strong) nor w2s/{eleuther_results.RESULTS} (EleutherAI/w2s). Name the folder of the sweep, "
        "or give the figures as a .csv.",
        reason="UNKNOWN_RESULTS",
        field="path",
    )
