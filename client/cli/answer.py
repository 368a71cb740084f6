"""Answer: a ranking goes to standard output and to the files that were named."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import sys
from pathlib import Path

from client.cli.flags import query_of
from predictor.errors import InputError
from predictor.report.words import visible
from predictor.result import Ranking

WIDTHS = (72, 120)
"""Columns of the table, whatever the terminal."""


def check_destinations(*paths: str | None) -> None:
    """Refuse files that cannot be written, before any work is done.

    Raises:
        InputError: the folder is missing or closed to us, or the path is a folder.
    """
    for path in paths:
        if path is None:
            continue
        folder = Path(path).absolute().parent
        if Path(path).is_dir() or not folder.is_dir():
            why = "is a folder" if Path(path).is_dir() else f"lies in {str(folder)!r}, which does not exist"
            raise InputError(f"{path!r} {why}; name a file in a folder that exists.", reason="BAD_DESTINATION")
        if not os.access(folder, os.W_OK):
            raise InputError(f"{str(folder)!r} cannot be written; name another place.", reason="BAD_DESTINATION")


def write(path: str, text: str) -> None:
    """Write a file as UTF-8.

    Raises:
        InputError: the system refuses.
    """
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as fault:
        raise InputError(f"{path!r} cannot be written: {fault.strerror}.", reason="BAD_DESTINATION") from fault


def finish(ranking: Ranking, arguments: argparse.Namespace, command: str = "") -> int:
    """Write the files, print the table or the JSON, and return the exit code.

    With a command, its flags as typed go into the provenance; without, the job's own request stays.
    """
    if command:
        ranking = _as_typed(ranking, arguments, command)
    if arguments.output:
        write(arguments.output, ranking.to_json() + "\n")
    if arguments.html:
        from predictor.report import html

        write(arguments.html, html(ranking))
    if arguments.json:
        print(ranking.to_json())
        _warn(ranking)
    else:
        print_table(ranking)
    return ranking.exit_code


def print_table(ranking: Ranking) -> None:
    """The table, as wide as the terminal allows."""
    from predictor.report import table

    width = shutil.get_terminal_size((100, 24)).columns
    print(table(ranking, min(max(width, WIDTHS[0]), WIDTHS[1])))


def print_json(value: object) -> None:
    """A value as indented JSON."""
    print(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))


def _as_typed(ranking: Ranking, arguments: argparse.Namespace, command: str) -> Ranking:
    """The ranking whose provenance holds the command as typed: only here are the files' names still known."""
    words = [command]
    for name, value in query_of(arguments).items():
        column = name in ("text_column", "id_column") and value == name.partition("_")[0]
        if value is None or column:
            continue
        words.append("--" + ("estimator" if name == "estimators" else name.replace("_", "-")))
        words.extend(map(str, value) if isinstance(value, list) else [str(value)])
    request = {**ranking.provenance.request, "command": words}
    return dataclasses.replace(ranking, provenance=dataclasses.replace(ranking.provenance, request=request))


def _warn(ranking: Ranking) -> None:
    warnings = [*ranking.warnings, *(f"{c.name}: {warning}" for c in ranking.candidates for warning in c.warnings)]
    for warning in warnings:
        print(f"w2s: warning: {visible(warning)}", file=sys.stderr)
