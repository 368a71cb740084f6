"""Answer: a ranking goes to standard output and to the files that were named."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from client.cli.flags import flag_of, query_of
from predictor.errors import InputError
from predictor.folders import existing_path
from predictor.results.ranking import Ranking
from predictor.results.text import visible

WIDTHS = (72, 120)
"""Columns of the table, whatever the terminal."""

_AROUND_A_PATH = re.compile(r"^(array|onnx|gguf):|(::|#).*$")
"""What a model reference may hold before and after its file."""


def check_destinations(arguments: argparse.Namespace) -> None:
    """Refuse files of `-o` and `--html` that cannot or should not be written, before any work is done.

    Raises:
        InputError: the folder is missing or closed to us, the path is a folder, or a file that other flags name too.
    """
    paths = [path for path in (arguments.output, getattr(arguments, "html", None)) if isinstance(path, str)]
    for path in paths:
        folder = Path(path).absolute().parent
        if path == "-":
            raise _refused("'-' names no file; leave the flag out to have the answer on standard output.")
        if Path(path).is_dir() or not folder.is_dir():
            why = "is a folder" if Path(path).is_dir() else f"lies in {str(folder)!r}, which does not exist"
            raise _refused(f"{path!r} {why}; name a file in a folder that exists.")
        if not os.access(folder, os.W_OK):
            raise _refused(f"{str(folder)!r} cannot be written; name another place.")
        if Path(path).exists() and not os.access(path, os.W_OK):
            raise _refused(f"{path!r} is there and cannot be written; name another file.")
    if len({Path(path).absolute() for path in paths}) < len(paths):
        raise _refused(f"-o and --html both name {paths[0]!r}; give each a file of its own.")
    for path in paths:
        if any(existing_path(path) and Path(path).samefile(read) for read in _read_by(arguments)):
            raise _refused(f"{path!r} is read by this command, and would be overwritten; name another file.")


def _refused(message: str) -> InputError:
    return InputError(message, reason="BAD_DESTINATION")


def _read_by(arguments: argparse.Namespace) -> Iterator[Path]:
    """Files that the other flags name, plainly, as `NAME=FILE` or as a model."""
    for flag, value in vars(arguments).items():
        for text in value if isinstance(value, list) else [value]:
            if flag in ("output", "html") or not isinstance(text, str):
                continue
            for part in (text, text.partition("=")[2]):
                found = existing_path(_AROUND_A_PATH.sub("", part)) if part else None
                if found is not None:
                    yield found


def write(path: str, text: str) -> None:
    """Write a file as UTF-8.

    Raises:
        InputError: the system refuses.
    """
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path!r} cannot be written: {error.strerror}.", reason="BAD_DESTINATION") from error


def finish(ranking: Ranking, arguments: argparse.Namespace, command: str = "") -> int:
    """Write the files, print the table or the JSON, and return the exit code.

    With a command, its flags as typed go into the provenance; without, the job's own request stays.
    """
    if command:
        ranking = _as_given(ranking, arguments, command)
    try:
        if arguments.output:
            write(arguments.output, ranking.to_json() + "\n")
        if arguments.html:
            from predictor.report.page import html

            write(arguments.html, html(ranking))
    finally:  # a disk that is full by now shall not cost the answer
        if arguments.json:
            print(ranking.to_json())
            _warn(ranking)
        else:
            print_table(ranking)
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
    """The ranking whose provenance holds the command as typed: only here are the files' names still known."""
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
    warnings = [*ranking.warnings, *(f"{c.name}: {warning}" for c in ranking.candidates for warning in c.warnings)]
    for warning in warnings:
        print(f"w2s: warning: {visible(warning)}", file=sys.stderr)
