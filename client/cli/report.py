"""`w2s report`: a ranking's JSON as a page, Markdown, CSV or the table again."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from client.cli.answer import check_destinations, print_table, write
from client.cli.parser import Commands, add_command
from predictor.errors import InputError, NotFoundError
from predictor.result import SCHEMA, Ranking


def add(commands: Commands) -> None:
    """Declare the subcommand."""
    parser = add_command(commands, "report", run, "show a ranking again, as a page, Markdown, CSV or table")
    parser.add_argument("file", metavar="out.json", help="what w2s rank -o wrote")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--html", action="store_true", help="a self-contained page")
    form.add_argument("--md", action="store_true", help="Markdown")
    form.add_argument("--csv", action="store_true", help="one row a candidate")
    parser.add_argument("-o", "--output", metavar="FILE", help="write there instead of standard output")


def run(arguments: argparse.Namespace) -> int:
    """Convert one ranking."""
    check_destinations(arguments.output)
    ranking = read_ranking(arguments.file)
    if not (arguments.html or arguments.md or arguments.csv) and not arguments.output:
        print_table(ranking)
        return 0
    from predictor import report

    form = "html" if arguments.html else "md" if arguments.md else "csv" if arguments.csv else "table"
    text = {"html": report.html, "md": report.markdown, "csv": report.csv, "table": report.table}[form](ranking)
    if arguments.output:
        write(arguments.output, text.rstrip("\n") + "\n")
    else:
        print(text.rstrip("\n"))
    return 0


def read_ranking(path: str) -> Ranking:
    """The ranking that a file holds.

    Raises:
        NotFoundError: no such file.
        InputError: it is not a ranking of this schema.
    """
    if not Path(path).is_file():
        raise NotFoundError(f"{path!r} does not exist; w2s rank -o FILE writes one.", reason="FILE_NOT_FOUND")
    try:
        raw = json.loads(Path(path).read_text(encoding="utf-8"))
        if raw["schema"] != SCHEMA:
            raise InputError(
                f"{path!r} has schema {raw['schema']!r}; this version reads {SCHEMA}.", reason="UNKNOWN_SCHEMA"
            )
        return Ranking.from_dict(raw)
    except (ValueError, KeyError, TypeError) as fault:
        raise InputError(
            f"{path!r} is not a ranking ({type(fault).__name__}: {fault}); w2s rank -o FILE writes one.",
            reason="NOT_A_RANKING",
        ) from fault
