"""`w2s report`: the JSON of a ranking or a validation as a page, Markdown, CSV or the table again."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from client.cli.destinations import check_destinations, write
from client.cli.output import print_table
from client.cli.parser import Commands, add_command
from client.cli.validate import print_validation
from predictor.errors import InputError, NotFoundError
from predictor.results.ranking import SCHEMA, Ranking

if TYPE_CHECKING:
    from predictor.validation.validation import Validation


def add(commands: Commands) -> None:
    """Declare the subcommand."""
    parser = add_command(commands, "report", run, "show a stored ranking or validation as page, Markdown, CSV or table")
    parser.add_argument("file", metavar="out.json", help="file of w2s rank -o or w2s validate -o")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--html", action="store_true", help="a self-contained page")
    form.add_argument("--md", action="store_true", help="Markdown")
    form.add_argument("--csv", action="store_true", help="CSV, one row per candidate")
    form.add_argument(
        "--track", metavar="TRACKER", help="log a ranking as a run: wandb:PROJECT or mlflow:EXPERIMENT; prints its id"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="file to write instead of standard output")


def run(arguments: argparse.Namespace) -> int:
    """Convert one answer."""
    check_destinations(arguments)
    found = read_answer(arguments.file)
    if arguments.track:
        print(_tracked(found, arguments.track))
        return 0
    form = "html" if arguments.html else "md" if arguments.md else "csv" if arguments.csv else "table"
    if form == "table" and not arguments.output:
        print_table(found) if isinstance(found, Ranking) else print_validation(found)
        return 0
    text = _ranked(found, form) if isinstance(found, Ranking) else _validated(found, form)
    if arguments.output:
        write(arguments.output, text.rstrip("\n") + "\n")
    else:
        print(text.rstrip("\n"))
    return 0


def _tracked(found: Ranking | Validation, target: str) -> str:
    """Log a ranking; the id of its run."""
    from predictor.report.tracking import track

    if not isinstance(found, Ranking):
        raise InputError(
            "--track logs a ranking, and this is a validation; use --csv.", reason="BAD_USAGE", field="track"
        )
    return track(found, target)


def read_answer(path: str) -> Ranking | Validation:
    """The ranking or the validation in a file.

    Raises:
        NotFoundError: no such file.
        InputError: it is neither, of these schemas.
    """
    from predictor.validation import validation

    if not Path(path).is_file():
        raise NotFoundError(f"{path!r} does not exist; w2s rank -o FILE writes one.", reason="FILE_NOT_FOUND")
    try:
        raw = json.loads(Path(path).read_text(encoding="utf-8"))
        if raw["schema"] == validation.SCHEMA:
            return validation.Validation.from_dict(raw)
        if raw["schema"] != SCHEMA:
            raise InputError(
                f"{path!r} has schema {raw['schema']!r}; this version reads {SCHEMA} and {validation.SCHEMA}.",
                reason="UNKNOWN_SCHEMA",
            )
        return Ranking.from_dict(raw)
    except OSError as error:
        raise InputError(f"{path!r} cannot be read: {error.strerror}.", reason="FILE_UNREADABLE") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path!r} is not a ranking ({type(error).__name__}: {error}); w2s rank -o FILE writes one.",
            reason="NOT_A_RANKING",
        ) from error


def _ranked(found: Ranking, form: str) -> str:
    from predictor.report.page import html
    from predictor.results.csv import csv
    from predictor.results.markdown import markdown
    from predictor.results.table import table

    return {"html": html, "md": markdown, "csv": csv, "table": table}[form](found)


def _validated(found: Validation, form: str) -> str:
    from predictor.report.validation_page import html
    from predictor.validation.tables import csv, markdown

    return {"html": html, "md": markdown, "csv": csv, "table": markdown}[form](found)
