"""Output: a ranking as table or JSON on standard output, and in the files that `-o` and `--html` name."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys

from client.cli.destinations import write
from client.cli.flags import flag_of, query_of
from client.cli.label_command import label_command
from predictor.query.pool import Pool
from predictor.results.names import visible
from predictor.results.ranking import Ranking

WIDTHS = (72, 120)
"""Columns of the table, on every terminal."""


def finish(ranking: Ranking, arguments: argparse.Namespace, command: str = "", pool: Pool | None = None) -> int:
    """Write the files, print the table or the JSON, and return the exit code.

    With a command, its flags as given go into the provenance; without one, the job's own request stays.
    """
    if command:
        ranking = _as_given(ranking, arguments, command)
    try:
        if arguments.output:
            write(arguments.output, ranking.to_json() + "\n")
        if arguments.html:
            from predictor.report.page import html

            write(arguments.html, html(ranking))
        if pool is not None and arguments.suggestions:
            from predictor.intake.suggestions import suggestions_text

            write(arguments.suggestions, suggestions_text(arguments.suggestions, ranking.suggested_labels, pool))
    finally:  # the answer is printed even if the disk is full
        if arguments.json:
            print(ranking.to_json())
            _warn(ranking)
        else:
            print_table(ranking)
            labelling = label_command(ranking, arguments) if command else ""
            if labelling:
                print(f"\nto write these weak labels as a training set:\n{labelling}")
    return ranking.exit_code


def print_table(ranking: Ranking) -> None:
    """The table, as wide as the terminal allows."""
    from predictor.results.table import table

    width = shutil.get_terminal_size((100, 24)).columns
    print(table(ranking, min(max(width, WIDTHS[0]), WIDTHS[1])))


def print_json(value: object) -> None:
    """A value as indented JSON."""
    print(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))


def _as_given(ranking: Ranking, arguments: argparse.Namespace, command: str) -> Ranking:
    """The ranking with the command in its provenance; only this process knows the names of the files."""
    words = [command]
    for name, value in query_of(arguments).items():
        column = name in ("text_column", "id_column") and value == name.partition("_")[0]
        if value is None or column:
            continue
        words.append(flag_of(name))
        words.extend(map(str, value) if isinstance(value, list) else [str(value)])
    request = {**ranking.provenance.request, "command": words}
    return dataclasses.replace(ranking, provenance=dataclasses.replace(ranking.provenance, request=request))


def _warn(ranking: Ranking) -> None:
    for notice in ranking.notices:
        print(f"w2s: warning: {visible(notice)}", file=sys.stderr)
